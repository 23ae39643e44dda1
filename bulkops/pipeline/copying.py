"""Copy rows between deployments: export and convert them, then import them as a recipe, then compare with the source.

The exports of a begun copy stay in the state folder until it ends as expected. The same copy continues with them, so
that its files have the same bytes, and the ledger knows which records were sent.
"""

import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
from filelock import FileLock, Timeout

from bulkops.checksums import sha256_of
from bulkops.chunking.limits import chunk_limits
from bulkops.chunking.plan import FilePlan, plan_file
from bulkops.chunking.schedule import Cost, cost_of
from bulkops.clock import Clock
from bulkops.copy_table import CopyTable
from bulkops.errors import GuardRefused, InUse, UsageError
from bulkops.exporting.for_import import ImportableExport, importable_export, run_for_import
from bulkops.exporting.import_form import ImportForm, Translation, Used
from bulkops.exporting.readbacks import unreadable
from bulkops.exporting.run import Fetching
from bulkops.ledger.models import JobEntry
from bulkops.ledger.store import Ledger
from bulkops.origins import METADATA, origins_path
from bulkops.pipeline.previous_run import GOOD_VERDICTS
from bulkops.pipeline.proof import Circumstances, keep_result
from bulkops.pipeline.recipes import StepResult
from bulkops.pipeline.running import NOTHING_IMPORTED, outcome_of_job
from bulkops.private import FILE, private, private_folder, write_private
from bulkops.queries import query_texts
from bulkops.readback.compare.canonical import Fold
from bulkops.readback.fetch.rows import read_file
from bulkops.recipe import Recipe, Step
from bulkops.reconciling.jobs import known_from_ledger
from bulkops.reconciling.result import Reconciliation
from bulkops.reconciling.run import EvidenceSource, reconcile
from bulkops.reconciling.sides import ImportFacts
from bulkops.settings import Target, state_folder
from bulkops.transport.client import ApiClient
from bulkops.transport.notices import Notify, discard_notice
from bulkops.upload.start import target_of
from bulkops.upload.workflow import open_client
from bulkops_validators import CONTRACTS
from bulkops_validators.model.contract import Contract, Mode

if TYPE_CHECKING:
    from bulkops.json_documents.copies import CopyPlaceDocument

LINE, PART = "_line", "_part"


@dataclass(frozen=True, kw_only=True)
class CopyPlace:
    """One step of a copy: a contract, a place of the source, and the place of the target that receives the rows."""

    contract: str
    source: Mapping[str, int]
    target: Mapping[str, int]
    options: Mapping[str, str]

    @property
    def filters(self) -> dict[str, object]:
        """The options that also select rows of the source."""
        readback = self.definition.route(self.source).readback
        used = set(readback.query.values()) if readback else set()
        return {name: value for name, value in self.options.items() if f"{{{name}}}" in used}

    @property
    def definition(self) -> Contract:
        """The contract."""
        return CONTRACTS[self.contract]


@dataclass(frozen=True, kw_only=True)
class CopiedFile:
    """The exported rows of one step: the import file, the export itself, and the books of the rows.

    `raw` is None if the rows of the export are bookings, or once the copy has ended.
    """

    place: CopyPlace
    file: Path
    raw: Path | None
    records: int
    books: Mapping[str, Any]
    notes: Sequence[str] = ()

    @property
    def plan(self) -> FilePlan:
        """The plan of the import."""
        contract = self.place.definition
        return plan_file(self.file, chunk_limits(contract), names=contract.sent_names(self.place.options))

    def to_json(self) -> "CopyPlaceDocument":
        """Return the step as `copy --json` contains it."""
        return {
            "contract": self.place.contract,
            "from": dict(self.place.source),
            "to": dict(self.place.target),
            "options": dict(self.place.options),
            "file": str(self.file),
            "books": dict(self.books),  # type: ignore[typeddict-item] # the books of RowBooks.to_json
            "notes": list(self.notes),
        }


