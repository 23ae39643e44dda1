"""`bulkops inbox`: import the files of the inboxes, and show the waiting files."""

from typing import Any

import click

from bulkops.cli.options.common import (
    SecondsType,
    cluster_option,
    json_option,
    ledger_option,
    limit_options,
    overwrite_option,
)
from bulkops.cli.options.environment import option, own_option
from bulkops.errors import UsageError
from bulkops.upload.options import SETTLE_SECONDS

STATUS = "status"
MOST_WORDS = 2


@click.command("inbox")
@click.argument("words", nargs=-1, metavar="[status] [NAME]")
@own_option("--every", metavar="LENGTH", help="Repeat the pass, with pauses of this length such as 5m, until a signal.")
@option("--dry-run", is_flag=True, help="Do every step up to the first upload of each file; send and move nothing.")
@own_option(
    "--output",
    "outputs",
    multiple=True,
    metavar="FORMAT=FILE",
    help="Write the summary of the pass to FILE as json, md or html; repeatable.",
)
@overwrite_option
@option("--settle", type=SecondsType(), default=SETTLE_SECONDS, show_default=True, help="As for `bulkops import`.")
@option("--response-timeout", type=SecondsType(zero=False), metavar="SECONDS", help="As for `bulkops import`.")
@ledger_option
@cluster_option
@limit_options
@json_option
def command(words: tuple[str, ...], **choices: Any) -> int:
    """Import every complete file of the inbox NAME, or of all inboxes, and move it to the archive.

    The tables [inbox.NAME] of the configuration say which files, and how. `bulkops inbox status` shows what waits, is
    stuck or is overdue, and changes nothing.

    Exit codes: 0: everything that was due is imported; 1: records or files were refused, or a file is overdue; 4: a
    manual decision is needed; the others as for `bulkops import`.
    """
    from bulkops.cli.views.inbox_view import InboxChoices, run_passes, show_status

    status, name = _parsed(words)
    config = click.get_current_context().meta.get("bulkops.config")
    chosen = InboxChoices(config=config, name=name, **choices)
    if chosen.every and chosen.as_json:
        raise UsageError("--every runs many passes, and --json prints one document.", hint="Use --output json=FILE.")
    if not status:
        return run_passes(chosen)
    if chosen.every or chosen.dry_run or chosen.outputs:
        raise UsageError("`bulkops inbox status` takes neither --every nor --dry-run nor --output.")
    return show_status(chosen)


def _parsed(words: tuple[str, ...]) -> tuple[bool, str | None]:
    """Return whether the status is asked for, and the name of the inbox; None for all inboxes."""
    status = words[:1] == (STATUS,)
    names = words[1:] if status else words
    if len(names) >= MOST_WORDS:
        raise UsageError("Name one inbox, or none for all.", hint="bulkops inbox [status] [NAME]")
    return status, names[0] if names else None
