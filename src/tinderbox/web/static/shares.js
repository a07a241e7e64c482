// Who has which share of a pool of memory, and the bar that shows it.
import { element } from "./dom.js";
import { bytes } from "./units.js";

/** What a lease counts as: the larger of what was predicted and what is measured. */
export const held = ({ measured, predicted }) => Math.max(measured ?? 0, predicted ?? 0);

/** The class that gives a holder its colour: by its place among the leases. */
export const markOf = (place) => `holder shade-${place % 4}`;

/**
 * The parts of one pool, in the order in which they are drawn: {kind, mark, name, size}, with its `lease` where it is a
 * model's or a job's.
 */
export function partsOf(pool, leases) {
  const holders = leases.map((lease, place) => ({
    kind: lease.kind,
    mark: markOf(place),
    name: lease.holder,
    size: held(lease),
    lease,
  }));
  const rest = (kind, name, size) => ({ kind, mark: kind, name, size });
  const total = pool.total ?? pool.capacity;
  const taken = pool.used_by_us + pool.used_by_others + pool.free;
  const reserve = Math.max(0, Math.min(pool.reserve ?? 0, total - taken));
  const cache = Math.min(pool.page_cache ?? 0, pool.free);
  const beyond = total - taken - reserve;
  return [
    ...holders,
    rest("others", "everything else", pool.used_by_others),
    ...(reserve > 0 ? [rest("reserve", "reserve", reserve)] : []),
    // Less than this is what reading a little late makes of it.
    ...(beyond > total / 1000 ? [rest("beyond-limit", "beyond the box’s limit", beyond)] : []),
    ...(cache > 0 ? [rest("cache", "free, now page cache", cache)] : []),
    rest("free", cache > 0 ? "free, unused" : "free", pool.free - cache),
  ];
}

/** The parts side by side; what is free is the ground. */
export function barView(parts) {
  const total = Math.max(1, parts.reduce((sum, { size }) => sum + size, 0));
  const spoken = parts.map(({ name, size }) => `${name} ${bytes(size)}`).join(", ");
  const bar = element("div", { class: "bar", role: "img", "aria-label": `${bytes(total)}: ${spoken}` });
  for (const { kind, mark, name, size } of parts) {
    if (kind === "free" || size <= 0) continue;
    const share = element("span", { class: `share ${mark}`, title: `${name}: ${bytes(size)}` });
    share.style.flexBasis = `${(100 * size) / total}%`;
    bar.append(share);
  }
  return bar;
}

/** One line of a legend. */
export function legendRow({ kind, mark, name, size }, note = "") {
  return element(
    "li",
    { class: kind },
    element("span", { class: `swatch ${mark}` }),
    element("span", { class: "who", title: name }, name, note ? element("small", {}, note) : null),
    element("span", { class: "amount" }, bytes(size)),
  );
}

const STATES = { loading: "loading", closing: "answers its last questions", leaving: "is leaving" };

/** What a lease does, in a word or two; empty where it only waits for questions. */
export function doing({ kind, state, busy }) {
  if (STATES[state]) return STATES[state];
  if (kind === "job") return "at work";
  return busy ? "answering" : "";
}
