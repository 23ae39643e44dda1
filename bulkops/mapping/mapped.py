"""Map a step to a file: the import file, its origins, and the books of its rows."""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from bulkops.checksums import sha256_of
from bulkops.errors import DataError, UsageError
from bulkops.mapping.controls import Control, check_controls, sums_of
from bulkops.mapping.engine import Engine, LookupTable, bound, joined_twice, located, row_place
from bulkops.mapping.query import SOURCE, StepMapping, mapping_of, refuse_unused
from bulkops.mapping.result import MappingResult, query_of
from bulkops.mapping.staging import Opened, Staged, open_source, stage
from bulkops.origins import SourceOrigins, origins_path
from bulkops.private import private_folder
from bulkops.recipe import Step
from bulkops.recipe_source import SourceSpec
from bulkops.sources.table import SourcePart
from bulkops.wording import counted
from bulkops.writing import OWN_ONLY, Permit, keep, part_file

if TYPE_CHECKING:
    from bulkops.json_documents.runs import MappingDocument

FORM = 2
"""The version of the mapping: another one may write other bytes for the same recipe and source."""
NamedByKey = Callable[[str], Path]
"""Returns the path of a mapped file for the key of the mapping and the content of its sources."""
Progress = Callable[[int], object]
"""Receives the number of source rows that were just read."""


@dataclass(frozen=True, kw_only=True)
class MappedFile:
    """A mapped file and the counts of its rows.

    Each source row is in a record, or skipped by a condition, a join or an empty list. `rows_used` are the rows in
    records; a list or a join may turn one row into several records, and a group several rows into one. `key` identifies
    the mapping and the content of its sources. `sums` are the amounts by subledger, if the records have amounts.
    """

    path: Path
    key: str
    sha256: str
    records: int
    source_rows: int
    rows_used: int
    parts: tuple[SourcePart, ...]
    digests: Mapping[str, str]
    controls: tuple[Control, ...] = ()
    sums: Mapping[str, Decimal] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    reused: bool = False

    @property
    def left_out(self) -> int:
        """The number of source rows that are in no record."""
        return self.source_rows - self.rows_used

    @property
    def summary(self) -> str:
        """The books of the rows in one sentence."""
        rows = f"{counted(self.source_rows, 'source row')} = {self.rows_used:,} used + {self.left_out:,} left out"
        return f"{rows}; {counted(self.records, 'record')} mapped{' before' if self.reused else ''}."

    def to_json(self) -> "MappingDocument":
        """Return the mapping as documents contain it."""
        return {
            "sources": [{"file": part.name, "sheet": part.sheet, "sha256": part.sha256} for part in self.parts],
            "file": str(self.path),
            "sha256": self.sha256,
            "rows": {"source": self.source_rows, "used": self.rows_used, "left_out": self.left_out},
            "records": self.records,
            "controls": [
                {
                    "name": each.name,
                    "group": each.group,
                    "expected": str(each.expected),
                    "found": None if each.found is None else str(each.found),
                    "agrees": each.agrees,
                }
                for each in self.controls
            ],
            "sums": {name: f"{total.normalize():f}" for name, total in self.sums.items()},
        }


@dataclass
class Workspace:
    """A private folder with the staged sources of one run; each source is read once for all steps.

    Another run of the same recipe at the same time is refused.
    """

    folder: Path
    progress: Progress = field(default=lambda rows: rows)
    _opened: dict[str, Opened] = field(default_factory=dict)
    _staged: dict[str, Staged] = field(default_factory=dict)

    def opened(self, spec: SourceSpec) -> Opened:
        """Return an opened source."""
        name = spec.model_dump_json()
        if name not in self._opened:
            self._opened[name] = open_source(spec)
        return self._opened[name]

    def staged(self, spec: SourceSpec, *, most: int | None = None) -> Staged:
        """Return a source in Parquet files; with `most`, only the first rows."""
        name = f"{spec.model_dump_json()}{most}"
        if name not in self._staged:
            folder = self.folder / "staged" / f"{len(self._staged):03}"
            self._staged[name] = stage(self.opened(spec), folder, counted=self.progress, most=most)
        return self._staged[name]


@contextmanager
def workspace(folder: Path, *, progress: Progress | None = None) -> Iterator[Workspace]:
    """Yield an empty workspace in a folder, and remove its content at the end.

    Files of a killed run are removed first. UsageError if another process uses the folder.
    """
    private_folder(folder.parent)
    lock = FileLock(folder.with_name(f"{folder.name}.lock"), timeout=0, mode=0o600, fallback_to_soft=False)
    try:
        lock.acquire()
    except Timeout:
        raise UsageError("Another process is mapping this recipe.", hint="Wait for it to end.") from None
    try:
        shutil.rmtree(folder, ignore_errors=True)
        private_folder(folder)
        yield Workspace(folder) if progress is None else Workspace(folder, progress)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        lock.release()


def specs_of(step: Step) -> dict[str, SourceSpec]:
    """Return all sources of a step by their place in the recipe."""
    if step.source is None:
        raise ValueError("A step without a source cannot be mapped.")
    joined = {f"joins.{name}": join.source for name, join in step.joins.items()}
    tables = {f"lookups.{name}": table.source for name, table in step.lookups.items() if table.source is not None}
    return {SOURCE: step.source, **joined, **tables}


