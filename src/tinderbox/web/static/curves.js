// What a job has measured of itself, step by step: a small drawing for each figure, beside that of another job if asked.
import { jobMetrics } from "./box.js";
import { path } from "./chart.js";
import { drawing, element, keyed } from "./dom.js";
import { bytes, duration, whole } from "./units.js";

const HEIGHT = 120; // pixels
const MARGIN = { top: 8, right: 10, bottom: 22, left: 72 };
const FIRST = ["loss", "reward", "accuracy", "perplexity"]; // what a person looks for; the others follow by name

/** Four digits; an exponent where many zeros would stand before them. */
function digits(value) {
  if (Math.abs(value) >= 1000) return whole(value);
  return value !== 0 && Math.abs(value) < 0.001 ? value.toExponential(2) : String(Number(value.toPrecision(4)));
}
const WORDS = { memory: bytes, left: duration };
const NAMES = { left: "time left", rate: "learning rate" };
const figure = (name, value) => (WORDS[name] ?? digits)(value);

const place = (name) => (FIRST.includes(name) ? FIRST.indexOf(name) : FIRST.length);
const inOrder = (one, other) => place(one) - place(other) || one.localeCompare(other);

function scales(curves, width) {
  const points = curves.flat();
  const [steps, values] = [points.map(([step]) => step), points.map(([, value]) => value)];
  const ends = (numbers) => [Math.min(...numbers), Math.max(...numbers)];
  const [[first, last], [low, high]] = [ends(steps), ends(values)];
  const [inner, up] = [width - MARGIN.left - MARGIN.right, HEIGHT - MARGIN.top - MARGIN.bottom];
  return {
    first,
    last,
    low,
    high,
    x: (step) => MARGIN.left + (inner * (step - first)) / (last - first || 1),
    y: (value) => HEIGHT - MARGIN.bottom - (up * (value - low)) / (high - low || 1),
  };
}

function axes({ first, last, low, high, x, y }, name, width) {
  const label = (text, across, down, anchor) => drawing("text", { x: across, y: down, "text-anchor": anchor }, text);
  const level = (value) => {
    const at = y(value);
    const line = drawing("line", { class: "grid", x1: MARGIN.left, x2: width - MARGIN.right, y1: at, y2: at });
    return [line, label(figure(name, value), MARGIN.left - 6, at + 4, "end")];
  };
  return [
    ...level(low),
    ...(high > low ? level(high) : []),
    label(`step ${whole(first)}`, x(first), HEIGHT - 6, "start"),
    ...(last > first ? [label(whole(last), x(last), HEIGHT - 6, "end")] : []),
  ];
}

const line = (kind, points, { x, y }) =>
  points.length < 2
    ? drawing("circle", { class: kind, cx: x(points[0][0]), cy: y(points[0][1]), r: 3 })
    : drawing("path", { class: kind, d: path(points.map(([step, value]) => [x(step), y(value)])) });

function inWords(name, points) {
  const [[begun, first], [step, now]] = [points[0], points.at(-1)];
  const values = points.map(([, value]) => value);
  const range = `between ${figure(name, Math.min(...values))} and ${figure(name, Math.max(...values))}`;
  return `${name}: ${figure(name, first)} at step ${begun}, ${figure(name, now)} at step ${step}, ${range}`;
}

/** A row for `keyed`: one figure's curve, `points` this job's and `beside` the other's. */
function curve({ name }) {
  const picture = drawing("svg", { class: "curve", role: "img", height: HEIGHT });
  const readout = element("p", { class: "quiet readout" });
  const node = element("li", {}, element("p", { class: "who" }, NAMES[name] ?? name.replaceAll("_", " ")), picture, readout);
  let shown = null;
  let scale = null;

  const now = () => {
    const [step, value] = shown.points.at(-1);
    const other = shown.beside.at(-1);
    const words = `${figure(name, value)} at step ${whole(step)}`;
    readout.textContent = other ? `${words}; the other ${figure(name, other[1])} at step ${whole(other[0])}` : words;
  };

  function draw() {
    const width = picture.clientWidth;
    if (width === 0 || shown === null) return;
    const { points, beside } = shown;
    scale = scales([points, beside], width);
    picture.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    picture.setAttribute("aria-label", inWords(name, points));
    const lines = [...(beside.length ? [line("beside", beside, scale)] : []), line("own", points, scale)];
    picture.replaceChildren(...axes(scale, name, width), ...lines);
    now();
  }

  new ResizeObserver(draw).observe(picture);
  picture.addEventListener("pointermove", ({ clientX }) => {
    if (scale === null) return;
    const at = clientX - picture.getBoundingClientRect().left;
    const far = ([step]) => Math.abs(scale.x(step) - at);
    const [step, value] = shown.points.reduce((best, each) => (far(each) < far(best) ? each : best));
    readout.textContent = `${figure(name, value)} at step ${whole(step)}`;
  });
  picture.addEventListener("pointerleave", () => shown && now());
  return {
    node,
    update(item) {
      shown = item;
      draw();
    },
  };
}

/** The curves of a job; hidden while there are none. `update(job, jobs)` reads them again. */
export function curvesView() {
  const list = element("ul", { class: "curves", tabindex: "-1" });
  const other = element("select", { "aria-label": "Beside" });
  const beside = element("label", { class: "quiet" }, "Beside ", other);
  const title = element("h3", { id: "curves-title" }, "Curves");
  const node = element("section", { class: "card", "aria-labelledby": "curves-title", hidden: true }, title, beside, list);
  const show = keyed(list, ({ name }) => name, curve);
  let latest = null;

  function offer(job, jobs) {
    const others = jobs.filter(({ number, kind }) => kind === job.kind && number !== job.number);
    const names = ["", ...others.map(({ number }) => String(number))];
    if (names.join() !== [...other.options].map(({ value }) => value).join()) {
      const chosen = other.value;
      other.replaceChildren(...names.map((name) => element("option", { value: name }, name ? `job ${name}` : "no other")));
      other.value = names.includes(chosen) ? chosen : "";
    }
    beside.hidden = others.length === 0;
  }

  async function look(number) {
    try {
      const asked = other.value;
      const [own, against] = await Promise.all([jobMetrics(number), asked ? jobMetrics(asked) : {}]);
      const names = Object.keys(own).sort(inOrder);
      node.hidden = names.length === 0;
      show(names.map((name) => ({ name, points: own[name], beside: against[name] ?? [] })));
    } catch {
      // The line broke, or a job has gone: what is drawn stays, and the next look begins again.
    }
  }

  other.addEventListener("change", () => latest && look(latest.number));
  return {
    node,
    update(job, jobs) {
      const changed = latest === null || latest.state !== job.state || job.state === "running";
      latest = job;
      offer(job, jobs);
      if (changed) look(job.number);
    },
  };
}
