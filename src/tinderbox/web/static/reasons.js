// Why the memory is held as it is: the newest decisions, about all or about one holder.
import { decisions } from "./box.js";
import { element } from "./dom.js";
import { bytes, clock } from "./units.js";

const FEW = 20;
const MANY = 200;
const ALL = "";
const SAID = {
  granted: "was granted",
  waits: "waits",
  refused: "was refused",
  evicted: "left",
  yielded: "yielded",
  closed: "takes no more questions",
  reopened: "takes questions again",
  ended: "was ended",
};

function reasonRow({ at, what, holder, size, reason }) {
  const amount = size == null ? "" : ` ${bytes(size)}`;
  return element(
    "li",
    {},
    element("time", { datetime: at }, clock(at)),
    element("span", {}, element("strong", {}, holder), ` ${SAID[what] ?? what}${amount}${reason ? `: ${reason}` : ""}`),
  );
}

/** `choice` says about whom, `older` asks for more of them. */
export function startReasons({ choice, list, older, title }) {
  const known = new Set();
  let limit = FEW;
  let asked = 0;

  function offer(holders) {
    const chosen = choice.value;
    for (const holder of holders) known.add(holder);
    const names = [...known].sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
    if (choice.options.length === names.length + 1) return; // an open list must not be made anew
    choice.replaceChildren(
      element("option", { value: ALL }, "all"),
      ...names.map((name) => element("option", { value: name }, name)),
    );
    choice.value = chosen;
  }

  async function refresh() {
    const mine = (asked += 1);
    try {
      const found = await decisions(choice.value, limit);
      if (mine !== asked) return;
      offer(found.map(({ holder }) => holder));
      list.replaceChildren(...found.toReversed().map(reasonRow));
      if (found.length === 0) list.replaceChildren(element("li", { class: "quiet" }, "Nothing was decided yet."));
      older.hidden = found.length < FEW || limit === MANY;
    } catch (error) {
      if (mine === asked) list.replaceChildren(element("li", { class: "problem" }, error.message));
    }
  }

  choice.addEventListener("change", () => {
    limit = FEW;
    refresh();
  });
  older.addEventListener("click", () => {
    limit = MANY;
    refresh();
  });
  offer([]);
  return {
    refresh,
    /** Shows the reasons about one holder, and goes there. */
    about(holder) {
      offer([holder]);
      choice.value = holder;
      limit = FEW;
      refresh();
      title.scrollIntoView({ block: "start" });
      choice.focus();
    },
  };
}
