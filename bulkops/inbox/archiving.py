"""Move a file out of the inbox: write its evidence, copy both to the archive or to quarantine, verify, then remove.

Every step can be repeated: evidence is made once, a copy that is already stored is found again, and the file in the
inbox is removed last, only if it is still the one that was imported.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bulkops.chunking.plan import read_header
from bulkops.inbox.book import Drop, FileStep, remove_folder
from bulkops.inbox.decisions import REASONS, rejected_name
from bulkops.inbox.feedback import Feedback, feedback_rows, write_feedback
from bulkops.inbox.processing import Desk, Result
from bulkops.inbox.splitting import records_of
from bulkops.inbox.storage import Storage, work_writes
from bulkops.inbox.taking import WorkFiles, work_files
from bulkops.ledger.events import FileNamed
from bulkops.ledger.models import JobEntry
from bulkops.private import private, private_folder, write_private
from bulkops.reporting.write import ReportOptions, report_text
from bulkops.tabular import write_table
from bulkops.upload.job_files import rejected_path
from bulkops.version import __version__

COMPLETE = ".complete"
"""The file that shows that all evidence was written."""
LONGEST_SLUG = 60
"""Maximum bytes of the file's name in the name of its folder."""
OUTCOMES = ("quarantined", "rejected")


@dataclass(frozen=True, kw_only=True)
class Places:
    """The places of an inbox."""

    folder: Storage
    archive: Storage
    quarantine: Storage


def settle(desk: Desk, places: Places, drop: Drop, *, inbox: str) -> tuple[Drop, tuple[str, ...]]:
    """Move a file out of the inbox after its import has ended; return it and notes for the summary."""
    result = Result.from_json(drop.result)
    notes: list[str] = []
    if drop.step is FileStep.ENDED:
        with work_writes(work_files(desk.book, drop).folder):
            notes += _write_evidence(desk, drop, result, inbox=inbox)
            archived_to = _store(desk, places, drop, result)
        drop = desk.book.moved(drop, FileStep.ARCHIVED, archived_to=archived_to)
    if drop.step is FileStep.ARCHIVED:
        _point_jobs_at_archive(desk, places, drop, result)
        if not places.folder.remove(drop.file):
            notes.append(f"{drop.name} has changed since it was imported; the new content is handled as a new file.")
        elif drop.companion is not None:
            places.folder.remove(drop.companion)
        if drop.corrects is not None and result.state in ("imported", "skipped", "partial"):
            desk.book.corrected(drop.corrects, drop.id)
        drop = desk.book.moved(drop, FileStep.DONE)
    remove_folder(work_files(desk.book, drop).folder)
    return drop, tuple(notes)


def folder_name(drop: Drop) -> str:
    """Return the name of the folder of a drop: its day, its time, a part of its name, and a part of its id."""
    local = drop.taken.astimezone()
    slug = drop.name.encode()[:LONGEST_SLUG].decode(errors="ignore").rstrip(". ")
    return f"{local:%Y-%m-%d}/{local:%H%M%S}-{slug}-{drop.id[:8]}"


def rejected_of(drop: Drop) -> str:
    """Return the name of the file of the rejected records of a drop."""
    return rejected_name(drop.name, drop.id[:12])


def _write_evidence(desk: Desk, drop: Drop, result: Result, *, inbox: str) -> list[str]:
    """Write result files, report and facts of a drop to its work folder, unless an earlier pass has; return notes."""
    files = work_files(desk.book, drop)
    if (files.evidence / COMPLETE).exists():
        return []
    remove_folder(files.evidence)
    private_folder(files.evidence)
    job = desk.ledger.job(result.jobs[0]) if result.jobs else None
    own = job is not None and job.given_path in (files.plain, files.good)
    feedback = Feedback(
        plain=files.plain,
        sent=files.good if result.sent == "good" else files.plain,
        job=job if own else None,
        result=result,
        mask=desk.table.mask,
    )
    notes = []
    for form in desk.table.result:
        path = files.evidence / f"result.{form}"
        if (note := write_feedback(desk.ledger, feedback, form, path, title=drop.name)) is not None:
            path.unlink()
            notes.append(f"{drop.name}: {note}.")
    if result.jobs and own:
        options = ReportOptions(jobs=result.jobs, mask=desk.table.mask, check_files=False)
        _, text = report_text(desk.ledger, options, made=desk.clock.now())
        write_private(files.evidence / "report.html", text)
    if result.state == "partial" and result.records["quarantined"] + result.records["rejected"]:
        _write_rejected(desk, drop, feedback)
    write_private(files.evidence / "drop.json", json.dumps(_facts(drop, result, inbox), ensure_ascii=False, indent=2))
    write_private(files.evidence / COMPLETE, "")
    return notes


