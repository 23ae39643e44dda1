"""Export rows as a file that `import` accepts, from a deployment or from an export that was saved before."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

import polars as pl

from bulkops.disk import temporary_file, temporary_writes
from bulkops.errors import DataError, UsageError
from bulkops.exporting.catalog import EXPORTS
from bulkops.exporting.definition import Export
from bulkops.exporting.import_form import ImportForm, write_csv
from bulkops.exporting.open_amounts import OpenBook
from bulkops.exporting.output_formats import Shape, deliver
from bulkops.exporting.readbacks import unreadable
from bulkops.exporting.request import Request, request_of
from bulkops.exporting.run import Exported, Fetching, fetched, windows_folder
from bulkops.readback.fetch.download import GetRequest, download
from bulkops.readback.fetch.rows import BLOCK
from bulkops.readback.fetch.saved import read_saved
from bulkops.readback.fetch.times import rfc3339
from bulkops.readback.parse.lenient import BOM, split_header
from bulkops.readback.parse.tables import LINE, read_frames
from bulkops.readback.parse.warnings import FIELDS, Notes
from bulkops.reading.sources import file_source
from bulkops.temporary import temporary_folder
from bulkops.transport.client import ApiClient
from bulkops.writing import OWN_ONLY, Permit, part_file
from bulkops_validators import CONTRACTS
from bulkops_validators.model.contract import BalanceExport, Contract, ProgramKind, Readback

FIRST, LAST, LEDGER = "created-after", "created-before", "subledger"
"""The filters of the list of transactions that bound all of them, and the one that a user may choose."""
PROGRAM = "/v1/loyalty_programs/{program}"
LINES = Callable[[pl.Series], None]
"""Receives the lines of the export from which the records come, in their order."""


@dataclass(frozen=True, kw_only=True)
class ImportableExport:
    """The export of a contract's rows from one place, and the read-back that describes its columns."""

    contract: Contract
    readback: Readback
    request: Request

    @property
    def export(self) -> Export:
        """The export."""
        return self.request.export


def contract_of_export(export: Export) -> Contract:
    """Return the contract that imports the rows of an export; UsageError with the reason if there is none."""
    contract = CONTRACTS.get(export.name)
    if contract is not None:
        return contract
    balances = [
        other.name
        for other in CONTRACTS.values()
        for route in other.routes
        if route.readback and route.readback.open_amounts
        and any(each.path in export.paths for each in route.readback.open_amounts.balances.values())
    ]  # fmt: skip
    hint = (
        f"Use `bulkops export {balances[0]} --for-import`: it computes open balances with their end."
        if balances
        else None
    )
    raise UsageError(f"No import takes the rows of export {export.name}, so it has no --for-import.", hint=hint)


def importable_export(
    contract: Contract, ids: Mapping[str, int], filters: Mapping[str, object] | None = None
) -> ImportableExport:
    """Return the export of the rows that an import of the contract creates, at one place.

    An option of the import that also selects rows has the same default. UsageError if the API cannot read the rows
    back, if an id is missing, or if a filter would change the rows.
    """
    try:
        route = contract.route(ids)
    except LookupError as error:
        missing = " and ".join(f"--{name}" for name in error.args)
        raise UsageError(f"export {contract.name} --for-import needs {missing}.") from None
    if route.readback is None:
        raise unreadable(contract)
    chosen = {name: value for name, value in (filters or {}).items() if value is not None}
    export = EXPORTS[contract.name]
    used = set(route.readback.query.values())
    defaults = {o.name: o.default for o in contract.options if f"{{{o.name}}}" in used and o.default is not None}
    chosen = {**defaults, **chosen}
    if chosen.get("values-only"):
        raise UsageError("--values-only leaves out columns that --for-import needs.")
    if route.readback.open_amounts is not None and (odd := sorted(set(chosen) - {LEDGER})):
        raise UsageError(
            f"--for-import computes open balances from all transactions, so it does not take --{odd[0]}.",
            hint=f"Only --{LEDGER} can be combined with it.",
        )
    place = {name: ids[name] for name in route.ids}
    return ImportableExport(contract=contract, readback=route.readback, request=request_of(export, place, {}, chosen))


