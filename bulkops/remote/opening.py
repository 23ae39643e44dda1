"""Open the store of an address. The library of a scheme is loaded only for an address with this scheme."""

import logging
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec

from bulkops.errors import UsageError
from bulkops.remote.addresses import SCHEMES, Address
from bulkops.remote.stores import Store

LOGGERS = ("adlfs", "aiohttp", "asyncio", "asyncssh", "azure", "botocore", "fsspec", "gcsfs", "google", "s3fs")
"""The loggers of the libraries; a program that configures logging still receives their records."""
_STORES: dict[tuple[str, str], Store] = {}


def store_for(address: Address) -> Store:
    """Return the store of an address, with its connections, until `close_stores`; UsageError without its extra."""
    key = (address.scheme, address.place)
    if key not in _STORES:
        _STORES[key] = _opened(*key)
    return _STORES[key]


def close_stores() -> None:
    """Close all connections; the next use of an address opens another one, with the present credentials."""
    while _STORES:
        _STORES.popitem()[1].close()


def _opened(scheme: str, place: str) -> Store:
    """Return a new store. The libraries would print warnings and tracebacks, which could show an address."""
    for name in LOGGERS:
        logging.getLogger(name).addHandler(logging.NullHandler())
    require(scheme)
    if scheme == "https":
        from bulkops.remote.https import HttpsStore

        return HttpsStore()
    if scheme == "sftp":
        from bulkops.remote.sftp import SftpStore

        return SftpStore(place)
    from bulkops.remote.objects import ObjectStore

    return ObjectStore(scheme, place)


def require(scheme: str) -> None:
    """Raise UsageError with the command to install unless the library of a scheme is installed."""
    kind = SCHEMES[scheme]
    if find_spec(kind.module) is None:
        raise UsageError(f"{scheme}:// addresses need an extra: pip install 'bulkops[{kind.extra}]'")
    try:
        import_module(kind.module)
    except ImportError as error:
        raise UsageError(
            f"{kind.module}, which reads {scheme}:// addresses, cannot be loaded: it lacks {error.name or 'a module'}.",
            hint=f"Install it again: pip install --upgrade 'bulkops[{kind.extra}]'",
        ) from None


def installed_extras() -> dict[str, str | None]:
    """Return the extras for remote files, each with the version of its library; None if it is not installed."""
    from importlib.metadata import PackageNotFoundError, version  # only `doctor` asks

    found: dict[str, str | None] = {}
    for kind in SCHEMES.values():
        if kind.extra is not None and kind.extra not in found:
            found[kind.extra] = None
            with suppress(PackageNotFoundError):
                found[kind.extra] = f"{kind.module} {version(kind.module)}"
    return found
