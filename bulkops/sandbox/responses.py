"""Responses: the two error bodies of the API, JSON, and CSV as a stream."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from starlette.responses import Response, StreamingResponse

CSV_MEDIA = "application/csv"

# A cell of a refused file can have megabytes; an error names the start of it.
LONGEST_TEXT = 1000


@dataclass(frozen=True)
class Problem:
    """One entry of an error body's `errors`; `source` has one key: pointer, parameter or line."""

    title: str
    details: str
    source: dict[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return the documented form; a problem without a place has the line `N/A`."""
        return {"title": self.title, "details": _cut(self.details), "source": self.source or {"line": "N/A"}}


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}…"


class ApiError(Exception):
    """A refusal to be sent as an error body."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        problems: tuple[Problem, ...] = (),
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.problems = problems
        self.headers = headers or {}


def bad_parameter(name: str, details: str) -> ApiError:
    """Return the 400 for a query parameter."""
    problem = Problem("Invalid parameter", details, {"parameter": name})
    return ApiError(400, "The submitted data was invalid", problems=(problem,))


def bad_field(pointer: str, details: str) -> ApiError:
    """Return the 400 for a field of a JSON body, named by its JSON pointer."""
    problem = Problem("Invalid field", details, {"pointer": pointer})
    return ApiError(400, "The submitted data was invalid", problems=(problem,))


def error_response(error: ApiError, *, with_status: bool, media_type: str = "application/json") -> Response:
    """Return the body `ErrorResponseWithStatus`, or `ErrorResponse` where `with_status` is false."""
    body: dict[str, Any] = {"message": _cut(error.message), "errors": [each.as_json() for each in error.problems]}
    if with_status:
        body["StatusCode"] = error.status
    text = json.dumps(body, ensure_ascii=False)
    return Response(text, status_code=error.status, media_type=media_type, headers=error.headers)


def json_response(body: Any, status: int = 200) -> Response:
    """Return `body` as JSON."""
    return Response(json.dumps(body, ensure_ascii=False), status_code=status, media_type="application/json")


def csv_response(lines: Iterator[str], *, name: str) -> Response:
    """Stream CSV lines in blocks of about 64 KiB; the header is made at once, so that a refusal can still be sent."""
    header = next(lines)
    headers = {"content-disposition": f'attachment; filename="{name}.csv"'}
    return StreamingResponse(_blocks(chain([header], lines)), media_type=CSV_MEDIA, headers=headers)


def _blocks(lines: Iterator[str]) -> Iterator[bytes]:
    block: list[str] = []
    size = 0
    for line in lines:
        block.append(line)
        size += len(line)
        if size >= 65536:
            yield "".join(block).encode()
            block, size = [], 0
    yield "".join(block).encode()


def cell(value: object) -> str:
    """Return one CSV cell, quoted only where it must be; None is empty."""
    text = "" if value is None else str(value)
    if any(mark in text for mark in ',"\r\n'):
        return quoted(text)
    return text


def quoted(text: str) -> str:
    """Return a CSV cell in quotes, as the exports print JSON."""
    return '"' + text.replace('"', '""') + '"'
