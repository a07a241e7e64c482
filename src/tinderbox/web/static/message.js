// One message on the page. Its element stays the same for as long as it is shown; `update` changes what changed.
import { copyFrom } from "./clipboard.js";
import { isOpen } from "./conversation.js";
import { element, icon, iconButton } from "./dom.js";
import { growingMarkdown } from "./markdown.js";
import { duration, speed, whole } from "./units.js";

/** A question. `edit(text)` sends it again, changed. */
export function questionView(message, { edit }) {
  const text = element("div", { class: "bubble" }, message.content);
  const copy = iconButton("copy", "Copy question", () => copyFrom(copy, message.content));
  const change = iconButton("edit", "Edit and send again", () => startEditing(), { "data-last": true });
  const actions = element("div", { class: "actions" }, copy, change);
  const node = element("article", { class: "message question", "aria-label": "You" }, text, actions);

  function startEditing() {
    const field = element("textarea", { class: "edit", rows: "3", "aria-label": "Your message" });
    const stop = () => {
      editor.replaceWith(text, actions);
      change.focus();
    };
    const send = () => field.value.trim() && edit(field.value);
    const editor = element(
      "div",
      { class: "editor" },
      field,
      element("button", { type: "button", class: "plain", on: { click: stop } }, "Cancel"),
      element("button", { type: "button", class: "primary", on: { click: send } }, "Send again"),
    );
    field.value = message.content;
    field.addEventListener("keydown", (event) => {
      if (event.key === "Escape") stop();
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) send();
      if (event.key === "Escape" || (event.key === "Enter" && !event.shiftKey)) event.preventDefault();
      event.stopPropagation();
    });
    text.replaceWith(editor);
    actions.remove();
    field.focus();
  }

  return { element: node, update() {}, startEditing };
}

/** An answer. `status()` says what it waits for, `context()` how many tokens its model can hold, or null. */
export function answerView(message, { again, status, context }) {
  const thinking = reasoningView();
  const waiting = element("p", { class: "waiting" });
  const body = element("div", { class: "prose" });
  const end = element("div", { class: "end" });
  const facts = element("p", { class: "facts" });
  const copy = iconButton("copy", "Copy answer", () => copyFrom(copy, message.content));
  const retry = iconButton("again", "Answer again", again, { "data-last": true });
  const foot = element("div", { class: "foot" }, element("div", { class: "actions" }, copy, retry), facts);
  const node = element("article", { class: "message answer" }, thinking.element, waiting, body, end, foot);
  const markdown = growingMarkdown(body);
  let shown = null; // the text that the body shows
  let earliest = 0; // when it may be made again, in the clock of performance.now()
  let asked = false;
  let ended = false;

  function frame() {
    asked = false;
    if (isOpen(message) && performance.now() < earliest) return update();
    show();
  }

  /** At most once a frame, and where a frame's work is long, never more than a quarter of the time. */
  function update() {
    if (asked) return;
    asked = true;
    requestAnimationFrame(frame);
  }

  function show() {
    const began = performance.now();
    const open = isOpen(message);
    if (shown !== message.content) markdown.render(message.content);
    shown = message.content;
    if (!open && !ended) markdown.finish(message.content);
    ended = !open;
    node.setAttribute("aria-label", message.model);
    node.setAttribute("aria-busy", String(open));
    node.dataset.state = message.state;
    waiting.textContent = message.state === "waiting" ? status() : "";
    thinking.update(message);
    foot.classList.toggle("blank", open);
    if (!open) {
      end.replaceChildren(...ending(message));
      facts.textContent = factsOf(message, context());
    }
    const now = performance.now();
    earliest = now + 3 * (now - began);
    node.dispatchEvent(new CustomEvent("grown", { bubbles: true }));
  }

  return { element: node, update, show };
}

function reasoningView() {
  const summary = element("summary", {});
  const text = document.createTextNode("");
  const node = element("details", { class: "reasoning", hidden: true }, summary, element("div", {}, text));
  return {
    element: node,
    update({ reasoning, thought, content, state }) {
      node.hidden = !reasoning;
      if (!reasoning) return;
      const thinking = state === "answering" && !content;
      node.classList.toggle("active", thinking);
      summary.textContent = thinking ? "Thinking…" : thought ? `Thought for ${duration(thought)}` : "Thought";
      if (reasoning.length > text.length) text.appendData(reasoning.slice(text.length));
    },
  };
}

function ending({ state, error, cut, content, reasoning }) {
  const nothing = !content && !reasoning;
  if (state === "failed") {
    return [element("p", { class: "error", role: "alert" }, icon("warning"), element("span", {}, error))];
  }
  if (state === "stopped") return [element("p", { class: "note" }, nothing ? "Stopped before it began." : "Stopped.")];
  if (cut) return [element("p", { class: "note" }, "Ended at the limit of tokens; see Settings.")];
  return nothing ? [element("p", { class: "note" }, "The model had nothing to say.")] : [];
}

/** "61.3 tokens/s · 212 tokens · context 250 of 4,096 (6 %)" */
function factsOf({ figures, model }, size) {
  if (!figures) return model;
  const parts = [model];
  if (figures.speed !== null) parts.push(`${speed(figures.speed)} tokens/s`);
  parts.push(`${whole(figures.tokens)} ${figures.tokens === 1 ? "token" : "tokens"}`);
  if (figures.firstToken !== null) parts.push(`first after ${duration(figures.firstToken)}`);
  if (size) parts.push(`context ${whole(figures.used)} of ${whole(size)} (${Math.round((100 * figures.used) / size)} %)`);
  else parts.push(`context ${whole(figures.used)}`);
  return parts.join(" · ");
}
