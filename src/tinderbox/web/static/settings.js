// What holds for all chats in this browser: the system prompt and the sampler's two dials.
import { load, save } from "./stored.js";

const number = (field) => (field.value.trim() === "" || !field.validity.valid ? null : field.valueAsNumber);

/** Wires the dialog; gives back a function that says what holds now. Empty numbers are null: the model's own default. */
export function startSettings({ dialog, open, close, system, temperature, maxTokens }) {
  let kept = { system: "", temperature: null, maxTokens: null, ...load("settings", {}) };
  open.addEventListener("click", () => {
    system.value = kept.system;
    temperature.value = kept.temperature ?? "";
    maxTokens.value = kept.maxTokens ?? "";
    dialog.showModal();
  });
  close.addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close()); // the backdrop
  dialog.addEventListener("close", () => {
    kept = { system: system.value, temperature: number(temperature), maxTokens: number(maxTokens) };
    save("settings", kept);
  });
  return () => kept;
}
