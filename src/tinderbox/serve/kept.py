"""Responses that were kept, so that a later one can go on from them: bounded in number, age and size."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinderbox.errors import BadRequest, NoSuchResponse
from tinderbox.state import opened, writing

_MOST = 10_000
_OLDEST = 30 * 86_400.0  # seconds
_LARGEST = 500_000_000  # bytes, of all of them
_LONGEST = 1000  # turns of a conversation

Item = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Turn:
    """What was asked in one turn, as items, and the response to it."""

    input: list[Item]
    response: dict[str, Any]

    @property
    def items(self) -> list[Item]:
        return [*self.input, *self.response["output"]]


class Kept:
    """The responses under `home`. Each is its owner's alone: for anybody else there is none by that name."""

    def __init__(self, home: Path, clock: Callable[[], float] = time.time, most: int = _MOST) -> None:
        self._home = home
        self._clock = clock
        self._most = most

    def keep(self, owner: str, turn: Turn) -> None:
        asked, answered = json.dumps(turn.input), json.dumps(turn.response)
        previous = turn.response.get("previous_response_id")
        row = (turn.response["id"], owner, previous, self._clock(), len(asked) + len(answered), asked, answered)
        with opened(self._home) as db, writing(db):
            db.execute("INSERT INTO responses VALUES (?, ?, ?, ?, ?, ?, ?)", row)
            db.execute("DELETE FROM responses WHERE created < ?", (self._clock() - _OLDEST,))
            db.execute(
                "DELETE FROM responses WHERE id IN (SELECT id FROM (SELECT id, row_number() OVER newest AS place, "
                "sum(size) OVER newest AS held FROM responses WINDOW newest AS (ORDER BY created DESC, id)) "
                "WHERE place > ? OR (held > ? AND place > 1))",
                (self._most, _LARGEST),
            )

    def find(self, owner: str, id: str) -> Turn:
        """Raises NoSuchResponse."""
        with opened(self._home) as db:
            query = "SELECT input, response FROM responses WHERE id = ? AND owner = ? AND created >= ?"
            row = db.execute(query, (id, owner, self._clock() - _OLDEST)).fetchone()
        if row is None:
            raise NoSuchResponse(
                f"There is no response '{id[:100]}'.", "It was not stored, is too old, or was deleted."
            )
        return Turn(json.loads(row[0]), json.loads(row[1]))

    def delete(self, owner: str, id: str) -> None:
        """Raises NoSuchResponse."""
        self.find(owner, id)
        with opened(self._home) as db:
            db.execute("DELETE FROM responses WHERE id = ? AND owner = ?", (id, owner))

    def before(self, owner: str, id: str | None) -> list[Item]:
        """All items of the conversation up to and with the response `id`, the oldest first."""
        turns: list[Turn] = []
        previous = id
        while previous is not None:
            try:
                turns.append(self.find(owner, previous))
            except NoSuchResponse as error:
                what = f"The previous response '{previous[:100]}' was not found."
                raise BadRequest(what, error.remedy, "previous_response_id") from error
            previous = turns[-1].response.get("previous_response_id")
            if len(turns) > _LONGEST:
                raise BadRequest(f"The conversation has over {_LONGEST} turns.", "", "previous_response_id")
        return [item for turn in reversed(turns) for item in turn.items]