@dataclass(frozen=True, kw_only=True)
class CopyOrder:
    """The contracts to copy, the two targets, the table, and the handling of partly used limits."""

    contracts: Sequence[str]
    source: Target
    target: Target
    table: CopyTable = field(default_factory=CopyTable)
    used: Used = "remaining"

    def __post_init__(self) -> None:
        """Put the contracts in the order in which their rows refer to each other."""
        object.__setattr__(self, "contracts", tuple(_ordered(self.contracts)))

    @property
    def key(self) -> str:
        """The digest of everything that decides on the steps of the copy."""
        facts = [
            list(self.contracts),
            self.source.identity(),
            self.target.identity(),
            self.table.model_dump(mode="json", by_alias=True),
            self.used,
        ]
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]

    def translation(self, contract: Contract) -> Translation:
        """Return the translation of the records of a contract."""
        return Translation(
            attributes=self.table.attributes_of(contract), values=self.table.values_of(contract), used=self.used
        )

    def places(self) -> list[CopyPlace]:
        """Return the steps of the copy; UsageError for a contract without a read-back, a missing id or the same place.

        An option of the read-back that the table does not set takes each of its values in turn.
        """
        places = [
            CopyPlace(contract=name, source=source, target=target, options=options)
            for name in self.contracts
            for source, target in self._pairs(CONTRACTS[name])
            for options in self._options(CONTRACTS[name])
        ]
        for place in places:
            if (
                self.source.identity()["base_url"] == self.target.identity()["base_url"]
                and place.source == place.target
            ):
                raise UsageError(
                    f"{place.contract} would be copied onto itself: both places are {_ids_text(place.source)} of "
                    f"{self.target.identity()['base_url']}.",
                    hint="Name another target, or other ids in the table.",
                )
        self._refuse_two_lists(places)
        return places

    def _refuse_two_lists(self, places: Sequence[CopyPlace]) -> None:
        """Raise UsageError if a replacing import would remove the rows of another step."""
        seen: set[str] = set()
        for place in places:
            where = json.dumps([place.contract, dict(place.target), dict(place.options)], sort_keys=True)
            if place.definition.mode is Mode.REPLACE and where in seen:
                raise UsageError(
                    f"Two places would be copied to {place.contract} of {_ids_text(place.target)}: the second import "
                    "would replace the rows of the first.",
                    hint="Give each [[ids]] of the table its own `to`.",
                )
            seen.add(where)

    def _options(self, contract: Contract) -> Iterator[dict[str, str]]:
        quiet = {option.name: option.when_copied for option in contract.options if option.when_copied is not None}
        given = {**quiet, **self.table.options.get(contract.name, {})}
        queries = {value for route in contract.routes if route.readback for value in route.readback.query.values()}
        free = [o for o in contract.options if f"{{{o.name}}}" in queries and o.name not in given and o.choices]
        for values in product(*(option.choices or () for option in free)):
            yield query_texts(contract, {**given, **{o.name: v for o, v in zip(free, values, strict=True)}})

    def _pairs(self, contract: Contract) -> Iterator[tuple[dict[str, int], dict[str, int]]]:
        """Yield the places of a contract: those of the table, or else those of the two targets."""
        if all(route.readback is None for route in contract.routes):
            raise unreadable(contract)
        routes = {route.ids[-1:]: set(route.ids) for route in contract.routes}
        pairs = [
            pair
            for pair in self.table.ids
            if any(last[0] in pair.source and set(pair.source) <= ids for last, ids in routes.items() if last)
        ]
        if not pairs:
            yield self._place(contract, self.source, {}), self._place(contract, self.target, {})
        for pair in pairs:
            yield self._place(contract, self.source, pair.source), self._place(contract, self.target, pair.target)

    def _place(self, contract: Contract, target: Target, given: Mapping[str, int]) -> dict[str, int]:
        """Return the ids of one place: given ones, completed with those of the target."""
        named = target.name or target.base_url
        own = next((set(route.ids) for route in contract.routes if given and set(route.ids) == set(given)), None)
        ids = dict(given) if own else {**target.ids, **given}
        try:
            route = contract.route(ids)
        except LookupError as error:
            missing = " and ".join(map(str, error.args))
            raise UsageError(
                f"copy {contract.name} needs the id {missing} at {named}.",
                hint=f"Add it to [targets.{named}] of the configuration, or to [[ids]] of the table.",
            ) from None
        return {name: ids[name] for name in route.ids}


