"""`bulkops reconcile`: compare a file, or a job's file, with what the target holds."""

import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import chain, islice, zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bulkops.cli.options.common import (
    CountType,
    SecondsType,
    accept_option,
    json_option,
    ledger_option,
    limit_options,
    overwrite_option,
)
from bulkops.cli.options.contract import ContractType, parameter_options, query_of
from bulkops.cli.options.environment import option, own_option
from bulkops.cli.options.target import target_options
from bulkops.cli.output.console import console
from bulkops.cli.output.outputs import permit_of
from bulkops.cli.output.validation_output import words
from bulkops.cli.process.targets import TargetChoice
from bulkops.errors import UsageError
from bulkops.wording import counted
from bulkops_validators.model.contract import Contract

if TYPE_CHECKING:
    from bulkops.ledger.store import Ledger
    from bulkops.pipeline.reconcile_job import Asked
    from bulkops.readback.compare.keyed import RowDifference
    from bulkops.reconciling.balances import SubledgerBalance
    from bulkops.reconciling.result import Reconciliation
    from bulkops.reconciling.sides import EvidenceSource

FOLDS = ("sensitive", "insensitive-uppercase", "insensitive-lowercase")
SHOWN = 10


@click.command("reconcile")
@click.argument("contract", type=ContractType(), required=False)
@click.argument("file", type=click.Path(path_type=Path), required=False)
@own_option("--job", help="Reconcile a job: its file, target, import ids and times are known.")
@own_option("--file", "moved", type=click.Path(path_type=Path), help="With --job: where its file is now.")
@own_option(
    "--export", type=click.Path(path_type=Path), help="Compare with an export saved earlier instead of a target."
)
@own_option(
    "--import-id",
    "import_ids",
    type=CountType(),
    multiple=True,
    help="Count only rows of this import; may be given several times. A job knows its own.",
)
@own_option(
    "--out", "output", type=click.Path(path_type=Path, file_okay=False), help="Write every difference to files here."
)
@option("--spreadsheet-safe", is_flag=True, help="Write --out for spreadsheets: no cell is taken for a formula.")
@own_option(
    "--repair",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write an import file of exactly the missing rows.",
)
@overwrite_option
@own_option(
    "--repair-without-import-ids",
    "without_import_ids",
    is_flag=True,
    default=False,
    help="Write it for points and giveaways also if the export shows no import ids: rows may be doubled.",
)
@own_option(
    "--balances-before", type=click.Path(path_type=Path), help="A balances export saved before the import (points)."
)
@own_option(
    "--balances-after", type=click.Path(path_type=Path), help="A balances export saved after it, to add the sums up."
)
@own_option("--case", "fold", type=click.Choice(FOLDS), help="How the application folds codes; default: ask it.")
@option(
    "--settle",
    type=SecondsType(),
    default=60.0,
    show_default=True,
    help="Seconds that two equal readings lie apart before a difference is believed; exports may lag.",
)
@accept_option
@ledger_option
@parameter_options
@target_options
@limit_options
@json_option
def command(
    contract: Contract | None,
    file: Path | None,
    job: str | None,
    moved: Path | None,
    export: Path | None,
    import_ids: tuple[int, ...],
    output: Path | None,
    repair: Path | None,
    balances_before: Path | None,
    balances_after: Path | None,
    fold: str | None,
    settle: float,
    accept: tuple[str, ...],
    ledger: str | None,
    chosen: dict[str, object],
    target: TargetChoice,
    *,
    spreadsheet_safe: bool,
    without_import_ids: bool,
    overwrite: bool,
    as_json: bool,
) -> int:
    """Compare FILE with what the target holds, row by row: proved, mismatch or unprovable."""
    from bulkops.clock import SystemClock
    from bulkops.pipeline.reconcile_job import fold_named, prove
    from bulkops.reconciling.sides import EvidenceSource
    from bulkops.upload.guards import accepted_rules
    from bulkops.writing import NOT_CSV, refuse_other_form

    if job and (contract or file or import_ids):
        raise UsageError("--job knows contract, file and import ids; do not name them again.")
    if moved and not job:
        raise UsageError("--file goes with --job; without a job, FILE is the second argument.")
    if repair is not None:
        refuse_other_form(repair, NOT_CSV, instead=".csv")
    pair = [path for path in (balances_before, balances_after) if path]
    if len(pair) == 1:
        raise UsageError("--balances-before and --balances-after go together.")
    with ExitStack() as stack:
        book = stack.enter_context(_ledger(ledger)) if job else None
        if book is not None:
            asked, target = _of_job(book, str(job), target, moved)
        else:
            asked = _of_file(contract, file, chosen, import_ids)
            target.check_ids(asked.contract)
        asked = replace(
            asked,
            output=output,
            spreadsheet_safe=spreadsheet_safe,
            repair=repair,
            without_import_ids=without_import_ids,
            permit=permit_of(overwrite=overwrite, ledger=ledger),
            settle=settle,
            balances=(pair[0], pair[1]) if pair else None,
        ).accepting(accepted_rules(words(accept)))
        evidence = EvidenceSource(
            export=export,
            ids=target.default_ids(),
            address=target.address(),
            options=asked.options,
            fold=fold_named(fold),
        )
        if export is None and asked.contract.routes[0].readback is not None:
            evidence = _online(stack, asked, target, evidence, ledger=ledger)
        result = prove(asked, evidence, clock=SystemClock(), ledger=book, observer=console().note)
    if as_json:
        console().emit_json(result.to_json())
    else:
        show(result)
        show_balances(result.balances)
        for step in next_steps(result, asked, evidence.ids or {}):
            console().note(step)
    return result.exit_code


