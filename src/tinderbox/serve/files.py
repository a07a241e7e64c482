"""Files under `/v1/files`, in OpenAI's words: what clients send for other work to read."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal, get_args

from fastapi import APIRouter, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tinderbox.errors import BadRequest
from tinderbox.models.store import Store
from tinderbox.serve.form import FILE, Form, read_form
from tinderbox.serve.kept_files import KeptFiles, Label
from tinderbox.serve.responses import owner_of, page_of

Purpose = Literal["assistants", "batch", "fine-tune", "vision", "user_data", "evals"]
_HOUR, _MONTH = 3600, 30 * 86_400  # seconds
_MOST = 10_000
_BYTES: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}
}
# The body is read by ourselves, so that a file never lies in memory, and is described by ourselves.
_FORM: dict[str, Any] = {
    "type": "object",
    "required": [FILE, "purpose"],
    "additionalProperties": False,
    "properties": {
        FILE: {"type": "string", "format": "binary", "minLength": 1},
        "purpose": {"type": "string", "enum": list(get_args(Purpose))},
        "expires_after[anchor]": {"type": "string", "enum": ["created_at"]},
        "expires_after[seconds]": {"type": "integer", "minimum": _HOUR, "maximum": _MONTH},
    },
    "dependentRequired": {
        "expires_after[anchor]": ["expires_after[seconds]"],
        "expires_after[seconds]": ["expires_after[anchor]"],
    },
}
_DESCRIBED = {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": _FORM}}}}


class ExpiresAfter(BaseModel):
    model_config = ConfigDict(extra="forbid")
    anchor: Literal["created_at"]
    seconds: Annotated[int, Field(ge=_HOUR, le=_MONTH)]


class FileOrder(BaseModel):
    """What the form says beside the file."""

    model_config = ConfigDict(extra="forbid")
    purpose: Purpose
    expires_after: ExpiresAfter | None = None

    @property
    def lasts(self) -> float | None:
        """Seconds; files of batches go after a month if nothing was said, others stay."""
        if self.expires_after is not None:
            return self.expires_after.seconds
        return _MONTH if self.purpose == "batch" else None


def file_routes(store: Store) -> APIRouter:
    router = APIRouter(prefix="/v1/files", tags=["OpenAI"])
    files = KeptFiles(store.home)
    files.tidy()

    @router.post("", openapi_extra=_DESCRIBED)
    async def create(request: Request) -> dict[str, Any]:
        headers = request.headers
        with files.incoming(int(headers.get("content-length", 0))) as incoming:
            form = await read_form(headers.get("content-type", ""), request.stream(), incoming.write)
            label = label_of(form)
            if not incoming.size:
                raise BadRequest("'file' is empty.", "", FILE)
            kept = await asyncio.to_thread(incoming.keep, owner_of(request), label)
        return kept.as_json()

    @router.get("")
    def listed(
        request: Request,
        purpose: str | None = None,
        limit: Annotated[int, Query(ge=1, le=_MOST)] = _MOST,
        order: Literal["asc", "desc"] = "desc",
        after: str | None = None,
    ) -> dict[str, Any]:
        found = [file.as_json() for file in files.list(owner_of(request), purpose)]
        return page_of(found if order == "asc" else found[::-1], limit, after)

    @router.get("/{file_id}")
    def read(file_id: str, request: Request) -> dict[str, Any]:
        return files.find(owner_of(request), file_id).as_json()

    @router.get("/{file_id}/content", response_class=FileResponse, responses=_BYTES)
    def content(file_id: str, request: Request) -> FileResponse:
        """Never shown by a browser as a page of the box: it is somebody's, and may say anything."""
        file = files.find(owner_of(request), file_id)
        safe = {"X-Content-Type-Options": "nosniff"}
        return FileResponse(files.content(file), 200, safe, "application/octet-stream", filename=file.filename)

    @router.delete("/{file_id}")
    def delete(file_id: str, request: Request) -> dict[str, Any]:
        files.delete(owner_of(request), file_id)
        return {"id": file_id, "object": "file", "deleted": True}

    return router


def label_of(form: Form) -> Label:
    """Raises BadRequest and RequestValidationError."""
    if form.filename is None:
        raise BadRequest("'file' is missing.", "", FILE)
    try:
        order = FileOrder.model_validate(_nested(form.fields))
    except ValidationError as error:
        raise RequestValidationError(error.errors()) from error
    return Label(form.filename, order.purpose, order.lasts)


def _nested(fields: dict[str, str]) -> dict[str, Any]:
    """`{"a[b]": "c"}` as `{"a": {"b": "c"}}`, as clients write an object in a form."""
    nested: dict[str, Any] = {}
    for name, value in fields.items():
        outer, _, inner = name.partition("[")
        if inner.endswith("]") and isinstance(nested.setdefault(outer, {}), dict):
            nested[outer][inner[:-1]] = value
        else:
            nested[name] = value
    return nested
