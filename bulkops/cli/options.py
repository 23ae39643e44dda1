"""Options that several commands share; each can come from the environment as BULKOPS_NAME."""

import difflib
import functools
import math
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from bulkops.cli.targets import TargetChoice
from bulkops.errors import UsageError
from bulkops.settings import ID_NAMES
from bulkops_validators import CONTRACTS
from bulkops_validators.model.contract import Contract, QueryOption

F = TypeVar("F", bound=Callable[..., Any])

SIZE = re.compile(r"^(\d+(?:\.\d+)?)\s*(B|kB|KB|MB|GB|KiB|MiB|GiB)?$")
UNITS = {
    "B": 1, "kB": 10**3, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30,
}  # fmt: skip


class ContractType(click.ParamType[Contract]):
    """The name of a contract."""

    name = "contract"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Contract:
        """Return the contract of that name; the message offers the nearest one."""
        if isinstance(value, Contract):
            return value
        if value in CONTRACTS:
            return CONTRACTS[value]
        near = difflib.get_close_matches(str(value), CONTRACTS, n=1)
        guess = f" Did you mean {near[0]!r}?" if near else f" Known: {', '.join(CONTRACTS)}."
        return self.fail(f"there is no contract {value!r}.{guess}", param, ctx)

    def shell_complete(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's signature
        param: click.Parameter,  # noqa: ARG002 - click's signature
        incomplete: str,
    ) -> list[CompletionItem]:
        """Offer the contracts' names."""
        return [CompletionItem(name) for name in CONTRACTS if name.startswith(incomplete)]


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
    """A number of seconds, none or more; not a number is no number."""

    name = "seconds"

    def __init__(self) -> None:
        super().__init__(min=0)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return seconds."""
        seconds = float(super().convert(value, param, ctx))
        if not math.isfinite(seconds):
            self.fail(f"{value!r} is no number of seconds.", param, ctx)
        return seconds


def option(*names: str, **attributes: Any) -> Callable[[F], F]:
    """Declare an option that can also come from the environment: `--max-rows` from BULKOPS_MAX_ROWS."""
    long = next(name for name in names if name.startswith("--")).split("/")[0]
    variable = "BULKOPS_" + long.removeprefix("--").replace("-", "_").upper()
    return click.option(*names, **{"envvar": variable, "show_envvar": False, **attributes})


contract_argument = click.argument("contract", type=ContractType())
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document to stdout.")
ledger_option = option("--ledger", metavar="URL", help="Where jobs are remembered; default: a SQLite file.")
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


def target_options(function: F) -> F:
    """Add the target's options, passed to the command as one `target: TargetChoice`."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        ids = {name: kwargs.pop(f"id_{name}") for name in ID_NAMES}
        kwargs["target"] = TargetChoice(
            base_url=kwargs.pop("base_url"),
            name=kwargs.pop("target_name"),
            ids={name: value for name, value in ids.items() if value is not None},
            config=click.get_current_context().meta.get("bulkops.config"),
        )
        return function(*args, **kwargs)

    decorated: Any = wrapper
    for name in reversed(ID_NAMES):
        decorated = option(f"--{name}", f"id_{name}", type=click.IntRange(min=1), help=f"Id of the {name}.")(decorated)
    decorated = option(
        "--target", "target_name", metavar="NAME", help="A target of the configuration file, or `sandbox`."
    )(decorated)
    return option("--base-url", metavar="URL", help="Address of the deployment.")(decorated)  # type: ignore[no-any-return] # the wrapper takes the place of F


def contract_options(function: F) -> F:
    """Add the query options of all contracts, passed as `chosen: dict[str, object]` (only those given)."""
    known = {o.name: o for c in CONTRACTS.values() for o in c.options}

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        given = {name: kwargs.pop(name.replace("-", "_")) for name in known}
        kwargs["chosen"] = {name: value for name, value in given.items() if value is not None}
        return function(*args, **kwargs)

    decorated: Any = wrapper
    for name, declared in known.items():
        users = ", ".join(c.name for c in CONTRACTS.values() if declared in c.options)
        text = f"{declared.about} ({users})"
        if declared.choices is None:
            decorated = option(f"--{name}/--no-{name}", default=None, help=text)(decorated)
        else:
            decorated = option(f"--{name}", type=click.Choice(declared.choices), help=text)(decorated)
    return decorated  # type: ignore[no-any-return] # the wrapper takes the place of F


def query_of(contract: Contract, chosen: Mapping[str, object]) -> dict[str, str]:
    """Return the contract's query options by option name, as text, defaults filled in.

    UsageError if an option was chosen that the contract does not have.
    """
    have = {o.name: o for o in contract.options}
    for name in chosen:
        if name not in have:
            raise UsageError(f"--{name} does not apply to {contract.name}.")
    values = {name: _as_text(chosen.get(name, o.default)) for name, o in have.items()}
    return {name: value for name, value in values.items() if value is not None}


def parameters_of(contract: Contract, query: Mapping[str, str]) -> dict[str, str]:
    """Return the query parameters of the import request for options as `query_of` gives them."""
    declared: dict[str, QueryOption] = {o.name: o for o in contract.options}
    return {declared[name].parameter: value for name, value in query.items()}


def _as_text(value: object) -> str | None:
    if value is None:
        return None
    return str(value).lower() if isinstance(value, bool) else str(value)
