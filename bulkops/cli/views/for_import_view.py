"""Output of `bulkops export WHAT --for-import`: the file, the books of its rows, and whether `import` accepts it."""

import shlex
import sys
from collections.abc import Sequence
from datetime import UTC
from pathlib import Path
from typing import Any

from bulkops.cli.output.console import MOMENT, console
from bulkops.cli.process.connect import connect
from bulkops.clock import SystemClock
from bulkops.errors import UsageError
from bulkops.exporting.definition import Export
from bulkops.exporting.for_import import (
    ImportableExport,
    contract_of_export,
    convert_saved,
    importable_export,
    run_for_import,
)
from bulkops.exporting.import_form import ImportForm, Translation
from bulkops.exporting.output_formats import Shape
from bulkops.exporting.readbacks import unreadable
from bulkops.exporting.run import Exported, Fetching
from bulkops.exporting.time_slices import steps_of
from bulkops.validation.engine import validate_files
from bulkops.validation.settings import ValidationSettings
from bulkops.wording import counted
from bulkops.writing import Permit
from bulkops_validators.model.contract import Contract

NO_RECORDS = "STR110"
SHOWN = 5
"""Findings of a file that are printed."""


def export_for_import(export: Export, options: dict[str, Any], output: Path | None, permit: Permit) -> int:
    """Write the rows of an export as an import file, and return the exit code: 1 if an import would refuse it."""
    contract = contract_of_export(export)
    if options["form"] == "parquet" or options["tidy"]:
        raise UsageError("--for-import writes CSV in the import format.", hint="Drop --format parquet and --tidy.")
    shape = Shape(form="csv", split=options["split_records"])
    translation = Translation(used=options["used"])
    out: Any = output or sys.stdout.buffer
    if options["saved"] is not None:
        form = ImportForm(contract, _readback_of_saved(contract), translation)
        result = convert_saved(contract, options["saved"], out, form=form, shape=shape, permit=permit)
    else:
        result, form = _from_deployment(export, contract, options, out, (shape, translation, permit))
    errors = _errors(contract, result.files)
    _show(export, contract, result, form, errors, as_json=options["as_json"])
    return 1 if errors else 0


def _readback_of_saved(contract: Contract) -> Any:
    readback = contract.routes[0].readback
    if readback is None:
        raise unreadable(contract)
    return readback


def _from_deployment(
    export: Export, contract: Contract, options: dict[str, Any], out: Any, choices: tuple[Shape, Translation, Permit]
) -> tuple[Exported, ImportForm]:
    shape, translation, permit = choices
    filters = {f.name: value for f in export.filters if (value := options["f_" + f.name.replace("-", "_")]) not in
               (None, ())}  # fmt: skip
    clock = SystemClock()
    with (
        options["target"].open() as opened,
        connect(opened, ledger=options["ledger"], clock=clock) as client,
        _bar(export) as bar,
    ):
        wanted: ImportableExport = importable_export(contract, opened.ids, filters)
        form = ImportForm(contract, wanted.readback, translation)
        fetching = Fetching(
            steps=steps_of(export, options.get("window"), options.get("window_by")), settle=options["settle"],
            progress=bar.update, say=console().note, count=False,
        )  # fmt: skip
        result = run_for_import(client, wanted, out, form=form, shape=shape, fetching=fetching, permit=permit)
    return result, form


def _bar(export: Export) -> Any:
    return console().bar(unit="B", desc=export.name, delay=MOMENT)


def _errors(contract: Contract, files: Sequence[Path]) -> int:
    """Return the number of findings that would stop an import of the files; print the first ones."""
    if not files:
        return 0
    settings = ValidationSettings(now=SystemClock().now().astimezone(UTC), ignore=(NO_RECORDS,))
    report = validate_files(contract, list(files), settings=settings)
    for found in report.files:
        for finding in found.findings[:SHOWN]:
            if finding.severity == "error":
                console().note(f"{found.path}:{finding.line}: {finding.code} {finding.message}")
    return report.errors


def _show(
    export: Export, contract: Contract, result: Exported, form: ImportForm, errors: int, *, as_json: bool
) -> None:
    out, books = console(), form.books
    for note in result.notes:
        out.note(f"Note: {note}")
    if as_json:
        document = result.to_json()
        out.emit_json({**document, "books": books.to_json(), "errors": errors})
    else:
        place = ", ".join(map(str, result.files)) or "stdout"
        out.note(f"{export.name}: {counted(books.records, 'record')} of {counted(books.rows, 'row')} to {place}.")
    if errors:
        out.complain(
            f"{counted(errors, 'finding')} would stop an import of this file.",
            f"`bulkops validate {contract.name} {result.files[0]}` lists them.",
        )
        return
    if len(result.files) == 1:
        ids = [word for name in contract.routes[0].ids for word in (f"--{name}", "ID")]
        out.next_step = shlex.join(["bulkops", "import", contract.name, str(result.files[0]), *ids])
