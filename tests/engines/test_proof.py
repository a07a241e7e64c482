"""A token that costs nobody their cached prefix: with the engine's own words, and with the real engine."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tinderbox.engines.engine import Reply, Settings
from tinderbox.engines.llamacpp import LlamaCpp
from tinderbox.engines.proof import ask_token

pytestmark = pytest.mark.anyio
IDLE = {"id": 0, "is_processing": False}
SPOKEN = {"id": 1, "is_processing": False, "id_task": 7, "n_prompt_tokens": 3, "prompt": "a b", "generated": " c"}


class Said:
    """An engine that says what it was given to say, and knows what it was asked."""

    def __init__(self, slots: list[dict[str, Any]], tokens: list[int], cached: int = 0) -> None:
        self.says: dict[str, Any] = {
            "/slots": slots,
            "/tokenize": {"tokens": tokens},
            "/completion": {"timings": {"cache_n": cached}},
        }
        self.asked: dict[str, Any] = {}

    async def __call__(self, path: str, body: bytes | None) -> Reply:
        self.asked[path] = json.loads(body or b"null")
        return Reply(200, "application/json", self._body(path), lambda: None)

    async def _body(self, path: str) -> AsyncIterator[bytes]:
        yield json.dumps(self.says[path]).encode()


async def test_the_newest_conversation_is_asked_for_its_own_next_token() -> None:
    engine = Said([IDLE, SPOKEN | {"id": 2, "id_task": 3}, SPOKEN], tokens=[4, 5, 6], cached=2)

    assert await ask_token(engine) == "given"

    assert engine.asked["/completion"] == {"prompt": [4, 5, 6], "n_predict": 1, "id_slot": 1, "cache_prompt": True}


async def test_the_token_that_is_known_and_not_cached_is_left_out() -> None:
    engine = Said([SPOKEN], tokens=[4, 5, 6, 7], cached=2)

    assert await ask_token(engine) == "given"

    assert engine.asked["/completion"]["prompt"] == [4, 5, 6]


async def test_an_engine_that_nobody_used_yet_is_asked_anything() -> None:
    engine = Said([IDLE], tokens=[])

    assert await ask_token(engine) == "given"


async def test_conversations_that_were_put_back_are_not_asked_over() -> None:
    assert await ask_token(Said([IDLE], tokens=[]), restored=True) == "withheld"


@pytest.mark.parametrize(
    "slot",
    [SPOKEN | {"is_processing": True}, SPOKEN | {"n_prompt_tokens": 9}, SPOKEN | {"n_prompt_tokens": 0}, {"id": 0}],
    ids=["at work", "other words than tokens", "empty", "told nothing"],
)
async def test_a_token_is_withheld_where_it_would_cost_something(slot: dict[str, Any]) -> None:
    engine = Said([slot], tokens=[4, 5, 6])

    assert await ask_token(engine) == "withheld"

    assert "/completion" not in engine.asked


async def test_a_model_that_reads_much_again_is_known_to_be_dear() -> None:
    assert await ask_token(Said([SPOKEN], tokens=[4, 5, 6], cached=0)) == "dear"


async def turns(engine: LlamaCpp, proofs: int) -> list[int]:
    """How many tokens each turn of two conversations, told in turns, found in the cache."""
    conversations: list[list[dict[str, Any]]] = [
        [{"role": "user", "content": f"{who} tells of the sea."}] for who in "AB"
    ]
    found = []
    for messages in conversations * 3:
        ask = {"messages": messages, "max_tokens": 24, "temperature": 0}
        reply = await engine.reply("/v1/chat/completions", json.dumps(ask).encode())
        answer = json.loads(b"".join([piece async for piece in reply.body]))
        found.append(answer["timings"]["cache_n"])
        messages += [answer["choices"][0]["message"], {"role": "user", "content": "And then?"}]
        for _ in range(proofs):
            await engine.prove(token=True)
    return found


@pytest.mark.slow
async def test_the_next_turn_finds_all_of_its_prefix_however_often_a_token_was_proved(
    starter: Path, tmp_path: Path
) -> None:
    found = {}
    for proofs in (0, 2):
        settings = Settings("starter", starter, context=512, parallel=2, threads=1)
        engine = LlamaCpp(settings, tmp_path, tmp_path / "log")
        await engine.load()
        proved = await engine.prove(token=True)
        found[proofs] = await turns(engine, proofs)
        await engine.close()

    assert proved
    assert found[2] == found[0]
    assert "tells of the sea" not in (tmp_path / "log").read_text()