def run_for_import(
    client: ApiClient,
    wanted: ImportableExport,
    out: Path | BinaryIO,
    *,
    form: ImportForm,
    shape: Shape | None = None,
    fetching: Fetching | None = None,
    permit: Permit = OWN_ONLY,
    keep_raw: BinaryIO | None = None,
    lines: LINES | None = None,
) -> Exported:
    """Write the rows of an export as a file that `import` accepts; the file appears only when it is complete.

    `form` counts the rows. `keep_raw` receives the response itself. DataError if rows cannot be read reliably, or if
    open amounts contradict the balances of the server.
    """
    path = out if isinstance(out, Path) else None
    shape = (shape or Shape()).checked(path)
    fetching = fetching or Fetching()
    moment = _settled_moment(client, wanted)
    asked = replace(wanted, request=_all_bookings(wanted, moment))
    with temporary_file() as spooled, temporary_file() as converted:
        whole: BinaryIO = keep_raw or spooled
        folder = None if path is None else windows_folder(path, fetching)
        done, notes = fetched(client, asked.request, whole, fetching, folder=folder)
        frames = _reliable(whole)
        if asked.readback.open_amounts is None:
            write_records(form, frames, converted, lines)
        else:
            _write_open(client, asked, frames, converted, form, moment)
        files = _delivered(converted, out, shape, permit)
        if folder is not None:
            from bulkops.exporting.windows import clear_windows  # loaded by now

            clear_windows(folder)
    return Exported(
        what=asked.export.name, files=files, bytes=done.bytes, records=form.books.records, attempts=done.attempts,
        notes=(*notes.lines(), *form.books.lines()),
    )  # fmt: skip


def convert_saved(
    contract: Contract,
    saved: Path,
    out: Path | BinaryIO,
    *,
    form: ImportForm,
    shape: Shape | None = None,
    permit: Permit = OWN_ONLY,
) -> Exported:
    """Write the rows of a saved export as a file that `import` accepts.

    UsageError if the rows are bookings: only a deployment shows the balances that they must have. DataError if the
    file is not a complete export of the contract.
    """
    readback = form.readback
    if readback.open_amounts is not None:
        raise UsageError(
            f"A saved export of {contract.name} lacks the balances of the same moment.",
            hint="Use --for-import without --saved, with the deployment as target.",
        )
    shape = (shape or Shape()).checked(out if isinstance(out, Path) else None)
    source = file_source(saved)
    notes = Notes()
    _refuse_import_file(contract, readback, saved)
    with temporary_file() as converted:
        write_records(form, read_saved(source, readback.found_names, notes=notes), converted)
        _refuse_uncertain(notes)
        files = _delivered(converted, out, shape, permit)
    return Exported(
        what=contract.name, files=files, bytes=saved.stat().st_size, records=form.books.records, attempts=0,
        notes=(*notes.lines(), *form.books.lines()),
    )  # fmt: skip


def write_records(form: ImportForm, frames: Iterable[pl.DataFrame], out: BinaryIO, lines: LINES | None = None) -> None:
    """Write the records of frames as one temporary CSV file, with its header even without records."""
    for number, frame in enumerate(frames):
        rows = form.selected(frame)
        with temporary_writes():
            write_csv(form.records(rows), out, header=number == 0)
        if lines is not None:
            lines(rows.get_column(LINE))


def _delivered(converted: BinaryIO, out: Path | BinaryIO, shape: Shape, permit: Permit) -> tuple[Path, ...]:
    converted.seek(0)
    if not isinstance(out, Path):
        out.writelines(iter(lambda: converted.read(BLOCK), b""))
        return ()
    with part_file(out, permit):
        return deliver(converted, out, shape, permit)


def _reliable(whole: BinaryIO, *, more_fields: bool = False) -> Iterator[pl.DataFrame]:
    """Yield the rows of a response; DataError, after the last frame, if cells of a row may be wrong.

    With `more_fields`, rows may have other numbers of fields than the header: the documented row of card balances has
    one more, after the columns that are used.
    """
    whole.seek(0)
    own = Notes()
    yield from read_frames(iter(lambda: whole.read(BLOCK), b""), name="The export", notes=own)
    if more_fields:
        del own.counts[FIELDS]
    _refuse_uncertain(own)


