"""`bulkops reconcile`: compare a file, or the file of a job, with the target."""

import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from itertools import chain, islice, zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bulkops.cli.options.common import (
    CountType,
    SecondsType,
    accept_option,
    cluster_option,
    json_option,
    ledger_option,
    limit_options,
    overwrite_option,
    tables_option,
)
from bulkops.cli.options.contract import ContractType, parameter_options, query_of
from bulkops.cli.options.environment import option, own_option
from bulkops.cli.options.paths import FilePath, InputPath
from bulkops.cli.options.target import target_options
from bulkops.cli.output.console import console
from bulkops.cli.output.files import output_permit
from bulkops.cli.process.targets import TargetChoice
from bulkops.cli.views.validation_output import split_list
from bulkops.errors import UsageError
from bulkops.upload.options import SETTLE_SECONDS
from bulkops.wording import counted
from bulkops_validators.model.contract import Contract

if TYPE_CHECKING:
    from bulkops.ledger.store import Ledger
    from bulkops.pipeline.reconcile_job import ReconcileRequest
    from bulkops.readback.compare.keyed import RowDifference
    from bulkops.reconciling.balances import SubledgerBalance
    from bulkops.reconciling.result import Reconciliation
    from bulkops.reconciling.sides import EvidenceSource
    from bulkops.reconciling.totals import SubledgerSum

FOLDS = ("sensitive", "insensitive-uppercase", "insensitive-lowercase")
SHOWN = 10


@click.command("reconcile")
@click.argument("contract", type=ContractType(), required=False)
@click.argument("file", type=InputPath(), required=False)
@own_option("--job", help="Reconcile a job. Its file, target, import ids and times come from the ledger.")
@own_option("--file", "moved", type=FilePath(), help="With --job: the file's new path if it was moved.")
@own_option("--export", type=FilePath(), help="Compare with a saved export instead of the target.")
@own_option(
    "--import-id",
    "import_ids",
    type=CountType(),
    multiple=True,
    help="Compare only rows of this import; repeatable. With --job the import ids are known.",
)
@own_option(
    "--into",
    "output",
    former=["--out"],
    type=FilePath(file_okay=False),
    metavar="FOLDER",
    help="Write every difference to files in this folder.",
)
@tables_option
@option(
    "--spreadsheet-safe",
    is_flag=True,
    help="Write the files of --into so that a spreadsheet runs no cell as a formula.",
)
@own_option(
    "--repair",
    type=FilePath(dir_okay=False),
    help="Write a file for import with exactly the missing rows.",
)
@overwrite_option
@own_option(
    "--repair-without-import-ids",
    "without_import_ids",
    is_flag=True,
    default=False,
    help="Write the --repair file of points or giveaways although the export shows no import ids: rows may be doubled.",
)
@own_option("--balances-before", type=FilePath(), help="A balances export from before the import (points).")
@own_option(
    "--balances-after",
    type=FilePath(),
    help="A balances export from after the import, to compare the sums.",
)
@own_option(
    "--case",
    "fold",
    type=click.Choice(FOLDS),
    help="How the application compares codes; default: read it from the application.",
)
@option(
    "--settle",
    type=SecondsType(),
    default=SETTLE_SECONDS,
    show_default=True,
    help="Seconds between two equal readings before a difference is reported; exports may lag.",
)
@accept_option
@ledger_option
@parameter_options
@target_options
@limit_options
@cluster_option
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
    tables: tuple[tuple[str, Path], ...],
    settle: float,
    accept: tuple[str, ...],
    ledger: str | None,
    chosen: dict[str, object],
    target: TargetChoice,
    cluster: str | None,
    *,
    spreadsheet_safe: bool,
    without_import_ids: bool,
    overwrite: bool,
    as_json: bool,
) -> int:
    """Compare FILE with the rows of the target. The verdict is proved, mismatch or unprovable."""
    from bulkops.clock import SystemClock
    from bulkops.ledger.store import opened_ledger
    from bulkops.pipeline.reconcile_job import fold_named, prove
    from bulkops.reconciling.sides import EvidenceSource
    from bulkops.upload.guards import accepted_rules

    _refuse_contradictions(job, moved, repair, facts_given=bool(contract or file or import_ids))
    balances = _balances(balances_before, balances_after)
    with ExitStack() as stack:
        book = stack.enter_context(opened_ledger(ledger, notify=console().note)) if job else None
        if book is not None:
            asked, target = _of_job(book, str(job), target, moved)
        else:
            asked = _of_file(contract, file, chosen, import_ids)
            target.check_ids(asked.contract)
        asked = replace(
            asked,
            output=output,
            spreadsheet_safe=spreadsheet_safe,
            tables=tables,
            repair=repair,
            without_import_ids=without_import_ids,
            permit=output_permit(overwrite=overwrite, ledger=ledger),
            settle=settle,
            balances=balances,
            cluster=cluster,
        ).accepting(accepted_rules(split_list(accept)))
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
    _print(result, asked, evidence.ids or {}, as_json=as_json)
    return result.exit_code


