// Making elements without strings of markup: the page's policy forbids those.

export const byId = (id) => document.getElementById(id);

/** An element: attributes that are false or null are left out, `on` holds its listeners. */
export function element(tag, { on = {}, ...attributes } = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false && value != null) node.setAttribute(name, value === true ? "" : value);
  }
  for (const [event, act] of Object.entries(on)) node.addEventListener(event, act);
  node.append(...children.filter((child) => child != null));
  return node;
}

const SVG = "http://www.w3.org/2000/svg";

/** The same for a drawing: `svg` itself, or a part of it. */
export function drawing(tag, attributes = {}, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

/** One of the symbols in index.html. */
export const icon = (name) =>
  drawing("svg", { class: "icon", "aria-hidden": "true" }, drawing("use", { href: `#icon-${name}` }));

/** A button that shows a picture and is called `label` by a screen reader and by a tooltip. */
export function iconButton(name, label, act, attributes = {}) {
  return element(
    "button",
    { type: "button", class: "icon-button", "aria-label": label, title: label, on: { click: act }, ...attributes },
    icon(name),
  );
}
