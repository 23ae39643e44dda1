"""Output of `bulkops jobs list`: the jobs of a ledger, newest first, and the exit code for monitoring."""

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from bulkops.cli.output.console import console
from bulkops.cli.output.jobs_view import read_ledger
from bulkops.ledger.job_documents import EXIT_CODES, sums_document
from bulkops.ledger.neighbours import neighbours
from bulkops.ledger.paths import plain_path
from bulkops.ledger.states import JobState, job_word
from bulkops.settings import default_ledger_url
from bulkops.wording import counted

if TYPE_CHECKING:
    from bulkops.json_documents.jobs import JobListDocument

SHOWN = 50
COLUMNS = ("job", "date (UTC)", "state", "target", "records", "accepted", "skipped", "rejected", "in doubt", "pending",
           "proof", "file")  # fmt: skip
DROP = ("target", "proof", "skipped", "pending", "file", "date (UTC)", "in doubt", "rejected", "records", "accepted")
"""Columns that a narrow terminal hides, the least important first."""


def list_jobs(url: str | None, *, states: Collection[str], limit: int | None, as_json: bool) -> int:
    """Print the jobs in the given states, or all jobs, and return the exit code for monitoring.

    The code is 4 if one of these jobs is in doubt, else 3 if one is unfinished, else 0. `limit` is the maximum number
    of printed jobs, 0 for all; it does not change the code.
    """
    with read_ledger(url) as ledger:
        sums = ledger.sums()
        every = [sums_document(job, sums.get(job.id, {})) for job in reversed(ledger.jobs())]
    found = [document for document in every if not states or document["state"] in states]
    most = (None if as_json else SHOWN) if limit is None else limit or None
    if as_json:
        listed: JobListDocument = {"jobs": found[:most]}
        console().emit_json(listed)
    elif not every:
        console().result("The ledger contains no jobs.")
        for neighbour in neighbours(None, str(plain_path(url or default_ledger_url()) or url)):
            console().note(f"User {neighbour.user} has another ledger: {neighbour.ledger} (last job {neighbour.last}).")
    elif not found:
        console().result(f"No job is {' or '.join(map(_words, states))}.")
    else:
        console().table(COLUMNS, map(_row, found[:most]), drop=DROP)
        console().next_step = f"bulkops jobs show {found[0]['job']}"
    if not as_json and len(found) > len(found[:most]):
        console().note(f"{counted(len(found) - len(found[:most]), 'older job')} not shown; --limit 0 shows all.")
    return max((code for code in _codes(found) if code in (3, 4)), default=0)


def _codes(documents: Collection[Mapping[str, Any]]) -> Iterator[int]:
    return (EXIT_CODES[JobState(document["state"])] for document in documents)


def _words(state: str) -> str:
    return state.replace("_", " ")


def _row(document: Mapping[str, Any]) -> tuple[object, ...]:
    target, proof = document["target"], document["reconciliation"]
    ids = (f"{name} {value}" for name, value in target["ids"].items())
    return (
        document["job"],
        document["created"][:16].replace("T", " "),
        job_word(document["state"], rejected=document["records"]["rejected"]),
        " ".join([str(target["base_url"]), *ids]),
        *(f"{number:,}" for number in document["records"].values()),
        proof["verdict"] if proof else "-",
        document["file"]["path"],
    )
