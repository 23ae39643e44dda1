"""Check the guards before the first request: warnings, a repeated file, an empty replacement, too many removals."""

import shlex
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bulkops.chunking.plan import FilePlan
from bulkops.disk import ANOTHER_STATE, not_written
from bulkops.errors import BulkopsError, GuardRefused, Unfinished, UsageError
from bulkops.ledger.models import JobEntry
from bulkops.ledger.states import OPEN, ChunkState
from bulkops.ledger.store import Ledger
from bulkops.private import private, private_folder
from bulkops.readback.compare.canonical import Fold, found_frame, sent_frame
from bulkops.readback.compare.keyed import compare
from bulkops.readback.compare.staging import RowSets
from bulkops.readback.fetch.download import GetRequest, download
from bulkops.readback.fetch.rows import query, read_file
from bulkops.transport.client import ApiClient
from bulkops.upload.options import share_of
from bulkops.validation.findings import FileReport
from bulkops_validators.model.contract import Form, Mode, Readback
from bulkops_validators.model.rules_registry import RULES, accepted

HARMLESS = frozenset({ChunkState.REJECTED, ChunkState.DIVIDED, ChunkState.SKIPPED})


@dataclass(frozen=True, kw_only=True)
class TargetDifference:
    """The changes that a replacing import would make, in rows. `kept` rows are equal at the target and in the file.

    `held` is the number of rows that the target contains.
    """

    added: int
    changed: int
    removed: int
    kept: int
    held: int

    @property
    def equal(self) -> bool:
        """Whether the target already equals the file."""
        return not (self.added or self.changed or self.removed)


def accepted_rules(words: Iterable[str]) -> frozenset[str]:
    """Return the codes of rules given by code or name; UsageError for a rule that --accept cannot lift."""
    try:
        return accepted(words)
    except LookupError as error:
        known = ", ".join(f"{code} ({rule.name})" for code, rule in RULES.items() if rule.acceptable)
        raise UsageError(f"--accept cannot lift {error.args[0]!r}.", hint=f"Rules it accepts: {known}.") from None


def refuse_unaccepted_warnings(found: FileReport) -> None:
    """Raise GuardRefused for warnings that stop an import unless --accept lifts them; it names the first one."""
    codes = [code for code in found.counts if RULES[code].acceptable]
    if not codes:
        return
    first = next(finding for finding in found.findings if finding.code in codes)
    place = ":".join(str(part) for part in (found.path, first.line) if part is not None)
    raise GuardRefused(
        f"{place}: {first.code} {first.name}: {first.message}. Nothing was sent.",
        hint=f"Correct the file. If its values are intended, give --accept {','.join(codes)}.",
    )


def refuse_same_file(ledger: Ledger, job: JobEntry, *, again: bool) -> None:
    """Raise GuardRefused if the file was sent, or may have been sent, to the same target before.

    Modes in which a repetition leads to the same end state are not checked.
    """
    if again or Mode(job.mode).resend_is_safe:
        return
    for earlier in ledger.jobs_with_file(job.file_sha256, job.target_key):
        states = {chunk.state for chunk in ledger.chunks(earlier.id)} - HARMLESS
        if earlier.cancelled:
            states -= {ChunkState.PENDING}
        if not states:
            continue
        undone = ledger.undos_of(earlier.id)
        hint = "Give --again to import it once more." if states == {ChunkState.ACCEPTED} else _resume_hint(earlier, job)
        if states == {ChunkState.PENDING}:
            said = f"Job {earlier.id} already contains this file for this target; none of it was sent yet."
        else:
            said = f"Job {earlier.id} already sent the same bytes to the same target."
            said += f" Job {undone[-1].id} undid it." if undone else ""
        raise GuardRefused(said, hint=hint)


def refuse_second_job(ledger: Ledger, job: JobEntry, *, again: bool) -> None:
    """Raise GuardRefused if the latest job at the target has the same file and is unfinished: it can be resumed.

    For modes in which a repetition leads to the same end state. After a newer job, the file may restore earlier values.
    """
    if again or not Mode(job.mode).resend_is_safe:
        return
    latest = ledger.job_ids_at(job.target_key)[-1:]
    earlier = ledger.job(latest[0]) if latest else None
    if earlier is None or earlier.cancelled or earlier.file_sha256 != job.file_sha256:
        return
    states = {chunk.state for chunk in ledger.chunks(earlier.id)} & OPEN
    if states:
        raise GuardRefused(
            f"Job {earlier.id} already contains this file for this target, and it is unfinished. Nothing was sent.",
            hint=_resume_hint(earlier, job),
        )


def _resume_hint(earlier: JobEntry, job: JobEntry) -> str:
    """Return how to continue with an earlier job of the same file, or to import the file in spite of it."""
    moved = "" if earlier.file_path == job.file_path else f" --file {shlex.quote(str(job.file_path))}"
    resume = f"`bulkops jobs resume {earlier.id}{moved}`"
    return f"Resume it with {resume}, or give --again to import the file once more."


def refuse_empty(plan: FilePlan, mode: Mode, *, allow_empty: bool) -> None:
    """Raise GuardRefused for a file without records: importing it would empty the target or do nothing."""
    if plan.records or allow_empty:
        return
    what = "Importing it would remove every row of the target" if mode is Mode.REPLACE else "There is nothing to send"
    raise GuardRefused(f"{plan.path} contains no records. {what}.", hint="Give --allow-empty if this is intended.")


def save_target(
    client: ApiClient, readback: Readback, ids: Mapping[str, int], options: Mapping[str, str], *, to: Path
) -> None:
    """Save the content of the target as a file that can be imported again.

    Unfinished if the server does not send the content, or sends another document, or if the file cannot be written.
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
        raise not_written(to, error, instead=ANOTHER_STATE, then="Nothing was sent.", kind=Unfinished) from None


def difference_between(readback: Readback, fold: Fold, *, file: Path, held: Path) -> TargetDifference:
    """Compare a file to import with the content of a target that `save_target` saved."""
    with RowSets(readback) as sets:
        for frame in read_file(file):
            sets.add_sent(sent_frame(readback, frame, fold))
        for frame in read_file(held):
            sets.add_found(found_frame(readback, frame, fold))
        counts = compare(sets)
    return TargetDifference(
        added=counts.missing,
        changed=counts.different,
        removed=counts.unexpected,
        kept=counts.matched,
        held=counts.found,
    )


def refuse_removals(difference: TargetDifference, limit: str) -> None:
    """Raise GuardRefused if a replacement removes more than `limit`: a count, or a percentage of the target's rows."""
    allowed = share_of(limit, difference.held, option="--max-removals")
    if difference.removed > allowed:
        raise GuardRefused(
            f"This import would remove {difference.removed:,} of the {difference.held:,} rows at the target "
            f"(and add {difference.added:,}); --max-removals allows {limit}.",
            hint=f"If this is intended, give --max-removals {difference.removed}.",
        )


def folder_remover(folder: Path) -> Callable[[], None]:
    """Return a function that removes the folder of a job that was refused before it began."""

    def clear() -> None:
        with suppress(OSError):
            for path in folder.iterdir():
                path.unlink()
            folder.rmdir()

    return clear


def clear_unless_known(ledger: Ledger, job: str) -> None:
    """Remove the folder of a job that did not begin; keep it if the ledger may contain the job."""
    with suppress(BulkopsError):
        if not ledger.has_job(job):
            folder_remover(ledger.job_folder(job))()
