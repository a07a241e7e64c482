// Copying, also where the page came over plain HTTP from another machine and the browser hides its clipboard.
import { element, icon } from "./dom.js";

async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const holder = element("textarea", { class: "visually-hidden", "aria-hidden": "true" });
  holder.value = text;
  document.body.append(holder);
  holder.select();
  document.execCommand("copy"); // old, and the only way without a secure context
  holder.remove();
}

/** Copies, and lets the button say so for a moment. */
export async function copyFrom(button, text) {
  const before = button.getAttribute("aria-label");
  if (button.dataset.copied) return;
  await copy(text);
  const children = [...button.childNodes];
  button.dataset.copied = "yes";
  button.replaceChildren(icon("check"));
  button.setAttribute("aria-label", "Copied");
  setTimeout(() => {
    delete button.dataset.copied;
    button.replaceChildren(...children);
    button.setAttribute("aria-label", before);
  }, 1500);
}
