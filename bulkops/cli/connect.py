"""A client for a target whose rate slots lie beside the ledger, so that all commands share the limit."""

from bulkops.cli.console import console
from bulkops.clock import Clock
from bulkops.ledger.engine import folder_of, parse_url
from bulkops.settings import Target, default_ledger_url
from bulkops.transport.client import Client
from bulkops.transport.limiter import SlotLimiter


def connect(target: Target, *, ledger: str | None, clock: Clock) -> Client:
    """Return a client of the target; a context manager. `ledger` is the ledger's address, None for the default."""
    folder = folder_of(parse_url(ledger or default_ledger_url())) / "rate"
    return Client(target, clock=clock, limiter=SlotLimiter(folder=folder, clock=clock), say=console().note)