def _refuse_contradictions(job: str | None, moved: Path | None, repair: Path | None, *, facts_given: bool) -> None:
    """Raise UsageError for options that contradict each other; `facts_given`: contract, file or import ids."""
    from bulkops.writing import NOT_CSV, refuse_other_form

    if job and facts_given:
        raise UsageError("With --job, the contract, file and import ids come from the ledger. Remove them.")
    if moved and not job:
        raise UsageError("--file works only with --job. Without a job, FILE is the second argument.")
    if repair is not None:
        refuse_other_form(repair, NOT_CSV, instead=".csv")


def _print(result: "Reconciliation", asked: "ReconcileRequest", ids: Mapping[str, int], *, as_json: bool) -> None:
    """Print a reconciliation with its balances and the next steps, or as one JSON document."""
    if as_json:
        console().emit_json(result.to_json())
    else:
        show(result)
        show_sums(result.sums)
        show_balances(result.balances)
        for step in next_steps(result, asked, ids):
            console().note(step)
    if result.exit_code == 0:
        console().next_step = f"bulkops report {asked.job} -o report.html" if asked.job else "bulkops jobs list"


def show(result: "Reconciliation") -> None:
    """Print a reconciliation as text."""
    out = console()
    out.result(f"{result.contract}: {result.verdict}. {result.reason}")
    if result.evidence and result.readings:
        times = "once" if result.readings == 1 else f"{result.readings} times"
        how = f"Compared with {result.export}" if result.export else f"Read back by {result.evidence}, {times}"
        out.result(f"{how}; {result.found:,} rows, columns {', '.join(result.compared)}.")
    if result.unchecked:
        listed = "; ".join(f"{name} ({why})" for name, why in result.unchecked.items())
        out.result(f"Not checked: whether the export is of this target. {listed}.")
    if result.others:
        out.result(f"The target also contains {counted(result.others, 'other row')}; this is expected.")
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
    """Print a table with examples of each class of difference, and the total of each class."""
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
    console().table(("class", "line", "key", "column", "sent", "found"), rows, drop=["line"])
    for e in chosen:
        if e.origin is not None:
            console().result(f"{e.kind} {e.key}: from {e.origin}")
    known = {"missing": result.missing, "different": sum(result.columns.values()), "unexpected": result.unexpected}
    shown = Counter(example.kind for example in chosen)
    if any(count < known[kind] for kind, count in shown.items()):
        parts = ", ".join(f"{count:,} of {known[kind]:,} {kind}" for kind, count in shown.items())
        console().result(f"Examples: {parts} values; --into FOLDER writes all of them to files.")


