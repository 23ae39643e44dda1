"""The resources of the sandbox, one module each. `RESOURCES` finds them: a new module needs no registration."""

from importlib import import_module
from pkgutil import iter_modules

from bulkops.sandbox.resource import Resource


def _discover() -> tuple[Resource, ...]:
    """Return the `RESOURCE` of every module of this package, in the order of the modules' names."""
    names = sorted(module.name for module in iter_modules(__path__))
    return tuple(import_module(f"{__name__}.{name}").RESOURCE for name in names)


RESOURCES = _discover()

TABLES = "".join(resource.tables for resource in RESOURCES)
"""The SQL that creates the tables of all resources where they are missing."""
COLUMNS = tuple(column for resource in RESOURCES for column in resource.columns)
"""The columns that tables of older data files lack."""
