"""Commands of bulkops against a foreign server."""

from pathlib import Path

from tests.cli.running import Ended, Shell
from tests.foreign.server import ForeignServer


def bulkops(server: ForeignServer, state: Path, *words: str) -> Ended:
    """Run a command with the key that the server accepts, and return how it ended."""
    shell = Shell(state, server.base_url)
    return shell.ended(shell.start(*words, environment={**shell.environment, "BULKOPS_MANAGEMENT_KEY": "foreign"}))
