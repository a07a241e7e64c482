// Runs before the first paint, so that neither another theme nor another view flashes up.
(() => {
  document.documentElement.dataset.view = /^#(plan|memory|jobs)\b/.exec(location.hash)?.[1] ?? "chat";
  try {
    const theme = localStorage.getItem("tinderbox.theme");
    if (theme === '"light"' || theme === '"dark"') document.documentElement.dataset.theme = JSON.parse(theme);
  } catch {
    // Storage may be forbidden; then the system's theme holds.
  }
})();
