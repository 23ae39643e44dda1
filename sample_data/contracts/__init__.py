"""The samples of every contract, one module each. `ALL_SAMPLES` finds them: a new module needs no registration."""

from importlib import import_module
from pkgutil import iter_modules

from sample_data.contract import ContractSamples

ALL_SAMPLES: tuple[ContractSamples, ...] = tuple(
    import_module(f"{__name__}.{name}").SAMPLES for name in sorted(module.name for module in iter_modules(__path__))
)
