"""`bulkops snapshot`: store the description of an account for checks without a network."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bulkops.cli.options.common import json_option, ledger_option, overwrite_option
from bulkops.cli.options.environment import own_option
from bulkops.cli.options.paths import FilePath
from bulkops.cli.options.target import target_options
from bulkops.cli.output.console import console
from bulkops.cli.output.files import output_permit
from bulkops.cli.process.connect import connect
from bulkops.cli.process.targets import TargetChoice
from bulkops.wording import counted
from bulkops.writing import refuse_no_file, refuse_no_folder

if TYPE_CHECKING:
    from bulkops.json_documents.accounts import AccountCounts, SnapshotDocument


@click.command("snapshot")
@own_option(
    "-o",
    "--output",
    "output",
    type=FilePath(),
    required=True,
    help="JSON file to write; it contains no keys and no customer data.",
)
@overwrite_option
@target_options
@ledger_option
@json_option
def command(output: Path, target: TargetChoice, ledger: str | None, *, overwrite: bool, as_json: bool) -> int:
    """Store a description of an account: applications, campaigns, programs, attributes, stores, collections, audiences.

    --application limits campaigns, stores and collections to that application; --campaign and --program limit the
    snapshot to that campaign or program. `bulkops validate --account` and `bulkops check --account` use the file
    without a network.
    """
    from bulkops.account.reading import AccountReader
    from bulkops.account.snapshot import provenance, write_snapshot
    from bulkops.clock import SystemClock

    permit = output_permit(overwrite=overwrite, ledger=ledger)
    refuse_no_file(output)
    refuse_no_folder(output)
    permit.check(output)
    clock = SystemClock()
    ids = target.default_ids()
    with target.open() as opened, connect(opened, ledger=ledger, clock=clock) as client:
        console().note("Reading the account: at most 3 requests per second for each list.")
        reader = AccountReader(client)
        account = reader.whole(ids)
    write_snapshot(account, output, permit)
    for unread in account.unread:
        console().note(f"Not read: {unread.what}: {unread.why}.")
    counts: AccountCounts = {
        "applications": len(account.applications),
        "campaigns": len(account.campaigns),
        "programs": len(account.programs),
        "attributes": len(account.attributes),
        "stores": sum(len(each.integration_ids) for each in account.stores),
        "collections": len(account.collections),
        "audiences": len(account.audiences),
    }
    if as_json:
        source = provenance(account, output, now=clock.now())
        document: SnapshotDocument = {**source, "requests": reader.requests, "counts": counts}
        console().emit_json(document)
    else:
        listed = ", ".join(f"{name}: {count:,}" for name, count in counts.items())
        console().result(f"{output} written, with {counted(reader.requests, 'request')}. {listed}.")
        console().next_step = f"bulkops validate CONTRACT FILE --account {shlex.quote(str(output))}"
    return 0
