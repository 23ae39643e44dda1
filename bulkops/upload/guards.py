"""The guards before the first request: doubtful values, the same file again, an empty replacement, many removals."""

import shlex
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bulkops.chunking.plan import FilePlan
from bulkops.errors import GuardRefused, Unfinished, UsageError
from bulkops.ledger.models import JobEntry
from bulkops.ledger.states import ChunkState
from bulkops.ledger.store import Ledger
from bulkops.private import private, private_folder
from bulkops.readback.compare.canonical import Fold, found_frame, sent_frame
from bulkops.readback.compare.keyed import compare
from bulkops.readback.compare.staging import RowSets
from bulkops.readback.fetch.download import GetRequest, download
from bulkops.readback.fetch.rows import query, read_file
from bulkops.transport.client import Client
from bulkops.upload.options import share_of
from bulkops.validation.findings import FileReport
from bulkops_validators.model.contract import Form, Mode, Readback
from bulkops_validators.model.rules_registry import RULES, accepted

HARMLESS = frozenset({ChunkState.REJECTED, ChunkState.DIVIDED, ChunkState.SKIPPED})


@dataclass(frozen=True, kw_only=True)
class Difference:
    """What a replacing import would change. `kept` counts records that are there as they are in the file."""

    added: int
    changed: int
    removed: int
    kept: int
    held: int

    @property
    def equal(self) -> bool:
        """Whether the target holds the same already."""
        return not (self.added or self.changed or self.removed)


def accepted_rules(words: Iterable[str]) -> frozenset[str]:
    """Return the codes of rules given by code or name; UsageError for one that cannot be accepted."""
    try:
        return accepted(words)
    except LookupError as error:
        known = ", ".join(f"{code} ({rule.name})" for code, rule in RULES.items() if rule.acceptable)
        raise UsageError(f"--accept cannot lift {error.args[0]!r}.", hint=f"It takes {known}.") from None


def refuse_doubtful(found: FileReport) -> None:
    """Refuse a file with findings that stop an import although they are warnings; GuardRefused names the first one."""
    codes = [code for code in found.counts if RULES[code].acceptable]
    if not codes:
        return
    first = next(finding for finding in found.findings if finding.code in codes)
    place = ":".join(str(part) for part in (found.path, first.line) if part is not None)
    raise GuardRefused(
        f"{place}: {first.code} {first.name}: {first.message}. Nothing was sent.",
        hint=f"Correct the file. If its values are meant as they are, give --accept {','.join(codes)}.",
    )


def refuse_same_file(ledger: Ledger, job: JobEntry, *, again: bool) -> None:
    """Refuse a file that went, or may have gone, to the same place before; only modes that would double it care."""
    if again or Mode(job.mode).resend_is_safe:
        return
    for earlier in ledger.jobs_with_file(job.file_sha256, job.target_key):
        states = {chunk.state for chunk in ledger.chunks(earlier.id)} - HARMLESS
        if earlier.cancelled:
            states -= {ChunkState.PENDING}
        if not states:
            continue
        if states == {ChunkState.ACCEPTED}:
            hint = "Give --again to import it once more."
        else:
            moved = "" if earlier.file_path == job.file_path else f" --file {shlex.quote(str(job.file_path))}"
            resume = f"`bulkops jobs resume {earlier.id}{moved}`"
            hint = f"Resume it with {resume}, or give --again to import the file once more."
        if states == {ChunkState.PENDING}:
            said = f"Job {earlier.id} has this file for this place already; nothing of it was sent yet."
        else:
            said = f"These bytes went to the same place before, in job {earlier.id}."
        raise GuardRefused(said, hint=hint)


def refuse_empty(plan: FilePlan, mode: Mode, *, allow_empty: bool) -> None:
    """Refuse a file without records: it would empty the target, or do nothing at all."""
    if plan.records or allow_empty:
        return
    what = "Importing it would remove everything that is there" if mode is Mode.REPLACE else "There is nothing to send"
    raise GuardRefused(f"{plan.path} holds no records. {what}.", hint="Give --allow-empty if that is what you want.")


def save_target(
    client: Client, readback: Readback, ids: Mapping[str, int], options: Mapping[str, str], *, to: Path
) -> None:
    """Save what the target holds as a file that can be imported again.

    Unfinished if the server does not send it, or another document instead, or if it cannot be written.
    """
    if readback.form is not Form.CSV:
        raise TypeError("Only a CSV export can be saved and imported again.")
    known = frozenset(name.lower() for column in readback.columns for name in column.found)
    question = GetRequest(path=readback.path, ids=ids, params=query(readback, ids, options), columns=known)
    try:
        private_folder(to.parent)
        with open(to, "w+b", opener=private) as out:
            download(client, question, out)
    except OSError as error:
        raise Unfinished(f"{to} cannot be written: {error.strerror}. Nothing was sent.") from None


def difference_between(readback: Readback, fold: Fold, *, file: Path, held: Path) -> Difference:
    """Compare a file to import with what a target held, as `save_target` saved it."""
    with RowSets(readback) as sets:
        for frame in read_file(file):
            sets.add_sent(sent_frame(readback, frame, fold))
        for frame in read_file(held):
            sets.add_found(found_frame(readback, frame, fold))
        counts = compare(sets)
    return Difference(
        added=counts.missing,
        changed=counts.different,
        removed=counts.unexpected,
        kept=counts.matched,
        held=counts.found,
    )


def refuse_removals(difference: Difference, limit: str) -> None:
    """Refuse a replacement that removes more than `limit` (a count, or a percentage of what is there)."""
    allowed = share_of(limit, difference.held, option="--max-removals")
    if difference.removed > allowed:
        raise GuardRefused(
            f"This import would remove {difference.removed:,} of the {difference.held:,} rows that are there "
            f"(and add {difference.added:,}); --max-removals allows {limit}.",
            hint=f"If that is right, give --max-removals {difference.removed}.",
        )


def cleared_away(folder: Path) -> Callable[[], None]:
    """Return what removes the folder of a job that was refused before it began."""

    def clear() -> None:
        with suppress(OSError):
            for path in folder.iterdir():
                path.unlink()
            folder.rmdir()

    return clear
