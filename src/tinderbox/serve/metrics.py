"""`Metrics`: what the box did and holds, told in Prometheus's text under names that the field knows from vLLM.

Answers and requests are counted as they come; memory, queues and sensors are read when somebody asks. What is unknown
is absent, never 0.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from tinderbox import __version__
from tinderbox.engines.pool import Pool
from tinderbox.learning import Timings
from tinderbox.machine.sensors import Reading, read_sensors
from tinderbox.memory import Lease, Room

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
MOST_MODELS = 100  # names; whoever comes after them is counted as `other`, or an asker's spelling could fill the memory
_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})
_FIRST = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
_EACH = (0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 2.5)
_WHOLE = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0)


@dataclass(frozen=True, slots=True)
class _Model:
    """One model's counters: found once, as each look for them costs more than the counting."""

    first: Histogram
    each: Histogram
    whole: Histogram
    prompt: Counter
    cached: Counter
    generated: Counter


class Metrics:
    """Those of one box. `sensors` reads temperatures and power."""

    def __init__(self, pool: Pool, sensors: Callable[[], list[Reading]] = read_sensors) -> None:
        self._pool = pool
        self._sensors = sensors
        self._registry = registry = CollectorRegistry()
        self._models: dict[str, _Model] = {}
        self._first = Histogram(
            "tinderbox_time_to_first_token_seconds",
            "From a question's arrival to its answer's first token, loading included.",
            ["model"],
            buckets=_FIRST,
            registry=registry,
        )
        self._each = Histogram(
            "tinderbox_time_per_output_token_seconds",
            "Mean time between the tokens of one answer.",
            ["model"],
            buckets=_EACH,
            registry=registry,
        )
        self._whole = Histogram(
            "tinderbox_e2e_request_latency_seconds",
            "From a question's arrival to the end of its answer.",
            ["model"],
            buckets=_WHOLE,
            registry=registry,
        )
        self._prompt = self._counter("prompt_tokens", "Tokens of prompts, read or found in the cache.", "model")
        self._cached = self._counter("prompt_tokens_cached", "Tokens of prompts found in the cache.", "model")
        self._generated = self._counter("generation_tokens", "Tokens of answers.", "model")
        self._requests = self._counter(
            "http_requests", "Requests by route; status 499: the client left first.", "method", "route", "status"
        )
        ProcessCollector(registry=registry)

    def heard(self, timings: Timings) -> None:
        """An answer has ended."""
        model = self._models.get(timings.model) or self._meet(timings.model)
        model.prompt.inc(timings.read + timings.cached)
        model.cached.inc(timings.cached)
        model.generated.inc(timings.generated)
        if timings.generated > 1 and timings.generated_per_second > 0:
            model.each.observe(1 / timings.generated_per_second)
        if timings.first is not None:
            model.first.observe(timings.first)
        if timings.took is not None:
            model.whole.observe(timings.took)

    def answered(self, method: str, route: str, status: int) -> None:
        self._requests.labels(method if method in _METHODS else "other", route, status).inc()

    async def text(self) -> bytes:
        """All of it. The pool is read here, on its own loop, and the sensors in a thread, because drivers take time."""
        governor = self._pool.governor
        now = _Now(self._pool.leases(), governor.room(), self._pool.questions(), dict(governor.decided))
        return await asyncio.to_thread(self._print, now)

    def _print(self, now: _Now) -> bytes:
        page = CollectorRegistry()
        page.register(_Page(lambda: [*_without_birthdays(self._registry.collect()), *_state(now, self._sensors())]))
        return generate_latest(page)

    def _counter(self, name: str, meaning: str, *labels: str) -> Counter:
        return Counter(f"tinderbox_{name}", meaning, labels, registry=self._registry)

    def _meet(self, name: str) -> _Model:
        if len(self._models) >= MOST_MODELS:
            name = "other"
        known = self._models[name] = _Model(
            self._first.labels(name),
            self._each.labels(name),
            self._whole.labels(name),
            self._prompt.labels(name),
            self._cached.labels(name),
            self._generated.labels(name),
        )
        return known


