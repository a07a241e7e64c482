// Whether it fits, in words, and what a person can do about it.
import { element, icon } from "./dom.js";
import { bytes } from "./units.js";

const FLAGS = /\s*\((--[a-z][^()]*)\)/; // how advice ends that the command line can act on: "(--context 32768)"

/** What is known of the room: `kind` is a class, the rest is read. */
export function judge({ model, fits, memory: { total, capacity } }, box) {
  if (total == null || capacity == null) {
    const needs = total == null ? `What ${model} needs is not known.` : `${model} needs ${bytes(total)}.`;
    const gives = capacity == null ? ` How much memory ${box} can give is not known.` : "";
    return { kind: "unsure", symbol: "question", title: "Not known whether it fits", words: needs + gives };
  }
  const room = `${bytes(capacity)} that ${box} can give to models`;
  const words = fits
    ? `${model} needs ${bytes(total)} of the ${room}; ${bytes(capacity - total)} stay free.`
    : `${model} needs ${bytes(total)}, ${bytes(total - capacity)} more than the ${room}.`;
  return fits
    ? { kind: "fits", symbol: "check", title: "It fits", words }
    : { kind: "too-large", symbol: "cross", title: "It does not fit", words };
}

/** Advice without what the verdict says already. */
export const further = ({ model, advice }) => (advice ?? []).filter((line) => !line.startsWith(`${model} needs `));

/** `change(settings)` is called where a person follows a piece of advice: names as in /box/plan, values as text. */
export function verdictView({ kind, symbol, title, words }, advice, change) {
  return element(
    "section",
    { class: `card verdict ${kind}`, tabindex: "-1", "aria-label": "Answer" },
    icon(symbol),
    element("h3", {}, title),
    element("p", {}, words),
    advice.length ? adviceView(advice, change) : null,
  );
}

function adviceView(advice, change) {
  return element("ul", { class: "advice", "aria-label": "Advice" }, ...advice.map((line) => lineView(line, change)));
}

function lineView(line, change) {
  const flags = line.match(FLAGS)?.[1].split(/\s+(?=--)/) ?? [];
  const pairs = flags.map((flag) => flag.slice(2).split(/\s+/));
  const settings = pairs.map(([name, value]) => [name.replaceAll("-", "_"), value]);
  if (settings.length === 0 || settings.some(([, value]) => value === undefined)) return element("li", {}, line);
  const words = line.replace(FLAGS, "");
  return element(
    "li",
    {},
    element("span", {}, words),
    element(
      "button",
      { type: "button", class: "plain", "aria-label": `Try it: ${words}`, on: { click: () => change(settings) } },
      "Try it",
    ),
  );
}
