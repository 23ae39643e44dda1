"""Options of commands that upload: waiting times, concurrency, and the handling of rejected chunks."""

from collections.abc import Callable
from typing import Any, TypeVar

from bulkops.cli.options.common import CountType, SecondsType
from bulkops.cli.options.environment import Reach, option

F = TypeVar("F", bound=Callable[..., Any])

OPTIONS = (
    option(
        "--settle",
        type=SecondsType(),
        metavar="SECONDS",
        help="Seconds between two equal read-backs before an unanswered request counts as lost; default 60.",
    ),
    option(
        "--response-timeout",
        type=SecondsType(zero=False),
        metavar="SECONDS",
        help="Seconds to wait for the response to a request, plus 1 s per 200 kB; default 120.",
    ),
    option("--concurrency", type=CountType(1, 32), help="Maximum concurrent requests; default 1."),
    option(
        "--isolate/--no-isolate",
        default=None,
        help="Resend a rejected chunk in parts until the rejected records are found; default: yes.",
    ),
    option("--isolate-requests", type=CountType(0), help="Maximum requests of --isolate; default 40."),
    option("--max-errors", metavar="N|N%", help="Stop when more records than this were rejected."),
)


def run_options(function: F) -> F:
    """Add the options of a run; each is None if it was not given."""
    for decorate in reversed(OPTIONS):
        function = decorate(function)
    return function


max_removals_option = option(
    "--max-removals",
    reach=Reach.COMMAND,
    metavar="N|N%",
    help="Maximum rows that may be removed if the target has changed since the job began.",
)


def given_settings(choices: dict[str, Any]) -> dict[str, Any]:
    """Return the given run settings, by their names in the ledger."""
    names = ("settle", "response_timeout", "concurrency", "isolate", "isolate_requests", "max_errors", "max_removals")
    return {name: choices[name] for name in names if choices.get(name) is not None}
