"""What Prometheus is told."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from tests.serve.house import make_house
from tinderbox import memory
from tinderbox.engines.echo import Echo
from tinderbox.engines.engine import Settings
from tinderbox.engines.pool import Order, Pool
from tinderbox.learning import Timings
from tinderbox.machine.sensors import Reading
from tinderbox.memory import Governor, Ledger
from tinderbox.serve.metrics import MOST_MODELS, Metrics
from tinderbox.units import GB, MB

pytestmark = pytest.mark.anyio
ANSWER = Timings(
    "a", read=10, read_per_second=100.0, cached=30, generated=5, generated_per_second=20.0, first=0.2, took=0.5
)
DASHBOARD = Path(__file__).parents[2] / "docs/grafana.json"


def make_metrics(pressure: float | None = None, readings: tuple[Reading, ...] = ()) -> Metrics:
    return Metrics(make_pool(pressure), lambda: list(readings))


def make_pool(pressure: float | None = None) -> Pool:
    """Of echoes with one slot each."""
    base = Settings("a", Path("a.gguf"), context=512, parallel=1, threads=1)
    governor = Governor(Ledger(8 * GB), lambda: memory.Reading(8 * GB, 6 * GB, some=pressure))
    return Pool(lambda name: Order(replace(base, name=name), predicted=MB), Echo, governor)


Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def parse(text: str) -> Samples:
    families = text_string_to_metric_families(text)
    return {(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples}


def of(samples: Samples, name: str, **labels: str) -> float | None:
    return samples.get((f"tinderbox_{name}", frozenset(labels.items())))


async def read(metrics: Metrics) -> Samples:
    return parse((await metrics.text()).decode())


async def test_the_tokens_of_an_answer_are_counted_and_those_of_the_cache_apart() -> None:
    metrics = make_metrics()

    metrics.heard(ANSWER)
    samples = await read(metrics)

    assert of(samples, "prompt_tokens_total", model="a") == 40
    assert of(samples, "prompt_tokens_cached_total", model="a") == 30
    assert of(samples, "generation_tokens_total", model="a") == 5


async def test_the_times_of_an_answer_fall_into_their_buckets() -> None:
    metrics = make_metrics()

    metrics.heard(ANSWER)
    samples = await read(metrics)

    assert of(samples, "time_to_first_token_seconds_sum", model="a") == 0.2
    assert of(samples, "time_per_output_token_seconds_bucket", model="a", le="0.05") == 1
    assert of(samples, "e2e_request_latency_seconds_count", model="a") == 1


async def test_what_is_unknown_is_absent() -> None:
    names = {name for name, _ in await read(make_metrics())}

    assert {"tinderbox_pool_free_bytes", "tinderbox_num_requests_running"} <= names
    assert not names & {
        "tinderbox_pool_pressure_ratio",
        "tinderbox_temperature_celsius",
        "tinderbox_lease_measured_bytes",
    }


async def test_pressure_heat_and_power_are_told_where_they_are_known() -> None:
    readings = (Reading("k10temp", "Tctl", "celsius", 45.0), Reading("package-0", "intel-rapl:0", "joules", 2.5))

    samples = await read(make_metrics(pressure=0.25, readings=readings))

    assert of(samples, "pool_pressure_ratio", pool="unified") == 0.25
    assert of(samples, "temperature_celsius", chip="k10temp", sensor="Tctl") == 45
    assert of(samples, "energy_joules_total", chip="package-0", sensor="intel-rapl:0") == 2.5


async def test_decisions_are_counted_by_kind() -> None:
    pool = make_pool()

    await pool.load("a")

    assert of(await read(Metrics(pool, list)), "decisions_total", kind="granted") == 1


async def test_questions_are_told_by_what_they_wait_for() -> None:
    pool = make_pool()

    async with pool.use("a"), pool.use("a"):
        samples = await read(Metrics(pool, list))

    assert of(samples, "num_requests_running") == 1
    assert of(samples, "num_requests_waiting", reason="slot") == 1
    assert of(samples, "num_requests_waiting", reason="memory") == 0


async def test_names_beyond_the_bound_are_counted_together() -> None:
    metrics = make_metrics()

    for number in range(MOST_MODELS + 5):
        metrics.heard(replace(ANSWER, model=f"m{number}"))

    assert of(await read(metrics), "generation_tokens_total", model="other") == 25


def test_requests_are_counted_by_the_route_and_not_by_the_path(tmp_path: Path) -> None:
    with TestClient(make_house(tmp_path), base_url="http://localhost") as client:
        client.get("/v1/models/echo:1b")
        client.get("/nowhere/12345")
        client.get("/v1/models", headers={"Host": "evil.example"})
        client.get("/")
        samples = parse(client.get("/metrics").text)

    assert of(samples, "http_requests_total", method="GET", route="/v1/models/{name:path}", status="200") == 1
    assert of(samples, "http_requests_total", method="GET", route="none", status="404") == 1
    assert of(samples, "http_requests_total", method="GET", route="none", status="403") == 1
    assert of(samples, "http_requests_total", method="GET", route="page", status="200") == 1


def test_the_memory_is_told_by_holder(tmp_path: Path) -> None:
    with TestClient(make_house(tmp_path), base_url="http://localhost") as client:
        client.post("/box/load", json={"model": "echo:1b"})
        answer = client.get("/metrics")

    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert of(parse(answer.text), "lease_predicted_bytes", holder="echo:1b", kind="model") == MB


async def test_the_dashboard_shows_only_what_there_is() -> None:
    told = set(re.findall(r"^# TYPE (\S+)", (await make_metrics().text()).decode(), re.MULTILINE))
    panels = json.loads(DASHBOARD.read_text())["panels"]
    asked = {
        name
        for panel in panels
        for target in panel["targets"]
        for name in re.findall(r"\w*tinderbox_\w+|process_\w+", target["expr"])
    }

    assert {re.sub(r"_(bucket|sum|count)$", "", name) for name in asked} - told == set()
    assert len(asked) > 15
