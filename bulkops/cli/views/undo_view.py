"""Output of `bulkops jobs undo`: the facts, the question, and the result."""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from bulkops.chunking.plan import FilePlan
from bulkops.cli.output.console import console
from bulkops.cli.output.jobs_view import open_ledger
from bulkops.cli.output.progress import JobProgress, show_outcome, signals_handled
from bulkops.cli.output.prompt import confirm, difference_line, target_line
from bulkops.cli.process.targets import TargetChoice
from bulkops.clock import SystemClock
from bulkops.ledger.models import JobEntry
from bulkops.pipeline import resuming
from bulkops.undoing.lasting_rows import listable, write_lasting_rows
from bulkops.undoing.undo_context import CHANGED, USED
from bulkops.undoing.work import UndoFacts
from bulkops.upload.guards import TargetDifference
from bulkops.upload.options import RunOptions
from bulkops.upload.start import contract_of
from bulkops.upload.stop import Stop
from bulkops.upload.workflow import open_client
from bulkops.wording import counted
from bulkops_validators.model.contract import Contract, Deletion, Mode


class UndoProgress(JobProgress):
    """Prints the rows that an undo restores and changes, and asks before the upload."""

    def __init__(self, ledger_url: str | None, earlier: JobEntry, *, yes: bool) -> None:
        super().__init__(ledger_url)
        self._earlier = earlier
        self._yes = yes
        self._plan: FilePlan | None = None

    def planned(self, plan: FilePlan, contract: Contract, ids: Mapping[str, int]) -> None:  # noqa: ARG002 - the observer's
        """Store the plan until the comparison with the target; without one, ask now."""
        self._plan = plan
        if contract.mode is Mode.REPLACE:
            return
        left = self._earlier.records - plan.records
        facts = [
            f"Undo of job {self._earlier.id}: restores the {counted(plan.records, 'row')} that its records changed.",
            target_line(self._earlier.target),
        ]
        if left and contract.undo is None:
            facts.append(
                f"{counted(left, 'record')} of the job had no row before. They stay: the API cannot remove them."
            )
        confirm(facts, "Restore them?", yes=self._yes, required=True, refusal="Nothing was sent.")

    def compared(self, difference: TargetDifference) -> None:
        """Print the changes of the undo, and ask; without a terminal --yes is required."""
        records = self._plan.records if self._plan else 0
        facts = [
            f"Undo of job {self._earlier.id}: restores the {counted(records, 'record')} that the target contained.",
            target_line(self._earlier.target),
            difference_line(difference),
        ]
        nothing = difference.equal
        confirm(facts, "Restore them?", yes=self._yes or nothing, required=not nothing, refusal="Nothing was sent.")

    def confirm_removal(self, facts: UndoFacts, earlier: JobEntry) -> None:
        """Print the rows that the undo removes and leaves, and ask; without a terminal --yes is required."""
        lines = [*_first_lines(facts, earlier), *_row_lines(facts, earlier), target_line(earlier.target)]
        lines.append(
            f"{counted(facts.requests, 'request')}, at least {facts.least_seconds:,.0f} s under the rate limit."
        )
        question = "Deduct them?" if facts.amount is not None else "Delete them?"
        confirm(lines, question, yes=self._yes, required=True, refusal="Nothing was sent.")


def _first_lines(facts: UndoFacts, earlier: JobEntry) -> Iterator[str]:
    """Yield the fact that the question is about, and for points the amounts that stay."""
    head = f"Undo of job {earlier.id} ({earlier.contract}):"
    if facts.amount is None:
        yield f"{head} deletes {counted(facts.records, 'row')} that the job created."
        return
    yield (
        f"{head} deducts {facts.amount:,f} imported points that are still active, in "
        f"{counted(facts.records, 'deduction')}."
    )
    if facts.spent:
        yield f"{facts.spent:,f} imported points were spent, expired or taken back. They are not deducted."
    if facts.pending:
        yield f"{facts.pending:,f} imported points are not active yet. Undo the job again once they are."


def _row_lines(facts: UndoFacts, earlier: JobEntry) -> Iterator[str]:
    """Yield the facts about rows in use, changed rows, and rows that stay."""
    undo = contract_of(earlier).undo
    word = undo.used_word if isinstance(undo, Deletion) else ""
    named = f" ({', '.join(facts.changed_keys)}{' …' if _more(facts) else ''})" if facts.changed_keys else ""
    also = f"--also {CHANGED} deletes them, too."
    texts = (
        (facts.used, f"Among them {word}: {{}}, because of --also {USED}."),
        (facts.kept_used, f"Rows that stay because they are {word}: {{}}. --also {USED} deletes them, too."),
        (facts.changed, f"Among them changed since the import: {{}}{named}, because of --also {CHANGED}."),
        (facts.kept_changed, f"Rows that stay because they were changed since the import: {{}}{named}. {also}"),
        (facts.gone, "Accepted records of the job without a row now: {}."),
        (facts.others, "Records of the job with a row that the job did not create: {}. These rows stay."),
        (facts.foreign, "Rows with an import id of the job that its file does not contain: {}. They stay."),
    )
    if not facts.file_known:
        yield "The file of the job is missing or was changed, so all its rows count as changed."
    yield from (text.replace("{}", f"{count:,}") for count, text in texts if count)


def _more(facts: UndoFacts) -> bool:
    return facts.changed + facts.kept_changed > len(facts.changed_keys)


def undo_job(
    name: str,
    target: TargetChoice,
    url: str | None,
    *,
    settings: Mapping[str, Any],
    also: Collection[str],
    output: Path | None,
    yes: bool,
    as_json: bool,
) -> int:
    """Undo a job, and return the exit code."""
    stop = Stop()
    with open_ledger(url) as ledger:
        earlier = ledger.job(name)
        progress = UndoProgress(url, earlier, yes=yes)

        def opened() -> Any:
            return target.reopen(earlier.target, address=earlier.address).open()

        with signals_handled(stop, progress, as_json=as_json):
            if output is not None:
                listable(earlier)
                with (
                    opened() as found,
                    open_client(found, ledger, clock=SystemClock(), notify=console().note) as client,
                ):
                    rows = write_lasting_rows(earlier, ledger, client, output)
                console().note(f"{counted(rows, 'row')} of job {earlier.id} written to {output}.")
            outcome = resuming.undo_job(
                earlier,
                ledger,
                opened,
                clock=SystemClock(),
                run=RunOptions.from_settings(settings),
                max_removals=settings.get("max_removals"),
                also=also,
                confirm=progress.confirm_removal,
                stop=stop,
                observer=progress,
            )
            return show_outcome(outcome, resume=progress.resume, as_json=as_json)
