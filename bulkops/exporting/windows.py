"""Fetch an export window by window, so that a killed run continues where it stopped.

Whether the API's bounds count is not documented, so each window is asked for a second wider on both sides and cut to
its half-open span [start, end) by the rows' own column: no gap and no overlap whatever the bounds mean.
"""

import json
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from bulkops.errors import DataError, UsageError
from bulkops.exporting.definition import Window
from bulkops.exporting.request import Request, instant
from bulkops.exporting.spool import spool
from bulkops.exporting.time_slices import Steps
from bulkops.private import private, private_folder, write_private
from bulkops.readback.compare.canonical import by_lower
from bulkops.readback.compare.values import instants
from bulkops.readback.fetch.download import Downloaded, Progress
from bulkops.readback.fetch.prefetch import tee_to_thread
from bulkops.readback.fetch.rows import BLOCK
from bulkops.readback.fetch.times import rfc3339
from bulkops.readback.parse.malformed_quotes import note_malformed_records
from bulkops.readback.parse.tables import read_raw
from bulkops.readback.parse.warnings import Notes
from bulkops.reading.records.boundaries import inside_quotes
from bulkops.settings import server_name
from bulkops.transport.client import ApiClient

WIDER = timedelta(seconds=1)
MOST = 100_000
OURS = re.compile(r"plan\.(json|part)|\d{5,}\.(csv|raw|part)")
Say = Callable[[str], None]


def spool_windows(
    client: ApiClient,
    request: Request,
    steps: Steps,
    out: BinaryIO,
    *,
    folder: Path,
    settle: float = 0.0,
    progress: Progress | None = None,
    say: Say | None = None,
    notes: Notes | None = None,
) -> Downloaded:
    """Fill `out` window by window. `folder` keeps the finished windows and the fixed end; the caller removes it.

    With `settle`, each window is requested until two responses that many seconds apart are equal. UsageError if
    `folder` belongs to another request.
    """
    spans = _spans(client, request, steps, folder)
    attempts = 0
    for number, (start, end) in enumerate(spans, start=1):
        done = folder / f"{number:05}.csv"
        if not done.exists():
            asked = request.between(steps.window, _shifted(start, -WIDER), _shifted(end, WIDER))
            attempts += _one(client, asked, done, steps.window, (start, end), settle=settle, progress=progress)
            if say:
                say(f"Window {number} of {len(spans)}: {rfc3339(start)} to {rfc3339(end)}.")
    with tee_to_thread(lambda blocks: note_malformed_records(blocks, notes if notes is not None else Notes())) as look:
        size = _join(sorted(folder.glob("*.csv")), out, look)
    return Downloaded(bytes=size, attempts=attempts)


def _spans(client: ApiClient, request: Request, steps: Steps, folder: Path) -> list[tuple[datetime, datetime]]:
    """Return the windows. The first run fixes the end; later runs find it in the folder."""
    window = steps.window
    if window.after not in request.values:
        raise UsageError(f"--window needs --{window.after}, the start of the first window.")
    asked = {
        "question": [request.question().path, dict(request.question().ids), dict(request.question().params)],
        "base_url": client.target.server,
        "by": window.by,
        "seconds": steps.length.total_seconds(),
    }
    plan = folder / "plan.json"
    start = instant(str(request.values[window.after]), option=window.after)
    if plan.exists():
        end = _fixed_end(plan, asked)
    else:
        given = request.values.get(window.before)
        now = client.clock.now() + (client.server_offset or timedelta())
        end = instant(str(given), option=window.before) if given else now.replace(microsecond=0)
    spans = _cut(start, end, steps.length)
    if not plan.exists():
        _refuse_foreign(folder)
        private_folder(folder)
        part = plan.with_suffix(".part")
        write_private(part, json.dumps({"asked": asked, "end": end.isoformat()}))
        part.replace(plan)
    return spans


def clear_windows(folder: Path) -> None:
    """Remove the windows that were kept in a folder, and the folder if it contains nothing else."""
    for path in folder.iterdir():
        if OURS.fullmatch(path.name):
            path.unlink(missing_ok=True)
    with suppress(OSError):
        folder.rmdir()


