"""Options that several commands share, and their types."""

import math
import re
from collections.abc import Callable
from typing import Any, TypeVar

import click

from bulkops.cli.console import Console
from bulkops.cli.environment import Reach, option

F = TypeVar("F", bound=Callable[..., Any])

SIZE = re.compile(r"^(\d+(?:\.\d+)?)\s*(B|kB|KB|MB|GB|KiB|MiB|GiB)?$")
UNITS = {
    "B": 1, "kB": 10**3, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30,
}  # fmt: skip


class SizeType(click.ParamType[int]):
    """A number of bytes, with a unit: 50MB, 8MiB."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return bytes."""
        if isinstance(value, int):
            return value
        if (found := SIZE.match(str(value))) is None:
            self.fail(f"{value!r} is not a size; write it like 50MB.", param, ctx)
        size = int(float(found[1]) * UNITS[found[2] or "B"])
        if size < 1:
            self.fail("a size must be at least one byte.", param, ctx)
        return size


class SecondsType(click.FloatRange):
    """A finite number of seconds; 0 only where `zero` allows it."""

    name = "seconds"

    def __init__(self, *, zero: bool = True) -> None:
        super().__init__(min=0, min_open=not zero)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return seconds."""
        seconds = float(super().convert(value, param, ctx))
        if not math.isfinite(seconds):
            self.fail(f"{value!r} is no number of seconds.", param, ctx)
        return seconds


def _remember_json(ctx: click.Context, param: click.Parameter, value: bool) -> bool:  # noqa: ARG001, FBT001 - click's
    """Let errors, too, be a JSON document; also errors of options that come after this one."""
    ctx.ensure_object(Console).json_asked = value
    return value


json_option = option(
    "--json", "as_json", is_flag=True, is_eager=True, callback=_remember_json, help="Print one JSON document to stdout."
)
ledger_option = option("--ledger", metavar="URL", help="Where jobs are remembered; default: a SQLite file.")
accept_option = option(
    "--accept",
    reach=Reach.COMMAND,
    multiple=True,
    metavar="RULE",
    help="Go on although this rule stops it: the values are meant as they are. The message names the rule.",
)
overwrite_option = option(
    "--overwrite",
    reach=Reach.COMMAND,
    is_flag=True,
    help="Write over a file that bulkops did not write, or that changed since; never over the file of a job.",
)
yes_option = option("--yes", is_flag=True, help="Do not ask before sending. Lifts no guard.")


def chunk_options(function: F) -> F:
    """Add --max-rows and --max-bytes, passed as `max_rows` (records, None: the contract's) and `max_bytes`."""
    function = option(
        "--max-bytes",
        type=SizeType(),
        default="50MB",
        show_default=True,
        help="Bytes of a chunk, header included; never above 500MB.",
    )(function)
    return option(
        "--max-rows",
        type=click.IntRange(min=1),
        help="Records of a chunk; default 100,000, or fewer where the contract's time limit asks for it.",
    )(function)
