"""The bytes of a request and the connection they come over: read, forgotten, cut short or cut off."""

import asyncio
import contextlib
import json
import math
from enum import Enum
from io import BytesIO
from typing import IO, Any

from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send

from bulkops.sandbox.responses import ApiError

UPLOAD_LIMIT = 1024 * 1024 * 1024
JSON_LIMIT = 16 * 1024 * 1024
INVALID = "The submitted data was invalid"
TRANSPORT = "bulkops.transport"


class Multipart(MultiPartParser):
    """Starlette's parser, which leaves the file of a part without an end open."""

    async def parse(self) -> FormData:
        """Return the complete parts and close the file of an incomplete one."""
        form = await super().parse()
        complete = {id(part.file) for _, part in form.multi_items() if isinstance(part, UploadFile)}
        for file in self._files_to_close_on_error:
            if id(file) not in complete:
                file.close()
        return form


class Content(Enum):
    """The content type that an operation reads from the body of a request."""

    NONE = "none"
    JSON = "JSON"
    FILE = "file"


class Body:
    """The body of a request: the uploaded part as a stream, or JSON. It is read to its end before any refusal."""

    def __init__(self, request: Request, content: Content) -> None:
        self._request = request
        self._content = content
        self.json: Any = None
        self.upload: IO[bytes] | None = None
        self._form: FormData | None = None

    async def __aenter__(self) -> "Body":
        media = self._request.headers.get("content-type", "").lower()
        if self._content is Content.FILE and media.startswith("multipart/form-data"):
            await self._read_form()
        elif self._content is Content.JSON:
            self.json = parsed(await self._read_text())
        else:
            await drain(self._request)
        return self

    async def _read_text(self) -> bytes:
        text = bytearray()
        async for block in self._request.stream():
            if len(text) <= JSON_LIMIT:
                text += block
        if len(text) > JSON_LIMIT:
            raise ApiError(400, f"{INVALID}: the body has more than {JSON_LIMIT} bytes")
        return bytes(text)

    async def _read_form(self) -> None:
        try:
            parser = Multipart(self._request.headers, self._request.stream(), max_part_size=UPLOAD_LIMIT)
            self._form = await parser.parse()
        except MultiPartException as problem:
            with contextlib.suppress(RuntimeError):  # Starlette's, if the stream was read to its end
                await drain(self._request)
            raise ApiError(400, f"{INVALID}: the multipart body cannot be read") from problem
        part = self._form.get("upFile")
        if isinstance(part, UploadFile):
            self.upload = part.file
        elif isinstance(part, str):
            # Clients of before May 2026 send the text as a plain form field, without a file name.
            self.upload = BytesIO(part.encode())

    async def __aexit__(self, *_: object) -> None:
        if self._form is not None:
            await self._form.close()


def parsed(text: bytes) -> Any:
    """Return the JSON of a body, None if it is empty; refuse with 400 if it is not JSON or cannot be stored."""
    if not text:
        return None
    try:
        found = json.loads(text, parse_constant=_refused, parse_float=_finite)
        # Escapes such as \ud800 are valid JSON, but half a character cannot be stored or printed.
        json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as problem:
        raise ApiError(400, f"{INVALID}: the body is not JSON") from problem
    return found


def _refused(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    found = float(text)
    if not math.isfinite(found):
        raise ValueError(f"{text} is too large")
    return found


async def drain(request: Request, share: float = 1.0) -> None:
    """Read the body and forget it: all of it, or about a share of the length the client announced."""
    enough = share * int(request.headers.get("content-length", "0") or 0)
    read = 0
    async for block in request.stream():
        read += len(block)
        if share < 1.0 and read >= enough:
            return


def transport(scope: Scope) -> asyncio.Transport:
    """Return the connection under a request."""
    found: asyncio.Transport = scope[TRANSPORT]
    return found


async def hang_up(scope: Scope, receive: Receive) -> None:
    """Cut the connection, and wait until the server knows."""
    transport(scope).abort()
    while (await receive())["type"] != "http.disconnect":
        pass


def truncating(scope: Scope, send: Send) -> Send:
    """Return a `send` that passes half of the first block of the body on, and then closes the connection."""
    cut = False

    async def half(message: Message) -> None:
        nonlocal cut
        if message["type"] == "http.response.start":
            await send(message)
        elif not cut:
            cut = True
            block = message.get("body", b"")
            await send({"type": "http.response.body", "body": block[: len(block) // 2], "more_body": True})
            transport(scope).close()

    return half
