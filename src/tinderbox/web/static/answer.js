// One answer: from the request, through its chunks, to how it ended. Knows the message, not the page.
import { complete } from "./box.js";

/** Fills `message` until the answer ends, is stopped or fails; `changed` is called after each step. Never throws. */
export async function fill(message, request, signal, changed) {
  const clock = { asked: performance.now(), first: null };
  try {
    for await (const chunk of complete(request, signal)) {
      take(message, chunk, clock);
      changed();
    }
    message.state = "done";
  } catch (error) {
    message.state = signal.aborted ? "stopped" : "failed";
    if (!signal.aborted) message.error = error.message;
  }
  changed();
}

function take(message, chunk, clock) {
  const choice = chunk.choices?.[0];
  const { content, reasoning_content: reasoning } = choice?.delta ?? {};
  if (content || reasoning) {
    clock.first ??= performance.now();
    message.state = "answering";
  }
  if (reasoning) message.reasoning += reasoning;
  if (content) {
    if (message.reasoning) message.thought ??= (performance.now() - clock.first) / 1000; // seconds
    message.content += content;
  }
  if (choice?.finish_reason === "length") message.cut = true;
  if (chunk.usage || chunk.timings) message.figures = figures(chunk, clock);
}

/** Speed and use of the context: the engine's own timings where they came, else what this page's clock says. */
function figures({ usage, timings }, clock) {
  const now = performance.now();
  const read = (timings?.prompt_n ?? 0) + (timings?.cache_n ?? 0);
  const prompt = usage?.prompt_tokens ?? read;
  const tokens = usage?.completion_tokens ?? timings?.predicted_n ?? 0;
  const seconds = (now - (clock.first ?? now)) / 1000;
  return {
    tokens,
    prompt,
    cached: timings?.cache_n ?? usage?.prompt_tokens_details?.cached_tokens ?? null,
    used: usage?.total_tokens ?? prompt + tokens,
    speed: timings?.predicted_per_second ?? (tokens > 1 && seconds > 0 ? (tokens - 1) / seconds : null),
    promptSpeed: timings?.prompt_per_second ?? null,
    firstToken: clock.first === null ? null : (clock.first - clock.asked) / 1000, // seconds, loading included
  };
}