def mapping_key(step: Step, digests: Mapping[str, str]) -> str:
    """Return the digest that identifies the bytes of a mapped file: of the mapping and the content of the sources."""
    parts = {"contract", "columns", "constants", "where", "lookups", "joins", "unnest", "group", "source"}
    facts = [FORM, json.loads(step.model_dump_json(include=parts)), dict(digests)]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def digests_of(step: Step, space: Workspace) -> dict[str, str]:
    """Return the digest of each source's content; a database is read to its end for it."""
    found = {}
    for name, spec in specs_of(step).items():
        found[name] = space.opened(spec).digest or space.staged(spec).digest
    return found


def map_step(step: Step, path: Path | NamedByKey, space: Workspace, *, permit: Permit = OWN_ONLY) -> MappedFile:
    """Write the mapped file of a step and its origins, and return it with its control totals.

    A complete file of the same mapping and content is used again. DataError names the source row that an expression
    cannot map; MappingError names a wrong key of the step.
    """
    digests = digests_of(step, space)
    key = mapping_key(step, digests)
    path = path if isinstance(path, Path) else path(key)
    if (known := known_file(step, path, key, space)) is not None:
        return replace(known, digests=digests)
    staged = {name: space.staged(spec) for name, spec in specs_of(step).items()}
    tables = {name.removeprefix("joins."): table.columns for name, table in staged.items() if "lookups." not in name}
    mapping = mapping_of(step, tables)
    with Engine(space.folder, threads=1 if mapping.alone else 2) as engine:
        expose(engine, step, staged)
        texts = bound(engine, mapping)
        refuse_unused(mapping)
        _refuse_many(engine, mapping, staged[SOURCE])
        with located(engine, mapping, staged[SOURCE]):
            query, csv = query_of(mapping, texts), space.folder / "mapped.csv"
            result = MappingResult(engine, query, space.folder, csv, source=staged[SOURCE])
            used, records = result.write()
        found = MappedFile(
            path=path, key=key, sha256=result.sha256, records=records, source_rows=staged[SOURCE].rows,
            rows_used=used, parts=staged[SOURCE].parts, digests=digests, notes=staged[SOURCE].notes,
        )  # fmt: skip
        found = controlled(step, engine, found, written=result.csv)
        _store(result, found, permit)
    return found


def expose(engine: Engine, step: Step, staged: Mapping[str, Staged]) -> None:
    """Create the views and look-ups of a step."""
    for name, table in staged.items():
        if not name.startswith("lookups."):
            engine.add(name.removeprefix("joins."), table)
    for name, lookup in lookup_tables(step, staged):
        engine.add_lookup(name, lookup)


def lookup_tables(step: Step, staged: Mapping[str, Staged]) -> Iterator[tuple[str, LookupTable]]:
    """Yield the name and the table of each look-up; UsageError for a column that its source does not have."""
    for name, lookup in step.lookups.items():
        source = staged.get(f"lookups.{name}")
        for column in (lookup.key, lookup.value) if source else ():
            if source and column not in source.columns:
                raise UsageError(f"lookups.{name}: {source.parts[0].name} has no column {column!r}.")
        names = (lookup.key or "", lookup.value or "")
        yield name, LookupTable(missing=lookup.missing, values=lookup.values, staged=source, names=names)


def _refuse_many(engine: Engine, mapping: StepMapping, source: Staged) -> None:
    """Raise DataError if a row has several partners in a join that allows one."""
    names = [name for name in mapping.joins if not mapping.step.joins[name].many]
    if (row := joined_twice(engine, mapping, names)) is not None:
        raise DataError(
            f"{row_place(engine, source, row)}: a join finds several partners for this row.",
            hint="Make the condition exact, or add `many: true` to the join if each partner must give a record.",
        )


def controlled(step: Step, engine: Engine, found: MappedFile, *, written: Path | None = None) -> MappedFile:
    """Return a mapped file with its control totals and sums."""
    file = written or found.path
    controls = check_controls(step, engine, file, source_rows=found.source_rows, records=found.records)
    return replace(found, controls=controls, sums=sums_of(step, engine, file))


def _store(result: MappingResult, found: MappedFile, permit: Permit) -> None:
    """Give the files of a result their names: the origins first, so that a mapped file always has them."""
    origins = result.write_origins(facts_of(found))
    permit.check(found.path)
    store_file(origins, origins_path(found.path), permit)
    store_file(result.csv, found.path, permit)


def facts_of(found: MappedFile) -> dict[str, Any]:
    """Return the metadata of the origins of a mapped file."""
    return {
        "key": found.key,
        "sha256": found.sha256,
        "records": found.records,
        "source_rows": found.source_rows,
        "rows_used": found.rows_used,
        "parts": [asdict(part) for part in found.parts],
        "notes": list(found.notes),
    }


def store_file(made: Path, path: Path, permit: Permit) -> None:
    """Give a complete file its name."""
    with part_file(path, permit) as (_, part):
        moved = shutil.move(made, part)  # a rename if both are in one file system
        with Path(moved).open("r+b") as file:
            keep(file, part, path, permit)


def known_file(step: Step, path: Path, key: str, space: Workspace) -> MappedFile | None:
    """Return a complete mapped file of the same mapping and content with its control totals, if there is one."""
    if not path.is_file() or (origins := SourceOrigins.beside(path)) is None:
        return None
    facts = origins.facts
    if facts.get("key") != key or facts.get("sha256") != sha256_of(path):
        return None
    found = MappedFile(
        path=path, key=key, sha256=facts["sha256"], records=facts["records"], source_rows=facts["source_rows"],
        rows_used=facts["rows_used"], parts=tuple(SourcePart(**part) for part in facts["parts"]), digests={},
        notes=tuple(facts["notes"]), reused=True,
    )  # fmt: skip
    with Engine(space.folder, readable=path.parent) as engine:
        return controlled(step, engine, found)
