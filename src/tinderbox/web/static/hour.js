// The memory in the last hour: what models and jobs held, and above it what everything else did.
import { path, roundStep } from "./chart.js";
import { drawing, element } from "./dom.js";
import { bytes } from "./units.js";

const HEIGHT = 180; // pixels
const MARGIN = { top: 10, right: 10, bottom: 24, left: 44 };
const MINUTE = 60_000; // milliseconds
// Minutes, and how far apart their ticks are: the smallest that holds what is known is drawn.
const SPANS = [
  [5, 1],
  [15, 5],
  [30, 10],
  [60, 15],
];
const [LONGEST] = SPANS.at(-1);
const GAP = 30_000; // milliseconds without a point: nothing was known between
const EVERY = 5 * MINUTE; // the table's rows
const GB = 1e9;

const time = (at) => new Date(at).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
const amounts = ({ ours, others, free }) =>
  `models and jobs ${bytes(ours)}, everything else ${bytes(others)}, free ${bytes(free)}`;

/** Points that follow each other closely: a gap stays a gap. */
function runs(points) {
  const found = [];
  points.forEach((point, place) => {
    if (place === 0 || point.at - points[place - 1].at > GAP) found.push([]);
    found.at(-1).push(point);
  });
  return found;
}

function scales(points, total, now, width) {
  const known = (now - points[0].at) / MINUTE;
  const [span, apart] = SPANS.find(([minutes]) => minutes >= known) ?? SPANS.at(-1);
  const [inner, high] = [width - MARGIN.left - MARGIN.right, HEIGHT - MARGIN.top - MARGIN.bottom];
  const begin = now - span * MINUTE;
  return {
    span,
    apart,
    begin,
    x: (at) => MARGIN.left + (inner * Math.max(0, at - begin)) / (span * MINUTE),
    y: (size) => HEIGHT - MARGIN.bottom - (high * Math.min(size, total)) / total,
  };
}

function axes({ x, y, span, apart, begin }, total, width) {
  const parts = [];
  for (let size = 0; size * GB <= total; size += roundStep(total / GB, 4)) {
    const [right, at] = [width - MARGIN.right, y(size * GB)];
    parts.push(drawing("line", { class: "grid", x1: MARGIN.left, x2: right, y1: at, y2: at }));
    const label = `${Number(size.toFixed(1))}${size ? " GB" : ""}`;
    parts.push(drawing("text", { x: MARGIN.left - 6, y: at + 4, "text-anchor": "end" }, label));
  }
  const step = apart * MINUTE;
  for (let at = Math.ceil(begin / step) * step; at <= begin + span * MINUTE; at += step) {
    if (x(at) < MARGIN.left + 12 || x(at) > width - 20) continue; // it would be cut off
    parts.push(drawing("text", { x: x(at), y: HEIGHT - 7, "text-anchor": "middle" }, time(at)));
  }
  return parts;
}

function areas(run, { x, y }) {
  const base = run.map(({ at }) => [x(at), y(0)]);
  const ours = run.map((point) => [x(point.at), y(point.ours)]);
  const all = run.map((point) => [x(point.at), y(point.ours + point.others)]);
  const between = (above, below) => `${path([...above, ...below.toReversed()])}Z`;
  return [
    drawing("path", { class: "others", d: between(all, ours) }),
    drawing("path", { class: "ours", d: between(ours, base) }),
  ];
}

function table(points) {
  const chosen = points.filter((point, place) => {
    return place === points.length - 1 || Math.floor(point.at / EVERY) !== Math.floor(points[place + 1].at / EVERY);
  });
  const head = ["Time", "Models and jobs", "Everything else", "Free"];
  return [
    element("thead", {}, element("tr", {}, ...head.map((name) => element("th", { scope: "col" }, name)))),
    element(
      "tbody",
      {},
      ...chosen.map(({ at, ours, others, free }) =>
        element(
          "tr",
          {},
          element("th", { scope: "row" }, time(at)),
          ...[ours, others, free].map((size) => element("td", {}, bytes(size))),
        ),
      ),
    ),
  ];
}

function inWords(points) {
  const ours = points.map((point) => point.ours);
  const least = Math.min(...points.map(({ free }) => free));
  const range = `Models and jobs held ${bytes(Math.min(...ours))} to ${bytes(Math.max(...ours))}`;
  return `${range} since ${time(points[0].at)}; at least ${bytes(least)} was free. Now ${amounts(points.at(-1))}.`;
}

const key = (mark, name) => element("li", {}, element("span", { class: `swatch ${mark}` }), element("span", { class: "who" }, name));

/** Draws into `place`. `read(samples)` takes what the box has kept, `add(pool)` what it says now. */
export function startHour(place) {
  const picture = drawing("svg", { class: "hour", role: "img", height: HEIGHT });
  const readout = element("p", { class: "quiet readout" });
  const figures = element("table");
  let points = [];
  let total = 1;
  let scale = null;
  place.replaceChildren(
    picture,
    readout,
    element("ul", { class: "legend line" }, key("holder shade-0", "models and jobs"), key("others", "everything else")),
    element("details", {}, element("summary", {}, "The figures"), figures),
  );

  function draw() {
    const width = picture.clientWidth;
    if (width === 0 || points.length < 2) return;
    scale = scales(points, total, points.at(-1).at, width);
    picture.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    picture.setAttribute("aria-label", inWords(points));
    picture.replaceChildren(...axes(scale, total, width), ...runs(points).flatMap((run) => areas(run, scale)));
    figures.replaceChildren(...table(points));
  }

  new ResizeObserver(draw).observe(picture);
  picture.addEventListener("pointermove", ({ clientX }) => {
    if (scale === null) return;
    const at = clientX - picture.getBoundingClientRect().left;
    const far = (point) => Math.abs(scale.x(point.at) - at);
    const nearest = points.reduce((best, each) => (far(each) < far(best) ? each : best));
    readout.textContent = `${new Date(nearest.at).toLocaleTimeString("en-GB")}: ${amounts(nearest)}`;
  });

  return {
    read(samples) {
      points = samples.map(({ at, ours, others, free }) => ({ at: Date.parse(at), ours, others, free }));
      draw();
    },
    add({ used_by_us: ours, used_by_others: others, free, ...pool }) {
      total = Math.max(1, pool.total ?? pool.capacity);
      const at = Date.now();
      points = points.filter((point) => point.at > at - LONGEST * MINUTE);
      points.push({ at, ours, others, free });
      draw();
    },
  };
}
