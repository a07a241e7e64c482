// Amounts as people read them; the same rules as the command line's.

const SIZES = [
  [1e12, "TB"],
  [1e9, "GB"],
  [1e6, "MB"],
  [1e3, "kB"],
];

/** 21400000000 as "21.4 GB": decimal units, as disks and memory are sold. */
export function bytes(count) {
  const [size, suffix] = SIZES.find(([size]) => Math.abs(count) >= size) ?? [1, "B"];
  return `${(count / size).toFixed(size === 1 ? 0 : 1)} ${suffix}`;
}

/** 134515008 as "135M", as models are named. */
export function parameters(count) {
  const [size, suffix, digits] = count >= 1e9 ? [1e9, "B", 1] : [1e6, "M", 0];
  return `${(count / size).toFixed(digits).replace(/\.0$/, "")}${suffix}`;
}

/** 4096 as "4,096". */
export const whole = (count) => Math.round(count).toLocaleString("en");

/** Tokens per second, with as many digits as mean something. */
export const speed = (value) => (value >= 100 ? whole(value) : value.toFixed(1));

/** 75 as "1 min 15 s", 3.24 as "3.2 s", 0.25 as "250 ms". */
export function duration(seconds) {
  if (seconds < 1) return `${Math.round(1000 * seconds)} ms`;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}

/** How long something has lasted, as coarse as it is shown: "42 s", "5 min", "2 h 5 min". */
export function lasted(seconds) {
  const minutes = Math.floor(seconds / 60);
  if (minutes < 1) return `${Math.max(0, Math.floor(seconds))} s`;
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** A time of the box's, which may be null, on this browser's clock: "12:03:11", with the day where it is not today's. */
export function clock(written) {
  if (written == null) return "";
  const at = new Date(written);
  const time = at.toLocaleTimeString("en-GB");
  return at.toDateString() === new Date().toDateString()
    ? time
    : `${at.toLocaleDateString("en-GB", { day: "numeric", month: "short" })}, ${time}`;
}
