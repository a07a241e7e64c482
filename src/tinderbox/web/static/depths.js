// Decode speed over depth: a line with its 80 % band, and the machine's limit as a dashed line.
import { path, roundStep } from "./chart.js";
import { drawing, element } from "./dom.js";
import { origin } from "./figure.js";
import { speed, whole } from "./units.js";

const HEIGHT = 240;
const MARGIN = { top: 22, right: 14, bottom: 26, left: 40 };
const NARROW = 480; // pixels: fewer ticks below it
const ROUND = 64; // tokens
const IN_SHORT =
  "Tokens per second, by how many tokens the context holds already. The band is where 80 of 100 runs lie.";

/** 32768 as "32k", 1536 as "1.5k", as contexts are called. */
const tokens = (count) => (count >= 1024 && count % 512 === 0 ? `${count / 1024}k` : whole(count));

/** Runs of depths whose speed is known: a gap stays a gap. */
function runs(depths) {
  const found = [[]];
  for (const each of depths) {
    if (each.decode) found.at(-1).push(each);
    else found.push([]);
  }
  return found.filter((run) => run.length > 0);
}

function scales(depths, limit, width) {
  const known = depths.filter(({ decode }) => decode);
  const most = Math.max(limit ?? 0, ...known.map(({ decode }) => decode.high ?? decode.value));
  // The last place of a context is one before a round number: the axis ends at that.
  const deepest = ROUND * Math.max(1, Math.ceil(depths.at(-1).depth / ROUND));
  const step = roundStep(most * 1.02, 4);
  const top = Math.ceil((most * 1.02) / step) * step;
  const inner = width - MARGIN.left - MARGIN.right;
  return {
    x: (depth) => MARGIN.left + (inner * depth) / deepest,
    y: (value) => HEIGHT - MARGIN.bottom - ((HEIGHT - MARGIN.top - MARGIN.bottom) * value) / top,
    step,
    top,
    deepest,
  };
}

function axes({ x, y, step, top, deepest }, width) {
  const parts = [];
  const text = (attributes, words) => parts.push(drawing("text", attributes, words));
  for (let value = 0; value <= top * 1.001; value += step) {
    const ends = { x1: MARGIN.left, x2: width - MARGIN.right, y1: y(value), y2: y(value) };
    const words = step % 1 ? value.toFixed(1) : whole(value);
    parts.push(drawing("line", { class: "grid", ...ends }));
    text({ x: MARGIN.left - 6, y: y(value) + 4, "text-anchor": "end" }, words);
  }
  const apart = 2 ** Math.ceil(Math.log2(deepest / (width < NARROW ? 2 : 4)));
  for (let depth = 0; depth <= deepest; depth += Math.max(1, apart)) {
    const last = depth === deepest; // it ends at the edge, so that nothing of it is cut off
    const place = { x: last ? width - 2 : x(depth), y: HEIGHT - 8, "text-anchor": last ? "end" : "middle" };
    text(place, tokens(depth));
  }
  return parts;
}

function curve(run, { x, y }) {
  const bounded = run.filter(({ decode }) => decode.low != null && decode.high != null);
  const above = bounded.map(({ depth, decode }) => [x(depth), y(decode.high)]);
  const below = bounded.map(({ depth, decode }) => [x(depth), y(decode.low)]).reverse();
  return [
    bounded.length > 1 ? drawing("path", { class: "band", d: `${path([...above, ...below])}Z` }) : null,
    drawing("path", { class: "line", d: path(run.map(({ depth, decode }) => [x(depth), y(decode.value)])) }),
    ...run.map(({ depth, decode }) => drawing("circle", { cx: x(depth), cy: y(decode.value), r: 3 })),
  ];
}

function limitLine(limit, { y }, width) {
  if (limit === null) return [];
  const right = width - MARGIN.right;
  return [
    drawing("line", { class: "limit", x1: MARGIN.left, x2: right, y1: y(limit), y2: y(limit) }),
    drawing("text", { class: "limit-name", x: right, y: y(limit) - 6, "text-anchor": "end" }, `limit ${speed(limit)}`),
  ];
}

function draw(picture, depths, limit, width) {
  const scale = scales(depths, limit, width);
  picture.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
  picture.replaceChildren(
    ...axes(scale, width),
    ...runs(depths).flatMap((run) => curve(run, scale)).filter(Boolean),
    ...limitLine(limit, scale, width),
  );
  return scale;
}

const inWords = ({ depth, decode }) => {
  if (!decode) return `${whole(depth)} tokens deep: not known`;
  const range = decode.low == null || decode.high == null ? "" : ` (${speed(decode.low)}–${speed(decode.high)})`;
  return `${whole(depth)} tokens deep: ${speed(decode.value)} tokens/s${range}`;
};

function table(depths, unfolded) {
  const rows = depths.map(({ depth, decode }) =>
    element(
      "tr",
      {},
      element("th", { scope: "row" }, whole(depth)),
      element("td", {}, decode ? speed(decode.value) : "not known"),
      element("td", {}, decode?.low == null || decode.high == null ? "" : `${speed(decode.low)}–${speed(decode.high)}`),
    ),
  );
  const head = ["Depth", "Tokens/s", "80 %"].map((name) => element("th", { scope: "col" }, name));
  return element(
    "details",
    { open: unfolded },
    element("summary", {}, "The figures"),
    element("table", {}, element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...rows)),
  );
}

function chart(depths, limit) {
  const known = depths.filter(({ decode }) => decode);
  const spoken = [known[0], known.at(-1)].map(inWords).join("; ");
  const most = limit === null ? "" : `; the limit is ${speed(limit)} tokens/s`;
  const label = `Decode speed over depth. ${spoken}${most}.`;
  const picture = drawing("svg", { class: "depths", role: "img", "aria-label": label, height: HEIGHT });
  const readout = element("p", { class: "quiet readout" }, " ");
  let scale = null;
  const marker = drawing("line", { class: "marker", y1: MARGIN.top, y2: HEIGHT - MARGIN.bottom });
  // Drawn anew for each width: letters keep their size, and the line its weight.
  new ResizeObserver(([{ contentRect }]) => {
    if (contentRect.width > 0) scale = draw(picture, depths, limit, contentRect.width);
  }).observe(picture);
  // It stays when the pointer leaves: a finger is gone before anybody has read.
  picture.addEventListener("pointermove", ({ clientX }) => {
    const at = clientX - picture.getBoundingClientRect().left;
    const far = ({ depth }) => Math.abs(scale.x(depth) - at);
    const nearest = depths.reduce((best, each) => (far(each) < far(best) ? each : best));
    marker.setAttribute("x1", scale.x(nearest.depth));
    marker.setAttribute("x2", scale.x(nearest.depth));
    picture.append(marker);
    readout.textContent = inWords(nearest);
  });
  return [picture, readout];
}

/** Both as in /box/plan. The table says the same in figures; `unfolded`, if it was open before. */
export function depthView(depths, { decode_tokens_per_s: now, decode_limit_tokens_per_s: limit = null }, unfolded) {
  const known = depths.some(({ decode }) => decode);
  const words = known ? IN_SHORT : "Not known for this model on this box.";
  return element(
    "section",
    { class: "card wide", "aria-labelledby": "plan-depths" },
    element("h3", { id: "plan-depths" }, "Decode over depth", known ? origin(now?.source ?? "predicted") : null),
    element("p", { class: "quiet" }, words),
    ...(known ? [...chart(depths, limit), table(depths, unfolded)] : []),
  );
}
