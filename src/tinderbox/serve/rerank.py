"""`/v1/rerank`: which documents fit a query best, by the cosine between their vectors, in the shape of Jina's API."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import Field

from tinderbox.engines.pool import Pool
from tinderbox.errors import BadRequest
from tinderbox.models.store import Store
from tinderbox.serve.bodies import Body, Items, Patient
from tinderbox.serve.embedding import embed


class Document(Body):
    text: str


class RerankRequest(Body):
    model: Annotated[str, Field(min_length=1)]
    query: Annotated[str, Field(min_length=1)]
    documents: Annotated[Items[str | Document], Field(min_length=1, max_length=2048)]
    top_n: Annotated[int, Field(ge=1)] | None = None
    return_documents: bool | None = None


def rerank_routes(pool: Pool, store: Store) -> APIRouter:
    router = APIRouter(prefix="/v1", tags=["Rerank"], route_class=Patient)

    @router.post("/rerank")
    async def rerank(body: RerankRequest, request: Request) -> dict[str, Any]:
        stored = store.find(body.model)
        if not stored.card().makes_embeddings_only:
            raise BadRequest(
                f"{stored.name} was made to chat, not to compare texts.", "Name an embedding model.", "model"
            )
        texts = [document if isinstance(document, str) else document.text for document in body.documents]
        made = await embed(pool, stored.name, [body.query, *texts], request)
        if len(made.vectors[0]) < 2:
            raise BadRequest(f"{stored.name} gives no vectors to compare.", "Name an embedding model.", "model")
        usage = {"prompt_tokens": made.tokens, "total_tokens": made.tokens}
        results = ranked(made.vectors[0], made.vectors[1:])[: body.top_n]
        shown = body.return_documents is True
        return {
            "object": "list",
            "model": body.model,
            "usage": usage,
            "results": [
                {"index": index, "relevance_score": score} | ({"document": {"text": texts[index]}} if shown else {})
                for index, score in results
            ],
        }

    return router


def ranked(query: list[float], documents: list[list[float]]) -> list[tuple[int, float]]:
    """Places and cosines, the best first. Vectors have the length one."""
    cosines = [sum(a * b for a, b in zip(query, document, strict=True)) for document in documents]
    return sorted(enumerate(cosines), key=lambda item: -item[1])
