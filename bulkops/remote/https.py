"""Read files from HTTPS servers; nothing can be listed or written. Redirects stay on HTTPS."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from netrc import NetrcParseError
from pathlib import Path
from typing import NoReturn

import httpx

from bulkops.errors import UsageError
from bulkops.proxies import proxy_for
from bulkops.redaction import remember
from bulkops.remote.addresses import Address
from bulkops.remote.stores import CONNECT_SECONDS, READ_SECONDS, Entry
from bulkops.remote.versions import Version, etag_of
from bulkops.trust import trusted_context

MAX_REDIRECTS = 5
NO_HEAD = frozenset({400, 403, 405, 501})
"""Statuses with which servers refuse HEAD although they permit GET."""
UNCOMPRESSED = {"Accept-Encoding": "identity"}
"""The bytes of the file itself are wanted, also of a compressed file."""


class HttpsStore:
    """The files of all HTTPS servers. User names and passwords come from ~/.netrc, or the file that NETRC names."""

    def version(self, address: Address) -> Version:
        """Return the version that the headers describe."""
        with self._response("HEAD", address) as response:
            if response.status_code not in NO_HEAD:
                return _version(response)
        with self._response("GET", address) as response:
            return _version(response)

    def blocks(self, address: Address, pinned: Version, start: int) -> Iterator[bytes]:
        """Yield the bytes of a file; the server is asked for the rest of a pinned version, if it can do that."""
        headers = {"Range": f"bytes={start}-"} if start else {}
        if start and pinned.etag and not pinned.is_weak:
            headers["If-Match"] = f'"{pinned.etag}"'
        with self._response("GET", address, headers) as response:
            _refuse(response)
            if not Version(size=None, etag=etag_of(response.headers.get("etag"))).may_be(pinned):
                raise StatusRefused(httpx.codes.PRECONDITION_FAILED)
            skip = start if start and response.status_code != httpx.codes.PARTIAL_CONTENT else 0
            for block in response.iter_raw():
                yield block[skip:]
                skip = max(0, skip - len(block))

    @contextmanager
    def _response(
        self, method: str, address: Address, headers: dict[str, str] | None = None
    ) -> Iterator[httpx.Response]:
        """Yield the response, after redirects to other HTTPS addresses."""
        with _client(str(address)) as client:
            request = client.build_request(method, str(address), headers=UNCOMPRESSED | (headers or {}))
            for _ in range(MAX_REDIRECTS + 1):
                response = client.send(request, stream=True)
                if response.next_request is None:
                    break
                response.close()
                request = response.next_request
                _refuse_redirect(request.url, address)
            else:
                raise UsageError(f"{address}: the server redirects more than {MAX_REDIRECTS} times.")
            try:
                yield response
            finally:
                response.close()

    def find(self, pattern: Address) -> Iterator[Entry]:
        """Refuse: HTTPS has no lists of files."""
        _refuse_other(pattern, "HTTPS servers do not list files", "Name each file.")

    def check_place(self, address: Address) -> None:
        """Refuse: HTTPS addresses can only be read."""
        _refuse_other(address, "https:// addresses can only be read", "Write to a file, or to another kind of address.")

    def put(self, local: Path, address: Address, *, new: bool) -> None:  # noqa: ARG002 - as in every store
        """Refuse: HTTPS addresses can only be read."""
        self.check_place(address)

    def make_folder(self, folder: Address) -> None:
        """Refuse: HTTPS addresses can only be read."""
        self.check_place(folder)

    def rename(self, source: Address, target: Address) -> None:  # noqa: ARG002 - as in every store
        """Refuse: HTTPS addresses can only be read."""
        self.check_place(target)

    def delete(self, address: Address) -> None:
        """Refuse: HTTPS addresses can only be read."""
        self.check_place(address)

    def close(self) -> None:
        """Do nothing: every request has its own connection."""


def _client(url: str) -> httpx.Client:
    proxy, context = proxy_for(url, os.environ), trusted_context(os.environ)
    return httpx.Client(
        verify=context,
        proxy=httpx.Proxy(proxy.url, ssl_context=context if proxy.secure else None) if proxy else None,
        auth=_credentials(),
        trust_env=False,
        timeout=httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS),
    )


def _credentials() -> httpx.Auth | None:
    """Return the user names and passwords of the netrc file; None without one."""
    path = Path(os.environ.get("NETRC") or Path.home() / ".netrc")
    if not path.is_file():
        return None
    try:
        found = httpx.NetRCAuth(str(path))
    except (NetrcParseError, OSError):
        raise UsageError(
            f"{path} is not a valid netrc file.", hint="Correct it, or set NETRC to another file."
        ) from None
    words = path.read_text(encoding="utf-8", errors="replace").split()
    for word, following in pairwise(words):
        if word == "password":
            remember(following)
    return found


def _version(response: httpx.Response) -> Version:
    _refuse(response)
    headers = response.headers
    length = headers.get("content-length", "")
    size = int(length) if length.isdecimal() and "content-encoding" not in headers else None
    return Version(size=size, modified=headers.get("last-modified"), etag=etag_of(headers.get("etag")))


def _refuse(response: httpx.Response) -> None:
    if not response.is_success:
        raise StatusRefused(response.status_code)


class StatusRefused(OSError):
    """The server did not return the file."""

    def __init__(self, status_code: int) -> None:
        super().__init__(f"HTTP {status_code}")
        self.status_code = status_code


def _refuse_redirect(url: httpx.URL, address: Address) -> None:
    if url.scheme != "https":
        raise UsageError(
            f"{address}: the server redirects to {url.scheme}://{url.host}, which is not encrypted.",
            hint="Ask the operators for an address that stays on https://.",
        )


def _refuse_other(address: Address, why: str, hint: str) -> NoReturn:
    raise UsageError(f"{address}: {why}.", hint=hint)
