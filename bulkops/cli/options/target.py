"""Options that select the target."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from bulkops.cli.options.common import CountType
from bulkops.cli.options.environment import option
from bulkops.cli.process import completion
from bulkops.cli.process.parameters import id_parameter
from bulkops.cli.process.targets import TargetChoice
from bulkops_validators import ID_NAMES

F = TypeVar("F", bound=Callable[..., Any])


def target_options(function: F) -> F:
    """Add the target's options, passed to the command as one `target: TargetChoice`."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        ctx = click.get_current_context()
        given = {name: kwargs.pop(name) for name in ("base_url", "target_name", *map(id_parameter, ID_NAMES))}
        kwargs["target"] = _chosen_target(given, ctx)
        return function(*args, **kwargs)

    decorated: Any = wrapper
    for name in reversed(ID_NAMES):
        decorated = option(f"--{name}", id_parameter(name), type=CountType(), help=f"Id of the {name}.")(decorated)
    decorated = option(
        "--target",
        "target_name",
        metavar="NAME",
        shell_complete=completion.targets,
        help="A target of the configuration file, or `sandbox`.",
    )(decorated)
    return option("--base-url", metavar="URL", help="Address of the deployment.")(decorated)  # type: ignore[no-any-return] # the wrapper takes the place of F


def _chosen_target(given: Mapping[str, Any], ctx: click.Context) -> TargetChoice:
    """Return the target choice; --base-url or --target on the command line overrides the other from the environment."""
    ambient = frozenset(name for name in given if ctx.get_parameter_source(name) is not ParameterSource.COMMANDLINE)
    choice = TargetChoice(
        base_url=given["base_url"],
        name=given["target_name"],
        ids={name: number for name in ID_NAMES if (number := given[id_parameter(name)]) is not None},
        config=ctx.meta.get("bulkops.config"),
        ambient=ambient,
    )
    if choice.base_url and choice.name and len(ambient & {"base_url", "target_name"}) == 1:
        return replace(choice, base_url=None) if "base_url" in ambient else replace(choice, name=None)
    return choice
