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

/**
 * Keeps a child of `list` for each item, so that what has the focus is not made anew. `make(item)` gives a row:
 * its `node`, and `update(item)`. Where the row with the focus goes, the list has it.
 */
export function keyed(list, keyOf, make) {
  const rows = new Map();
  return (items) => {
    const keys = new Set(items.map(keyOf));
    for (const [key, { node }] of [...rows].filter(([key]) => !keys.has(key))) {
      const focused = node.contains(document.activeElement);
      node.remove();
      rows.delete(key);
      if (focused) list.focus();
    }
    items.forEach((item, place) => {
      const key = keyOf(item);
      if (!rows.has(key)) rows.set(key, make(item));
      const row = rows.get(key);
      row.update(item);
      if (list.children[place] !== row.node) list.insertBefore(row.node, list.children[place] ?? null);
    });
  };
}

/** A button that asks the box for something: once at a time, and what goes wrong is said in `problem`. */
export function orderButton(act, problem, attributes = {}) {
  const button = element("button", { type: "button", class: "plain", ...attributes });
  button.addEventListener("click", async () => {
    if (button.ariaBusy === "true") return; // not disabled: that would take the focus away
    button.ariaBusy = "true";
    problem.textContent = "";
    try {
      await act();
    } catch (error) {
      problem.textContent = error.message;
    }
    button.ariaBusy = "false";
  });
  return button;
}
