// Each model and job in memory: what it was granted, what it holds, what it does, and what can be done about it.
import { pinModel, stopJob, stopModel } from "./box.js";
import { element, keyed, orderButton } from "./dom.js";
import { doing, held, markOf } from "./shares.js";
import { bytes, clock, lasted, whole } from "./units.js";

/** The number of the job that holds memory under this name ("run 7"); null for a model's name. */
export const jobNumber = (holder) => /^run (\d+)$/.exec(holder)?.[1] ?? null;

function facts({ predicted, measured, context, parallel, since }) {
  const size = measured == null ? "not measured yet" : `${bytes(measured)} measured`;
  const slots = parallel > 1 ? ` for each of ${parallel}` : "";
  const tokens = context && `context ${whole(context)}${slots}`;
  const all = [size, `${bytes(predicted)} predicted`, tokens, `since ${clock(since)}`].filter(Boolean);
  return all.map((fact) => fact.replaceAll(" ", "\u00a0")).join(" · "); // a line ends between facts
}

function words(lease) {
  const now = doing(lease);
  const idle = lease.used && !now ? `idle for ${lasted((Date.now() - new Date(lease.used)) / 1000)}` : "";
  return [now || idle || "idle", lease.pinned && "pinned"].filter(Boolean).join(", ");
}

function holderRow({ lease: { holder, kind } }, why) {
  const number = kind === "job" ? jobNumber(holder) : null;
  const name = number ? element("a", { href: `#jobs/${number}` }, holder) : holder;
  const swatch = element("span");
  const [state, amount, about] = [element("small"), element("span", { class: "amount" }), element("p", { class: "quiet" })];
  const problem = element("p", { class: "problem", role: "alert" });
  let now = null;
  const pin = orderButton(() => pinModel(holder, !now.pinned), problem);
  const stop = orderButton(() => (number ? stopJob(number) : stopModel(holder)), problem, { "aria-label": `Stop ${holder}` });
  stop.textContent = "Stop";
  const ask = element("button", { type: "button", class: "plain", "aria-label": `Why: ${holder}` }, "Why");
  ask.addEventListener("click", () => why(holder));
  const node = element(
    "li",
    {},
    swatch,
    element("p", { class: "who" }, element("strong", {}, name), " ", state),
    amount,
    about,
    element("div", { class: "buttons" }, kind === "model" ? pin : null, stop, ask),
    problem,
  );
  function update({ lease, place }) {
    now = lease;
    swatch.className = `swatch ${markOf(place)}`;
    state.textContent = words(lease);
    amount.textContent = bytes(held(lease));
    about.textContent = facts(lease);
    pin.textContent = lease.pinned ? "Unpin" : "Pin";
    pin.setAttribute("aria-label", `${pin.textContent} ${holder}`);
    stop.hidden = lease.state === "leaving";
  }
  return { node, update };
}

/** `why(holder)` is called where somebody asks for the reasons. Gives back a function that takes the leases. */
export function startHolders(list, why) {
  const show = keyed(list, ({ lease }) => lease.holder, (item) => holderRow(item, why));
  return (leases) => show(leases.map((lease, place) => ({ lease, place })));
}
