"""Parse the addresses of remote files; an address never contains a password or a signature."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Self
from urllib.parse import unquote, urlsplit

from bulkops.errors import UsageError
from bulkops.redaction import remember


@dataclass(frozen=True, kw_only=True)
class Scheme:
    """The requirements of an address scheme: the extra to install, and the module that the extra provides.

    `place` is the word for the first part of an address. `keys_are_text` is true for object stores: their keys may
    contain any character.
    """

    extra: str | None
    module: str
    place: str
    keys_are_text: bool = False


SCHEMES: Mapping[str, Scheme] = MappingProxyType(
    {
        "s3": Scheme(extra="s3", module="s3fs", place="bucket", keys_are_text=True),
        "gs": Scheme(extra="gcs", module="gcsfs", place="bucket", keys_are_text=True),
        "az": Scheme(extra="azure", module="adlfs", place="container", keys_are_text=True),
        "abfs": Scheme(extra="azure", module="adlfs", place="container", keys_are_text=True),
        "sftp": Scheme(extra="sftp", module="sshfs", place="host"),
        "https": Scheme(extra=None, module="httpx", place="host"),
    }
)
KNOWN = ", ".join(f"{name}://" for name in SCHEMES)
_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)", re.DOTALL)
_UNFIT = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_MAGIC = re.compile(r"[*?\[]")
_SIGNED = re.compile(r"[?&](?:X-Amz-|X-Goog-|AWSAccessKeyId=|Signature=|sig=|se=|sv=|versionId=|token=)", re.IGNORECASE)


@dataclass(frozen=True)
class Address:
    """The address of a remote file or folder: `SCHEME://PLACE/PATH`; `path` has no leading slash."""

    scheme: str
    place: str
    path: str

    def __str__(self) -> str:
        """Return the address as text."""
        return f"{self.scheme}://{self.place}/{self.path}"

    @property
    def kind(self) -> Scheme:
        """The properties of the scheme."""
        return SCHEMES[self.scheme]

    @property
    def name(self) -> str:
        """The last part of the path; blank for a folder."""
        return self.path.rpartition("/")[2]

    @property
    def parent(self) -> Self:
        """The folder that contains the file; its path ends in a slash, or is blank."""
        before, slash, _ = self.path.rstrip("/").rpartition("/")
        return replace(self, path=before + slash)

    @property
    def is_pattern(self) -> bool:
        """Whether the path contains `*`, `?` or `[`."""
        return _MAGIC.search(self.path) is not None

    def child(self, name: str) -> Self:
        """Return the address of a name inside this folder."""
        start = f"{self.path.rstrip('/')}/" if self.path else ""
        return replace(self, path=start + name)

    def sibling(self, name: str) -> Self:
        """Return the address of another name in the same folder."""
        return self.parent.child(name)


def is_remote(text: str) -> bool:
    """Return whether a text begins with a scheme, such as `s3://`."""
    return _ADDRESS.match(text) is not None


def parsed(text: str) -> Address:
    """Return the address in a text; UsageError if it is invalid, or contains a password or a signature.

    Errors never quote an address with a secret, and every later message hides the secret.
    """
    found = _ADDRESS.match(text)
    if found is None:
        raise UsageError("This is not the address of a remote file.", hint=f"Known: {KNOWN}.")
    scheme, rest = found[1].lower(), found[2]
    place, _, path = rest.partition("/")
    _refuse_secrets(scheme, place, path)
    if scheme not in SCHEMES:
        other = " Use https://." if scheme == "http" else ""
        raise UsageError(f"{scheme}:// is not a scheme that bulkops can read.{other}", hint=f"Known: {KNOWN}.")
    if _UNFIT.search(text):
        raise UsageError(f"The {scheme}:// address contains a control character.", hint="Rename the file.")
    if not place:
        raise UsageError(f"The {scheme}:// address has no {SCHEMES[scheme].place}.", hint=f"Write {_form(scheme)}.")
    _check_host(scheme, place)
    if any(part in (".", "..") for part in path.split("/")):
        raise UsageError(f"{scheme}://{place}/{path} contains . or .. as a folder.", hint="Write the full path.")
    return Address(scheme, place, path)


def _form(scheme: str) -> str:
    path = {"sftp": "USER@HOST/FOLDER/FILE", "https": "HOST/PATH"}.get(scheme, f"{SCHEMES[scheme].place.upper()}/KEY")
    return f"{scheme}://{path}"


def _check_host(scheme: str, place: str) -> None:
    """Raise UsageError for an invalid host or port."""
    if SCHEMES[scheme].keys_are_text:
        return
    try:
        parts = urlsplit(f"{scheme}://{place}")
        valid = bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid:
        raise UsageError(f"{scheme}://{place} has an invalid host or port.", hint=f"Write {_form(scheme)}.")


def _refuse_secrets(scheme: str, place: str, path: str) -> None:
    """Raise UsageError for a password, an access key or a query string, and hide them in all later messages."""
    user, at, _ = place.rpartition("@")
    before, colon, password = user.partition(":")
    # abfs://CONTAINER@ACCOUNT.dfs.core.windows.net/PATH names the account, as sftp://USER@HOST/PATH names the user.
    if at and (colon or scheme not in ("sftp", "az", "abfs")):
        for secret in (password, unquote(password)) if colon else (before,):
            remember(secret)
        raise UsageError(
            f"The {scheme}:// address contains a password or an access key; it would be stored in logs and ledgers.",
            hint="Remove it, and give it in the way of the library: docs/how-to/remote-files.md lists them.",
        )
    query = _query(scheme, path)
    if query:
        for secret in re.split(r"[?&#=]", query):
            remember(secret)
            remember(unquote(secret))
        raise UsageError(
            f"The {scheme}:// address has a query string or a fragment, which may contain a key or a signature.",
            hint="Give the address without it. For a signed link: curl LINK | bulkops validate CONTRACT -",
        )


def _query(scheme: str, path: str) -> str:
    """Return the query string of an address; a `?` in a key of an object store is a wildcard."""
    found = re.search(r"[?#]", path) if scheme in ("https", "http") else _SIGNED.search(path)
    return path[found.start() :] if found else ""
