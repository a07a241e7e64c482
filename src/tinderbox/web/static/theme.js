// Light, dark, or as the system says. `early.js` applies a kept choice before the first paint.
import { icon } from "./dom.js";
import { forget, load, save } from "./stored.js";

const NEXT = { system: "light", light: "dark", dark: "system" };
const LABELS = { system: "Theme: as the system", light: "Theme: light", dark: "Theme: dark" };
const ICONS = { system: "contrast", light: "sun", dark: "moon" };

/** Makes `button` go round the three themes. */
export function startTheme(button) {
  const show = (theme) => {
    if (theme === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    button.replaceChildren(icon(ICONS[theme]));
    button.setAttribute("aria-label", LABELS[theme]);
    button.title = LABELS[theme];
  };
  let theme = load("theme", "system");
  if (!(theme in NEXT)) theme = "system";
  show(theme);
  button.addEventListener("click", () => {
    theme = NEXT[theme];
    if (theme === "system") forget("theme");
    else save("theme", theme);
    show(theme);
  });
}
