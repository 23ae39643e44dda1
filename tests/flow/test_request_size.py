"""The size of a request that a proxy refuses (413) is found once for a server, and later jobs keep below it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bulkops.clock import SystemClock
from bulkops.ledger.store import Ledger
from bulkops.pipeline.importing import Destination, ImportRequest, import_file
from bulkops.pipeline.observer import Silent
from bulkops.settings import Secret, Target
from bulkops.upload.options import RunOptions
from bulkops_validators import CONTRACTS
from tests.foreign.files import IDS, write
from tests.foreign.habits import Habits
from tests.foreign.server import ForeignServer


class Notes(Silent):
    """Keeps the notes of a run."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def note(self, text: str) -> None:
        self.said.append(text)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    found = Ledger.open(str(tmp_path / "ledger.db"), clock=SystemClock())
    yield found
    found.close()


def imported(server: ForeignServer, ledger: Ledger, file: Path, contract: str, **choices: Any) -> tuple[int, list[str]]:
    """Import a file; return the number of requests that sent it, and the notes of the run."""
    ids = IDS[contract]
    target = Target(base_url=server.base_url, ids=ids, authorization=Secret("ManagementKey-v1 foreign"))
    request = ImportRequest(contract=CONTRACTS[contract], file=file, run=RunOptions(settle=0.2), **choices)
    before, notes = posts(server), Notes()
    outcome = import_file(request, Destination.at(target, ledger), clock=SystemClock(), observer=notes)
    assert (outcome.exit_code, outcome.document["records"]["pending"]) == (0, 0), outcome.error
    return posts(server) - before, notes.said


def posts(server: ForeignServer) -> int:
    paths = server.world.requests.items()
    return sum(len(times) for path, times in paths if path.startswith("POST") and "search" not in path)


def file_of(folder: Path, contract: str, number: int) -> Path:
    file = write(folder / f"{number}.csv", contract, records=400)
    file.write_text(file.read_text().replace("-", f"-{number}"))
    return file


def test_later_jobs_keep_below_the_size_that_was_refused_and_an_option_lifts_it(
    server: ForeignServer, ledger: Ledger, tmp_path: Path
) -> None:
    server.world.habits = Habits(largest_body=1500)
    first, notes = imported(server, ledger, file_of(tmp_path, "giveaways", 1), "giveaways")
    assert any("--max-bytes changes that" in note for note in notes)
    refused = first - len(server.world.uploads)
    assert refused > 0
    for contract, number in (("giveaways", 2), ("coupons", 3)):  # the limit is the server's, not the contract's
        uploads = len(server.world.uploads)
        requests, notes = imported(server, ledger, file_of(tmp_path, contract, number), contract)
        assert requests == len(server.world.uploads) - uploads
        assert any("refuses larger requests (413)" in note for note in notes)
    server.world.habits = Habits()
    requests, notes = imported(server, ledger, file_of(tmp_path, "giveaways", 4), "giveaways", max_bytes=50_000)
    assert (requests, any("413" in note for note in notes)) == (1, False)
    requests, notes = imported(server, ledger, file_of(tmp_path, "giveaways", 5), "giveaways")
    assert (requests, any("413" in note for note in notes)) == (1, False)


def test_a_record_above_the_remembered_size_is_still_sent(
    server: ForeignServer, ledger: Ledger, tmp_path: Path
) -> None:
    server.world.habits = Habits(largest_body=1500)
    imported(server, ledger, file_of(tmp_path, "giveaways", 1), "giveaways")
    server.world.habits = Habits()
    file = tmp_path / "large.csv"
    file.write_text("code\n" + "x" * 3000 + "\nGIFT-2\n")
    assert imported(server, ledger, file, "giveaways")[0] == 1
