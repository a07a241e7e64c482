// Know before you load: a form that asks the box while one types, and what the box answers.
import { boxes as fetchBoxes, plan as fetchPlan } from "./box.js";
import { depthView } from "./depths.js";
import { element, icon } from "./dom.js";
import { footprintView } from "./footprint.js";
import { speedsView } from "./speeds.js";
import { speed } from "./units.js";
import { further, judge, verdictView } from "./verdict.js";

const PAUSE = 300; // milliseconds without a key before the box is asked
const WELL_KNOWN = [
  "gpt-oss-20b",
  "gpt-oss-120b",
  "Qwen3-8B",
  "Qwen3-30B-A3B",
  "Qwen3-235B-A22B",
  "gemma-3-27b-it",
  "Llama-3.3-70B-Instruct",
  "Mistral-Small-3.2-24B-Instruct-2506",
  "DeepSeek-R1",
];
const NAME_ONE = "Name a model: one that is stored here, one that is well known, or the path of a .gguf file.";

/** `form` has a field for each parameter of /box/plan, called like it; `names` is the list that its model offers. */
export function startPlan({ form, answer, names, live }) {
  const fields = new Map([...form.elements].filter(({ name }) => name).map((field) => [field.name, field]));
  const [model, box] = [fields.get("model"), fields.get("box")];
  let visible = false;
  let touched = false; // somebody has named a model, so that none is put there any more
  let failed = false; // for lack of a box or of its key: asked again as soon as the box is heard
  let boxesKnown = false;
  let asking = null;
  let timer = 0;

  /** What is asked, without the fields that are left to the box. */
  function query() {
    const filled = [...fields].map(([name, field]) => [name, field.value.trim()]);
    return new URLSearchParams(filled.filter(([, value]) => value !== ""));
  }

  function fill(settings) {
    for (const [name, value] of settings) {
      const field = fields.get(name);
      if (field) choose(field, value);
    }
  }

  function choose(field, value) {
    const offered = field.tagName !== "SELECT" || [...field.options].some((option) => option.value === value);
    if (!offered) field.append(element("option", { value }, value)); // whether there is such a one, the box knows
    field.value = value;
  }

  function ask(pause = 0) {
    clearTimeout(timer);
    asking?.abort();
    if (!visible) return;
    answer.setAttribute("aria-busy", "true");
    timer = setTimeout(send, pause);
  }

  async function send() {
    const wrong = [...fields.values()].find((field) => !field.validity.valid);
    if (!model.value.trim()) return say("note", NAME_ONE);
    if (wrong) return say("error", `${wrong.labels[0].textContent}: ${wrong.validationMessage}`);
    asking = new AbortController();
    const { signal } = asking;
    const asked = query();
    history.replaceState(null, "", `#plan?${asked}`);
    try {
      const found = await fetchPlan(asked, signal);
      if (!signal.aborted) show(found);
    } catch (error) {
      if (signal.aborted) return;
      say("error", error.message);
      failed = error.gone || error.status === 401;
    }
  }

  function say(kind, text) {
    failed = false;
    answer.setAttribute("aria-busy", "false");
    const mark = kind === "error" ? icon("warning") : null;
    answer.replaceChildren(element("p", { class: kind }, mark, element("span", {}, text)));
    live.textContent = text;
  }

  function show(found) {
    const here = box.value === "";
    const count = Number(fields.get("boxes").value);
    const one = here ? "this machine" : box.selectedOptions[0].textContent;
    const verdict = judge(found, count > 1 ? `${count} × ${one}` : one);
    const unfolded = answer.querySelector("details")?.open ?? false;
    const focused = answer.contains(document.activeElement);
    failed = false;
    answer.setAttribute("aria-busy", "false");
    answer.replaceChildren(
      verdictView(verdict, further(found), follow),
      footprintView(found.memory, here ? "measured" : "stated"),
      speedsView(found.speed ?? {}, found),
      depthView(found.depths ?? [], found.speed ?? {}, unfolded),
    );
    if (focused) answer.firstChild.focus(); // what had it is gone
    const decode = found.speed?.decode_tokens_per_s;
    const pace = decode ? ` ${speed(decode.value)} tokens per second.` : "";
    live.textContent = `${verdict.title}. ${verdict.words}${pace}`;
  }

  function follow(settings) {
    fill(settings);
    ask();
  }

  async function readBoxes() {
    try {
      const known = await fetchBoxes();
      const chosen = box.value;
      box.replaceChildren(box.options[0], ...known.map(({ id, name }) => element("option", { value: id }, name)));
      choose(box, chosen);
      boxesKnown = true;
    } catch {
      // This machine can be asked about without them; they are read again when the view is shown again.
    }
  }

  form.addEventListener("input", ({ target }) => {
    touched = true;
    ask(target.tagName === "SELECT" ? 0 : PAUSE);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    ask();
  });

  return {
    /** It is in sight: what the address asks is asked. */
    async shown() {
      visible = true;
      fill(new URLSearchParams(location.hash.split("?")[1]));
      touched ||= model.value !== "";
      if (!boxesKnown) await readBoxes();
      ask();
    },
    hidden() {
      visible = false;
      ask();
    },
    /** The models that are stored; `first` is the one that is asked about until somebody names another. */
    hear(stored, first) {
      const offered = [...new Set([...stored, ...WELL_KNOWN])];
      names.replaceChildren(...offered.map((name) => element("option", { value: name })));
      const named = !touched && first !== null && model.value !== first;
      if (named) model.value = first;
      if (named || failed) ask();
    },
    focus: () => model.focus(),
  };
}
