"""The box as an MCP server: the official client over the real app, in both of the protocol's eras."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import httpx2
import pytest
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult
from starlette.testclient import TestClient

from tests.serve.house import make_house
from tests.serve.test_keys import Door
from tinderbox.keys import Scope

ADDRESS = "http://localhost/mcp"
HEAD = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
KEYS: dict[str, tuple[Scope, ...]] = {"laptop": (), "desk": ("jobs",)}
ERAS = ("legacy", "2026-07-28")
T = TypeVar("T")


def speak(app: Any, say: Callable[[Client], Awaitable[T]], mode: str = "auto", **headers: str) -> T:
    """What a client hears from the app."""

    async def spoken() -> T:
        transport = httpx2.ASGITransport(app=app)
        async with (
            httpx2.AsyncClient(transport=transport, headers=headers) as http,
            Client(streamable_http_client(ADDRESS, http_client=http), mode=mode) as client,
        ):
            return await say(client)

    return asyncio.run(spoken())


def call(
    app: Any, name: str, mode: str = "auto", headers: dict[str, str] | None = None, **given: Any
) -> CallToolResult:
    return speak(app, lambda client: client.call_tool(name, given), mode, **(headers or {}))


def text_of(result: CallToolResult) -> str:
    (part,) = result.content
    assert part.type == "text"
    return part.text


async def names(client: Client) -> list[str]:
    return [tool.name for tool in (await client.list_tools()).tools]


async def refusal_of(name: str, client: Client) -> str:
    with pytest.raises(MCPError) as refused:
        await client.call_tool(name, {})
    return str(refused.value)


@pytest.mark.parametrize("mode", ERAS)
def test_the_tools_are_listed(tmp_path: Path, mode: str) -> None:
    assert speak(make_house(tmp_path), names, mode) == ["ask", "list_models", "plan"]


@pytest.mark.parametrize("mode", ERAS)
def test_a_model_is_asked(tmp_path: Path, mode: str) -> None:
    result = call(make_house(tmp_path), "ask", mode, model="echo:1b", prompt="say this back")

    assert (result.is_error, text_of(result)) == (False, "say this back")


def test_models_are_told_as_data(tmp_path: Path) -> None:
    result = call(make_house(tmp_path), "list_models")

    assert result.structured_content is not None
    assert [model["name"] for model in result.structured_content["models"]] == ["echo:1b", "unloadable:1b"]


def test_what_fits_is_told(tmp_path: Path) -> None:
    result = call(make_house(tmp_path), "plan", model="qwen3:8b", box="dgx-spark")

    assert result.structured_content is not None
    assert result.structured_content["fits"] is True


def test_a_model_that_is_not_there_is_an_error_that_the_asker_can_act_on(tmp_path: Path) -> None:
    result = call(make_house(tmp_path), "ask", model="ecko:1b", prompt="x")

    assert result.is_error
    assert "Did you mean echo:1b?" in text_of(result)


def test_an_agent_is_a_tool_for_whoever_may_run_it(tmp_path: Path) -> None:
    door = Door(tmp_path)
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents/notes.toml").write_text('model = "echo:1b"\n')

    chats, runs = (speak(door.client.app, names, **door.make(name, "chat", *more)) for name, more in KEYS.items())

    assert chats == ["ask", "list_models", "plan"]
    assert runs == ["ask", "list_models", "plan", "agent_notes"]


def test_an_agent_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    result = call(make_house(tmp_path), "agent_nobody", task="x")

    assert result.is_error


def test_wrong_arguments_are_told(tmp_path: Path) -> None:
    result = call(make_house(tmp_path), "ask", model="echo:1b", prompt="x", max_tokens="many")

    assert (result.is_error, text_of(result)) == (True, "'max_tokens' must be a whole number, not \"many\".")


def test_a_tool_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert speak(make_house(tmp_path), partial(refusal_of, "rm")) == "There is no tool 'rm'."


def test_a_key_sees_only_what_it_opens(tmp_path: Path) -> None:
    door = Door(tmp_path)

    listed = speak(door.client.app, names, **door.make("watcher", "jobs"))

    assert listed == ["list_models", "plan"]


def test_a_tool_that_a_key_does_not_open_is_not_there_for_it(tmp_path: Path) -> None:
    door = Door(tmp_path)
    headers = door.make("watcher", "jobs")

    assert speak(door.client.app, partial(refusal_of, "ask"), **headers) == "There is no tool 'ask'."


def test_a_question_counts_for_the_key_that_asks(tmp_path: Path) -> None:
    door = Door(tmp_path)
    headers = door.make("laptop", "chat", at_once=1, tokens_per_day=1)

    asked = {"name": "ask", "arguments": {"model": "echo:1b", "prompt": "one two three"}}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": asked}

    answers = [door.client.post("/mcp", json=message, headers=headers | HEAD) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 429]
    assert "one two three" in answers[0].text


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"jsonrpc": "2.0"}', b"[" * 100_000])
def test_what_is_no_message_is_refused(tmp_path: Path, body: bytes) -> None:
    client = TestClient(make_house(tmp_path), base_url="http://localhost")

    assert client.post("/mcp", content=body, headers=HEAD).status_code == 400


def test_there_is_no_stream_to_listen_to(tmp_path: Path) -> None:
    client = TestClient(make_house(tmp_path), base_url="http://localhost")

    assert [client.request(method, "/mcp").status_code for method in ("GET", "DELETE")] == [405, 405]


def test_who_does_not_speak_it_does_not_pay_for_it() -> None:
    code = "import sys, tinderbox.daemon, tinderbox.serve.app; print([name for name in sys.modules if name == 'mcp'])"

    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)

    assert printed.stdout.strip() == "[]"


def test_what_does_not_say_that_it_is_json_is_refused_in_json(tmp_path: Path) -> None:
    with TestClient(make_house(tmp_path), base_url="http://localhost") as client:
        refused = client.post("/mcp", content=b"hello")

    assert (refused.status_code, refused.json()["error"]["message"][:17]) == (400, "A message is JSON")
