"""`bulkops doctor`: check everything that the other commands depend on, and print how to fix each problem."""

import shlex
import sys
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

    Only requests that read are sent. With ids (--application, --program …) more operations are tried. Exit codes:
    0: everything works, possibly with warnings; 2: correct the configuration, the machine or the key; 3: the network
    or the server failed.
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
        console().table(("operation", "key", "used by", "note"), rows, drop=["note", "used by"])
    console().next_step = _next_command(target, failed=any(check.state == "failed" for check in checks))
    return exit_code(checks)


def _next_command(target: TargetChoice, *, failed: bool) -> str:
    """Return the next command: the same again after a correction, or the first use of a working target."""
    if failed:
        return shlex.join(["bulkops", *sys.argv[1:]])
    if target.name is None and target.base_url is None:
        return "bulkops doctor --target NAME"
    words = ["--target", target.name] if target.name else ["--base-url", str(target.base_url)]
    return shlex.join(["bulkops", "snapshot", "-o", "account.json", *words])


def _checks(ctx: click.Context, target: TargetChoice, ledger: str | None, rights: "list[Right]") -> "Iterator[Check]":
    """Yield each check when it ends, and add the operations that the key has to `rights`."""
    from bulkops.cli.output.jobs_view import read_ledger
    from bulkops.pipeline import checkup
    from bulkops.settings import default_ledger_url

    yield from checkup.check_machine(ctx.meta.get("bulkops.config"))
    try:
        url = ledger or default_ledger_url()
    except UsageError as error:
        yield checkup.skipped("ledger", error.message)
        return
    yield checkup.check_ledger(url, lambda: read_ledger(ledger))
    if not (target.name or target.base_url):
        yield checkup.skipped("target", "No target was given. Add --target NAME, or --base-url and a key.")
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
