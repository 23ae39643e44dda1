"""Import and export Talon.One data as CSV.

Every public name is imported when it is first used, so that `import bulkops` and `bulkops --help` load no stage.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from bulkops.version import __version__

if TYPE_CHECKING:
    from bulkops import errors
    from bulkops.api import (
        Fixed,
        export,
        fix,
        local_sandbox,
        map_recipe,
        plan,
        reconcile,
        report,
        resume,
        run,
        submit,
        target,
        validate,
    )
    from bulkops.client import Client, Jobs
    from bulkops.fixing.options import FixOptions
    from bulkops.ledger.job_view import Job, JobList
    from bulkops.mapping.mapped import MappedFile
    from bulkops.pipeline.observer import Observer, Silent
    from bulkops.pipeline.running import Outcome
    from bulkops.reconciling.result import Reconciliation
    from bulkops.settings import Target
    from bulkops.upload.options import RunOptions
    from bulkops.upload.workflow import Guards
    from bulkops.validation.findings import Finding, Findings, ValidationReport
    from bulkops.validation.settings import ValidationSettings

HOMES = {
    "Client": "client",
    "FixOptions": "fixing.options",
    "Finding": "validation.findings",
    "Findings": "validation.findings",
    "Fixed": "api",
    "Guards": "upload.workflow",
    "Job": "ledger.job_view",
    "JobList": "ledger.job_view",
    "Jobs": "client",
    "MappedFile": "mapping.mapped",
    "Observer": "pipeline.observer",
    "Outcome": "pipeline.running",
    "Reconciliation": "reconciling.result",
    "RunOptions": "upload.options",
    "Silent": "pipeline.observer",
    "Target": "settings",
    "ValidationReport": "validation.findings",
    "ValidationSettings": "validation.settings",
    "export": "api",
    "fix": "api",
    "local_sandbox": "api",
    "map_recipe": "api",
    "plan": "api",
    "reconcile": "api",
    "report": "api",
    "resume": "api",
    "run": "api",
    "submit": "api",
    "target": "api",
    "validate": "api",
}
"""The defining module of each public name."""

__all__ = [
    "Client",
    "Finding",
    "Findings",
    "FixOptions",
    "Fixed",
    "Guards",
    "Job",
    "JobList",
    "Jobs",
    "MappedFile",
    "Observer",
    "Outcome",
    "Reconciliation",
    "RunOptions",
    "Silent",
    "Target",
    "ValidationReport",
    "ValidationSettings",
    "__version__",
    "errors",
    "export",
    "fix",
    "local_sandbox",
    "map_recipe",
    "plan",
    "reconcile",
    "report",
    "resume",
    "run",
    "submit",
    "target",
    "validate",
]


def __getattr__(name: str) -> Any:
    """Import a public name, or the module `errors`, when it is first used."""
    if name in HOMES:
        return getattr(import_module(f"bulkops.{HOMES[name]}"), name)
    if name == "errors":
        return import_module("bulkops.errors")
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)


def __dir__() -> list[str]:
    """Return all public names, also those that are not imported yet."""
    return sorted(__all__)
