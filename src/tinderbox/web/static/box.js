// The box's HTTP API, as much as the page needs of it. Everything that goes wrong is a BoxError in plain words.
import { events } from "./stream.js";

export class BoxError extends Error {
  /** `gone`: nobody answered at all. `status`: what the HTTP answer said; `field`: what was wrong. */
  constructor(message, { gone = false, status = 0, field = null } = {}) {
    super(message);
    this.gone = gone;
    this.status = status;
    this.field = field;
  }
}

const GONE = "The box does not answer. Is it running? Start it with: tinderbox up";
const BROKE_OFF = "The connection to the box broke off before the answer was complete. What came is kept.";

async function call(path, { body, signal, key, method = body ? "POST" : "GET" } = {}) {
  const headers = body ? { "Content-Type": "application/json" } : {};
  if (key) headers.Authorization = `Bearer ${key}`;
  const options = { method, headers, body: body && JSON.stringify(body), signal };
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
  let message = `The box answered with the status ${status} ${response.statusText}`.trim() + ".";
  let field = null;
  try {
    const { error } = await response.json();
    message = error?.message ?? message;
    field = error?.param ?? null;
  } catch {
    // Not JSON: the status has to say it.
  }
  return new BoxError(message, { status, field });
}

const read = async (path, options) => (await call(path, options)).json();

/** Shows the key once, and has the box remember this browser: the cookie that comes back is out of any script's reach. */
export const showKey = (key) => call("/box/session", { method: "POST", key });
/** Who this browser is to the box: {session, key, scopes}; `key` is null for the person at the machine. */
export const session = () => read("/box/session");
export const endSession = () => call("/box/session", { method: "DELETE" });

export const models = async () => (await read("/box/models")).models;
export const boxes = async () => (await read("/box/boxes")).boxes;
/** `query` (URLSearchParams): what is asked; see docs/serve.md for its names. */
export const plan = (query, signal) => read(`/box/plan?${query}`, { signal });
export const loadModel = (model) => call("/box/load", { body: { model } });
export const stopModel = (model) => call("/box/stop", { body: { model } });
export const pinModel = (model, pinned) => call("/box/pin", { body: { model, pinned } });
/** The memory of the last hour: a point each five seconds. */
export const lastHour = async () => (await read("/box/history")).samples;
/** The newest `limit` decisions, the oldest of them first; about one holder, or about all (""). */
export async function decisions(holder, limit) {
  const query = new URLSearchParams(holder ? { holder, limit } : { limit });
  return (await read(`/box/decisions?${query}`)).decisions;
}

export const jobs = async () => (await read("/box/jobs")).jobs;
export const submitJob = (kind, options) => read("/box/jobs", { body: { kind, arguments: options } });
export const stopJob = (number) => call(`/box/jobs/${number}/stop`, { method: "POST" });
export const resumeJob = (number) => call(`/box/jobs/${number}/resume`, { method: "POST" });
export const forgetJob = (number) => call(`/box/jobs/${number}`, { method: "DELETE" });
/** What a job has measured of itself: by name, pairs of a step and a value. */
export const jobMetrics = async (number) => (await read(`/box/jobs/${number}/metrics`)).metrics;
/** What a job's process writes, piece by piece, until the job ends. */
export async function* jobLog(number, signal) {
  const response = await call(`/box/jobs/${number}/log?follow=true`, { signal });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let piece = await reader.read(); !piece.done; piece = await reader.read()) yield piece.value;
}

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
