"""Remember the target and the filters of a file that an export wrote.

An export of members, items or stores shows none of this in its rows. A receipt counts as long as the file is as it
was written: the same path, size and time of its last change.
"""

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bulkops.errors import UsageError
from bulkops.exporting.request import Request
from bulkops.remote.paths import RemotePath, pinned_version
from bulkops.settings import state_folder

FOLDER = "exports"
FORM_OF_VALUES = "date-format"


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """An export that was saved. `filters` are those that select rows, by option name."""

    what: str
    address: str
    ids: Mapping[str, int | str] = field(default_factory=dict)
    filters: Mapping[str, str | list[str]] = field(default_factory=dict)


def keep_receipt(path: Path, request: Request, address: str) -> None:
    """Remember a file that was just written; an export does not fail if this fails."""
    chosen = {name: value for name, value in request.values.items() if name != FORM_OF_VALUES}
    document = {
        "what": request.export.name, "address": address, "ids": dict(request.ids), "filters": chosen, **_state(path),
    }  # fmt: skip
    with suppress(OSError, UsageError):
        place = _place(path)
        place.parent.mkdir(exist_ok=True, mode=0o700)
        part = place.with_name(f"{place.name}.part")
        part.write_text(json.dumps(document))
        part.replace(place)


def receipt_of(path: Path) -> Receipt | None:
    """Return the receipt of a saved export; None if there is none, or the file has changed since."""
    try:
        found: Any = json.loads(_place(path).read_text())
        if any(found[name] != value for name, value in _state(path).items()):
            return None
        return Receipt(what=found["what"], address=found["address"], ids=found["ids"], filters=found["filters"])
    except (OSError, UsageError, ValueError, KeyError, TypeError):
        return None


def _state(path: Path) -> dict[str, int | str]:
    if isinstance(path, RemotePath):
        return {"path": str(path), "version": json.dumps(pinned_version(path))}
    found = path.stat()
    return {"path": str(path.resolve()), "size": found.st_size, "changed": found.st_mtime_ns}


def _place(path: Path) -> Path:
    name = hashlib.sha256(str(path.resolve()).encode("utf-8", "surrogateescape")).hexdigest()[:32]
    return state_folder() / FOLDER / f"{name}.json"