def _refuse_uncertain(notes: Notes) -> None:
    if uncertain := notes.uncertain():
        raise DataError(
            f"The export has rows that cannot be read reliably: {' '.join(uncertain)} No file was written.",
            hint="Save the export as it is, without --for-import, and look at these rows.",
        )


def _settled_moment(client: ApiClient, wanted: ImportableExport) -> str | None:
    """Wait for the end of the present second of the server, and return that instant; None without bookings.

    Transactions and balances before the same whole second are equal views of the ledger.
    """
    if wanted.readback.open_amounts is None:
        return None
    if client.server_offset is None:
        client.request_server_time(PROGRAM, wanted.request.ids)
    now = client.clock.now() + (client.server_offset or timedelta())
    # The server's Date has no fractions, so its clock is up to a second ahead of `now`, and never behind it.
    moment = now.replace(microsecond=0) + timedelta(seconds=2)
    client.notifier.pause((moment - now).total_seconds() + 0.05)
    return rfc3339(moment)


def _all_bookings(wanted: ImportableExport, moment: str | None) -> Request:
    """Return the request for all rows, up to a moment if there is one."""
    if moment is None:
        return wanted.request
    every = dict(wanted.export.all_rows)
    chosen = {name: value for name, value in wanted.request.values.items() if name not in every}
    return replace(wanted.request, values={**every, **chosen, LAST: moment})


def _write_open(
    client: ApiClient,
    wanted: ImportableExport,
    frames: Iterable[pl.DataFrame],
    out: BinaryIO,
    form: ImportForm,
    moment: str | None,
) -> None:
    """Write the open amounts of bookings, after a comparison with the balances of the same moment."""
    with (
        temporary_folder() as folder,
        closing(OpenBook(form=form, folder=folder, now=moment or "")) as book,
    ):
        for frame in frames:
            book.add(frame)
        book.settle()
        _compare_balances(client, wanted, book, moment)
        for number, frame in enumerate(book.records()):
            with temporary_writes():
                write_csv(frame, out, header=number == 0)


def _compare_balances(client: ApiClient, wanted: ImportableExport, book: OpenBook, moment: str | None) -> None:
    """Raise DataError if the open amounts contradict the balances of the server at the same moment."""
    balances = book.export_of_balances() or _balances_of_program(client, wanted)
    asked = GetRequest(
        path=balances.path,
        ids=wanted.request.ids,
        params={"endDate": moment or ""},
        columns=frozenset({balances.owner.lower()}),
    )
    subledger = wanted.request.values.get(LEDGER)
    with temporary_file() as spooled:
        download(client, asked, spooled)
        rows = _reliable(spooled, more_fields=True)
        book.refuse_other_balances(rows, balances, None if subledger is None else str(subledger))


def _balances_of_program(client: ApiClient, wanted: ImportableExport) -> BalanceExport:
    """Return the export of balances for the kind of the program, for a program without transactions."""
    rule = wanted.readback.open_amounts
    if rule is None:
        raise TypeError("Only bookings have balances.")
    program = client.get_json(PROGRAM, wanted.request.ids)
    cards = isinstance(program, dict) and bool(program.get("cardBased"))
    return rule.balances[ProgramKind.CARDS if cards else ProgramKind.PROFILES]


def _refuse_import_file(contract: Contract, readback: Readback, saved: Path) -> None:
    """Raise DataError if the columns of a file are those of an import file, or of another contract."""
    with file_source(saved).open() as stream:
        names = {name.strip().lower() for name in split_header(stream.read(BLOCK).removeprefix(BOM), str(saved))[0]}
    own = {name.lower() for name in readback.own_columns} - {name.lower() for name in contract.column_names}
    if own and names.isdisjoint(own):
        raise DataError(
            f"{saved} is not an export of {contract.name}: it has none of the columns "
            f"{', '.join(sorted(own))}.", hint=f"`bulkops export {contract.name}` saves one.",
        )  # fmt: skip