@dataclass(frozen=True, kw_only=True)
class CopyFolder:
    """The state folder of a copy. `copy.json` describes the exports of a copy that has begun and not ended."""

    order: CopyOrder

    @property
    def path(self) -> Path:
        """The folder."""
        return private_folder(state_folder() / "copies") / self.order.key

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the folder; InUse if another process makes the same copy."""
        folder = private_folder(self.path)
        lock = FileLock(folder / "copy.lock", timeout=0, mode=FILE)
        try:
            lock.acquire()
        except Timeout:
            raise InUse("Another process makes this copy.", hint="Wait for it to end.") from None
        try:
            yield
        finally:
            lock.release()

    def begun(self) -> list[CopiedFile] | None:
        """Return the files of a copy that has begun; None if there is none, or if a file is missing."""
        try:
            stored = json.loads((self.path / "copy.json").read_text(encoding="utf-8"))
            files = [_copied(each) for each in stored["files"]]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return files if all(p.is_file() for each in files for p in (each.file, each.raw) if p is not None) else None

    def store(self, files: Iterable[CopiedFile]) -> None:
        """Remember the exports of a copy before its first record is sent."""
        document = {"files": [_stored(each) for each in files]}
        draft = self.path / "copy.part"
        draft.unlink(missing_ok=True)
        write_private(draft, json.dumps(document))
        draft.replace(self.path / "copy.json")

    def clear(self) -> None:
        """Forget a copy that ended, and remove its exports. The import files stay: jobs refer to them."""
        for each in self.begun() or ():
            if each.raw is not None:
                each.raw.unlink(missing_ok=True)
        (self.path / "copy.json").unlink(missing_ok=True)


def export_all(
    order: CopyOrder,
    ledger: Ledger,
    clock: Clock,
    folder: Path,
    *,
    notify: Notify = discard_notice,
    progress: Any = None,
) -> list[CopiedFile]:
    """Export and convert the rows of all steps into a folder; steps without rows are left out, and reported."""
    draft = folder / "draft"
    shutil.rmtree(draft, ignore_errors=True)
    private_folder(draft)
    files = []
    with open_client(order.source, ledger, clock=clock, notify=notify) as client:
        client.reach()
        for number, place in enumerate(order.places(), start=1):
            found = _export_one(order, client, place, draft / f"{number:02}-{place.contract}.csv", progress)
            if found.records:
                files.append(found)
            else:
                notify(
                    f"{place.contract} {_place_text(place)}: the source has no rows to copy; the target stays as it is."
                )
    digest = hashlib.sha256("".join(sha256_of(each.file) for each in files).encode()).hexdigest()[:16]
    final = folder / digest
    private_folder(final)
    for path in draft.iterdir():
        if not (final / path.name).exists():  # jobs of an earlier copy of the same rows refer to it
            path.replace(final / path.name)
    shutil.rmtree(draft, ignore_errors=True)
    return [
        replace(each, file=final / each.file.name, raw=None if each.raw is None else final / each.raw.name)
        for each in files
    ]


def _export_one(order: CopyOrder, client: ApiClient, place: CopyPlace, path: Path, progress: Any) -> CopiedFile:
    contract = place.definition
    wanted: ImportableExport = importable_export(contract, place.source, place.filters)
    form = ImportForm(contract, wanted.readback, order.translation(contract))
    bookings = wanted.readback.open_amounts is not None
    raw, lines = path.with_suffix(".export.csv"), list[pl.Series]()
    with open(raw, "w+b", opener=private) as kept:
        done = run_for_import(
            client, wanted, path, form=form, fetching=Fetching(count=False, progress=progress),
            keep_raw=kept, lines=None if bookings else lines.append,
        )  # fmt: skip
    if bookings:
        raw.unlink()
    else:
        _write_origins(path, form, lines, place, client.target)
    return CopiedFile(
        place=place, file=path, raw=None if bookings else raw, records=form.books.records,
        books=form.books.to_json(), notes=done.notes,
    )  # fmt: skip


def _write_origins(path: Path, form: ImportForm, lines: Sequence[pl.Series], place: CopyPlace, source: Target) -> None:
    """Write the line of the export behind each record, so that findings and differences name it."""
    books = form.books
    name = f"{place.contract} of {source.identity()['base_url']} {_ids_text(place.source)}"
    facts = {
        "sha256": sha256_of(path), "records": books.records, "source_rows": books.rows, "rows_used": books.records,
        "parts": [{"name": name, "sheet": None, "unit": "row on line", "sha256": None}], "notes": [],
    }  # fmt: skip
    found = pl.concat([each.alias(LINE) for each in lines]) if lines else pl.Series(LINE, [], dtype=pl.Int64)
    frame = pl.DataFrame({PART: pl.Series([0], dtype=pl.Int32).new_from_index(0, len(found)), LINE: found})
    frame.write_parquet(origins_path(path), compression="zstd", metadata={METADATA: json.dumps(facts)})


def recipe_of(files: Sequence[CopiedFile], choices: Mapping[str, Any], folder: Path) -> Recipe:
    """Return the imports of a copy as a recipe; `choices` are keys of each step, such as `max_removals`.

    `only_new` is left out where an import overwrites rows, since bulkops then sends all records. The steps are not
    reconciled with their files: they are compared with the source afterwards.
    """
    steps = tuple(
        Step.model_validate(
            {
                **{name: value for name, value in choices.items() if value and _applies(name, each)},
                "contract": each.place.contract,
                "file": each.file,
                "ids": dict(each.place.target),
                "options": dict(each.place.options),
                "reconcile": False,
            }
        )
        for each in files
    )
    recipe = Recipe(name="copy", steps=steps)
    recipe._path = folder / "copy.yaml"  # noqa: SLF001 - its own attribute, which is not a key of the file
    return recipe


def _applies(choice: str, found: CopiedFile) -> bool:
    return choice != "only_new" or not found.place.definition.mode.resend_is_safe


def refuse_second_balances(order: CopyOrder, files: Sequence[CopiedFile], ledger: Ledger) -> None:
    """Raise GuardRefused if balances were copied to the same place before: they would be added a second time.

    A file of this copy that was sent before is the business of the import, which knows its earlier job.
    """
    copies = state_folder() / "copies"
    balances = [each for each in files if _adds_balances(each.place)]
    own = {sha256_of(each.file) for each in balances}
    for each in balances:
        place = target_of(each.place.definition, replace(order.target, ids=dict(each.place.target)))
        for job in ledger.jobs():
            same = job.contract == each.place.contract and job.target == place and copies in job.file_path.parents
            if same and job.file_sha256 not in own and _imported(ledger, job):
                raise GuardRefused(
                    f"Job {job.id} copied open balances to the same place, and the source has changed since. Copying "
                    "them again would add every balance a second time.",
                    hint="Import only the new points, from a file of your own.",
                )


def _adds_balances(place: CopyPlace) -> bool:
    readback = place.definition.route(place.target).readback
    return readback is not None and readback.open_amounts is not None


def _imported(ledger: Ledger, job: JobEntry) -> bool:
    return any(chunk.state not in NOTHING_IMPORTED for chunk in ledger.chunks(job.id))


def cost_of_step(found: CopiedFile) -> tuple[FilePlan, Cost]:
    """Return the plan of an import and its cost, with that of the comparison with the source."""
    plan = found.plan
    return plan, cost_of(plan, found.place.definition.route(found.place.target).readback)


def compare_with_source(
    order: CopyOrder,
    found: CopiedFile,
    result: StepResult,
    ledger: Ledger,
    clock: Clock,
    *,
    settle: float,
    notify: Notify = discard_notice,
) -> Reconciliation | None:
    """Compare the rows that the target shows with the rows of the source, and store the result in the job.

    Rows with a key come from the export of the source itself; others from the import file, because only the import ids
    of the job identify them. None if no job of this run sent such rows.
    """
    place, contract = found.place, found.place.definition
    job = None if result.outcome is None or result.outcome.document["job"] is None else ledger.job(
        str(result.outcome.document["job"])
    )  # fmt: skip
    target = replace(order.target, ids=dict(place.target))
    keyed = found.raw is not None and not _multiset(place)
    if job is None and not keyed:
        return None
    known = known_from_ledger(ledger, job, ledger.chunks(job.id), contract) if job else ImportFacts()
    if keyed and job is not None and job.source is not None:  # earlier jobs imported the other rows of the source
        known = replace(known, import_ids=None)
    began = clock.now()
    with open_client(target, ledger, clock=clock, notify=notify) as client:
        compared = reconcile(
            contract,
            found.file if keyed or job is None else job.file_path,
            EvidenceSource(client=client, ids=place.target, options=place.options),
            known=known,
            settle=settle,
            clock=clock,
            observer=notify,
            sent=_rows_of_source(order, found) if keyed else None,
        )
    if job is not None:
        keep_result(ledger, job, compared, Circumstances.of_target(target, began=began, ended=clock.now()))
    return compared


def with_proof(result: StepResult, ledger: Ledger) -> StepResult:
    """Return the result of a step with the stored comparison of its job."""
    if result.outcome is None or result.outcome.document["job"] is None:
        return result
    job = ledger.job(str(result.outcome.document["job"]))
    found = outcome_of_job(job, ledger.chunks(job.id), ledger)
    document = {**result.outcome.document, "reconciliation": found.document["reconciliation"]}
    return replace(result, outcome=replace(result.outcome, document=document))


def proved_before(result: StepResult, ledger: Ledger) -> JobEntry | None:
    """Return the job of a step that an earlier run completed and compared with the source; None if there is none."""
    job = None if result.outcome is None else result.outcome.document["job"]
    if job is None or not result.already:
        return None
    entry = ledger.job(str(job))
    return entry if entry.reconciliation and entry.reconciliation["verdict"] in GOOD_VERDICTS else None


def _rows_of_source(order: CopyOrder, found: CopiedFile) -> Any:
    """Return a function that yields the rows of the export as canonical text."""
    contract = found.place.definition
    readback = contract.route(found.place.source).readback
    if readback is None or found.raw is None:
        raise ValueError("Only a kept export can be compared.")
    raw = found.raw

    def rows(fold: Fold) -> Iterator[pl.DataFrame]:
        form = ImportForm(contract, readback, order.translation(contract))
        for frame in read_file(raw):
            yield form.canonical(form.selected(frame), fold)

    return rows


def _multiset(place: CopyPlace) -> bool:
    readback = place.definition.route(place.target).readback
    return readback is None or readback.multiset


def _ordered(names: Sequence[str]) -> list[str]:
    """Return contracts without repetition, each after those that it follows."""
    left, done = list(dict.fromkeys(names)), list[str]()
    while left:
        ready = next(name for name in left if not set(CONTRACTS[name].follows) & (set(left) - {name}))
        left.remove(ready)
        done.append(ready)
    return done


def _stored(found: CopiedFile) -> dict[str, Any]:
    stored = asdict(found)
    return {**stored, "file": str(found.file), "raw": None if found.raw is None else str(found.raw)}


def _copied(stored: Mapping[str, Any]) -> CopiedFile:
    raw = stored["raw"]
    return CopiedFile(
        place=CopyPlace(**stored["place"]), file=Path(stored["file"]), raw=None if raw is None else Path(raw),
        records=stored["records"], books=stored["books"], notes=tuple(stored["notes"]),
    )  # fmt: skip


def _ids_text(ids: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {value}" for name, value in ids.items())


def _place_text(place: CopyPlace) -> str:
    options = "".join(f", {name} {value}" for name, value in place.filters.items())
    return f"of {_ids_text(place.source)}{options}"
