// The line to the box: its events for as long as somebody looks, and a new try by itself when it breaks.
import { watch } from "./box.js";

const PAUSES = [0.5, 1, 2, 4]; // seconds

const pause = (seconds) => new Promise((resolve) => setTimeout(resolve, 1000 * seconds));

function visible() {
  if (!document.hidden) return Promise.resolve();
  return new Promise((resolve) => document.addEventListener("visibilitychange", resolve, { once: true }));
}

/**
 * `heard(ps)` for each event; `there()` and `gone(why)` when the box comes and goes; `refused()` where it wants a key,
 * which gives a promise to wait for. Runs until the page closes.
 */
export async function stayConnected({ heard, there, gone, refused }) {
  for (let failures = 0; ; failures += 1) {
    await visible();
    // A browser gives one server six connections: a page that nobody looks at must not keep one.
    const hidden = new AbortController();
    const leave = () => document.hidden && hidden.abort();
    document.addEventListener("visibilitychange", leave);
    try {
      for await (const { event, data } of watch(hidden.signal)) {
        if (failures >= 0) there();
        failures = -1;
        if (event === "ps") heard(JSON.parse(data));
      }
      if (!hidden.signal.aborted) gone("The box has closed the connection.");
    } catch (error) {
      if (hidden.signal.aborted) failures = -1;
      else if (error.status === 401) {
        await refused();
        failures = -1;
      } else gone(error.gone || error.status ? error.message : "The connection to the box broke off.");
    }
    document.removeEventListener("visibilitychange", leave);
    await pause(PAUSES[Math.min(Math.max(failures, 0), PAUSES.length - 1)]);
  }
}
