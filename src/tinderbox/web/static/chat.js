// The conversation on the page: questions, answers under way, and what can be done to the last of them.
import { fill } from "./answer.js";
import { forModel, isOpen, keep, openAnswer, question, titleOf } from "./conversation.js";
import { answerView, questionView } from "./message.js";

const NEAR = 60; // pixels from the end that still count as being there
const AT_ONCE = 12; // messages that are made into markdown before the first paint; earlier ones when they come near

/**
 * `parts`: the elements `list` (scrolls), `jump`, `live`. `world`: `settings()`, `model()`, `contextOf(model)`,
 * `statusOf(model)`, `changed(conversation)` after each save, `full()` where the browser keeps no more.
 */
export function startChat({ list, jump, live }, world) {
  const underWay = new Map(); // conversation id → AbortController
  let views = new Map(); // message → view, of the conversation that is shown
  let current = null;
  let following = true; // whether the end is kept in sight
  let lastTop = 0;

  const near = new IntersectionObserver(
    (entries) => {
      for (const { isIntersecting, target } of entries) {
        if (!isIntersecting) continue;
        near.unobserve(target);
        views.get(target.message)?.show();
      }
    },
    { root: list, rootMargin: "1500px 0px" },
  );

  list.addEventListener("scroll", () => {
    const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < NEAR;
    // Only a person scrolls up. To be far from the end may just mean that the text has grown since.
    if (atEnd) following = true;
    else if (list.scrollTop < lastTop) following = false;
    lastTop = list.scrollTop;
    jump.hidden = atEnd || following;
  });
  list.addEventListener("grown", () => following && toEnd());
  jump.addEventListener("click", () => {
    following = true;
    toEnd();
  });

  function toEnd() {
    list.scrollTop = list.scrollHeight;
  }

  function viewOf(message) {
    if (message.role === "user") return questionView(message, { edit: (text) => resend(message, text) });
    return answerView(message, {
      again: () => again(),
      status: () => world.statusOf(message.model),
      context: () => world.contextOf(message.model),
    });
  }

  /** Shows a conversation from its beginning, and stands at its end. */
  function show(conversation) {
    current = conversation;
    views = new Map();
    near.disconnect();
    list.replaceChildren(...conversation.messages.map(add));
    list.classList.toggle("empty", conversation.messages.length === 0);
    const late = conversation.messages.slice(0, -AT_ONCE).filter(({ role }) => role === "assistant");
    for (const message of conversation.messages.slice(-AT_ONCE)) views.get(message).show?.();
    for (const message of late) near.observe(views.get(message).element);
    following = true;
    jump.hidden = true;
    toEnd();
  }

  function add(message) {
    const view = viewOf(message);
    view.element.message = message;
    views.set(message, view);
    return view.element;
  }

  function append(message) {
    current.messages.push(message);
    list.classList.remove("empty");
    list.append(add(message));
  }

  /** Takes away `message` and all after it. */
  function cutFrom(message) {
    const at = current.messages.indexOf(message);
    for (const gone of current.messages.splice(at)) views.get(gone)?.element.remove();
  }

  function save(conversation) {
    conversation.updated = Date.now();
    if (!keep(conversation)) world.full();
    world.changed(conversation);
  }

  function ask(text) {
    if (underWay.has(current.id)) return;
    append(question(text));
    reply();
  }

  function resend(message, text) {
    stop();
    cutFrom(message);
    underWay.delete(current.id);
    ask(text);
  }

  function again() {
    const last = current.messages.at(-1);
    if (last?.role !== "assistant" || isOpen(last)) return;
    cutFrom(last);
    reply();
  }

  async function reply() {
    const conversation = current;
    const { system, temperature, maxTokens } = world.settings();
    const message = openAnswer(world.model());
    const request = { model: message.model, messages: forModel(conversation, system) };
    if (temperature !== null) request.temperature = temperature;
    if (maxTokens !== null) request.max_tokens = maxTokens;
    conversation.model = message.model;
    append(message);
    views.get(message).show();
    following = true;
    toEnd();
    const controller = new AbortController();
    underWay.set(conversation.id, controller);
    save(conversation);
    live.textContent = `${message.model} is answering.`;
    await fill(message, request, controller.signal, () => views.get(message)?.update());
    if (underWay.get(conversation.id) === controller) underWay.delete(conversation.id);
    if (conversation.messages.includes(message) && !conversation.dropped) save(conversation);
    live.textContent = said(message);
  }

  function stop() {
    underWay.get(current.id)?.abort();
  }

  return {
    show,
    ask,
    stop,
    /** Makes an answer that waits say anew what it waits for. */
    refresh: () => views.get(current.messages.at(-1))?.update(),
    /** Ends an answer for a conversation that goes away, whether it is shown or not. */
    end: (conversation) => underWay.get(conversation.id)?.abort(),
    editLast: () => views.get(current.messages.findLast(({ role }) => role === "user"))?.startEditing(),
    isAnswering: (conversation = current) => underWay.has(conversation.id),
    /** An answer under way is kept as far as it came. */
    keepNow: () => underWay.has(current.id) && keep(current),
    current: () => current,
    title: () => titleOf(current),
  };
}

/** What a screen reader is told when an answer ends. */
function said({ state, error, content }) {
  if (state === "failed") return `The answer failed: ${error}`;
  if (state === "stopped") return "The answer was stopped.";
  return `The answer is complete: ${content}`;
}
