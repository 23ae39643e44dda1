"""One reconciliation: stage the file, read the target until it is proved or stands still, compare, judge."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from pathlib import Path

import polars as pl

from bulkops.clock import Clock, SystemClock
from bulkops.errors import InputUnreadable, UsageError
from bulkops.readback.ahead import one_ahead
from bulkops.readback.canonical import Fold, found_frame, sent_frame
from bulkops.readback.compare import Counts, Difference, compare, differences
from bulkops.readback.fetch import fold_of, read_back, read_file
from bulkops.readback.staging import RowSets, quoted
from bulkops.readback.tables import Notes
from bulkops.reconciling.outputs import write_differences, write_repair
from bulkops.reconciling.result import Reconciliation, Verdict, judge, judge_amounts
from bulkops.transport.client import Client
from bulkops_validators.model.contract import Contract, Mode, Readback, ReadColumn

EXAMPLES = 50
FIRST_WAIT, LONGEST_WAIT = 1.0, 15.0

Observer = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Known:
    """What a job knows of its imports; empty for a plain file.

    `import_ids` are the ids of all its accepted chunks: with them only rows of these imports count, so leave them
    out if one is missing. `after` and `before` bound when the rows were created, by the server's clock. `amount` is
    the sum of the amounts in the answers.
    """

    import_ids: Collection[int] | None = None
    after: datetime | None = None
    before: datetime | None = None
    amount: int | None = None


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Where the other side comes from: a target, or an export saved earlier (then `fold` may be told)."""

    client: Client | None = None
    ids: Mapping[str, int] | None = None
    options: Mapping[str, str] | None = None
    export: Path | None = None
    fold: Fold | None = None


def reconcile(
    contract: Contract,
    source: Path,
    evidence: Evidence,
    *,
    known: Known | None = None,
    settle: float = 60.0,
    clock: Clock | None = None,
    output: Path | None = None,
    repair: Path | None = None,
    observer: Observer | None = None,
) -> Reconciliation:
    """Compare the file with what the target holds, and say whether every record is there as it was sent.

    Exports may lag behind imports, so a target is read until the file is proved, or until two readings at least
    `settle` seconds apart say the same. With `output`, a folder, every difference goes to files in it; with `repair`,
    an import file of exactly the missing records is written.
    """
    clock = clock or SystemClock()
    known = known or Known()
    say = observer or (lambda _: None)
    readback = _readback(contract, evidence)
    notes = Notes()
    if readback is None:
        records = sum(frame.height for frame in _records(source, notes))
        return judge_amounts(contract.name, records=records, amount=known.amount, evidence=contract.evidence)
    with ExitStack() as stack:
        sets = stack.enter_context(RowSets(readback))
        fold, fold_note = _fold(evidence, readback)
        for frame in one_ahead(_records(source, notes)):
            sets.add_sent(sent_frame(readback, frame, fold))
        task = _Task(contract=contract, sets=sets, evidence=evidence, known=known, fold=fold)
        result = task.until_settled(settle=settle if evidence.export is None else 0, clock=clock, say=say)
        result = replace(result, notes=tuple(n for n in (*notes.lines(), fold_note, *result.notes) if n))
        return replace(result, files=_written(sets, source, output, repair))


def _written(sets: RowSets, source: Path, output: Path | None, repair: Path | None) -> dict[str, str]:
    files = write_differences(sets, output) if output else {}
    if repair and write_repair(sets, source, repair):
        files["repair"] = str(repair)
    return files


def _readback(contract: Contract, evidence: Evidence) -> Readback | None:
    if evidence.ids is not None:
        try:
            return contract.route(evidence.ids).readback
        except LookupError as error:
            if evidence.client is not None:
                missing = " and ".join(f"--{name}" for name in error.args)
                raise UsageError(f"{contract.name} needs {missing}.") from None
    return contract.routes[0].readback


def _fold(evidence: Evidence, readback: Readback) -> tuple[Fold, str | None]:
    if evidence.fold is not None:
        return evidence.fold, None
    if evidence.client is None or evidence.ids is None:
        return Fold.SENSITIVE, None
    return fold_of(evidence.client, readback, evidence.ids)


def _records(source: Path, notes: Notes) -> Iterator[pl.DataFrame]:
    try:
        yield from read_file(source, notes=notes)
    except OSError as error:
        raise InputUnreadable(f"{source} cannot be read: {error.strerror}.") from None


