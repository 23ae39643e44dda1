"""Settle the hidden files that a killed pass has set aside for removal, and that no open file of the book settles."""

import re
from collections.abc import Sequence

from bulkops.inbox.book import Book
from bulkops.inbox.storage import Storage
from bulkops.remote.versions import aside_name

ASIDE = re.compile(r"\.bulkops-[0-9a-f]{16}\.removing")
EARLIER_ASIDE = re.compile(r"\.(.+)\.[0-9a-f]{8}\.removing", re.DOTALL)
"""The hidden names that earlier versions of bulkops used on servers."""


def asides_in(place: Storage, names: Sequence[str]) -> list[str]:
    """Return the names of files that were set aside."""
    remote = place.local("") is None
    return [name for name in names if ASIDE.fullmatch(name) or (remote and EARLIER_ASIDE.fullmatch(name))]


def settle_asides(book: Book, place: Storage, asides: Sequence[str]) -> list[str]:
    """Remove the files whose version is archived, and give the others their names; return notes for the summary.

    The caller holds the lock of the inbox, so no pass is removing a file of this book.
    """
    by_aside = {aside_name(name): name for name in book.names()} if asides else {}
    notes = []
    for aside in asides:
        earlier = EARLIER_ASIDE.fullmatch(aside)
        name = earlier[1] if earlier else by_aside.get(aside)
        if name is None:
            notes.append(f"{place.shown}/{aside}: a pass set this file aside, and its name is unknown. Rename it.")
        elif not place.settle(aside, name, book.archived_versions(name)):
            notes.append(f"{name}: a pass had set a version of this file aside that is not archived; it is back.")
    return notes
