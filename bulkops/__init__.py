"""Move data in and out of Talon.One by CSV.

The functions are those of `bulkops.api`; each is imported when it is first used, so that importing the package,
and asking the command line for help, loads none of the stages.
"""

from typing import TYPE_CHECKING, Any

from bulkops.version import __version__

if TYPE_CHECKING:
    from bulkops.api import export, local_sandbox, plan, reconcile, report, resume, submit, target, validate

__all__ = [
    "__version__",
    "export",
    "local_sandbox",
    "plan",
    "reconcile",
    "report",
    "resume",
    "submit",
    "target",
    "validate",
]


def __getattr__(name: str) -> Any:
    """Import a function of the library when it is first asked for."""
    if name in __all__:
        from bulkops import api

        return getattr(api, name)
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)


def __dir__() -> list[str]:
    """Name the functions, imported yet or not."""
    return sorted(__all__)
