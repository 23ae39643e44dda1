"""Convert the frames of a read-back to rows to compare, and collect the facts that the frames show besides them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from bulkops.readback.compare.canonical import Fold, found_frame, live_rows
from bulkops.readback.parse.warnings import Notes
from bulkops.reconciling.columns import refuse_other_rows
from bulkops.reconciling.shown_ids import ShownIds
from bulkops_validators.model.contract import Contract, Form, Readback


@dataclass(frozen=True, kw_only=True)
class FoundForm:
    """How to read the frames of a read-back.

    `name` is its source in messages. The rows must belong to the target with `ids`, if they show ids. `scoped`: only
    rows of known imports count.
    """

    contract: Contract
    readback: Readback
    fold: Fold
    name: str
    ids: Mapping[str, int] | None
    scoped: bool


@dataclass
class FoundFacts:
    """Facts about a read-back besides its rows.

    `notes` are its problems. `has_import_ids`: every frame has the import id column.
    """

    notes: Notes
    shown_ids: ShownIds
    has_import_ids: bool = True
    deleted: Notes = field(default_factory=Notes)
    rows: int = 0


class FoundRows:
    """Reads the frames of one read-back, in order."""

    def __init__(self, form: FoundForm, notes: Notes) -> None:
        self._form = form
        self.facts = FoundFacts(notes, ShownIds(form.readback, form.ids, name=form.name))

    def canonical(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return the rows of a frame as canonical text; DataError if it is not of this contract and target."""
        form, facts = self._form, self.facts
        refuse_other_rows(form.contract, form.readback, frame, form.name, scoped=form.scoped)
        names = {name.lower() for name in frame.columns}
        # An empty page has no columns.
        if form.readback.form is Form.CSV or frame.height:
            facts.has_import_ids &= (form.readback.import_id or "").lower() in names
        live = live_rows(frame)
        if live.height < frame.height:
            facts.deleted.add("deleted, so not counted as found", facts.rows + 1, frame.height - live.height)
        facts.rows += frame.height
        return found_frame(form.readback, facts.shown_ids.keep_ours(live), form.fold)
