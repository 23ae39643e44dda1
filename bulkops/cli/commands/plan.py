"""`bulkops plan`: show the chunks, requests and minimum duration of an import; sends nothing."""

import shlex
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bulkops.cli.options.common import chunk_options, cluster_option, json_option, limit_options
from bulkops.cli.options.contract import column_options, contract_argument, query_of
from bulkops.cli.options.paths import InputPath
from bulkops.cli.output.console import console
from bulkops.cli.process.processors import keep_freed_memory
from bulkops.errors import DataError
from bulkops.wording import counted
from bulkops_validators.model.contract import Contract
from bulkops_validators.model.rules import Severity

if TYPE_CHECKING:
    from bulkops.chunking.limits import ChunkLimits
    from bulkops.chunking.plan import FilePlan
    from bulkops.chunking.schedule import Cost
    from bulkops.json_documents.files import PlanDocument

SHOWN = 20


@click.command("plan")
@contract_argument
@click.argument("file", type=InputPath())
@column_options
@chunk_options
@cluster_option
@limit_options
@json_option
def command(
    contract: Contract,
    file: Path,
    *,
    chosen: dict[str, object],
    max_rows: int | None,
    max_bytes: int | None,
    cluster: str | None,
    as_json: bool,
) -> None:
    """Show how FILE is split into requests, and the minimum time under the rate limit. Sends nothing."""
    from bulkops.chunking.limits import chunk_limits
    from bulkops.chunking.schedule import cost_of

    names = contract.sent_names(query_of(contract, chosen))
    plan = _planned(file, chunk_limits(contract, max_rows=max_rows, max_bytes=max_bytes), names, cluster)
    _refuse_other_header(contract, plan)
    cost = cost_of(plan, contract.routes[0].readback)
    if as_json:
        console().emit_json(_document(contract, plan, cost))
        return
    out = console()
    out.result(f"{file}: {counted(plan.records, 'record')}, {counted(plan.bytes, 'byte')}, SHA-256 {plan.sha256}")
    rows = [(c.number, f"{c.first_record:,}", f"{c.records:,}", f"{c.bytes:,}") for c in plan.chunks[:SHOWN]]
    out.table(("chunk", "first record", "records", "bytes"), rows)
    if len(plan.chunks) > SHOWN:
        out.result(f"… and {len(plan.chunks) - SHOWN:,} more")
    requests, verifying = counted(cost.requests, "request"), counted(cost.verify_requests, "request")
    out.result(f"{requests}, at least {cost.least_seconds:,.0f} s at 3 requests per second.")
    if cost.verify_requests:
        out.result(f"Reconciliation: at least {verifying} and {cost.verify_least_seconds:,.0f} s.")
    else:
        out.result("Reconciliation: the API cannot return these rows; only amounts can be compared.")
    ids = [word for name in contract.routes[0].ids for word in (f"--{name}", "ID")]
    out.next_step = shlex.join(["bulkops", "import", contract.name, str(file), *ids])


def _planned(file: Path, limits: "ChunkLimits", names: Mapping[str, str], cluster: str | None) -> "FilePlan":
    """Plan a file without the checksums of chunks, here or on a cluster."""
    keep_freed_memory()
    if cluster is None:
        from bulkops.chunking.plan import plan_file

        return plan_file(file, limits, names=names, checksums=False)
    from bulkops.chunking.cluster_plan import plan_on_cluster

    return plan_on_cluster(file, limits, cluster, names=names, checksums=False)


def _document(contract: Contract, plan: "FilePlan", cost: "Cost") -> "PlanDocument":
    return {
        "contract": contract.name,
        "records": plan.records,
        "bytes": plan.bytes,
        "sha256": plan.sha256,
        "requests": cost.requests,
        "least_seconds": cost.least_seconds,
        "verify": {"requests": cost.verify_requests, "least_seconds": cost.verify_least_seconds},
        "chunks": [
            {"number": c.number, "first_record": c.first_record, "records": c.records, "bytes": c.bytes}
            for c in plan.chunks
        ],
    }


def _refuse_other_header(contract: Contract, plan: "FilePlan") -> None:
    """Raise DataError if the header is not valid for the contract: such a file cannot be sent."""
    with plan.path.open("rb") as file:
        header = file.read(plan.header_end)
    if contract.has_plain_header(header):
        return
    from bulkops.reading.sources import stream_source
    from bulkops.validation.engine import validate_files
    from bulkops.validation.settings import ValidationSettings

    source = stream_source(str(plan.path), BytesIO(header))
    (report,) = validate_files(contract, [source], settings=ValidationSettings(select=("HDR",))).files
    if report.errors:
        first = next(finding.message for finding in report.findings if finding.severity is Severity.ERROR)
        raise DataError(
            f"The header of {plan.path} is not valid for {contract.name}: {first}",
            hint=f"`bulkops validate {contract.name} {plan.path}` lists all findings.",
        )
