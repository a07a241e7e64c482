// What a model needs, part by part, against what there is.
import { element } from "./dom.js";
import { origin } from "./figure.js";
import { bytes } from "./units.js";

const PARTS = [
  ["weights", "weights"],
  ["context", "context"],
  ["compute", "compute buffers"],
  ["output", "output"],
  ["overhead", "overhead"],
];

const figure = (count) => (count == null ? "not known" : bytes(count));

function legendRow(kind, name, count) {
  return element(
    "li",
    {},
    element("span", { class: `swatch ${kind}` }),
    element("span", { class: "who" }, name),
    element("span", { class: "amount" }, figure(count)),
  );
}

/** The parts side by side. Where they pass the capacity, it is a line in the bar, and what is beyond it is hatched. */
function barView(memory) {
  const { total, capacity } = memory;
  const full = Math.max(total ?? 0, capacity ?? 0, 1);
  const spoken = PARTS.map(([part, name]) => `${name} ${figure(memory[part])}`).join(", ");
  const label = `${figure(total)} of ${figure(capacity)}: ${spoken}`;
  const bar = element("div", { class: "bar", role: "img", "aria-label": label });
  for (const [part, name] of PARTS.filter(([part]) => memory[part] > 0)) {
    const share = element("span", { class: `share part-${part}`, title: `${name}: ${bytes(memory[part])}` });
    share.style.flexBasis = `${(100 * memory[part]) / full}%`;
    bar.append(share);
  }
  if (capacity != null && total > capacity) {
    const beyond = element("span", { class: "beyond", title: `too much: ${bytes(total - capacity)}` });
    beyond.style.left = `${(100 * capacity) / full}%`;
    bar.append(beyond);
  }
  return bar;
}

/** `given` is where the capacity is known from: measured here, stated of other boxes. */
export function footprintView(memory, given) {
  const { total, capacity } = memory;
  const spare = total == null || capacity == null ? null : capacity - total;
  const rest = spare < 0 ? legendRow("beyond", "too much", -spare) : legendRow("free", "stays free", spare);
  return element(
    "section",
    { class: "card", "aria-labelledby": "plan-memory" },
    element("h3", { id: "plan-memory" }, "Memory"),
    element(
      "p",
      { class: "sum" },
      element("span", {}, element("strong", {}, figure(total)), origin(memory.source ?? "predicted")),
      " ",
      capacity == null
        ? "of an amount not known"
        : element("span", {}, `of ${bytes(capacity)}`, origin(given)),
    ),
    barView(memory),
    element(
      "ul",
      { class: "legend" },
      ...PARTS.map(([part, name]) => legendRow(`part-${part}`, name, memory[part])),
      spare === null ? null : rest,
    ),
  );
}
