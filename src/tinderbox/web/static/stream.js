// Server-sent events out of a fetch: unlike EventSource it can send a body and a key, and can be stopped.

/** Yields {event, data} for each event of the body, and ends where the body ends. */
export async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let current = { event: "message", data: [] };
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const lines = (rest + value).split("\n");
      rest = lines.pop();
      for (const line of lines) {
        const text = line.endsWith("\r") ? line.slice(0, -1) : line;
        if (text !== "") take(current, text);
        else {
          if (current.data.length) yield { event: current.event, data: current.data.join("\n") };
          current = { event: "message", data: [] };
        }
      }
    }
  } finally {
    reader.cancel().catch(() => {}); // already broken, or closed: both are what we want
  }
}

function take(current, line) {
  const [, name, value] = /^([^:]*):? ?(.*)$/s.exec(line);
  if (name === "data") current.data.push(value);
  else if (name === "event") current.event = value;
  // A line that begins with a colon is a comment that keeps the connection alive.
}
