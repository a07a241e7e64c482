"""Traces: a span for each answer, in the words of OpenTelemetry's conventions for generative AI. Never what was said.

`Tracing` hears of each answer without knowing OpenTelemetry, and hands it to a `Record`. `open_traces` makes the one
that sends spans, and is all that imports the library.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tinderbox import __version__
from tinderbox.errors import TinderboxError, WrongUsage
from tinderbox.learning import Timings

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_LONGEST_NAME = 200  # characters: an asker may name anything
_CHAT, _TEXT, _VECTORS = "chat", "text_completion", "embeddings"
_OPERATIONS = {
    "/v1/chat/completions": _CHAT,
    "/v1/responses": _CHAT,
    "/v1/messages": _CHAT,
    "/api/chat": _CHAT,
    "/v1/completions": _TEXT,
    "/api/generate": _TEXT,
    "/v1/embeddings": _VECTORS,
    "/api/embed": _VECTORS,
    "/api/embeddings": _VECTORS,
}


@dataclass(slots=True)
class Answer:
    """One answer, as far as it came; times in nanoseconds since 1970. `parent` is the asker's `traceparent`."""

    operation: str
    begun: int
    parent: str = ""
    ended: int = 0
    model: str | None = None
    timings: Timings | None = None
    failure: str | None = None  # the kind of error, never its words

    @property
    def name(self) -> str:
        return f"{self.operation} {self.model}" if self.model else self.operation

    @property
    def attributes(self) -> dict[str, str | int | float]:
        """Without what is unknown."""
        known: dict[str, str | int | float | None] = {
            "gen_ai.operation.name": self.operation,
            "gen_ai.provider.name": "tinderbox",
            "gen_ai.request.model": self.model,
            "error.type": self.failure,
        }
        if (timings := self.timings) is not None:
            known |= {
                "gen_ai.response.model": timings.model,
                "gen_ai.usage.input_tokens": timings.read + timings.cached,
                "gen_ai.usage.cache_read.input_tokens": timings.cached,
                "gen_ai.usage.output_tokens": timings.generated,
                "gen_ai.response.time_to_first_chunk": timings.first,
            }
        return {name: value for name, value in known.items() if value is not None}


Record = Callable[[Answer], None]
_under_way: ContextVar[Answer | None] = ContextVar("answer", default=None)


def note(model: str | None = None, timings: Timings | None = None, error: TinderboxError | None = None) -> None:
    """What became known of the answer under way; nothing where answers are not traced."""
    if (answer := _under_way.get()) is not None:
        answer.model = model[:_LONGEST_NAME] if model else answer.model
        answer.timings = timings or answer.timings
        answer.failure = type(error).__name__ if error else answer.failure


class Tracing:
    """Records each answer that was asked for, when it has ended, however that was."""

    def __init__(self, app: ASGIApp, record: Record) -> None:
        self._app = app
        self._record = record

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        operation = _OPERATIONS.get(scope["path"]) if scope["type"] == "http" and scope["method"] == "POST" else None
        if operation is None:
            await self._app(scope, receive, send)
            return
        parent = dict(scope["headers"]).get(b"traceparent", b"").decode("latin-1")
        answer = Answer(operation, time.time_ns(), parent, failure="cancelled")  # unless an answer begins

        async def send_noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer.failure = str(message["status"]) if message["status"] >= 400 else None
            await send(message)

        before = _under_way.set(answer)
        try:
            await self._app(scope, receive, send_noted)
        finally:
            _under_way.reset(before)
            answer.ended = time.time_ns()
            self._record(answer)


def open_traces(endpoint: str) -> Record:
    """What sends spans to an OTLP endpoint (HTTP), in the background, and what is left of them when the process ends.

    Raises WrongUsage where the libraries for it are missing.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise WrongUsage(
            f"The setting 'traces' needs libraries that are not installed ({error.name}).",
            "Install them: pip install 'tinderbox-ai[otel]', or leave the setting out.",
        ) from error
    whole = endpoint if urlsplit(endpoint).path.strip("/") else f"{endpoint.rstrip('/')}/v1/traces"
    service = Resource.create({"service.name": "tinderbox", "service.version": __version__})
    provider = TracerProvider(resource=service)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=whole, timeout=5)))
    return spans(provider.get_tracer("tinderbox", __version__))


def spans(tracer: Any) -> Record:
    """One span an answer, below the asker's own where it sent one."""
    from opentelemetry.trace import SpanKind, StatusCode
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    def record(answer: Answer) -> None:
        carrier: Mapping[str, str] = {"traceparent": answer.parent}
        above = TraceContextTextMapPropagator().extract(carrier)
        span = tracer.start_span(
            answer.name, above, SpanKind.SERVER, attributes=answer.attributes, start_time=answer.begun
        )
        if answer.failure:
            span.set_status(StatusCode.ERROR)
        span.end(answer.ended)

    return record
