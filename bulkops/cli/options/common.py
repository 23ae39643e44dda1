"""Options shared by several commands, and their types."""

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from bulkops.cli.options.environment import Reach, option, own_option
from bulkops.cli.output.console import Console
from bulkops.cli.process import completion
from bulkops.limits import MAX_EXPANSION, MAX_NUMBER, MAX_RECORD_BYTES, MAX_SECONDS, adjust, adjustable

F = TypeVar("F", bound=Callable[..., Any])

SIZE = re.compile(r"^(\d{1,30}(?:\.\d{1,30})?)\s*(B|kB|KB|MB|GB|KiB|MiB|GiB)?$")
LONGEST_NUMBER = 40
"""Maximum characters of an input that a message quotes."""
UNITS = {
    "B": 1, "kB": 10**3, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30,
}  # fmt: skip


class SizeType(click.ParamType[int]):
    """A number of bytes with a unit, such as 50MB or 8MiB."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return bytes."""
        if isinstance(value, int):
            return value
        if (found := SIZE.match(str(value))) is None:
            self.fail(f"{str(value)[:LONGEST_NUMBER]!r} is not a valid size; write it like 50MB.", param, ctx)
        size = float(found[1]) * UNITS[found[2] or "B"]
        if size > MAX_NUMBER:
            self.fail("a size must be less than 9,000,000 TB.", param, ctx)
        size = int(size)
        if size < 1:
            self.fail("a size must be at least 1 byte.", param, ctx)
        return size


class CountType(click.IntRange):
    """A whole number of at least `least` that every database and the API can store."""

    def __init__(self, least: int = 1, most: int = MAX_NUMBER) -> None:
        super().__init__(min=least, max=most)
        self.bounds = "" if most == MAX_NUMBER else f"{least} to {most}"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str | None:  # noqa: ARG002 - click's
        """Return the placeholder of the number in help texts."""
        return "N"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number."""
        if isinstance(value, str) and len(value) > LONGEST_NUMBER:
            self.fail(f"a number of {len(value):,} characters is too large; at most {MAX_NUMBER:,}.", param, ctx)
        return super().convert(value, param, ctx)


class SecondsType(click.FloatRange):
    """A finite number of seconds; 0 only where `zero` allows it."""

    name = "seconds"

    def __init__(self, *, zero: bool = True) -> None:
        super().__init__(min=0, min_open=not zero, max=MAX_SECONDS)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return seconds."""
        if isinstance(value, str) and len(value) > LONGEST_NUMBER:
            self.fail(f"a number of {len(value):,} characters is not a valid number of seconds.", param, ctx)
        seconds = float(super().convert(value, param, ctx))
        if not math.isfinite(seconds):
            self.fail(f"{value!r} is not a finite number of seconds.", param, ctx)
        return seconds


def _remember_json(ctx: click.Context, param: click.Parameter, value: bool) -> bool:  # noqa: ARG001, FBT001 - click's
    """Record that --json was given, so that every error, also of a later option, is printed as JSON."""
    ctx.ensure_object(Console).json_asked = value
    return value


json_option = option(
    "--json", "as_json", is_flag=True, is_eager=True, callback=_remember_json, help="Print one JSON document to stdout."
)


def limit_options(function: F) -> F:
    """Add the options for the maximum size of inputs. They set process-wide limits and pass no argument."""
    function = option(
        "--max-expansion",
        type=CountType(),
        expose_value=False,
        callback=lambda _ctx, _param, value: adjust(record_bytes=adjustable().record_bytes, expansion=value),
        help=f"Maximum bytes that one byte of a compressed file may expand to; default {MAX_EXPANSION:,}.",
    )(function)
    return option(
        "--max-record-bytes",
        type=SizeType(),
        expose_value=False,
        is_eager=True,
        callback=lambda _ctx, _param, value: adjust(record_bytes=value),
        help=f"Maximum bytes of one record; default {MAX_RECORD_BYTES // 10**6}MB.",
    )(function)


cluster_option = option(
    "--cluster",
    metavar="ADDRESS",
    help="Use a dask cluster, for example tcp://HOST:8786; its workers must be able to read the files.",
)
ledger_option = option("--ledger", metavar="URL", help="Database that stores the jobs; default: a SQLite file.")
accept_option = option(
    "--accept",
    reach=Reach.COMMAND,
    multiple=True,
    metavar="RULE",
    shell_complete=completion.rules,
    help="Import although this rule stops the file, because the values are intended. The message names the rule.",
)
overwrite_option = option(
    "--overwrite",
    reach=Reach.COMMAND,
    is_flag=True,
    help="Replace a file that bulkops did not write or that changed since; never the file of a job.",
)
yes_option = option("--yes", is_flag=True, help="Do not ask before sending. Lifts no guard.")
sure_option = option("--yes", reach=Reach.COMMAND, is_flag=True, help="Do not ask. Lifts no guard.")


def _parse_tables(
    ctx: click.Context,  # noqa: ARG001 - click's signature
    param: click.Parameter,  # noqa: ARG001 - click's signature
    value: tuple[str, ...],
) -> tuple[tuple[str, Path], ...]:
    if not value:
        return ()
    from bulkops.tabular import TABLE_FORMS, parse_output

    return tuple(parse_output(text, TABLE_FORMS) for text in value)


tables_option = own_option(
    "--output",
    "tables",
    multiple=True,
    metavar="FORMAT=FILE",
    callback=_parse_tables,
    help="Also write all of them to FILE for a spreadsheet, as csv or xlsx; repeatable. No cell becomes a formula.",
)


def chunk_options(function: F) -> F:
    """Add --max-rows and --max-bytes, passed as `max_rows` and `max_bytes`, None if not given."""
    function = option(
        "--max-bytes",
        type=SizeType(),
        show_default="50MB",
        help="Maximum bytes of a chunk with its header; at most 500MB.",
    )(function)
    return option(
        "--max-rows",
        type=CountType(),
        help="Maximum records of a chunk; default 100,000, or fewer for contracts with a short time limit.",
    )(function)
