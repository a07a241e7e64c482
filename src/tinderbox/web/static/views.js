// Which view is shown stands in the address: `#plan…`, `#memory`, `#jobs…`; anything else is the chat.

const current = () => /^#(plan|memory|jobs)\b/.exec(location.hash)?.[1] ?? "chat";

/** `links` by the name of their view. `changed(view, moved)` for each address; the first has not `moved`. */
export function startViews(links, changed) {
  function show(moved = false) {
    const view = current();
    document.documentElement.dataset.view = view; // `early.js` has done so already where the page opens with it
    for (const [name, link] of Object.entries(links)) {
      if (name === view) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    changed(view, moved);
  }
  addEventListener("hashchange", () => show(true));
  return {
    show,
    current,
    /** Goes there at once, so that what it holds can have the focus. */
    go(view) {
      if (view === current()) return;
      history.pushState(null, "", `#${view}`);
      show(true);
    },
  };
}
