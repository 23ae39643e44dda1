"""`bulkops copy`: copy rows from one deployment to another."""

from pathlib import Path

import click

from bulkops.cli.options.common import (
    SecondsType,
    accept_option,
    json_option,
    ledger_option,
    limit_options,
    sure_option,
)
from bulkops.cli.options.environment import Reach, option, own_option
from bulkops.cli.options.on_end import announced
from bulkops.cli.options.paths import FilePath
from bulkops.cli.process import completion
from bulkops.cli.process.targets import TargetChoice
from bulkops.errors import UsageError
from bulkops.wording import guess
from bulkops_validators import CONTRACTS


@click.command("copy")
@click.argument("contracts", nargs=-1, required=True, metavar="CONTRACT...", shell_complete=completion.contracts)
@own_option("--from", "source", required=True, metavar="TARGET", help="The deployment to read, from the configuration.")
@own_option("--to", "target", required=True, metavar="TARGET", help="The deployment that receives the rows.")
@own_option("--table", type=FilePath(local="the table is read from this machine"), metavar="FILE",
            help="TOML file with ids, attributes, tiers, subledgers and stores of both deployments.")  # fmt: skip
@own_option("--used", type=click.Choice(["remaining", "keep"]), default="remaining", show_default=True,
            help="Copy the remaining part of limits that are partly used, or the limits as they are.")  # fmt: skip
@option("--settle", type=SecondsType(), default=60.0, show_default=True, help="As for `bulkops import`.")
@option("--response-timeout", type=SecondsType(zero=False), metavar="SECONDS", help="As for `bulkops import`.")
@option(
    "--only-new",
    reach=Reach.COMMAND,
    is_flag=True,
    help="Send only the records that were not sent to the same target before.",
)
@option("--max-removals", reach=Reach.COMMAND, metavar="N|N%",
        help="Maximum rows that a replacing import may remove; default 10%.")  # fmt: skip
@accept_option
@option("--dry-run", is_flag=True, help="Export and check everything, and send nothing.")
@option("--restart", reach=Reach.COMMAND, is_flag=True, help="Export again although an unfinished copy has exports.")
@sure_option
@ledger_option
@limit_options
@json_option
@announced
def command(
    contracts: tuple[str, ...],
    source: str,
    target: str,
    table: Path | None,
    **choices: object,
) -> int:
    """Copy the rows of contracts from one deployment to another, and prove them against the source.

    Run the command again to continue: finished steps are skipped, and an interrupted step is resumed.
    """
    from bulkops.cli.views.copy_view import CopyChoices, run_copy

    if unknown := [name for name in contracts if name not in CONTRACTS]:
        raise UsageError(f"Unknown contract {unknown[0]!r}.", hint=guess(unknown[0], CONTRACTS))
    config = click.get_current_context().meta.get("bulkops.config")
    places = [TargetChoice(name=name, config=config) for name in (source, target)]
    return run_copy(contracts, places[0], places[1], table, CopyChoices(**choices))  # type: ignore[arg-type] # click's
