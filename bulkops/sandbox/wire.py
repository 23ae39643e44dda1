"""The bytes of a request and the connection they come over: read, forgotten, cut short or cut off."""

import asyncio
import json
from io import BytesIO
from typing import IO, Any

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send

from bulkops.sandbox.answers import ApiError

UPLOAD_LIMIT = 1024 * 1024 * 1024
TRANSPORT = "bulkops.transport"


class Body:
    """The body of a request: the uploaded part as a stream, or JSON."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self.json: Any = None
        self.upload: IO[bytes] | None = None
        self._form: Any = None

    async def __aenter__(self) -> "Body":
        if self._request.headers.get("content-type", "").startswith("multipart/form-data"):
            await self._read_form()
            return self
        text = await self._request.body()
        if text:
            try:
                self.json = json.loads(text)
            except ValueError as problem:
                raise ApiError(400, "The submitted data was invalid: the body is not JSON") from problem
        return self

    async def _read_form(self) -> None:
        try:
            self._form = await self._request.form(max_part_size=UPLOAD_LIMIT)
        except (MultiPartException, HTTPException, KeyError) as problem:
            raise ApiError(400, "The submitted data was invalid: the multipart body cannot be read") from problem
        part = self._form.get("upFile")
        if isinstance(part, UploadFile):
            self.upload = part.file
        elif isinstance(part, str):
            # Clients of before May 2026 send the text as a plain form field, without a file name.
            self.upload = BytesIO(part.encode())

    async def __aexit__(self, *_: object) -> None:
        if self._form is not None:
            await self._form.close()


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
