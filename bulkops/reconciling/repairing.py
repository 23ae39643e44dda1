"""Decide whether the missing records may be resent: collect the reasons against a repair file."""

from dataclasses import dataclass
from pathlib import Path

from bulkops.readback.compare.staging import RowSets
from bulkops.readback.parse.warnings import Notes
from bulkops.reconciling.sides import ImportFacts
from bulkops_validators.model.contract import Contract, Mode

OPTION = "--repair-without-import-ids"


@dataclass(frozen=True, kw_only=True)
class Certainty:
    """Facts about both sides of a comparison besides their rows.

    `file` and `found` are the problems of the two sides. `shows_imports`: every found row shows its import id.
    `doubt` says why the export itself proves nothing; blank if it does. `too_early`: the export was saved before the
    last request of the job. `partial` are the filters with which the export was saved; blank if there are none.
    """

    file: Notes
    found: Notes
    shows_imports: bool
    doubt: str = ""
    too_early: bool = False
    partial: str = ""


def objection(
    contract: Contract,
    sets: RowSets,
    known: ImportFacts,
    certainty: Certainty,
    *,
    name: str,
    source: Path,
    lifted: bool,
) -> str | None:
    """Return why no repair file may be written; None if it may be written.

    `lifted`: rows without an import id are accepted (`OPTION`).
    """
    if contract.mode is Mode.REPLACE:
        return (
            f"an import of {contract.name} replaces all existing rows, so a file with only the missing rows would "
            f"remove the others. Import the whole file again: {source}."
        )
    if doubt := _doubt(known, certainty, name, source):
        return doubt
    if contract.mode is not Mode.APPEND:
        return None
    if not certainty.shows_imports and not lifted:
        return (
            f"{name} does not show the import of every row, so rows of this file cannot be distinguished from rows of "
            f"earlier imports, and resent records may be duplicated. {OPTION} writes the file anyway."
        )
    return _unfinished(sets, known, name)


def _doubt(known: ImportFacts, certainty: Certainty, name: str, source: Path) -> str | None:
    """Return why a record may not be missing although the comparison says so, for imports of every mode; or None."""
    for path, notes in ((str(source), certainty.file), (name, certainty.found)):
        if uncertain := notes.uncertain():
            return f"{path} could not be read reliably: {uncertain[0]}"
    if certainty.doubt:
        return f"{name} does not prove that a record is missing."
    if known.unsettled:
        return f"{known.unsettled:,} records of the job are pending or in doubt. Run `bulkops jobs resume` first."
    if certainty.too_early:
        return f"{name} was saved before the last request of the job was sent. Save it again."
    if certainty.partial:
        return f"{name} was saved with {certainty.partial}, so it may not show every row."
    return None


def _unfinished(sets: RowSets, known: ImportFacts, name: str) -> str | None:
    """Return why imported rows may be missing from the export; None if nothing shows that."""
    if not known.import_ids:
        return None
    ours = ", ".join(str(number) for number in known.import_ids)
    if not sets.found_count:
        return f"{name} shows no row of import {ours}: it was saved too early, or the import id is wrong."
    if known.amount is not None and sets.found_count < known.amount:
        return (
            f"the server counted {known.amount:,} rows of import {ours}, and {name} shows {sets.found_count:,} of "
            "them: the others were imported but are not shown, so resending them would duplicate them."
        )
    return None


def saved_too_early(export: Path | None, known: ImportFacts) -> bool:
    """Return whether a saved export is older than the last request of the job."""
    if export is None or known.sent is None or not export.is_file():
        return False
    return export.stat().st_mtime < known.sent.timestamp()


def shows_imports(sets: RowSets) -> bool:
    """Return whether every found row shows its import id; call this after the comparison."""
    unknown = sets.number("SELECT count(*) FROM (SELECT 1 FROM found WHERE _import_id = '' LIMIT 1)")
    return not unknown and "" not in sets.aside.imports
