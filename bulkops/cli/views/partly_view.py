"""Output of `bulkops jobs resolve --as partly`: the rows found, the question, and the decision."""

from bulkops.cli.output.console import console
from bulkops.cli.output.jobs_view import open_ledger
from bulkops.cli.output.progress import resume_command
from bulkops.cli.output.prompt import confirm, target_line
from bulkops.cli.process.targets import TargetChoice
from bulkops.clock import SystemClock
from bulkops.ledger.job_documents import job_document
from bulkops.ledger.models import JobEntry
from bulkops.upload.partial_resolution import PartialResolution, find_part, record_part
from bulkops.upload.start import refuse_changed_file
from bulkops.upload.stop import Stop
from bulkops.upload.workflow import lock_job, open_context
from bulkops.wording import counted


def resolve_partly(
    name: str, number: int, target: TargetChoice, url: str | None, *, reason: str, yes: bool, as_json: bool
) -> None:
    """Read back which records of a chunk in doubt are at the target, ask, and record the decision."""
    with open_ledger(url) as ledger, lock_job(ledger.job(name), ledger):
        job = ledger.job(name)
        refuse_changed_file(job, ledger)
        with (
            target.of_job(job).open() as found,
            open_context(job, found, ledger, clock=SystemClock(), stop=Stop(), notify=console().note) as context,
        ):
            console().show_waits(context.client.notifier)
            part = find_part(context, number)
            confirm(_facts(job, part), "Record it?", yes=yes, refusal="Nothing was recorded.")
            accepted, pending = record_part(context, part, reason)
        document = job_document(job, ledger.chunks(job.id))
    if as_json:
        console().emit_json(document)
    else:
        console().result(
            f"Chunk {number} of {name} is split: chunk {accepted.number} with {counted(accepted.records, 'record')} "
            f"is accepted, chunk {pending.number} with {counted(pending.records, 'record')} is pending."
        )
    console().note(f"Continue with: {resume_command(job, url)}")


def _facts(job: JobEntry, part: PartialResolution) -> list[str]:
    """Return the facts for the question: the rows found, and the effect of the decision."""
    present, chunk = len(part.present), part.chunk
    where = "The target" if part.import_id is None else f"Import {part.import_id}"
    share = f"{present:,} of the {chunk.records:,} records of chunk {chunk.number}"
    found = f"{where} contains {share}, in two equal readings {part.pause:,.0f} s apart."
    then = f"These {present:,} will count as accepted. The {part.missing:,} others become a pending chunk"
    return [target_line(job.target), found, f"{then}: resuming the job sends them."]