def some_of_each(examples: "Sequence[RowDifference]", *, most: int) -> "list[RowDifference]":
    """Return at most `most` examples in their order, about the same number of each class."""
    kinds = list(dict.fromkeys(example.kind for example in examples))
    groups = [[e for e in examples if e.kind == kind] for kind in kinds]
    rounds = chain.from_iterable(zip_longest(*groups))
    chosen = list(islice((e for e in rounds if e is not None), most))
    return [example for group in groups for example in group if example in chosen]


def next_steps(result: "Reconciliation", asked: "ReconcileRequest", ids: Mapping[str, int]) -> Iterator[str]:
    """Yield the next steps after a mismatch, with commands; nothing if the evidence is incomplete."""
    if result.verdict != "mismatch" or result.doubt:
        return
    mode = asked.contract.mode
    words = ["bulkops", "import", asked.contract.name]
    target = [word for name, value in ids.items() for word in (f"--{name}", str(value))]
    if mode.resend_is_safe:
        yield f"Next: import the file again to set all rows: {shlex.join([*words, str(asked.file), *target])}"
        return
    if repair := result.files.get("repair"):
        yield f"Next: import the missing rows: {shlex.join([*words, repair, *target])}"
    elif result.missing and asked.repair is None:
        same = shlex.join(["bulkops", "reconcile", "--job", asked.job]) if asked.job else "the same command"
        yield f"Next: {same} with --repair missing.csv writes the {result.missing:,} missing rows to a file for import."
    if result.different:
        yield f"An import of {asked.contract.name} changes no existing row: correct the different rows in Talon.One."


def show_sums(sums: "tuple[SubledgerSum, ...]") -> None:
    """Print the amounts of each subledger on both sides."""
    rows = [
        (each.subledger or "(main ledger)", f"{each.sent.normalize():,f}", f"{each.found.normalize():,f}")
        for each in sums
    ]
    if rows:
        console().table(("subledger", "amount sent", "amount read back"), rows)


def show_balances(balances: "tuple[SubledgerBalance, ...]") -> None:
    """Print the totals of each subledger."""
    rows = [
        (b.subledger or "(main ledger)", b.before, b.after, b.after - b.before, b.sent, "yes" if b.agrees else "NO")
        for b in balances
    ]
    if rows:
        console().table(("subledger", "before", "after", "grew by", "sent", "agrees"), rows, drop=["before", "after"])


def _of_file(
    contract: Contract | None, file: Path | None, chosen: dict[str, object], import_ids: tuple[int, ...]
) -> "ReconcileRequest":
    from bulkops.pipeline.reconcile_job import ReconcileRequest
    from bulkops.reconciling.sides import ImportFacts

    if contract is None or file is None:
        raise UsageError("Give a contract and a file, or a job with --job.")
    known = ImportFacts(import_ids=import_ids or None)
    return ReconcileRequest(contract=contract, file=file, options=query_of(contract, chosen), known=known)


def _balances(before: Path | None, after: Path | None) -> tuple[Path, Path] | None:
    """Return both balances exports, or None; UsageError if only one is given."""
    if before and after:
        return before, after
    if before or after:
        raise UsageError("--balances-before and --balances-after must be given together.")
    return None


def _of_job(
    book: "Ledger", name: str, target: TargetChoice, moved: Path | None
) -> "tuple[ReconcileRequest, TargetChoice]":
    from bulkops.pipeline.reconcile_job import request_of_job

    job = book.job(name)
    return request_of_job(book, name, file=moved), target.of_job(job)


def _online(
    stack: ExitStack, asked: "ReconcileRequest", target: TargetChoice, evidence: "EvidenceSource", *, ledger: str | None
) -> "EvidenceSource":
    from bulkops.cli.process.connect import connect
    from bulkops.clock import SystemClock

    ids = target.ids_for(asked.contract)
    opened = stack.enter_context(target.open())
    client = stack.enter_context(connect(opened, ledger=ledger, clock=SystemClock()))
    return replace(evidence, client=client, ids=ids)
