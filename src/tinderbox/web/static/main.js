// Everything is put together here: the parts know nothing of each other.
import { showKey } from "./box.js";
import { startBudget } from "./budget.js";
import { startChat } from "./chat.js";
import { startComposer } from "./composer.js";
import { stayConnected } from "./connection.js";
import { allConversations, drop, keep, newConversation } from "./conversation.js";
import { byId, element } from "./dom.js";
import { startDoor } from "./door.js";
import { startHistory } from "./history.js";
import { startJobs } from "./jobs.js";
import { startMemory } from "./memory.js";
import { startModels } from "./models.js";
import { startPlan } from "./plan.js";
import { startSettings } from "./settings.js";
import { forget, load, save } from "./stored.js";
import { startTheme } from "./theme.js";
import { startViews } from "./views.js";

const conversations = allConversations();
const narrow = matchMedia("(max-width: 800px)");

const settings = startSettings({
  dialog: byId("settings"),
  open: byId("open-settings"),
  close: byId("close-settings"),
  system: byId("system"),
  temperature: byId("temperature"),
  maxTokens: byId("max-tokens"),
});

const models = startModels({ button: byId("model"), panel: byId("models") }, (name) => {
  save("model", name);
  showComposer();
});

const memory = startMemory(byId("glance"));

const chat = startChat(
  { list: byId("messages"), jump: byId("jump"), live: byId("live") },
  {
    settings,
    model: () => models.chosen(),
    contextOf: (model) => models.contextOf(model),
    statusOf: (model) => (models.isReady(model) ? "Reading…" : `Loading ${model}…`),
    full: () => toast("This browser keeps no more: delete some chats."),
    changed: (conversation) => {
      if (!conversations.includes(conversation)) conversations.push(conversation);
      conversations.sort((a, b) => b.updated - a.updated);
      showHistory();
      showComposer();
    },
  },
);

const composer = startComposer(
  { field: byId("field"), sendButton: byId("send"), stopButton: byId("stop") },
  { send: (text) => chat.ask(text), stop: () => chat.stop(), editLast: () => chat.editLast() },
);

const plan = startPlan({
  form: byId("plan-form"),
  answer: byId("plan-answer"),
  names: byId("plan-models"),
  live: byId("live"),
});

const budget = startBudget(
  {
    title: byId("budget-title"),
    pressure: byId("pressure"),
    now: byId("now"),
    pools: byId("pools"),
    holders: byId("holders"),
    rest: byId("rest"),
    form: byId("load-form"),
    waiting: byId("waiting"),
    hour: byId("hour"),
    why: byId("why-title"),
    choice: byId("why-holder"),
    reasons: byId("reasons"),
    older: byId("older"),
  },
  () => models.names(),
);

const jobs = startJobs(
  {
    title: byId("jobs-title"),
    all: byId("all-jobs"),
    list: byId("jobs-list"),
    none: byId("no-jobs"),
    problem: byId("jobs-problem"),
    one: byId("one-job"),
    quantise: byId("quantise"),
  },
  () => readModels(), // it may have made one
);

const VIEWS = {
  chat: { part: composer, title: null, skip: "Skip to the message" },
  plan: { part: plan, title: "Plan", skip: "Skip to the plan" },
  memory: { part: budget, title: "Memory", skip: "Skip to the memory" },
  jobs: { part: jobs, title: "Jobs", skip: "Skip to the jobs" },
};

const links = Object.fromEntries(Object.keys(VIEWS).map((view) => [view, byId(`to-${view}`)]));
const views = startViews(links, (view, moved) => {
  const { part, skip } = VIEWS[view];
  byId("skip").textContent = skip;
  for (const [name, other] of Object.entries(VIEWS)) if (name !== view) other.part.hidden?.();
  part.shown?.();
  if (moved && !narrow.matches) part.focus();
  showTitle();
});

const history = startHistory(byId("history"), {
  choose: (conversation) => {
    views.go("chat");
    show(conversation);
    closeDrawer();
    composer.focus();
  },
  rename: (conversation, title) => {
    history.close();
    conversation.title = title;
    keep(conversation);
    showHistory();
  },
  remove,
});

function show(conversation) {
  chat.show(conversation);
  if (conversation.model) models.choose(conversation.model);
  showHistory();
  showComposer();
}

function showHistory() {
  history.show(conversations, chat.current(), chat.isAnswering);
  showTitle();
}

