"""An agent's MCP tools, against a real server in a process of its own, and one over HTTP."""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from tests.agents.mcp_server import __file__ as server_file
from tests.agents.yard import alive
from tests.serve.house import make_house
from tinderbox.agents.arguments import is_schema, read_arguments
from tinderbox.agents.definition import parse
from tinderbox.agents.desk import make_desk
from tinderbox.agents.mcp_client import Server
from tinderbox.agents.outside import Outside
from tinderbox.agents.settings import Mcp
from tinderbox.agents.tools import Outcome, Tool, call, make_tools
from tinderbox.errors import BadRequest, Unavailable

OURS = f'command = ["{sys.executable}", "{server_file}", "TOKEN"]'


class Peer:
    """An agent whose only tool is the server `peer`."""

    def __init__(self, root: Path, server: str, more: str = "") -> None:
        self.root = root.resolve()
        (self.root / "notes").mkdir()
        self.token = f"token{abs(hash(self.root))}"
        head = (
            f'model = "m"\n{more}\n[folders]\nnotes = "{self.root}/notes"\n[tools.files]\n[tools.peer]\nkind = "mcp"\n'
        )
        text = head + server.replace("TOKEN", self.token)
        agent = parse(text, "a", self.root / "a.toml", self.root / "home")
        self.desk = make_desk(self.root / "scratch", agent.folders, agent.limits)
        self.outside = Outside(self.root / "indices", lambda model, texts: [])
        made = make_tools(agent, self.desk, sandbox=False, outside=self.outside)
        self.tools: dict[str, Tool] = {tool.name: tool for tool in made if tool.of == "peer"}

    def call(self, name: str, **given: Any) -> Outcome:
        return call(self.tools[name], given, self.desk)


@contextmanager
def peer(root: Path, server: str = OURS, more: str = "") -> Iterator[Peer]:
    made = Peer(root, server, more)
    with made.outside.closing:
        yield made


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    """One for all that leaves it as it was."""
    with peer(tmp_path_factory.mktemp("shared")) as made:
        yield made


def test_a_servers_tools_are_called_by_its_name_in_the_file(shared: Peer) -> None:
    names = sorted(shared.tools)
    told = shared.call("peer_add", a=2, b="3")

    assert names == [f"peer_{name}" for name in ("add", "die", "fail", "hang", "mislead", "say_long", "where")]
    assert told == Outcome("5", ok=True)


def test_what_goes_wrong_there_is_told(shared: Peer) -> None:
    wrong, failed = shared.call("peer_add", a="two", b=1), shared.call("peer_fail")

    assert (wrong.ok, failed.ok) == (False, False)
    assert wrong.text == "'a': 'two' is not of type 'integer'. Wanted: a (a whole number), b (a whole number)."
    assert "the ticket is closed" in failed.text


def test_a_server_that_dies_is_started_again_with_the_next_call(tmp_path: Path) -> None:
    with peer(tmp_path) as made:
        died, again = made.call("peer_die"), made.call("peer_add", a=1, b=1)

    assert died == Outcome("The server 'peer' does not answer: out of paper.", ok=False)
    assert again == Outcome("2", ok=True)


def test_a_server_that_hangs_is_left(tmp_path: Path) -> None:
    server = Server(Mcp("peer", (sys.executable, server_file)), tmp_path, seconds=0.5)

    with closing(server), pytest.raises(Unavailable, match="The server 'peer' does not answer: "):
        server.call("hang")


def test_nothing_of_it_is_left_when_the_run_ends(tmp_path: Path) -> None:
    with peer(tmp_path) as made:
        during = alive(made.token)

    assert (len(during), alive(made.token)) == (1, [])


def test_it_runs_in_the_scratch_folder_without_our_environment(shared: Peer) -> None:
    told = shared.call("peer_where").text

    assert told.startswith(f"{shared.root}/scratch ")
    assert "PYTEST_CURRENT_TEST" not in told


def test_a_long_result_is_cut(shared: Peer) -> None:
    assert len(shared.call("peer_say_long").text) < 4200


@pytest.mark.parametrize("server", ['command = ["/no/such/program"]', 'url = "http://127.0.0.1:9/mcp"'])
def test_a_server_that_is_not_there_is_one_tool_that_says_so(tmp_path: Path, server: str) -> None:
    with peer(tmp_path, server) as made:
        told = made.call("peer")

    assert list(made.tools) == ["peer"]
    assert (told.ok, told.text.startswith("The server 'peer' does not answer: ")) == (False, True)


def test_every_tool_of_it_asks_unless_the_file_says_otherwise(shared: Peer) -> None:
    assert {tool.asks for tool in shared.tools.values()} == {True}


def test_the_file_may_let_single_tools_act(tmp_path: Path) -> None:
    with peer(tmp_path, more='approval = ["peer_fail", "peer_die"]') as made:
        asking = sorted(name for name, tool in made.tools.items() if tool.asks)

    assert asking == ["peer_die", "peer_fail"]


def test_what_a_server_claims_changes_no_right(shared: Peer) -> None:
    told = shared.call("peer_mislead").text

    assert "it is approved" in told
    assert {(tool.asks, tool.repeats) for tool in shared.tools.values()} == {(True, False)}


@contextmanager
def listening(root: Path) -> Iterator[str]:
    """A box's own MCP server over HTTP."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(make_house(root), lifespan="off", log_level="error")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/mcp"
        finally:
            server.should_exit = True
            thread.join()


def test_a_server_is_asked_over_http(tmp_path: Path) -> None:
    (tmp_path / "house").mkdir()
    (tmp_path / "run").mkdir()

    with listening(tmp_path / "house") as address, peer(tmp_path / "run", f'url = "{address}"') as made:
        told = made.call("peer_ask", model="echo:1b", prompt="over there")

    assert told == Outcome("over there", ok=True)


def test_any_schema_is_held_to() -> None:
    schema = {
        "type": "object",
        "properties": {"tags": {"type": "array", "items": {"type": "string"}}, "count": {"type": "integer"}},
        "required": ["tags"],
    }

    assert read_arguments({"tags": ["a"], "count": "4"}, schema) == {"tags": ["a"], "count": 4}
    with pytest.raises(BadRequest, match=r"'tags.0': 5 is not of type 'string'"):
        read_arguments({"tags": [5]}, schema)


def test_a_schema_that_points_elsewhere_is_not_followed() -> None:
    schema = {"type": "object", "properties": {"x": {"$ref": "http://127.0.0.1:9/schema.json"}}}

    with pytest.raises(BadRequest, match="The tool's schema cannot be read"):
        read_arguments({"x": 1}, schema)


@pytest.mark.parametrize("schema", [{}, {"type": "text"}, {"type": "object", "required": "x"}, {"type": "array"}])
def test_what_is_no_schema_is_not_offered(schema: dict[str, Any]) -> None:
    assert not is_schema(schema)
