"""A form with one file in it (multipart/form-data), read as it comes: words are held, the file passes through."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header
from starlette.requests import ClientDisconnect

from tinderbox.errors import BadRequest
from tinderbox.units import KiB, MiB

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

FILE = "file"  # the field that the file comes in
_LARGEST_FIELD = 8 * KiB
_MOST_FIELDS = 16
_PIECE = MiB  # of the file, gathered before it is written
logging.getLogger("python_multipart").setLevel(logging.CRITICAL)  # what was wrong is told to who sent it, no log
_HOW = "Send multipart/form-data with a part 'file', which has a filename, and a part for each other field."


@dataclass(slots=True)
class Form:
    """The words that came, and the name that the file goes by; None where no file came."""

    fields: dict[str, str] = field(default_factory=dict)
    filename: str | None = None


async def read_form(content_type: str, body: AsyncIterable[bytes], write: Callable[[bytes], object]) -> Form:
    """`write` gets the file piece by piece, in a thread. Raises BadRequest, and whatever `write` raises."""
    kind, options = parse_options_header(content_type)
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        raise BadRequest("The body did not come as a form.", _HOW)
    reader = _Reader()
    try:
        parser = MultipartParser(options[b"boundary"], reader.callbacks)
        async for piece in body:
            parser.write(piece)
            if len(reader.pending) >= _PIECE:
                await asyncio.to_thread(write, reader.take())
    except FormParserError as error:
        raise BadRequest(f"The form cannot be read: {error}.", _HOW) from error
    except ClientDisconnect as error:
        raise BadRequest("The body ended early.") from error
    if not reader.is_whole:
        raise BadRequest("The form ends in the middle.", _HOW)
    await asyncio.to_thread(write, reader.take())
    return reader.form


class _Reader:
    """What the parser tells, one part after another."""

    def __init__(self) -> None:
        self.form = Form()
        self.pending = bytearray()
        self.is_whole = False
        self._name = ""
        self._value = bytearray()
        self._header = bytearray()
        self._content = bytearray()
        self._disposition = ""

    @property
    def callbacks(self) -> MultipartCallbacks:
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._on_header,
            "on_header_value": self._on_content,
            "on_header_end": self._end_header,
            "on_headers_finished": self._end_headers,
            "on_part_data": self._on_data,
            "on_part_end": self._end,
            "on_end": self._end_form,
        }

    def take(self) -> bytes:
        taken, self.pending = bytes(self.pending), bytearray()
        return taken

    def _begin(self) -> None:
        self._name, self._disposition, self._value = "", "", bytearray()
        if len(self.form.fields) >= _MOST_FIELDS:
            raise BadRequest(f"The form has more than {_MOST_FIELDS} fields.")

    def _on_header(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _on_content(self, data: bytes, start: int, end: int) -> None:
        self._content += data[start:end]

    def _end_header(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = self._content.decode("latin-1")
        self._header, self._content = bytearray(), bytearray()

    def _end_headers(self) -> None:
        _, options = parse_options_header(self._disposition)
        if b"name" not in options:
            raise BadRequest("A part of the form has no name.", _HOW)
        self._name = name = options[b"name"].decode(errors="replace")
        if name in self.form.fields or (name == FILE and self.form.filename is not None):
            raise BadRequest(f"'{name[:100]}' came twice.", "", name)
        if name == FILE:
            if b"filename" not in options:
                raise BadRequest("'file' is no file.", _HOW, FILE)
            self.form.filename = options[b"filename"].decode(errors="replace")

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        if self._name == FILE:
            self.pending += memoryview(data)[start:end]
            return
        self._value += data[start:end]
        if len(self._value) > _LARGEST_FIELD:
            raise BadRequest(f"'{self._name[:100]}' is larger than {_LARGEST_FIELD // KiB} KiB.", "", self._name)

    def _end(self) -> None:
        if self._name != FILE:
            self.form.fields[self._name] = self._value.decode(errors="replace")

    def _end_form(self) -> None:
        self.is_whole = True