function showTitle() {
  const chatting = chat.current()?.messages.length ? chat.title() : null;
  const title = VIEWS[views.current()].title ?? chatting;
  document.title = title ? `${title} – Tinderbox` : "Tinderbox";
}

function showComposer() {
  composer.show({ answering: chat.isAnswering(), ready: models.chosen() !== null });
}

function startNew() {
  views.go("chat");
  show(newConversation(models.chosen()));
  closeDrawer();
  composer.focus();
}

function remove(conversation) {
  const at = conversations.indexOf(conversation);
  chat.end(conversation);
  conversation.dropped = true;
  conversations.splice(at, 1);
  drop(conversation);
  if (chat.current() === conversation) show(conversations[at] ?? conversations[at - 1] ?? newConversation(models.chosen()));
  else showHistory();
  toast("Chat deleted.", "Undo", () => {
    delete conversation.dropped;
    conversations.splice(at, 0, conversation);
    keep(conversation);
    show(conversation);
  });
}

let toastEnds = 0;

function toast(text, action, act) {
  const place = byId("toast");
  const button = action && element("button", { type: "button", class: "plain" }, action);
  button?.addEventListener("click", () => {
    place.replaceChildren();
    act();
  });
  place.replaceChildren(element("span", {}, text), ...(button ? [button] : []));
  clearTimeout(toastEnds);
  toastEnds = setTimeout(() => place.replaceChildren(), 8000);
}

function setDrawer(open) {
  document.body.classList.toggle("drawer", open);
  byId("sidebar").inert = narrow.matches && !open; // out of sight is out of reach of the keyboard
  byId("menu").setAttribute("aria-expanded", String(open));
}

function closeDrawer() {
  setDrawer(false);
}

byId("skip").addEventListener("click", (event) => {
  event.preventDefault(); // the address says which view is shown
  VIEWS[views.current()].part.focus();
});
byId("new").addEventListener("click", startNew);
byId("menu").addEventListener("click", () => {
  setDrawer(true);
  byId("new").focus();
});
byId("shade").addEventListener("click", closeDrawer);
narrow.addEventListener("change", closeDrawer);
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || event.defaultPrevented) return;
  if (document.body.classList.contains("drawer")) {
    closeDrawer();
    byId("menu").focus();
  } else if (!document.querySelector("dialog[open], :popover-open")) chat.stop();
});
addEventListener("pagehide", () => chat.keepNow());
startTheme(byId("theme"));
closeDrawer();
models.choose(load("model", null));
show(conversations[0] ?? newConversation(models.chosen()));
views.show();
if (!narrow.matches) composer.focus();

let letIn = () => {};
const door = startDoor(
  { dialog: byId("door"), form: byId("door").querySelector("form"), holder: byId("key-holder") },
  {
    entered() {
      byId("banner").replaceChildren();
      letIn();
    },
    closed() {
      const again = element("button", { type: "button", class: "plain", on: { click: () => door.ask() } }, "Enter it");
      byId("banner").replaceChildren(element("span", {}, "The box asks for a key. ", again));
    },
  },
);
byId("open-settings").addEventListener("click", () => door.showHolder());
addEventListener("hashchange", door.showKeyThatCame);

/** The box wants a key: one that an older page has kept is tried and forgotten; else a person is asked. */
async function refused() {
  byId("banner").replaceChildren();
  memory.gone();
  budget.gone();
  const kept = load("key", "");
  forget("key");
  if (kept && (await showKey(kept).then(() => true, () => false))) return;
  door.ask();
  await new Promise((resolve) => {
    letIn = resolve;
  });
}

await door.showKeyThatCame();
stayConnected({
  heard(ps) {
    memory.hear(ps);
    budget.hear(ps);
    jobs.hear(ps);
    if (models.hear(ps)) readModels();
    chat.refresh();
  },
  there() {
    byId("banner").replaceChildren();
    readModels();
    budget.there();
    jobs.there();
  },
  gone(why) {
    byId("banner").replaceChildren(element("span", {}, `${why} Trying again…`));
    memory.gone();
    budget.gone();
  },
  refused,
});

async function readModels() {
  try {
    await models.refresh();
  } catch {
    // The line to the box has broken meanwhile, and says so itself.
  }
  plan.hear(models.names(), models.chosen());
  budget.offerModels();
  jobs.offer(models.all());
  showComposer();
}
