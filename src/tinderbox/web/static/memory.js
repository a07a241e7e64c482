// The memory at a glance, beside the chats: one bar for each pool, and who has which share.
import { element } from "./dom.js";
import { barView, doing, legendRow, partsOf } from "./shares.js";
import { bytes } from "./units.js";

function note({ lease, size }) {
  if (!lease) return "";
  const notes = [doing(lease), lease.pinned && "pinned", !lease.measured && size > 0 && "predicted"];
  return notes.filter(Boolean).join(", ");
}

function poolView(pool, leases, several) {
  const parts = partsOf({ ...pool, page_cache: 0 }, leases); // at a glance, what is free is free
  const name = several ? pool.name : element("a", { href: "#memory" }, "Memory");
  return element(
    "div",
    {},
    element("p", { class: "pool" }, name, element("span", {}, bytes(pool.total ?? pool.capacity))),
    barView(parts),
    element("ul", { class: "legend" }, ...parts.map((part) => legendRow(part, note(part)))),
  );
}

/** Leases carry no pool yet: with several pools, the first one shows the holders and the others their sums. */
export function startMemory(panel) {
  return {
    hear({ pool, leases }) {
      const focused = panel.contains(document.activeElement);
      panel.replaceChildren(
        ...pool.map((each, index) => poolView(each, index === 0 ? leases : [], pool.length > 1)),
      );
      panel.classList.remove("stale");
      if (focused) panel.querySelector("a")?.focus();
    },
    /** The figures are as they were when the box was last heard. */
    gone: () => panel.classList.add("stale"),
  };
}
