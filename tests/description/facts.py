"""The facts of facts.yaml: every operation of the API, and the faults of a response."""

import csv
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
LIMITS = re.compile(r"(?P<least>[^.]*)\.\.(?P<most>.*)")
MEDIA = {"csv": "application/csv", "json": "application/json"}

# The description declares no error statuses for most operations; docs/reference/sandbox.md lists those of the sandbox.
UNDECLARED = {400, 401, 404, 429}
CHECKS: Mapping[str, Callable[[Any], bool]] = {
    "integer": lambda value: type(value) is int,
    "number": lambda value: type(value) in (int, float),
    "boolean": lambda value: type(value) is bool,
    "text": lambda value: isinstance(value, str),
    "email": lambda value: isinstance(value, str) and "@" in value,
    "instant": lambda value: isinstance(value, str) and INSTANT.fullmatch(value) is not None and _exists(value),
}
ERROR_BODIES: Mapping[str, Any] = {
    "plain": {"message": "text", "errors~": ["Problem"]},
    "status": {"message~": "text", "errors~": ["Problem"], "StatusCode~": "integer"},
}
PROBLEM = {
    "title": "text",
    "details~": "text",
    "source": {"pointer~": "text", "parameter~": "text", "line~": "text", "resource~": "text"},
}


def _exists(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


@dataclass(frozen=True)
class Response:
    """A response as it came."""

    status: int
    media: str
    body: bytes


@dataclass(frozen=True)
class Operation:
    """One operation; names of `query` that end in ~ are optional."""

    name: str
    method: str
    path: str
    query: dict[str, Any] = field(default_factory=dict)
    sends: Any = None
    gives: dict[int, Any] = field(default_factory=dict)
    columns: list[str] | None = None
    errors: dict[int, str] = field(default_factory=dict)

    @property
    def ids(self) -> list[str]:
        """The names of the path parameters."""
        return re.findall(r"\{(\w+)\}", self.path)

    @property
    def parameters(self) -> dict[str, str]:
        """The query parameters and their types; those of a list's items for a list."""
        return {name.rstrip("~"): kind[0] if isinstance(kind, list) else kind for name, kind in self.query.items()}

    @property
    def required(self) -> list[str]:
        """The names of the required query parameters."""
        return [name for name in self.query if not name.endswith("~")]

    def violations(self, found: Response) -> list[str]:
        """Return the parts of a response that the description does not declare, except UNDECLARED statuses."""
        if found.status in self.gives:
            return list(self._of_success(found))
        declared = self.errors.get(found.status)
        if declared is None and found.status not in UNDECLARED:
            return [f"status {found.status}: {found.body[:200]!r}"]
        return list(self._of_error(found, declared or ("csv status" if self.columns is not None else "json status")))

    def _of_success(self, found: Response) -> Iterator[str]:
        wanted = self.gives[found.status]
        if wanted == "nothing":
            yield from [f"a body of {len(found.body)} bytes"] if found.body else []
            return
        media = MEDIA["csv" if wanted == "csv" else "json"]
        if found.media != media:
            yield f"{found.media} instead of {media}"
        elif wanted == "csv":
            yield from self._of_csv(found.body)
        else:
            yield from mismatches(wanted, json.loads(found.body))

    def _of_csv(self, body: bytes) -> Iterator[str]:
        header, *_ = csv.reader(io.StringIO(body.decode(), newline=""), strict=True)
        if self.columns and header not in (self.columns, ["value"]):
            yield f"the header {header}"

    @staticmethod
    def _of_error(found: Response, declared: str) -> Iterator[str]:
        media, shape = declared.split()
        if found.media != MEDIA[media]:
            yield f"status {found.status}: {found.media} instead of {MEDIA[media]}"
        body = json.loads(found.body)
        yield from mismatches(ERROR_BODIES[shape], body)
        if body.get("StatusCode", found.status) != found.status:
            yield f"StatusCode {body['StatusCode']} with the status {found.status}"


def mismatches(kind: Any, value: Any, at: str = "") -> Iterator[str]:
    """Yield where a value is not of a type of facts.yaml; `at` is the path to the value."""
    if isinstance(kind, str) and kind in SHAPES:
        kind = SHAPES[kind]
    if isinstance(kind, list):
        yield from [] if isinstance(value, list) else [f"{at}: {value!r} is not a list"]
        for place, item in enumerate(value if isinstance(value, list) else []):
            yield from mismatches(kind[0], item, f"{at}[{place}]")
    elif isinstance(kind, dict):
        yield from _object_mismatches(kind, value, at) if isinstance(value, dict) else [f"{at}: no object: {value!r}"]
    elif not _fits(kind, value):
        yield f"{at}: {value!r} is not {kind}"


def _object_mismatches(kind: dict[str, Any], value: dict[str, Any], at: str) -> Iterator[str]:
    declared = {name.rstrip("~"): each for name, each in kind.items()}
    yield from [f"{at}: {name} is missing" for name in kind if not name.endswith(("~", "*")) and name not in value]
    for name, item in value.items() if kind else ():
        each = declared.get(name, declared.get("*"))
        yield from [f"{at}: {name} is not declared"] if each is None else mismatches(each, item, f"{at}.{name}")


def _fits(kind: str, value: Any) -> bool:
    if kind.startswith("one of "):
        choices = kind.removeprefix("one of ")
        return value in choices.split("|" if "|" in choices else " ")
    name, _, limits = kind.partition(" ")
    if not CHECKS[name](value):
        return False
    found = LIMITS.fullmatch(limits)
    size = len(value) if name == "text" else value
    return found is None or float(found["least"] or "-inf") <= size <= float(found["most"] or "inf")


def _load() -> tuple[dict[str, Any], dict[str, Operation]]:
    given = yaml.safe_load((Path(__file__).parent / "facts.yaml").read_text(encoding="utf-8"))
    operations: dict[str, Operation] = {}
    for name, facts in given["operations"].items():
        method, _, path = facts.pop("call").partition(" ")
        if "csv" in facts["gives"].values():
            facts.setdefault("columns", [])
        operations[name] = Operation(name=name, method=method, path=path, **facts)
    return {**given["shapes"], "Problem": PROBLEM}, operations


SHAPES, OPERATIONS = _load()
