"""Read a description of the API from a file or a folder: OpenAPI (YAML or JSON), or Markdown pages of an SDK."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bulkops.description import markdown, openapi
from bulkops.description.described import DescribedOperation, Description
from bulkops.documents import parse_json, parse_yaml, read_document
from bulkops.errors import InputUnreadable

LARGEST = 32_000_000
VALUES = 2_000_000
SUFFIXES = (".yaml", ".yml", ".json", ".md")
_PATH_COMMENT = re.compile(r"^#\s*path:\s*(/\S+)\s*$", re.MULTILINE)
_FIRST_LINES = 1000
_HINT = (
    "Give the OpenAPI description of the Management API (YAML or JSON), a folder of it, or an SDK's ManagementApi.md."
)


def read_description(place: Path) -> Description:
    """Return the description in a file or folder; InputUnreadable if it cannot be read or describes no operation."""
    if not place.is_dir():
        found = _read(place)
        if not found.operations:
            raise InputUnreadable(f"{place} describes no operation of the API.", hint=_HINT)
        return found
    try:
        files = sorted(path for path in place.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    except OSError as error:
        raise InputUnreadable(f"{place} cannot be read: {error.strerror}.") from None
    parts = [part for part in map(_read, files) if part.operations]
    if not parts:
        raise InputUnreadable(f"No file in {place} describes an operation of the API.", hint=_HINT)
    operations = {key: each for part in parts for key, each in part.operations.items()}
    return Description(
        source=str(place),
        operations=operations,
        whole=True,
        version=next((part.version for part in parts if part.version), ""),
        states_details=any(part.states_details for part in parts),
    )


def _read(path: Path) -> Description:
    """Return the description in one file; without operations if it is another kind of document."""
    try:
        text = read_document(path, most=LARGEST)
        if path.suffix.lower() == ".md" or (path.suffix.lower() not in SUFFIXES and markdown.is_sdk_page(text)):
            found = markdown.operations_in(text)
            return _described(path, found, whole=True, states_details=False)
        document = parse_json(text) if path.suffix.lower() == ".json" else parse_yaml(text, values=VALUES)
        if openapi.is_document(document):
            version = str((document.get("info") or {}).get("version") or "")
            return _described(path, openapi.operations_in(document), whole=True, version=version)
        if openapi.is_path_item(document):
            return _described(path, openapi.operations_in(document, _path_of(path, text)), whole=False)
    except UnicodeDecodeError:
        raise InputUnreadable(f"{path} is not UTF-8.", hint=_HINT) from None
    except ValueError as error:
        why = " ".join(str(error).split())
        raise InputUnreadable(f"{path} is not a readable description: {why}.", hint=_HINT) from None
    except (AttributeError, KeyError, TypeError) as error:
        raise InputUnreadable(f"{path} is not an OpenAPI description: {error}.", hint=_HINT) from None
    return _described(path, (), whole=False)


def _described(path: Path, found: Iterable[DescribedOperation], *, whole: bool, **facts: Any) -> Description:
    return Description(source=str(path), operations={each.key: each for each in found}, whole=whole, **facts)


def _path_of(file: Path, text: str) -> str:
    """Return the path of a path item: from a comment before it, or else from the file's name with / for -."""
    comment = _PATH_COMMENT.search(text[:_FIRST_LINES])
    return comment[1] if comment else "/" + file.stem.lstrip("-").replace("-", "/")
