"""`bulkops split`: write the chunks of an import as files."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bulkops.cli.options.common import chunk_options, json_option, limit_options
from bulkops.cli.options.contract import column_options, contract_argument, query_of
from bulkops.cli.options.environment import own_option
from bulkops.cli.options.paths import FilePath, InputPath
from bulkops.cli.output.console import console
from bulkops_validators.model.contract import Contract

if TYPE_CHECKING:
    from bulkops.json_documents.files import SplitDocument


@click.command("split")
@contract_argument
@click.argument("file", type=InputPath())
@own_option(
    "--into",
    former=["--out"],
    type=FilePath(file_okay=False),
    required=True,
    metavar="FOLDER",
    help="Folder for the chunks.",
)
@column_options
@chunk_options
@limit_options
@json_option
def command(
    contract: Contract,
    file: Path,
    *,
    into: Path,
    chosen: dict[str, object],
    max_rows: int | None,
    max_bytes: int | None,
    as_json: bool,
) -> None:
    """Write the chunks of FILE as files, each with the header: the exact bytes that an import sends."""
    from bulkops.chunking.limits import chunk_limits
    from bulkops.chunking.plan import plan_file
    from bulkops.chunking.split import write_chunks

    names = contract.sent_names(query_of(contract, chosen))
    plan = plan_file(file, chunk_limits(contract, max_rows=max_rows, max_bytes=max_bytes), names=names)
    paths = write_chunks(plan, into)
    if as_json:
        document: SplitDocument = {
            "contract": contract.name,
            "records": plan.records,
            "chunks": [
                {"number": c.number, "path": str(path), "records": c.records, "bytes": c.bytes, "sha256": c.sha256}
                for c, path in zip(plan.chunks, paths, strict=True)
            ],
        }
        console().emit_json(document)
        return
    for chunk, path in zip(plan.chunks, paths, strict=True):
        console().result(f"{path}  {chunk.records:,} records")
    if paths:
        ids = [word for name in contract.routes[0].ids for word in (f"--{name}", "ID")]
        console().next_step = shlex.join(["bulkops", "import", contract.name, str(paths[0]), *ids])