def _refuse_foreign(folder: Path) -> None:
    """Raise UsageError for a folder of that name that contains files other than windows."""
    if folder.exists() and (not folder.is_dir() or any(not OURS.fullmatch(path.name) for path in folder.iterdir())):
        raise UsageError(
            f"{folder} exists, and bulkops did not write it; it needs this name for the windows.",
            hint="Move it away, or name another file with -o.",
        )


def _fixed_end(plan: Path, asked: Mapping[str, object]) -> datetime:
    """Return the end that the first run fixed; UsageError if that run was of another export."""
    try:
        stored = json.loads(plan.read_text(encoding="utf-8"))
        stored["asked"]["base_url"] = server_name(stored["asked"]["base_url"])
        same, end = (
            stored["asked"] == json.loads(json.dumps(asked)),
            datetime.fromisoformat(stored["end"]),
        )
    except (ValueError, KeyError, TypeError):
        raise UsageError(f"{plan} cannot be read.", hint=f"Remove {plan.parent} and begin again.") from None
    if not same:
        raise UsageError(
            f"{plan.parent} contains the windows of another export.", hint="Remove it, or name another file with -o."
        )
    return end


def _cut(start: datetime, end: datetime, length: timedelta) -> list[tuple[datetime, datetime]]:
    if end <= start:
        raise UsageError("The window ends before it begins.")
    if (end - start) / length > MOST:
        raise UsageError(
            f"There would be more than {MOST:,} windows, and each is a request.", hint="Make --window longer."
        )
    spans = []
    while start < end:
        following = end if end - start <= length else start + length
        spans.append((start, following))
        start = following
    return spans


def _shifted(moment: datetime, by: timedelta) -> datetime:
    """Return a moment a little later or earlier, or itself at the ends of the calendar."""
    try:
        return moment + by
    except OverflowError:
        return moment


def _one(
    client: ApiClient,
    request: Request,
    done: Path,
    window: Window,
    span: tuple[datetime, datetime],
    *,
    settle: float,
    progress: Progress | None,
) -> int:
    """Fetch one window into the file `done`, which appears only when it is complete."""
    raw, part = done.with_suffix(".raw"), done.with_suffix(".part")
    try:
        with open(raw, "w+b", opener=private) as whole, open(part, "wb", opener=private) as kept:
            taken = spool(client, request, whole, settle=settle, progress=progress)
            whole.seek(0)
            _keep(whole, kept, column=window.column, start=rfc3339(span[0]), end=rfc3339(span[1]))
        part.replace(done)
    finally:
        raw.unlink(missing_ok=True)
        part.unlink(missing_ok=True)
    return taken.attempts


def _keep(whole: BinaryIO, kept: BinaryIO, *, column: str, start: str, end: str) -> None:
    """Copy the header and the records with an instant in [start, end), byte for byte."""
    first = True
    for frame, header, records in read_raw(iter(lambda: whole.read(BLOCK), b""), name="The answer"):
        if first:
            kept.write(header)
            first = False
        name = by_lower(frame.columns).get(column)
        if name is None:
            raise DataError(f"The export has no column {column!r}, which --window needs to cut it.")
        moments = instants(frame.get_column(name).alias("at"))
        odd = moments.filter(~moments.str.contains(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"))
        if odd.len():
            raise DataError(
                f"The export's {column!r} contains {odd[0]!r}, which is not an instant: --window cannot cut it."
            )
        inside = (moments >= start) & (moments < end)
        kept.writelines(record for record, wanted in zip(records, inside, strict=True) if wanted)


def _join(files: list[Path], out: BinaryIO, look: Callable[[bytes], None]) -> int:
    """Write one header and the records of all windows, and show them to `look`; DataError if the headers differ."""
    out.seek(0)
    out.truncate()
    header: bytes | None = None
    for path in files:
        with path.open("rb") as file:
            found = _header(file)
            if header is not None and found != header:
                raise DataError(
                    "The columns of the export changed between two windows.",
                    hint=f"Remove {path.parent} and begin again.",
                )
            blocks = chain([] if header is not None else [found], iter(lambda file=file: file.read(BLOCK), b""))  # type: ignore[misc] # the default binds the loop's file
            header = found
            for block in blocks:
                out.write(block)
                look(block)
    return out.tell()


def _header(file: BinaryIO) -> bytes:
    header = file.readline()
    while inside_quotes(header) and (more := file.readline()):
        header += more
    return header
