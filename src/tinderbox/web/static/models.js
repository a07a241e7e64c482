// The models of the box: which one answers, and which are in memory.
import { loadModel, models as fetchModels, stopModel } from "./box.js";
import { element } from "./dom.js";
import { bytes, parameters, whole } from "./units.js";

const WIDTH = 544; // pixels: 34rem in style.css
const WORDS = { stored: "stored", loading: "loading…", ready: "in memory" };

/** `button` opens `panel` (a popover); `chosen` is called with a name when a person chooses one. */
export function startModels({ button, panel }, chosen) {
  let known = [];
  let leases = [];
  let name = null;
  const label = element("span", { class: "name" }, "…");
  const dot = element("span", { class: "dot" });
  button.replaceChildren(dot, label);
  // Before it opens, so that it is never painted in the wrong place.
  panel.addEventListener("beforetoggle", (event) => {
    button.setAttribute("aria-expanded", String(event.newState === "open"));
    const { left, bottom } = button.getBoundingClientRect();
    panel.style.left = `${Math.max(8, Math.min(left, innerWidth - WIDTH - 8))}px`;
    panel.style.top = `${bottom + 6}px`;
    for (const choice of panel.querySelectorAll("input")) choice.autofocus = choice.checked; // the keyboard starts there
  });
  panel.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !event.target.matches("input")) return;
    event.preventDefault(); // the button has the focus again, and would open the panel anew
    panel.hidePopover();
  });

  /** An adapter is at work where its base is. */
  function leaseOf(model) {
    const base = known.find((each) => each.name === model)?.base ?? model;
    return leases.find(({ holder, kind }) => kind === "model" && holder === base);
  }

  /** The lease is newer than the list: it comes with each event. */
  function stateOf(model) {
    const lease = leaseOf(model.name);
    if (lease) return lease.state === "ready" ? "ready" : "loading";
    return model.state === "loading" ? "loading" : "stored";
  }

  function row(model) {
    const state = stateOf(model);
    const choice = element("input", { type: "radio", name: "model", id: `model-${model.name}`, value: model.name });
    choice.checked = model.name === name;
    choice.disabled = model.chat === false;
    choice.addEventListener("change", () => choose(model.name, true));
    const facts = [
      model.base ? `adapter of ${model.base}` : model.parameters && parameters(model.parameters),
      model.quantisation,
      model.size && bytes(model.size),
      model.context_length && `context ${whole(model.context_length)}`,
      model.chat === false && "not for chat",
    ];
    const act = element("button", { type: "button", class: "plain", disabled: state === "loading" });
    act.textContent = state === "stored" ? "Load" : state === "ready" ? "Stop" : "…";
    act.setAttribute("aria-label", `${state === "stored" ? "Load" : "Stop"} ${model.name}`);
    const problem = element("p", { class: "problem", role: "alert" });
    act.addEventListener("click", async () => {
      act.disabled = true;
      try {
        await (state === "stored" ? loadModel : stopModel)(model.name);
        await refresh();
      } catch (error) {
        act.disabled = false;
        problem.textContent = error.message;
      }
    });
    return element(
      "li",
      { "data-state": state },
      choice,
      element(
        "label",
        { for: `model-${model.name}` },
        element("strong", {}, model.name),
        element("small", {}, facts.filter(Boolean).join(" · ")),
      ),
      element("span", { class: "state" }, element("span", { class: "dot" }), WORDS[state]),
      act,
      problem,
    );
  }

  function showChosen() {
    label.textContent = name ?? (known.length ? "Choose a model" : "No model");
    const model = known.find((each) => each.name === name);
    button.dataset.state = model ? stateOf(model) : "none";
    button.setAttribute("aria-label", `Model: ${label.textContent}${model ? `, ${WORDS[stateOf(model)]}` : ""}`);
  }

  function show() {
    showChosen();
    const focused = document.activeElement?.closest?.(".models li") && document.activeElement;
    const place = focused && [focused.tagName, focused.closest("li").querySelector("input").value];
    panel.replaceChildren(
      element("h2", {}, "Models"),
      known.length
        ? element("ul", { role: "radiogroup", "aria-label": "Models" }, ...known.map(row))
        : element("p", {}, "None yet. Get one with ", element("code", {}, "tinderbox pull smollm2:135m")),
    );
    if (place) panel.querySelector(`li:has(input[value="${CSS.escape(place[1])}"]) ${place[0].toLowerCase()}`)?.focus();
  }

  function choose(wanted, byHand = false) {
    name = wanted;
    if (!byHand) return show();
    showChosen(); // the list shows it already, and must not be made anew under the keyboard
    chosen(name);
  }

  /** Reads the list again. A name that is no longer there gives way to one that is in memory, or to the first. */
  async function refresh() {
    known = await fetchModels();
    const able = known.filter(({ chat }) => chat !== false);
    if (!able.some((model) => model.name === name)) {
      name = (able.find((model) => stateOf(model) === "ready") ?? able[0])?.name ?? null;
    }
    show();
  }

  return {
    refresh,
    choose,
    chosen: () => name,
    all: () => known,
    names: () => known.map((model) => model.name),
    /** What the box's events say about who holds memory. True where a model came or went. */
    hear(ps) {
      const sketch = (all) => all.map(({ holder, state }) => `${holder} ${state}`).join();
      const differs = sketch(leases) !== sketch(ps.leases);
      leases = ps.leases;
      if (differs) show();
      return differs;
    },
    /** Tokens that fit: as it was loaded, else as it was trained, else null. */
    contextOf: (model) => leaseOf(model)?.context ?? known.find((each) => each.name === model)?.context_length ?? null,
    isReady: (model) => leaseOf(model)?.state === "ready",
  };
}
