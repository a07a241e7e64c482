// The view of the memory: who holds what, who waits, how the last hour was, and why.
import { lastHour, loadModel } from "./box.js";
import { element, icon, orderButton } from "./dom.js";
import { startHolders } from "./holders.js";
import { startHour } from "./hour.js";
import { startReasons } from "./reasons.js";
import { barView, legendRow, partsOf } from "./shares.js";
import { bytes, clock } from "./units.js";

const EVERY = 5000; // milliseconds between two points of the hour, as the box takes them
const LEVELS = {
  ease: "The machine is short of memory: idle models leave, one after the other.",
  shed: "The machine is very short of memory: jobs give theirs back, and nothing new starts.",
  save: "The machine is about to run out of memory: what is least needed is ended.",
};
const NOTES = {
  others: "the box itself, other programs, the system",
  reserve: "left to the system",
  cache: "the system gives it up at once",
};

function pressureView({ level, pressure }) {
  const waits = pressure > 0 ? ` Tasks waited for memory in ${Math.round(100 * pressure)} % of the last 10 s.` : "";
  return element("p", { class: `alarm ${level}` }, icon("warning"), element("span", {}, (LEVELS[level] ?? level) + waits));
}

function sumView(pool) {
  const total = pool.total ?? pool.capacity;
  return element("p", { class: "sum" }, element("strong", {}, bytes(pool.free)), ` of ${bytes(total)} is free`);
}

function wishRow({ holder, wanted, since, deadline }) {
  const ends = deadline ? `at most until ${clock(deadline)}` : "for as long as it takes";
  return element("li", {}, element("strong", {}, holder), ` waits for ${bytes(wanted)} since ${clock(since)}, ${ends}`);
}

/** What the decisions hang on: when it changes, there may be a new one. */
const sketch = ({ leases, waiting = [] }) =>
  [...leases.map(({ holder, state }) => `${holder} ${state}`), ...waiting.map(({ holder }) => holder)].join();

/** `places` are the view's elements; `stored` gives the names of the models that can be loaded. */
export function startBudget(places, stored) {
  const reasons = startReasons({ choice: places.choice, list: places.reasons, older: places.older, title: places.why });
  const showHolders = startHolders(places.holders, reasons.about);
  const hour = startHour(places.hour);
  const { form } = places;
  const [choice, problem] = [form.querySelector("select"), form.querySelector(".problem")];
  const load = orderButton(() => loadModel(choice.value), problem);
  load.textContent = "Load";
  form.querySelector("button").replaceWith(load);
  form.addEventListener("submit", (event) => event.preventDefault());
  let ps = null;
  let decided = null; // the sketch of the holders when the reasons were read
  let visible = false;
  let timer = 0;

  function showPressure([pool]) {
    const words = pool.level && pool.level !== "calm" ? pool.level : "";
    if (places.pressure.dataset.level === words) return; // said once, not at each event
    places.pressure.dataset.level = words;
    places.pressure.replaceChildren(...(words ? [pressureView(pool)] : []));
  }

  function offerModels() {
    const loaded = new Set(ps?.leases.map(({ holder }) => holder));
    const names = stored().filter((name) => !loaded.has(name));
    const offered = [...choice.options].map(({ value }) => value);
    if (names.join("\n") !== offered.join("\n")) {
      const chosen = choice.value;
      choice.replaceChildren(...names.map((name) => element("option", {}, name)));
      if (names.includes(chosen)) choice.value = chosen;
    }
    form.hidden = names.length === 0 && load.ariaBusy !== "true" && problem.textContent === "";
  }

  function show() {
    if (!visible || ps === null) return;
    const { pool, leases, waiting = [] } = ps;
    places.now.classList.remove("stale");
    const parts = pool.map((each, place) => partsOf(each, place === 0 ? leases : []));
    showPressure(pool);
    places.pools.replaceChildren(...pool.flatMap((each, place) => [sumView(each), barView(parts[place])]));
    places.rest.replaceChildren(...parts.flat().filter(({ lease }) => !lease).map((part) => legendRow(part, NOTES[part.kind])));
    showHolders(leases);
    places.waiting.hidden = waiting.length === 0;
    places.waiting.querySelector("ol").replaceChildren(...waiting.map(wishRow));
    offerModels();
    const now = sketch(ps);
    if (decided !== now) reasons.refresh();
    decided = now;
  }

  function tick() {
    if (document.hidden || ps === null) return;
    hour.add(ps.pool[0]);
    show(); // what is idle has been so for longer
  }

  async function readHour() {
    try {
      hour.read(await lastHour());
      tick();
    } catch {
      // The line to the box has broken, and says so itself.
    }
  }

  return {
    hear(heard) {
      ps = heard;
      show();
    },
    /** The box answers (again): what it knows of the time before is read. */
    there() {
      decided = null;
      if (visible) readHour();
    },
    /** The figures are as they were when the box was last heard. */
    gone() {
      ps = null;
      places.now.classList.add("stale");
    },
    offerModels,
    shown() {
      visible = true;
      decided = null;
      show();
      readHour();
      clearInterval(timer);
      timer = setInterval(tick, EVERY);
    },
    hidden() {
      visible = false;
      clearInterval(timer);
    },
    focus: () => places.title.focus(),
  };
}
