"""The versions of the ledger's tables."""

from bulkops.errors import UsageError

LATEST = 5


def checked_version(version: int | None) -> int:
    """Return the version a ledger says it has; UsageError if it says none, or if a newer bulkops made it."""
    if version is None:
        raise UsageError(
            "The ledger does not say which version it has: bulkops did not make it, or it is damaged.",
            hint="Put back a copy of it, or name another with --ledger.",
        )
    if version > LATEST:
        raise UsageError(
            f"The ledger has version {version}; this bulkops knows versions up to {LATEST}.",
            hint="Use the newer bulkops that made it, or another --ledger.",
        )
    return version
