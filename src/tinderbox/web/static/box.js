// The box's HTTP API, as much as the page needs of it. Everything that goes wrong is a BoxError in plain words.
import { events } from "./stream.js";

export class BoxError extends Error {
  /** `gone`: nobody answered at all. `status`: what the HTTP answer said. */
  constructor(message, { gone = false, status = 0 } = {}) {
    super(message);
    this.gone = gone;
    this.status = status;
  }
}

const GONE = "The box does not answer. Is it running? Start it with: tinderbox up";
const BROKE_OFF = "The connection to the box broke off before the answer was complete. What came is kept.";

async function call(path, { body, signal, key } = {}) {
  const headers = body ? { "Content-Type": "application/json" } : {};
  if (key) headers.Authorization = `Bearer ${key}`;
  const options = { method: body || key ? "POST" : "GET", headers, body: body && JSON.stringify(body), signal };
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    throw error.name === "AbortError" ? error : new BoxError(GONE, { gone: true });
  }
  if (!response.ok) throw await refusal(response);
  return response;
}

async function refusal(response) {
  const status = response.status;
  if (status === 401) return new BoxError("The box asks for a key: type it in under Settings.", { status });
  let message = `The box answered with the status ${status} ${response.statusText}`.trim() + ".";
  try {
    message = (await response.json()).error?.message ?? message;
  } catch {
    // Not JSON: the status has to say it.
  }
  return new BoxError(message, { status });
}

/** Shows the key once, and has the box remember this browser: the cookie that comes back is out of any script's reach. */
export const showKey = (key) => call("/box/session", { key });

/** The key that an address printed by the box brought along behind its `#`. */
export async function showKeyThatCame() {
  const [, key] = /^#key=([\w-]+)$/.exec(location.hash) ?? [];
  if (!key) return;
  history.replaceState(null, "", location.pathname);
  await showKey(key);
}

export const models = async () => (await (await call("/box/models")).json()).models;
export const boxes = async () => (await (await call("/box/boxes")).json()).boxes;
/** `query` (URLSearchParams): what is asked; see docs/serve.md for its names. */
export const plan = async (query, signal) => (await call(`/box/plan?${query}`, { signal })).json();
export const loadModel = (model) => call("/box/load", { body: { model } });
export const stopModel = (model) => call("/box/stop", { body: { model } });

/** The box's own events, for as long as the connection holds. */
export async function* watch(signal) {
  const response = await call("/box/events", { signal });
  yield* events(response.body);
}

/** The chunks of a streamed chat completion. Throws where the box says that it went wrong, or goes away. */
export async function* complete(request, signal) {
  const body = { ...request, stream: true, stream_options: { include_usage: true } };
  const response = await call("/v1/chat/completions", { body, signal });
  try {
    for await (const { data } of events(response.body)) {
      if (data === "[DONE]") return;
      const chunk = JSON.parse(data);
      if (chunk.error) throw new BoxError(chunk.error.message ?? "The answer ended with an error.");
      yield chunk;
    }
  } catch (error) {
    if (error instanceof BoxError || error.name === "AbortError") throw error;
    throw new BoxError(BROKE_OFF, { gone: true });
  }
  throw new BoxError(BROKE_OFF, { gone: true });
}