def show(result: "Reconciliation") -> None:
    """Print a reconciliation for people."""
    out = console()
    out.result(f"{result.contract}: {result.verdict}. {result.reason}")
    if result.evidence and result.readings:
        times = "once" if result.readings == 1 else f"{result.readings} times"
        how = f"Compared with {result.export}" if result.export else f"Read back by {result.evidence}, {times}"
        out.result(f"{how}; {result.found:,} rows, columns {', '.join(result.compared)}.")
    if result.unchecked:
        listed = "; ".join(f"{name} ({why})" for name, why in result.unchecked.items())
        out.result(f"Not checked: of which target the export is. {listed}.")
    if result.others:
        out.result(f"{result.others:,} other rows are in the target, which is no fault here.")
    if result.columns:
        by_column = ", ".join(f"{name} in {counted(count, 'record')}" for name, count in result.columns.items())
        out.result(f"Different by column: {by_column}.")
    if result.examples and not result.doubt:
        _show_examples(result)
    for note in result.notes:
        out.note(f"Note: {note}")
    for kind, path in result.files.items():
        out.note(f"Wrote {path} ({kind}).")


def _show_examples(result: "Reconciliation") -> None:
    """Print a table with examples of each class, and how many there are of it."""
    chosen = some_of_each(result.examples, most=SHOWN)
    rows = [
        (
            e.kind,
            e.line or "",
            e.key,
            e.column or "",
            "" if e.sent is None else e.sent,
            "" if e.found is None else e.found,
        )
        for e in chosen
    ]
    console().table(("class", "line", "key", "column", "sent", "found"), rows)
    known = {"missing": result.missing, "different": sum(result.columns.values()), "unexpected": result.unexpected}
    shown = Counter(example.kind for example in chosen)
    if any(count < known[kind] for kind, count in shown.items()):
        parts = ", ".join(f"{count:,} of {known[kind]:,} {kind}" for kind, count in shown.items())
        console().result(f"Examples: {parts} values; --out DIR writes all of them to files.")


def some_of_each(examples: "Sequence[RowDifference]", *, most: int) -> "list[RowDifference]":
    """Return at most `most` examples in their order, of each class about as many."""
    kinds = list(dict.fromkeys(example.kind for example in examples))
    groups = [[e for e in examples if e.kind == kind] for kind in kinds]
    rounds = chain.from_iterable(zip_longest(*groups))
    chosen = list(islice((e for e in rounds if e is not None), most))
    return [example for group in groups for example in group if example in chosen]


def next_steps(result: "Reconciliation", asked: "Asked", ids: Mapping[str, int]) -> Iterator[str]:
    """Yield what to do about a mismatch, with the command; nothing where the differences prove nothing."""
    if result.verdict != "mismatch" or result.doubt:
        return
    mode = asked.contract.mode
    words = ["bulkops", "import", asked.contract.name]
    target = [word for name, value in ids.items() for word in (f"--{name}", str(value))]
    if mode.resend_is_safe:
        yield f"Next: import the file again, which sets all rows: {shlex.join([*words, str(asked.file), *target])}"
        return
    if repair := result.files.get("repair"):
        yield f"Next: import the missing rows: {shlex.join([*words, repair, *target])}"
    elif result.missing and asked.repair is None:
        same = shlex.join(["bulkops", "reconcile", "--job", asked.job]) if asked.job else "the same command"
        yield f"Next: {same} with --repair missing.csv writes a file of the {result.missing:,} missing rows to import."
    if result.different:
        yield f"An import of {asked.contract.name} does not change rows that exist: correct the different ones there."


def show_balances(balances: "tuple[SubledgerBalance, ...]") -> None:
    """Print the totals of each subledger."""
    rows = [
        (b.subledger or "(main ledger)", b.before, b.after, b.after - b.before, b.sent, "yes" if b.agrees else "NO")
        for b in balances
    ]
    if rows:
        console().table(("subledger", "before", "after", "grew by", "sent", "agrees"), rows)


def _of_file(
    contract: Contract | None, file: Path | None, chosen: dict[str, object], import_ids: tuple[int, ...]
) -> "Asked":
    from bulkops.pipeline.reconcile_job import Asked
    from bulkops.reconciling.sides import ImportFacts

    if contract is None or file is None:
        raise UsageError("Name a contract and a file, or a job with --job.")
    known = ImportFacts(import_ids=import_ids or None)
    return Asked(contract=contract, file=file, options=query_of(contract, chosen), known=known)


@contextmanager
def _ledger(url: str | None) -> Iterator["Ledger"]:
    from bulkops.clock import SystemClock
    from bulkops.ledger.store import Ledger
    from bulkops.settings import default_ledger_url

    book = Ledger.open(url or default_ledger_url(), clock=SystemClock(), notify=console().note)
    try:
        yield book
    finally:
        book.close()


def _of_job(book: "Ledger", name: str, target: TargetChoice, moved: Path | None) -> "tuple[Asked, TargetChoice]":
    from bulkops.pipeline.reconcile_job import asked_of_job

    job = book.job(name)
    return asked_of_job(book, name, file=moved), target.reopen(job.target, address=job.address)


def _online(
    stack: ExitStack, asked: "Asked", target: TargetChoice, evidence: "EvidenceSource", *, ledger: str | None
) -> "EvidenceSource":
    from bulkops.cli.process.connect import connect
    from bulkops.clock import SystemClock

    ids = target.ids_for(asked.contract)
    opened = stack.enter_context(target.open())
    client = stack.enter_context(connect(opened, ledger=ledger, clock=SystemClock()))
    return replace(evidence, client=client, ids=ids)
