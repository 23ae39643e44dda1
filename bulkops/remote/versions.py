"""Identify one version of a file in a place, so that a replacement is noticed."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Self

WEAK = "W/"


@dataclass(frozen=True, kw_only=True)
class Version:
    """The facts that a server gives about a file: bytes, time of the last change (RFC 3339), ETag, version id.

    A fact that the server does not give is None. A weak ETag begins with `W/`: files with it may differ in their bytes,
    so it is no condition of a request.
    """

    size: int | None
    modified: str | None = None
    etag: str | None = None
    id: str | None = None

    @classmethod
    def of_info(cls, info: Mapping[str, Any]) -> Self:
        """Return the version that a file system of fsspec describes; each names the facts in its own way."""
        modified = _first(info, "LastModified", "last_modified", "updated", "mtime")
        return cls(
            size=None if info.get("size") is None else int(info["size"]),
            modified=_moment(modified) if isinstance(modified, datetime) else _text(modified),
            etag=etag_of(_first(info, "ETag", "etag")),
            id=_text(_first(info, "VersionId", "version_id", "generation")),
        )

    @classmethod
    def of_json(cls, document: Mapping[str, Any]) -> Self:
        """Return a stored version."""
        return cls(**{name: document.get(name) for name in ("size", "modified", "etag", "id")})

    def to_json(self) -> dict[str, Any]:
        """Return the version as JSON values."""
        return asdict(self)

    @property
    def is_weak(self) -> bool:
        """Whether the ETag is weak."""
        return self.etag is not None and self.etag.startswith(WEAK)

    def may_be(self, other: "Version") -> bool:
        """Return False if the ETags show that the versions differ."""
        return not (self.etag and other.etag) or _opaque(self.etag) == _opaque(other.etag)

    def is_same(self, other: "Version") -> bool:
        """Return whether two versions are equal: by id, else by ETag and size, else by time and size.

        Listings and single requests give the time with different precision, so it only counts without the others.
        """
        if self.id and other.id:
            return self.id == other.id
        if self.etag and other.etag:
            # An earlier release stored weak ETags without their mark.
            return self.may_be(other) and self.size == other.size
        return self.size == other.size and self.modified == other.modified

    def __str__(self) -> str:
        """Return the facts for a message."""
        facts = [
            f"{self.size:,} bytes" if self.size is not None else "",
            f"changed {self.modified}" if self.modified else "",
            f"ETag {self.etag}" if self.etag else "",
            f"version {self.id}" if self.id else "",
        ]
        return ", ".join(filter(None, facts)) or "no facts"


@dataclass(frozen=True, kw_only=True)
class StoredFile:
    """A file in a place. `modified` is seconds since 1970; `version` changes whenever the content may have changed."""

    name: str
    size: int
    modified: float
    version: str


def aside_name(name: str) -> str:
    """Return the hidden name that a file has while it is removed from a folder."""
    return f".bulkops-{hashlib.sha256(os.fsencode(name)).hexdigest()[:16]}.removing"


def etag_of(value: Any) -> str | None:
    """Return an ETag without its quotes; a weak one keeps its mark."""
    text = _text(value)
    if text is None or not text.startswith(WEAK):
        return text
    return f"{WEAK}{_opaque(text)}"


def _opaque(etag: str) -> str:
    """Return an ETag without the mark of weak ones and without quotes."""
    return etag.removeprefix(WEAK).strip('"')


def _first(info: Mapping[str, Any], *names: str) -> Any:
    return next((info[name] for name in names if info.get(name) is not None), None)


def _text(value: Any) -> str | None:
    """Return an ETag or an id as text, without the quotes that only some servers add; `null` is S3's name for none."""
    text = None if value is None else str(value).strip('"')
    return None if text in ("", "null", "None") else text


def _moment(moment: datetime) -> str:
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.astimezone(UTC).isoformat().replace("+00:00", "Z")
