"""Read and compare both sides of a reconciliation until the result is stable, and write its files."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

import polars as pl

from bulkops.clock import Clock
from bulkops.errors import BulkopsError, DataError, UsageError
from bulkops.origins import SourceOrigins
from bulkops.readback.compare.canonical import Fold, sent_frame
from bulkops.readback.compare.keyed import RowCounts, RowDifference, compare, counts_of, differences, name_contradicting
from bulkops.readback.compare.staging import Ownership, RowSets
from bulkops.readback.fetch.prefetch import prefetch
from bulkops.readback.fetch.rows import read_back
from bulkops.readback.fetch.times import rfc3339
from bulkops.readback.parse.tables import read_frames
from bulkops.readback.parse.warnings import Notes
from bulkops.reconciling.columns import core_columns, measures, unseen
from bulkops.reconciling.diagnosis import explained
from bulkops.reconciling.found_rows import FoundFacts, FoundForm, FoundRows
from bulkops.reconciling.imports import import_notes
from bulkops.reconciling.outputs import Tables, advice, formula_notes, write_differences, write_repair, write_tables
from bulkops.reconciling.repairing import Certainty, objection, saved_too_early, shows_imports
from bulkops.reconciling.resaved import resaved, text_columns
from bulkops.reconciling.result import Reconciliation, Verdict, judge
from bulkops.reconciling.saved import OpenedExport, saved_frames
from bulkops.reconciling.sides import EvidenceSource, ImportFacts, RowClaim
from bulkops.reconciling.totals import staged_sums
from bulkops.transport.notices import Notify, wait_counting
from bulkops.upload.body import ChunkBody
from bulkops.writing import Permit
from bulkops_validators.model.contract import Contract, Mode

EXAMPLES = 50
FIRST_WAIT, LONGEST_WAIT = 1.0, 15.0


@dataclass(frozen=True, kw_only=True)
class OutputOptions:
    """The files to write after a comparison; for `lifted`, see `objection`."""

    output: Path | None
    spreadsheet_safe: bool
    repair: Path | None
    permit: Permit
    lifted: bool
    tables: Tables = ()


def _differences(sets: RowSets, source: Path, outputs: OutputOptions) -> dict[str, str]:
    if outputs.output is None:
        return {}
    return write_differences(
        sets,
        outputs.output,
        outputs.permit,
        origins=SourceOrigins.of_content(source),
        spreadsheet_safe=outputs.spreadsheet_safe,
    )


@dataclass
class ReadbackState:
    """Facts about the latest read-back besides its rows.

    `notes` are its problems. `has_import_ids`: every frame has the import id column. `doubt` says why the differences
    may be those of the export alone; blank if nothing shows that.
    """

    notes: Notes = field(default_factory=Notes)
    has_import_ids: bool = True
    doubt: str = ""

    def reset(self, found: FoundFacts) -> None:
        """Describe the next read-back."""
        self.notes, self.has_import_ids, self.doubt = found.notes, found.has_import_ids, ""


@dataclass(frozen=True, kw_only=True)
class ReconcileTask:
    """One reconciliation: both sides, compared repeatedly until the result is stable.

    `saved` is the saved export; None if the other side is a target. `staged` describes the found rows if they are in
    the sets already.
    """

    contract: Contract
    sets: RowSets
    evidence: EvidenceSource
    known: ImportFacts
    fold: Fold
    source: Path
    saved: OpenedExport | None
    staged: FoundFacts | None = None
    last: ReadbackState = field(default_factory=ReadbackState)

    def until_settled(self, *, settle: float, clock: Clock, notify: Notify) -> Reconciliation:
        """Return the result once it is proved, or once its counts have not changed for `settle` seconds."""
        readings, wait = 0, FIRST_WAIT
        last_state: tuple[object, ...] | None = None
        since, client = clock.monotonic(), self.evidence.client
        while True:
            result = self.compare_once()
            readings += 1
            now = clock.monotonic()
            state = (result.found, result.missing, result.different, result.unexpected, result.columns)
            if state != last_state:
                last_state, since, wait = state, now, FIRST_WAIT
            if result.verdict is not Verdict.MISMATCH or now - since >= settle:
                return replace(result, readings=readings)
            left = max(settle - (now - since), 0.0)
            pause = min(wait, left)
            text = (
                f"{result.reason} Reading again in {pause:.0f} s, since exports may lag. "
                f"The result is final if it stays the same for {left:,.0f} s."
            )
            notify(text)
            wait_counting(clock, client.notifier.count if client else None, pause, text)
            wait = min(wait * 2, LONGEST_WAIT)

    def write(self, outputs: OutputOptions, notes: Notes) -> tuple[dict[str, str], list[str]]:
        """Write the requested files; return their paths by kind, and notes about them for the user.

        `notes` are the problems of the compared file.
        """
        files = _differences(self.sets, self.source, outputs)
        texts = formula_notes(self.sets) if files and not outputs.spreadsheet_safe else []
        files |= write_tables(self.sets, outputs.tables, outputs.permit)
        if outputs.repair is None or not self.sets.number("SELECT count(*) FROM result WHERE class = 'missing'"):
            return files, texts
        certainty = self._certainty(notes)
        against = objection(
            self.contract, self.sets, self.known, certainty,
            name=self.evidence.name, source=self.source, lifted=outputs.lifted,
        )  # fmt: skip
        if against:
            return files, [*texts, f"No repair file was written: {against}"]
        lifted = outputs.lifted and self.contract.mode is Mode.APPEND and not certainty.shows_imports
        write_repair(self.sets, self.source, outputs.repair, outputs.permit, lifted=lifted)
        files["repair"] = str(outputs.repair)
        return files, [*texts, *advice(self.contract, outputs.repair, lifted=lifted, rejected=self.known.rejected)]

    def _certainty(self, notes: Notes) -> Certainty:
        reading = self.last
        return Certainty(
            file=notes,
            found=reading.notes,
            shows_imports=reading.has_import_ids and shows_imports(self.sets),
            doubt=reading.doubt,
            too_early=saved_too_early(self.evidence.export, self.known),
            partial=self.saved.partial if self.saved else "",
        )

    def compare_once(self) -> Reconciliation:
        """Read the other side once, compare, and return the result."""
        found = self.staged or self._stage_found_rows()
        notes, shown_ids = found.notes, found.shown_ids
        self.last.reset(found)
        counts, texts = self._compared()
        unexpected_counts = self.contract.mode is Mode.REPLACE or self._scoped
        verdict, reason = judge(
            counts, unexpected_counts=unexpected_counts, unseen=unseen(self.sets, counts.not_compared)
        )
        if verdict is Verdict.MISMATCH:
            self.last.doubt = self._cause_in_export(notes, counts)
        return Reconciliation(
            contract=self.contract.name,
            verdict=verdict,
            reason=" ".join(part for part in (reason, self.last.doubt) if part),
            records=counts.records,
            matched=counts.matched,
            missing=counts.missing,
            different=counts.different,
            unexpected=counts.unexpected,
            unexpected_counts=unexpected_counts,
            others=0 if unexpected_counts or self.last.doubt else counts.unexpected - counts.doubled,
            found=counts.found,
            sums=staged_sums(self.sets, self.contract),
            columns=counts.by_column,
            compared=tuple(c for c in self.sets.columns if c not in counts.not_compared),
            examples=tuple(self._with_origins(_examples(self.sets, all_unexpected=unexpected_counts))),
            evidence=self.sets.readback.operation,
            export=str(self.evidence.export or ""),
            unchecked=shown_ids.unchecked(self.contract, confirmed=self.saved.confirmed) if self.saved else {},
            doubt=self.last.doubt,
            notes=(
                *notes.lines(),
                *(shown_ids.notes() if self.saved else ()),
                *texts,
                *self._truncation_note(counts),
            ),
        )

    def _with_origins(self, examples: Iterator[RowDifference]) -> Iterator[RowDifference]:
        """Yield examples with the legacy rows of their records, if the file was mapped."""
        origins = SourceOrigins.of_content(self.source)
        for each in examples:
            yield replace(each, origin=origins.of_record(each.record)) if origins and each.record else each

    @property
    def form(self) -> FoundForm:
        """How to read the found rows."""
        return FoundForm(
            contract=self.contract,
            readback=self.sets.readback,
            fold=self.fold,
            name=self.evidence.name,
            # The request to a target contains its ids. Only the rows of a file must show which target they belong to.
            ids=self.evidence.ids if self.saved else None,
            scoped=self.known.import_ids is not None,
        )

    @property
    def ownership(self) -> Ownership:
        """Which found rows count."""
        own_ids = self.sets.own_ids if self.sets.scoped else None
        return Ownership(own_ids=own_ids, since=self._since, not_ours=self._not_ours)

    @property
    def _since(self) -> str:
        return rfc3339(self.known.after) if self.known.after else ""

    @property
    def _not_ours(self) -> tuple[str, ...]:
        return tuple(str(number) for number in self.known.others)

    def _stage_found_rows(self) -> FoundFacts:
        """Replace the staged found rows by those of a new read-back."""
        self.sets.forget_found()
        notes = Notes()
        rows = FoundRows(self.form, notes)
        for frame in prefetch(self._found(notes)):
            self.sets.add_found(rows.canonical(frame), since=self._since, not_ours=self._not_ours)
        notes.merge(rows.facts.deleted)
        rows.facts.shown_ids.refuse_foreign()
        if self.known.import_ids is None and self.sets.readback.multiset:
            for claim in self.known.claims:
                self._remove_rows_of(claim, notes)
        return rows.facts

    def _remove_rows_of(self, claim: RowClaim, notes: Notes) -> None:
        """Remove rows that count for a chunk of another job; DataError if the records of that chunk cannot be read."""
        chunk, job = claim.chunk, claim.job
        name = f"chunk {chunk.number} of job {job.id}"
        try:
            body = b"".join(ChunkBody(job.file_path, job.header_end, chunk, header=job.sent_header))
        except BulkopsError:
            raise DataError(
                f"Rows cannot be counted for this job alone: {name} was accepted without an import id, and its file "
                f"{job.file_path} cannot be read or has changed.",
                hint="Restore that file and compare again.",
            ) from None
        for frame in read_frames([body], name=str(job.file_path)):
            if removed := self.sets.remove_found(sent_frame(self.sets.readback, frame, self.fold)):
                notes.add(f"counted for {name}, which was accepted without an import id", 1, removed)

    def _compared(self) -> tuple[RowCounts, list[str]]:
        """Compare both sides, check the imports of the rows, and return the counts and notes for the user."""
        core = core_columns(self.contract, self.sets.readback)
        counts = compare(self.sets, core=core, measures=measures(self.contract))
        columns = [c for c in self.sets.columns if c not in counts.not_compared]
        if self.contract.mode is Mode.REPLACE and not self.sets.readback.multiset:
            name_contradicting(self.sets, columns)
        texts = [f"{column} was not compared: the read-back does not contain it." for column in counts.not_compared]
        unfolded = self.evidence.fold is None and self.evidence.export is not None
        texts += import_notes(self.sets, self.known, columns, unfolded=unfolded)
        return counts_of(self.sets, counts.not_compared), texts

    def _truncation_note(self, counts: RowCounts) -> Iterator[str]:
        """Yield a note if the export could be truncated between two records."""
        if self.saved is None or self.saved.confirmed or self.last.doubt or not (counts.missing and counts.found):
            return
        first = self.sets.number("SELECT min(record) FROM result WHERE class = 'missing'")
        if counts.missing == counts.records - first + 1:
            yield (
                "The missing records are the last ones of the file: an export that was cut off at the end of a line "
                "would look the same. Compare with the target itself before you import the missing records."
            )

    def _cause_in_export(self, notes: Notes, counts: RowCounts) -> str:
        """Return why the differences may be those of the export alone; blank if nothing shows that."""
        readback = self.sets.readback
        core = core_columns(self.contract, readback) if readback.multiset else readback.key
        if counts.missing and (alike := resaved(self.sets, text_columns(readback, core))):
            return alike.sentence(self.evidence.name, saved=self.saved is not None)
        return explained(self.contract, readback, self.saved.source, notes, file=self.source) if self.saved else ""

    @property
    def _scoped(self) -> bool:
        """Whether only rows of known imports count: if rows have no key, and the import ids are known."""
        readback = self.sets.readback
        return readback.multiset and readback.import_id is not None and self.known.import_ids is not None

    def _found(self, notes: Notes) -> Iterable[pl.DataFrame]:
        evidence = self.evidence
        if self.saved is not None:
            return saved_frames(self.saved.source, self.sets.readback, notes)
        if evidence.client is None or evidence.ids is None:
            raise UsageError("There is nothing to compare with.", hint="Give a target, or --export FILE.")
        return read_back(
            evidence.client,
            self.sets.readback,
            evidence.ids,
            evidence.options or {},
            after=self.known.after,
            before=self.known.before,
            notes=notes,
            keep=evidence.keep,
        )


def _examples(sets: RowSets, *, all_unexpected: bool) -> Iterator[RowDifference]:
    for kind in ("missing", "different"):
        yield from islice(differences(sets, kind), EXAMPLES)
    unexpected = (d for d in differences(sets, "unexpected") if all_unexpected or d.column is not None)
    yield from islice(unexpected, EXAMPLES)
