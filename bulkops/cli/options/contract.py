"""The argument that names a contract, and the query options of all contracts."""

import functools
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem

from bulkops.cli.options.environment import option
from bulkops.queries import query_texts
from bulkops.wording import guess
from bulkops_validators import CONTRACTS
from bulkops_validators.model.contract import Contract, QueryOption

F = TypeVar("F", bound=Callable[..., Any])


class ContractType(click.ParamType[Contract]):
    """The name of a contract."""

    name = "contract"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Contract:
        """Return the contract of that name; the message offers the nearest one."""
        if isinstance(value, Contract):
            return value
        if value in CONTRACTS:
            return CONTRACTS[value]
        return self.fail(f"there is no contract {value!r}. {guess(str(value), CONTRACTS)}", param, ctx)

    def shell_complete(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's signature
        param: click.Parameter,  # noqa: ARG002 - click's signature
        incomplete: str,
    ) -> list[CompletionItem]:
        """Offer the contracts' names."""
        return [CompletionItem(name) for name in CONTRACTS if name.startswith(incomplete)]


contract_argument = click.argument("contract", type=ContractType())


def contract_options(function: F) -> F:
    """Add the options of all contracts, passed as `chosen: dict[str, object]` (only those given)."""
    return _with_options(function, {o.name: o for c in CONTRACTS.values() for o in c.options})


def parameter_options(function: F) -> F:
    """Add those options of all contracts that set a query parameter, passed as `contract_options` passes them."""
    return _with_options(function, {o.name: o for c in CONTRACTS.values() for o in c.options if o.parameter})


def column_options(function: F) -> F:
    """Add those options of all contracts that decide what a header says, passed as `contract_options` passes them."""
    return _with_options(function, {o.name: o for c in CONTRACTS.values() for o in c.options if o.column})


def _with_options(function: F, known: Mapping[str, QueryOption]) -> F:
    """Add options. One of the environment is for all contracts, so those that do not have it are not told of it."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        given = {name: kwargs.pop(name.replace("-", "_")) for name in known}
        contract = kwargs.get("contract")
        own = {o.name for o in contract.options} if contract is not None else set(known)
        kwargs["chosen"] = {
            name: value for name, value in given.items() if value is not None and (name in own or not _is_ambient(name))
        }
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


def _is_ambient(name: str) -> bool:
    """Tell whether an option was not given on the command line."""
    source = click.get_current_context().get_parameter_source(name.replace("-", "_"))
    return source is not ParameterSource.COMMANDLINE


def query_of(contract: Contract, chosen: Mapping[str, object]) -> dict[str, str]:
    """Return the contract's query options by option name, as text, defaults filled in.

    UsageError if an option was chosen that the contract does not have.
    """
    return query_texts(contract, chosen, prefix="--")
