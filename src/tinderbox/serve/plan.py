"""Plans under `/box`: this machine, the boxes that can be planned for, and what fits with which speed."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from tinderbox.engines.pool import Pool
from tinderbox.machine.catalogue import boxes as every_box
from tinderbox.planning import Planner, Question, as_json, points_as_json
from tinderbox.units import Bytes

Count = Annotated[int | None, Query(le=2**31 - 1)]
Word = Annotated[str | None, Query()]


def held_by(pool: Pool) -> Bytes:
    """What our own models hold: for a plan it can be had, by stopping them."""
    return sum(lease.measured or 0 for lease in pool.leases())


def plan_routes(planner: Planner) -> APIRouter:
    router = APIRouter(prefix="/box", tags=["Tinderbox"])

    @router.get("/machine")
    def machine() -> dict[str, Any]:
        return planner.machine(None).as_json()

    @router.get("/boxes")
    def boxes() -> dict[str, Any]:
        return {"boxes": [{"id": box.id, "name": box.name} for box in every_box()]}

    @router.get("/plan")
    def plan(
        model: Annotated[str, Query(min_length=1)],
        box: Word = None,
        engine: Word = None,
        quant: Word = None,
        kv_type: Word = None,
        context: Count = None,
        depth: Count = None,
        prompt: Count = None,
        parallel: Count = None,
        boxes: Count = None,
    ) -> dict[str, Any]:
        """The plan as `tinderbox plan --json` prints it, and decode speed over depths."""
        words = {"box": box, "engine": engine, "quant": quant, "kv_type": kv_type}
        counts = {"context": context, "depth": depth, "prompt": prompt, "parallel": parallel, "boxes": boxes}
        return answer(planner, model, words, counts)

    return router


def answer(planner: Planner, model: str, words: dict[str, str | None], counts: dict[str, int | None]) -> dict[str, Any]:
    """What is None or empty stays at its default."""
    given: dict[str, Any] = {key: value for key, value in {**words, **counts}.items() if value not in (None, "")}
    question = Question(model, **given)
    return as_json(planner.answer(question)) | {"depths": points_as_json(planner.points(question))}
