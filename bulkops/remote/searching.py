"""Find remote files by pattern, or in a folder."""

from collections.abc import Sequence

from bulkops.errors import LimitExceeded, UsageError
from bulkops.limits import MAX_FILES
from bulkops.remote.addresses import Address
from bulkops.remote.opening import store_for
from bulkops.remote.paths import RemotePath
from bulkops.remote.retries import retried
from bulkops.remote.stores import Entry


def matching_addresses(address: Address, *, suffixes: Sequence[str] = ()) -> list[RemotePath]:
    """Return the files that a pattern matches, sorted; with `suffixes`, also those with one of them in a folder.

    An address without wildcards names one file: the list is empty. UsageError for a pattern that matches nothing, and
    for https addresses, which cannot be listed. LimitExceeded if there are too many.
    """
    is_folder = bool(suffixes) and address.path.rpartition("/")[2] == ""
    if not (address.is_pattern or is_folder):
        return []
    found = listed(address.child("**") if is_folder else address)
    wanted = [each for each in found if not is_folder or each.address.name.lower().endswith(tuple(suffixes))]
    if not wanted:
        raise UsageError(f"No file matches {address}.", hint="Check the address; case matters.")
    return [RemotePath(each.address) for each in wanted]


def listed(pattern: Address) -> list[Entry]:
    """Return the files that match a pattern, sorted by address."""
    found = retried(lambda: list(store_for(pattern).find(pattern)), pattern, "listed")
    if len(found) > MAX_FILES:
        raise LimitExceeded(f"{pattern} names more than {MAX_FILES:,} files.", hint="Name fewer files at a time.")
    return sorted(found, key=lambda each: str(each.address))
