// How fast it will be, what the machine allows at most, and what holds it back.
import { element } from "./dom.js";
import { origin } from "./figure.js";
import { duration, speed } from "./units.js";

const BINDS = {
  bandwidth: ["memory bandwidth", "Each token reads the weights and the cache once more."],
  compute: ["compute", "The arithmetic takes longer than the reading."],
  disk: ["the disk", "What does not fit in memory is read again for each token."],
  link: ["the link", "The boxes wait for each other’s data."],
  launches: ["launches", "Starting many small steps takes longer than doing them."],
};

function row(name, note, ...figure) {
  return element(
    "div",
    { class: "figure" },
    element("dt", {}, name),
    element("dd", {}, ...figure),
    note ? element("dd", { class: "quiet" }, note) : null,
  );
}

const unknown = () => element("span", { class: "quiet" }, "not known");

function rate(figure) {
  return figure ? [element("strong", {}, speed(figure.value)), " tokens/s", origin(figure.source)] : [unknown()];
}

function range(when, figure) {
  if (figure?.low == null || figure.high == null) return when;
  return `${when}; ${speed(figure.low)}–${speed(figure.high)} (80 %)`;
}

/** The first token follows from both speeds: it is calibrated only where both are. */
function first({ first_token_s: seconds, prefill_tokens_per_s: prefill, decode_tokens_per_s: decode }) {
  if (seconds == null) return [unknown()];
  const source = prefill?.source === decode?.source ? (decode?.source ?? "predicted") : "predicted";
  return [element("strong", {}, duration(seconds)), origin(source)];
}

/** `speeds` as in /box/plan; what is null is said to be not known. They are sums over all that is in parallel. */
export function speedsView(speeds, { fits, parallel }) {
  const together = parallel > 1 ? `, all ${parallel} together` : "";
  const title = fits || speeds.bound === "disk" || !speeds.decode_tokens_per_s ? "Speed" : "Speed, if it fitted";
  const limit = speeds.decode_limit_tokens_per_s ?? null;
  const [binds, why] = BINDS[speeds.bound] ?? [speeds.bound, null];
  return element(
    "section",
    { class: "card", "aria-labelledby": "plan-speed" },
    element("h3", { id: "plan-speed" }, title),
    element(
      "dl",
      {},
      row("Decode", range(`while it answers${together}`, speeds.decode_tokens_per_s), ...rate(speeds.decode_tokens_per_s)),
      row("Prefill", range(`while it reads${together}`, speeds.prefill_tokens_per_s), ...rate(speeds.prefill_tokens_per_s)),
      row("First token", null, ...first(speeds)),
      row(
        "Limit",
        "decode, if no bandwidth were lost",
        ...rate(limit === null ? null : { value: limit, source: "predicted" }),
      ),
      row("Bound by", why, binds ?? unknown()),
    ),
  );
}
