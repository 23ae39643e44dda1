"""The options that name a target."""

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import click

from bulkops.cli.options import option
from bulkops.cli.targets import TargetChoice
from bulkops.settings import ID_NAMES

F = TypeVar("F", bound=Callable[..., Any])


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