@dataclass(frozen=True, slots=True)
class _Now:
    leases: list[Lease]
    room: Room
    questions: dict[str, int]
    decided: dict[str, int]


class _Page(Collector):
    """What is told once."""

    def __init__(self, told: Callable[[], Iterable[Metric]]) -> None:
        self._told = told

    def collect(self) -> Iterable[Metric]:
        return self._told()


def _without_birthdays(metrics: Iterable[Metric]) -> Iterator[Metric]:
    """The library tells when each counter was made, in as many lines again; nobody asks."""
    for metric in metrics:
        metric.samples = [sample for sample in metric.samples if not sample.name.endswith("_created")]
        yield metric


def _state(now: _Now, readings: list[Reading]) -> Iterator[Metric]:
    yield _gauge("info", "Always 1: the version is the label.", ["version"], [((__version__,), 1)])
    running, *waiting = now.questions.items()
    yield _gauge("num_requests_running", "Questions that are being answered.", [], [((), running[1])])
    waits = "Questions that wait for a slot, for a load, or for memory."
    yield _gauge("num_requests_waiting", waits, ["reason"], [((reason,), count) for reason, count in waiting])
    decisions: list[_Sample] = [((kind,), count) for kind, count in now.decided.items()]
    yield _counter("decisions", "What was decided about memory.", ["kind"], decisions)
    yield from _memory(now)
    yield from _sensed(readings)


def _memory(now: _Now) -> Iterator[Metric]:
    room, leases = now.room, now.leases
    labels, pool = ["holder", "kind"], ["pool"]
    predicted: list[_Sample] = [((lease.holder, lease.kind), lease.predicted) for lease in leases]
    measured: list[_Sample] = [((lease.holder, lease.kind), lease.measured) for lease in leases]
    yield _gauge("lease_predicted_bytes", "Memory that a holder was granted.", labels, predicted)
    yield _gauge("lease_measured_bytes", "Memory that a holder really holds.", labels, measured)
    used: list[_Sample] = [((room.name, "us"), room.used_by_us), ((room.name, "others"), room.used_by_others)]
    yield _gauge("pool_capacity_bytes", "The most that the box may use.", pool, [((room.name,), room.capacity)])
    yield _gauge("pool_used_bytes", "Memory in use, by us or by others.", ["pool", "by"], used)
    yield _gauge("pool_free_bytes", "Memory that can be granted.", pool, [((room.name,), room.free)])
    yield _gauge("pool_page_cache_bytes", "Files that the system remembers.", pool, [((room.name,), room.page_cache)])
    waits = "Share of the last 10 s in which something waited for memory."
    yield _gauge("pool_pressure_ratio", waits, pool, [((room.name,), room.pressure)])


def _sensed(readings: list[Reading]) -> Iterator[Metric]:
    labels = ["chip", "sensor"]
    by_unit: dict[str, list[_Sample]] = {"celsius": [], "watts": [], "joules": []}
    for reading in readings:
        by_unit[reading.unit].append(((reading.chip, reading.sensor), reading.value))
    yield _gauge("temperature_celsius", "Temperature, as reported.", labels, by_unit["celsius"])
    yield _gauge("power_watts", "Power, as reported.", labels, by_unit["watts"])
    yield _counter("energy_joules", "Energy used; its rate is power.", labels, by_unit["joules"])


_Sample = tuple[tuple[str, ...], float | None]
_Family = GaugeMetricFamily | CounterMetricFamily


def _gauge(name: str, meaning: str, labels: list[str], samples: list[_Sample]) -> Metric:
    return _filled(GaugeMetricFamily(f"tinderbox_{name}", meaning, labels=labels), samples)


def _counter(name: str, meaning: str, labels: list[str], samples: list[_Sample]) -> Metric:
    return _filled(CounterMetricFamily(f"tinderbox_{name}", meaning, labels=labels), samples)


def _filled(family: _Family, samples: list[_Sample]) -> Metric:
    for values, value in samples:
        if value is not None:
            family.add_metric(values, value)
    return family
