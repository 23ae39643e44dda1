"""`bulkops import`: validate, plan, upload and, if asked, prove."""

from pathlib import Path
from typing import Any

import click

from bulkops.cli.options.common import (
    accept_option,
    chunk_options,
    json_option,
    ledger_option,
    limit_options,
    yes_option,
)
from bulkops.cli.options.contract import contract_argument, contract_options
from bulkops.cli.options.environment import option
from bulkops.cli.options.on_end import announced
from bulkops.cli.options.paths import InputPath
from bulkops.cli.options.run import run_options
from bulkops.cli.options.target import target_options
from bulkops.cli.process.targets import TargetChoice
from bulkops_validators.model.contract import Contract


@click.command("import")
@contract_argument
@click.argument("file", type=InputPath())
@target_options
@contract_options
@chunk_options
@run_options
@ledger_option
@option("--again", is_flag=True, help="Import a file although it was imported into the same target before.")
@option("--only-new", is_flag=True, help="Send only the records that were not sent to the same target before.")
@option(
    "--only-changed",
    is_flag=True,
    help="Read the target first, and send only the records that it lacks or, for tiers and join dates, that differ.",
)
@option(
    "--digests/--no-digests",
    default=True,
    help="Store the digest of each record sent, and compare the file with the stored digests; default: yes.",
)
@option(
    "--leave-unfinished",
    is_flag=True,
    help="Import a file although the import of an earlier file of the same name is unfinished.",
)
@option("--allow-empty", is_flag=True, help="Accept a file without records, even if this empties the target.")
@option(
    "--max-removals",
    metavar="N|N%",
    default="10%",
    show_default=True,
    help="Maximum rows that a replacing import may remove.",
)
@accept_option
@option("--dry-run", is_flag=True, help="Do every step up to the first upload, and send nothing.")
@option("--reconcile", is_flag=True, help="Read the rows back afterwards and prove each one.")
@yes_option
@limit_options
@json_option
@announced
def command(contract: Contract, file: Path, *, target: TargetChoice, **choices: Any) -> int:
    """Validate FILE, split it into requests, upload them, and record each one in the ledger.

    Continue an interrupted job with `bulkops jobs resume`.
    """
    from bulkops.cli.views.import_view import ImportChoices, run_import

    return run_import(contract, file, target, ImportChoices(**choices))
