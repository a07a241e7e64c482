// Who holds the memory: one bar for each pool, with a share for each model, for others, and what is free.
import { element } from "./dom.js";
import { bytes } from "./units.js";

const held = ({ measured, predicted }) => measured || predicted || 0;

/** The parts of one pool, in the order in which they are drawn. */
function parts(pool, leases) {
  const models = leases.map((lease) => ({ kind: "model", name: lease.holder, size: held(lease), lease }));
  const rest = pool.used_by_us - models.reduce((sum, { size }) => sum + size, 0);
  const box = rest > 0 ? [{ kind: "box", name: "the box itself", size: rest }] : [];
  return [
    ...models,
    ...box,
    { kind: "others", name: "other programs", size: pool.used_by_others },
    { kind: "free", name: "free", size: pool.free },
  ];
}

function words({ kind, lease, size }) {
  if (kind !== "model") return "";
  if (lease.state !== "ready") return lease.state;
  const notes = [lease.busy && "answering", lease.pinned && "pinned", !lease.measured && size > 0 && "predicted"];
  return notes.filter(Boolean).join(", ");
}

function poolView(pool, leases, several) {
  const all = parts(pool, leases);
  const total = Math.max(pool.capacity, 1);
  const spoken = all.map(({ name, size }) => `${name} ${bytes(size)}`).join(", ");
  const bar = element("div", { class: "bar", role: "img", "aria-label": `${bytes(pool.capacity)}: ${spoken}` });
  const legend = element("ul", { class: "legend" });
  let shade = 0;
  for (const part of all) {
    const mark = part.kind === "model" ? `model shade-${shade++ % 4}` : part.kind;
    if (part.kind !== "free" && part.size > 0) {
      const share = element("span", { class: `share ${mark}`, title: `${part.name}: ${bytes(part.size)}` });
      share.style.flexBasis = `${(100 * part.size) / total}%`;
      bar.append(share);
    }
    const note = words(part);
    legend.append(
      element(
        "li",
        { class: part.kind },
        element("span", { class: `swatch ${mark}` }),
        element("span", { class: "who", title: part.name }, part.name, note ? element("small", {}, note) : null),
        element("span", { class: "amount" }, bytes(part.size)),
      ),
    );
  }
  const head = element("p", { class: "pool" }, several ? pool.name : "Memory", element("span", {}, bytes(pool.capacity)));
  return element("div", {}, head, bar, legend);
}

/** Leases carry no pool yet: with several pools, the first one shows the models and the others their sums. */
export function startMemory(panel) {
  return {
    hear({ pool, leases }) {
      panel.replaceChildren(
        ...pool.map((each, index) => poolView(each, index === 0 ? leases : [], pool.length > 1)),
      );
      panel.classList.remove("stale");
    },
    /** The figures are as they were when the box was last heard. */
    gone: () => panel.classList.add("stale"),
  };
}
