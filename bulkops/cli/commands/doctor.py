"""`bulkops doctor`: check what the other commands depend on, and say what to do."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from bulkops.cli.options.common import json_option, ledger_option
from bulkops.cli.options.target import target_options
from bulkops.cli.output.console import console
from bulkops.cli.process.targets import TargetChoice
from bulkops.errors import BulkopsError, UsageError

if TYPE_CHECKING:
    from bulkops.account.rights import Right
    from bulkops.pipeline.checkup import Check

COLORS = {"ok": "green", "warning": "yellow", "failed": "red", "skipped": "cyan"}


@click.command("doctor")
@target_options
@ledger_option
@json_option
@click.pass_context
def command(ctx: click.Context, target: TargetChoice, ledger: str | None, *, as_json: bool) -> int:
    """Check the configuration, the state folder, the ledger, the disk, and a target: network, key, rights, clock.

    Nothing is sent but requests that read. With ids (--application, --program …) more operations can be tried. Exit
    code 0: everything works, perhaps with warnings; 2: correct the configuration, the machine or the key; 3: the
    network or the server failed.
    """
    from bulkops.pipeline.checkup import document_of, exit_code

    checks: list[Check] = []
    rights: list[Right] = []
    for check in _checks(ctx, target, ledger, rights):
        checks.append(check)
        if not as_json:
            _show(check)
    if as_json:
        console().emit_json(document_of(checks, rights))
    elif rights:
        rows = [(right.operation, right.state, right.used_by, right.why) for right in rights]
        console().table(("operation", "key", "used by", "note"), rows)
    return exit_code(checks)


def _checks(ctx: click.Context, target: TargetChoice, ledger: str | None, rights: "list[Right]") -> "Iterator[Check]":
    """Yield the checks as they end, and put the operations of the key into `rights`."""
    from bulkops.cli.output.jobs_view import look_at_ledger
    from bulkops.pipeline import checkup
    from bulkops.settings import default_ledger_url

    yield from checkup.check_machine(ctx.meta.get("bulkops.config"))
    try:
        url = ledger or default_ledger_url()
    except UsageError as error:
        yield checkup.skipped("ledger", error.message)
        return
    yield checkup.check_ledger(url, lambda: look_at_ledger(ledger))
    if not (target.name or target.base_url):
        yield checkup.skipped("target", "No target is named: add --target NAME, or --base-url and a key.")
        return
    yield from _target_checks(target, ledger, rights)


def _target_checks(target: TargetChoice, ledger: str | None, rights: "list[Right]") -> "Iterator[Check]":
    from bulkops.cli.process.connect import connect
    from bulkops.clock import SystemClock
    from bulkops.pipeline import checkup

    clock = SystemClock()
    try:
        with target.open() as opened:
            yield checkup.target_found(opened)
            way = list(checkup.check_way(opened.base_url, now=clock.now()))
            yield from way
            if any(check.state is checkup.State.FAILED for check in way):
                yield checkup.skipped("key", "The server cannot be reached.")
                return
            with connect(opened, ledger=ledger, clock=clock) as client:
                found, granted = checkup.check_access(client, opened.ids)
            rights += granted
            yield from found
    except BulkopsError as error:
        yield checkup.target_check(error)


def _show(check: "Check") -> None:
    from bulkops.cli.output.console import line

    mark = click.style(f"{check.state.value:8}", fg=COLORS[check.state.value], bold=True)
    console().result(f"{mark} {check.name}: {line(check.message)}", styled=True)
    if check.help:
        console().result(f"         {line(check.help)}")