@dataclass(frozen=True, kw_only=True)
class _Task:
    """The sides of one reconciliation, read and compared as often as it takes."""

    contract: Contract
    sets: RowSets
    evidence: Evidence
    known: Known
    fold: Fold

    def until_settled(self, *, settle: float, clock: Clock, say: Observer) -> Reconciliation:
        """Read until proved, or until what is found has stood still for `settle` seconds."""
        readings, wait = 0, FIRST_WAIT
        stood: tuple[object, ...] | None = None
        since = clock.monotonic()
        while True:
            result = self._once()
            readings += 1
            now = clock.monotonic()
            state = (result.found, result.missing, result.different, result.unexpected, result.columns)
            if state != stood:
                stood, since, wait = state, now, FIRST_WAIT
            if result.verdict is not Verdict.MISMATCH or now - since >= settle:
                return replace(result, readings=readings)
            pause = min(wait, max(settle - (now - since), 0.0))
            say(f"{result.reason} Reading again in {pause:.0f} s, since exports may lag.")
            clock.sleep(pause)
            wait = min(wait * 2, LONGEST_WAIT)

    def _once(self) -> Reconciliation:
        notes = Notes()
        self.sets.forget_found()
        scoped = self._scoped
        for frame in one_ahead(self._found(notes)):
            canonical = found_frame(self.sets.readback, frame, self.fold)
            self.sets.add_found(canonical, import_ids=self.known.import_ids if scoped else None)
        counts = compare(self.sets)
        replaces = self.contract.mode is Mode.REPLACE
        unexpected_counts = replaces or (scoped and self.sets.readback.multiset)
        verdict, reason = judge(counts, unexpected_counts=unexpected_counts, unseen=self._unseen(counts))
        return Reconciliation(
            contract=self.contract.name,
            verdict=verdict,
            reason=reason,
            records=counts.records,
            matched=counts.matched,
            missing=counts.missing,
            different=counts.different,
            unexpected=counts.unexpected,
            unexpected_counts=unexpected_counts,
            found=counts.found,
            columns=counts.by_column,
            compared=tuple(c for c in self.sets.columns if c not in counts.not_compared),
            examples=tuple(_examples(self.sets, unexpected=unexpected_counts)),
            evidence=self.sets.readback.operation,
            notes=(*notes.lines(), *self._remarks(counts)),
        )

    @property
    def _scoped(self) -> bool:
        """Whether only rows of known imports count: where rows have no name of their own, and the ids are known."""
        readback = self.sets.readback
        return readback.multiset and readback.import_id is not None and self.known.import_ids is not None

    def _found(self, notes: Notes) -> Iterable[pl.DataFrame]:
        evidence = self.evidence
        if evidence.export is not None:
            return read_file(evidence.export, notes=notes)
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
        )

    def _unseen(self, counts: Counts) -> tuple[str, ...]:
        """Return the columns that hold something in the file and are not in the read-back, though they should be."""
        absent = [c for c in self.sets.readback.columns if c.column in counts.not_compared and not c.optional]
        return tuple(c.column for c in absent if self._filled(c))

    def _filled(self, column: ReadColumn) -> bool:
        blanks = ", ".join(f"'{b}'" for b in ("", *column.blank_equals))
        name = quoted(column.column)
        query = f"SELECT count(*) FROM sent WHERE {name} IS NOT NULL AND {name} NOT IN ({blanks})"  # noqa: S608 - ours
        return self.sets.number(query) > 0

    def _remarks(self, counts: Counts) -> Iterator[str]:
        for column in counts.not_compared:
            yield f"{column} was not compared: the read-back does not have it."
        if others := self._of_other_imports():
            yield f"{others:,} of the rows found carry another import id than this job's."

    def _of_other_imports(self) -> int:
        """Count rows found by name that another import made: they were there before, or came by another way."""
        readback, ids = self.sets.readback, self.known.import_ids
        if readback.multiset or readback.import_id is None or not ids:
            return 0
        key = self.sets.digest(readback.key)
        listed = ", ".join(f"'{int(i)}'" for i in ids)
        query = (
            f"SELECT count(*) FROM (SELECT {key} AS k FROM found WHERE _import_id NOT IN ({listed})) f "  # noqa: S608 - ours
            f"SEMI JOIN (SELECT {key} AS k FROM sent) s ON f.k = s.k"
        )
        return self.sets.number(query)


def _examples(sets: RowSets, *, unexpected: bool) -> Iterator[Difference]:
    kinds = ("missing", "different", "unexpected") if unexpected else ("missing", "different")
    for kind in kinds:
        yield from islice(differences(sets, kind), EXAMPLES)
