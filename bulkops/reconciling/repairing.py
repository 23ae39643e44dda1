"""Whether the missing records may be sent again: what speaks against a repair file."""

from dataclasses import dataclass
from pathlib import Path

from bulkops.readback.compare.staging import RowSets
from bulkops.readback.parse.warnings import Notes
from bulkops.reconciling.sides import Known
from bulkops_validators.model.contract import Contract, Mode

OPTION = "--repair-without-import-ids"


@dataclass(frozen=True, kw_only=True)
class Certainty:
    """What is known of both sides of a comparison besides their rows.

    `file` and `found` are what was odd about them; `shows_imports`: every row found shows the id of its import;
    `doubt` is why the export itself proves nothing, if it does not; `too_early`: it was saved before the job had sent
    everything; `partial`: with which filters it was saved.
    """

    file: Notes
    found: Notes
    shows_imports: bool
    doubt: str = ""
    too_early: bool = False
    partial: str = ""


def objection(
    contract: Contract, sets: RowSets, known: Known, certainty: Certainty, *, name: str, source: Path, lifted: bool
) -> str | None:
    """Return why no repair file may be written; None if nothing speaks against it.

    `lifted`: rows that do not show their import are accepted (`OPTION`).
    """
    if contract.mode is Mode.REPLACE:
        return (
            f"an import of {contract.name} replaces all that is there, so a file of the missing rows alone would "
            f"remove the others. Import the whole file again: {source}."
        )
    for path, notes in ((str(source), certainty.file), (name, certainty.found)):
        if uncertain := notes.uncertain():
            return f"{path} was not read with certainty: {uncertain[0]}"
    if certainty.doubt:
        return f"{name} does not show for certain that a record is missing."
    if known.unsettled:
        return f"{known.unsettled:,} records of the job are still to be sent or in doubt. `bulkops jobs resume` first."
    if certainty.too_early:
        return f"{name} was saved before the last request of the job was sent. Save it again."
    if certainty.partial:
        return f"{name} was saved with {certainty.partial}, so it may not show every row."
    if contract.mode is not Mode.APPEND:
        return None
    if not certainty.shows_imports and not lifted:
        return (
            f"{name} does not show the import of every row, so rows of this file cannot be told from rows of earlier "
            f"imports, and what is sent again may be doubled. {OPTION} writes it all the same."
        )
    return _unfinished(sets, known, name)


def _unfinished(sets: RowSets, known: Known, name: str) -> str | None:
    """Return why rows that were imported may not be there to be found."""
    if not known.import_ids:
        return None
    ours = ", ".join(str(number) for number in known.import_ids)
    if not sets.found_count:
        return f"{name} shows no row of import {ours}: it was saved too early, or the import id is another one."
    if known.amount is not None and sets.found_count < known.amount:
        return (
            f"the server counted {known.amount:,} rows of import {ours}, and {name} shows {sets.found_count:,} of "
            "them: the others were imported and are not shown, so sending them again would double them."
        )
    return None


def saved_too_early(export: Path | None, known: Known) -> bool:
    """Return whether a saved export is older than the last request of the job."""
    if export is None or known.sent is None or not export.is_file():
        return False
    return export.stat().st_mtime < known.sent.timestamp()


def shows_imports(sets: RowSets) -> bool:
    """Return whether every row found shows the id of its import; to be asked after the comparison."""
    return not sets.number("SELECT count(*) FROM (SELECT 1 FROM found WHERE _import_id = '' LIMIT 1)")
