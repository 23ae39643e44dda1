"""Connect to a target with a rate limit that all commands with the same ledger share."""

from pathlib import Path

from bulkops.cli.output.console import console
from bulkops.clock import Clock
from bulkops.ledger.paths import folder_beside, plain_path
from bulkops.settings import Target, default_ledger_url
from bulkops.transport.client import ApiClient
from bulkops.transport.limiter import SlotLimiter


def connect(target: Target, *, ledger: str | None, clock: Clock) -> ApiClient:
    """Return a client of the target, to use as a context manager; `ledger` is an address, None for the default."""
    limiter = SlotLimiter(folder=_folder(ledger or default_ledger_url()) / "rate", clock=clock)
    client = ApiClient(target, clock=clock, limiter=limiter, notify=console().note)
    console().show_waits(client.notifier)
    return client


def _folder(ledger: str) -> Path:
    """Return the folder of a ledger; a ledger that is not a plain file is opened to read it."""
    if (path := plain_path(ledger)) is not None:
        return folder_beside(path)
    from bulkops.cli.output.jobs_view import open_ledger  # its imports would slow down every other start

    with open_ledger(ledger) as book:
        return book.folder