def _facts(drop: Drop, result: Result, inbox: str) -> dict[str, Any]:
    """Return the facts of a drop for the archive."""
    return {
        "bulkops": __version__,
        "inbox": inbox,
        "name": drop.name,
        "sha256": drop.sha256,
        "bytes": drop.file.size,
        "taken": drop.taken.isoformat(),
        "corrects": drop.corrects,
        **{name: value for name, value in result.to_json().items() if name not in ("findings", "sent", "error")},
    }


def _write_rejected(desk: Desk, drop: Drop, feedback: Feedback) -> None:
    """Write the records that were not imported as a file that can be corrected and dropped again, and their reasons."""
    files = work_files(desk.book, drop)
    folder = files.evidence / "rejected"
    private_folder(folder)
    sources = [files.bad] if feedback.result.sent == "good" else []
    if feedback.job is not None and feedback.result.records["rejected"]:
        sources.append(rejected_path(desk.ledger, feedback.job.id))
    count = 0
    name = rejected_of(drop)
    with open(folder / name, "wb", opener=private) as out:
        for number, source in enumerate(sources):
            count += _append(source, out, header=number == 0)
    columns, rows = feedback_rows(desk.ledger, feedback)
    with open(folder / f"{name}{REASONS}", "wb", opener=private) as out:
        write_table(out, "csv", columns, (row for row in rows if row[2] in OUTCOMES))
    desk.book.reject(drop.id[:12], drop, count)


def _append(source: Path, out: Any, *, header: bool) -> int:
    """Append the records of a file; return their number."""
    count = 0
    with source.open("rb", buffering=0) as file:
        first = read_header(file, source)
        if header:
            out.write(first)
        for record in records_of(file):
            out.write(record if record.endswith(b"\n") else record + b"\n")
            count += 1
    return count


def _store(desk: Desk, places: Places, drop: Drop, result: Result) -> str:
    """Copy a file and its evidence to its place, and return the path of the copy of the file."""
    files = work_files(desk.book, drop)
    folder = folder_name(drop)
    place = places.quarantine if result.state == "quarantined" else places.archive
    if result.state == "partial" and (files.evidence / "rejected").is_dir():
        for path in sorted((files.evidence / "rejected").iterdir()):
            places.quarantine.put(path, f"{folder}/{path.name}")
    name = place.put(files.original, f"{folder}/{drop.name}")  # first, so that it keeps its name: `result.csv`, too
    for path in sorted(files.evidence.iterdir()):
        if path.is_file() and path.name != COMPLETE:
            place.put(path, f"{folder}/{path.name}")
    if (sent := _sent_file(files, result)) is not None and sent != files.original:
        place.put(sent, f"{folder}/sent/{sent.name}")
    _store_companion(places, place, drop, files, folder)
    places.quarantine.sync()
    place.sync()
    return f"{place.shown}/{name}"


def _store_companion(places: Places, place: Storage, drop: Drop, files: WorkFiles, folder: str) -> None:
    """Copy the marker or manifest of a file beside it, if it is still there."""
    if drop.companion is None or places.folder.find(drop.companion.name) is None:
        return
    copy = files.folder / "companion" / drop.companion.name
    private_folder(copy.parent)
    with places.folder.read(drop.companion.name) as source, open(copy, "wb", opener=private) as out:
        out.write(source.read())
    place.put(copy, f"{folder}/{drop.companion.name}")


def _sent_file(files: WorkFiles, result: Result) -> Path | None:
    """Return the file that was sent; None if no file was sent."""
    if not result.jobs or result.state == "skipped":
        return None
    path = files.good if result.sent == "good" else files.plain
    return path if path.exists() else None


def _point_jobs_at_archive(desk: Desk, places: Places, drop: Drop, result: Result) -> None:
    """Name the archived file as the file of its jobs, so that a report or a comparison finds it later."""
    if not result.jobs or drop.archived_to is None:
        return
    files = work_files(desk.book, drop)
    place = places.quarantine if result.state == "quarantined" else places.archive
    name = drop.archived_to.removeprefix(f"{place.shown}/")
    sent = _sent_file(files, result)
    if sent is not None and sent != files.original:
        name = f"{name.rpartition('/')[0]}/sent/{sent.name}"
    path = place.local(name)
    for job in map(desk.ledger.job, result.jobs):
        if path is not None and path.exists() and _is_of(job, files):
            desk.ledger.change_job(job, FileNamed(), file_path=path.absolute())


def _is_of(job: JobEntry, files: WorkFiles) -> bool:
    """Return whether the file of a job is a work file."""
    return job.file_path in (files.plain, files.good)
