"""`Client`: the box's own HTTP API, called from Python and from the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2

from tinderbox.errors import (
    BoxNotRunning,
    DoesNotFit,
    KeyNeeded,
    NoSuchJob,
    NotAllowed,
    NotFound,
    TinderboxError,
    WrongUsage,
)
from tinderbox.keys import own_key_file

if TYPE_CHECKING:
    import ssl

_NO_LIMIT = httpx2.Timeout(10, read=None)  # a load or an answer takes as long as it takes


class Client:
    """Speaks to the box at `address` (`http://127.0.0.1:8910`). Use it as a context.

    Raises BoxNotRunning when nobody answers there, and the box's own errors as they are in our tree.
    """

    def __init__(self, address: str, key: str = "", certificate: str | None = None) -> None:
        """`certificate` (PEM) is the only one that is trusted where it is given, under whatever name it was made for;
        without it those of the system."""
        self.address = address
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._http = httpx2.Client(
            base_url=address,
            timeout=_NO_LIMIT,
            trust_env=False,
            headers=headers,
            verify=_trusting(certificate) if certificate else True,
        )

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def ps(self) -> dict[str, Any]:
        return self._call("GET", "/box/ps")

    def models(self) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = self._call("GET", "/box/models")["models"]
        return listed

    def plan(self, model: str, **options: str | int) -> dict[str, Any]:
        """As `tinderbox plan --json`, with decode speed over depths."""
        with self._translated():
            response = self._http.get("/box/plan", params={"model": model, **options})
        if response.status_code != 200:
            raise _as_error(response)
        answer: dict[str, Any] = response.json()
        return answer

    def load(self, model: str) -> dict[str, Any]:
        return self._call("POST", "/box/load", {"model": model})

    def stop(self, model: str) -> dict[str, Any]:
        return self._call("POST", "/box/stop", {"model": model})

    def pin(self, model: str, pinned: bool) -> dict[str, Any]:
        return self._call("POST", "/box/pin", {"model": model, "pinned": pinned})

    def remove(self, model: str, *, with_adapters: bool = False) -> dict[str, Any]:
        return self._call("DELETE", f"/box/models/{model}" + "?with_adapters=true" * with_adapters)

    def page_address(self) -> str:
        """Where the page is; with what lets one browser in, once, where a key is needed."""
        ticket = self._call("POST", "/box/ticket")["ticket"]
        return f"{self.address}/#key={ticket}" if ticket else self.address

    def down(self) -> dict[str, Any]:
        return self._call("POST", "/box/down")

    def jobs(self) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = self._call("GET", "/box/jobs")["jobs"]
        return listed

    def job(self, number: int) -> dict[str, Any]:
        return self._call("GET", f"/box/jobs/{number}")

    def job_metrics(self, number: int) -> dict[str, list[list[float]]]:
        """By name, the points (step, value) of what the job has measured of itself."""
        found: dict[str, list[list[float]]] = self._call("GET", f"/box/jobs/{number}/metrics")["metrics"]
        return found

    def submit(self, kind: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """A new job, which waits for its turn."""
        return self._call("POST", "/box/jobs", {"kind": kind, "arguments": arguments})

    def stop_job(self, number: int) -> dict[str, Any]:
        return self._call("POST", f"/box/jobs/{number}/stop")

    def resume_job(self, number: int) -> dict[str, Any]:
        return self._call("POST", f"/box/jobs/{number}/resume")

    def forget_job(self, number: int) -> dict[str, Any]:
        return self._call("DELETE", f"/box/jobs/{number}")

    def job_log(self, number: int, *, follow: bool = False) -> Iterator[str]:
        """What a job's process wrote; with `follow`, what it writes until the job ends."""
        path, asked = f"/box/jobs/{number}/log", {"follow": follow}
        with self._translated(), self._http.stream("GET", path, params=asked) as response:
            if response.status_code != 200:
                response.read()
                raise _as_error(response)
            yield from response.iter_text()

    def run(self, agent: str, task: str) -> dict[str, Any]:
        """A new run of an agent."""
        return self._call("POST", "/box/runs", {"agent": agent, "task": task})

    def runs(self) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = self._call("GET", "/box/runs")["runs"]
        return listed

    def show_run(self, number: int) -> dict[str, Any]:
        """The run and its steps."""
        return self._call("GET", f"/box/runs/{number}")

    def spans(self, number: int) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = self._call("GET", f"/box/runs/{number}/trace")["spans"]
        return listed

    def decide(self, number: int, *, allow: bool, why: str = "") -> dict[str, Any]:
        """A person's word on the call that the run waits with."""
        return self._call("POST", f"/box/runs/{number}/verdict", {"allow": allow, "why": why})

    def follow_run(self, number: int) -> Iterator[dict[str, Any]]:
        """The run each time that something has changed, until it is over or waits for a person."""
        with self._translated(), self._http.stream("GET", f"/box/runs/{number}/events") as response:
            if response.status_code != 200:
                response.read()
                raise _as_error(response)
            for line in response.iter_lines():
                if line.startswith("data: "):
                    yield json.loads(line[6:])

    def chat(self, model: str, messages: list[dict[str, Any]], **sampling: object) -> Iterator[dict[str, Any]]:
        """The answer's chunks as they come, the last with `usage` and `timings`. Closing the iterator stops it."""
        body = {"model": model, "messages": messages, "stream": True, "stream_options": {"include_usage": True}}
        with self._translated(), self._http.stream("POST", "/v1/chat/completions", json=body | sampling) as response:
            if response.status_code != 200:
                response.read()
                raise _as_error(response)
            for line in response.iter_lines():
                if line.startswith("data: ") and line != "data: [DONE]":
                    chunk = json.loads(line[6:])
                    if "error" in chunk:
                        raise TinderboxError(chunk["error"]["message"])
                    yield chunk

    def complete(self, body: dict[str, Any]) -> dict[str, Any]:
        """One completion, whole, with its `timings`."""
        return self._call("POST", "/v1/completions", body)

    def _call(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        with self._translated():
            response = self._http.request(method, path, json=body)
        if response.status_code != 200:
            raise _as_error(response)
        answer: dict[str, Any] = response.json()
        return answer

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except httpx2.ConnectError as error:
            raise BoxNotRunning(f"No box answers at {self.address}.", "Start it with: tinderbox up") from error
        except httpx2.TransportError as error:
            raise TinderboxError(f"The box at {self.address} broke off: {error}.", "See: tinderbox doctor") from error


def find_box(home: Path) -> Client:
    """A client of the box that runs on this home folder. Raises BoxNotRunning where none does."""
    try:
        written = json.loads((home / "box.json").read_text())
        address, certificate = written["address"], written.get("certificate")
        key = own_key_file(home).read_text()
    except (OSError, ValueError, KeyError) as error:
        raise BoxNotRunning(f"No box runs on {home}.", "Start it with: tinderbox up") from error
    return Client(address, key, certificate)


def _trusting(certificate: str) -> ssl.SSLContext:
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # it is this very certificate or none
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(cadata=certificate)
    return context


_KINDS: dict[str, type[TinderboxError]] = {
    "model_not_found": NotFound,
    "job_not_found": NoSuchJob,
    "does_not_fit": DoesNotFit,
    "wrong_name": WrongUsage,
    "invalid_api_key": KeyNeeded,
    "forbidden": NotAllowed,
}


def _as_error(response: httpx2.Response) -> TinderboxError:
    try:
        error = response.json()["error"]
        message, code = error["message"], error["code"]
    except (ValueError, KeyError, TypeError):
        return TinderboxError(f"The box answered with status {response.status_code}.")
    return _KINDS.get(code, TinderboxError)(message)
