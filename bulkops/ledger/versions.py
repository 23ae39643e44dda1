"""Check the version of a ledger's tables."""

from bulkops.errors import UsageError

LATEST = 5


def checked_version(version: int | None) -> int:
    """Return the version of a ledger; UsageError if it is missing, or if a newer version of bulkops made the ledger."""
    if version is None:
        raise UsageError(
            "The ledger contains no version: bulkops did not make it, or it is damaged.",
            hint="Restore a backup of it, or give another ledger with --ledger.",
        )
    if version > LATEST:
        raise UsageError(
            f"The ledger has version {version}; this version of bulkops supports versions up to {LATEST}.",
            hint="Use the newer version of bulkops that made it, or give another ledger with --ledger.",
        )
    return version
