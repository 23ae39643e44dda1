"""Write an account to a snapshot file (JSON), and read it without a network."""

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from bulkops.account.model import Account
from bulkops.documents import parse_json, read_document
from bulkops.errors import UsageError
from bulkops.limits import MAX_JSON_BYTES
from bulkops.remote.paths import fetch
from bulkops.wording import counted
from bulkops.writing import OWN_ONLY, Permit, whole_file

if TYPE_CHECKING:
    from bulkops.json_documents.findings import SnapshotSource

MINUTE, HOUR, DAY = 60.0, 3_600.0, 86_400.0


def write_snapshot(account: Account, path: Path, permit: Permit = OWN_ONLY) -> None:
    """Write a snapshot completely or not at all; UsageError if another file exists or the file cannot be written."""
    document = account.model_dump(mode="json", exclude_none=True)
    document["complete"] = sorted(document["complete"])
    with whole_file(path, permit) as file:
        file.write((json.dumps(document, ensure_ascii=False, indent=1) + "\n").encode())


def read_snapshot(path: Path, *, now: datetime, max_age: float | None = None) -> Account:
    """Return the account of a snapshot file; UsageError if the file is invalid or older than `max_age` seconds."""
    again = f"Write a new one with: bulkops snapshot -o {path} --overwrite"
    try:
        fetch(path)
        document: Any = parse_json(read_document(path, what="The snapshot", most=MAX_JSON_BYTES))
        account = Account.model_validate(document)
    except ValidationError as error:
        (first, *_) = error.errors()
        place = ".".join(map(str, first["loc"])) or "the document"
        raise UsageError(
            f"{path} is not a snapshot of this version of bulkops: {place}: {first['msg']}.", hint=again
        ) from None
    except ValueError as error:
        raise UsageError(f"{path} is not a snapshot: {error}.", hint=again) from None
    age = account.age(now)
    if max_age is not None and age > max_age:
        raise UsageError(
            f"The snapshot {path} is {age_text(age)} old; --max-age allows {age_text(max_age)}.", hint=again
        )
    return account


def age_text(seconds: float) -> str:
    """Return an age for people in its largest unit, such as `3 days`, `2 hours`, `40 minutes` or `5 seconds`."""
    for unit, size in (("day", DAY), ("hour", HOUR)):
        if seconds >= 2 * size:
            return f"{int(seconds // size)} {unit}s"
    return counted(int(seconds // MINUTE), "minute") if seconds >= MINUTE else counted(int(seconds), "second")


def provenance(account: Account, path: Path, *, now: datetime) -> "SnapshotSource":
    """Return the part of a report about the snapshot: its path, address, age and unread items."""
    return {
        "path": str(path),
        "base_url": account.base_url,
        "read_at": account.read_at.isoformat(),
        "age_seconds": round(account.age(now)),
        "not_read": [f"{unread.what}: {unread.why}" for unread in account.unread],
    }
