"""One contract per bulk import: columns, limits, endpoint, read-back. `CONTRACTS` holds them by name.

Each is also a pandera model for polars frames of text columns::

    import polars as pl
    from bulkops_validators import Coupons

    Coupons.validate(pl.read_csv("coupons.csv", infer_schema=False), lazy=True)

The models are made when first asked for, so that reading the contracts imports neither polars nor pandera.
"""

from collections import Counter
from collections.abc import Iterable
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any

from bulkops_validators.model.contract import Contract

if TYPE_CHECKING:
    from bulkops_validators.model.frames import FrameModel

    AttributeValues: type[FrameModel]
    Audiences: type[FrameModel]
    Collections: type[FrameModel]
    Coupons: type[FrameModel]
    Giveaways: type[FrameModel]
    LoyaltyCards: type[FrameModel]
    LoyaltyJoinDates: type[FrameModel]
    LoyaltyPoints: type[FrameModel]
    LoyaltyTiers: type[FrameModel]
    Referrals: type[FrameModel]
    StoreBudgets: type[FrameModel]
    Stores: type[FrameModel]


def _discover() -> dict[str, Contract]:
    """Return the contracts of this package's modules by name; a new module is found without being listed."""
    modules = (import_module(f"{__name__}.{m.name}") for m in iter_modules(__path__) if not m.ispkg)
    found = [module.CONTRACT for module in modules]
    return {contract.name: contract for contract in sorted(found, key=lambda c: c.name)}


def _id_names(contracts: Iterable[Contract]) -> tuple[str, ...]:
    """Return the ids that the routes of contracts need, without repetition: the ids of most contracts first."""
    uses = Counter(name for contract in contracts for name in dict.fromkeys(n for r in contract.routes for n in r.ids))
    return tuple(name for name, _ in uses.most_common())


CONTRACTS = _discover()

ID_NAMES = _id_names(CONTRACTS.values())
"""The ids of a target, such as `application` and `campaign`: the fields in the paths of all routes."""

__all__ = ["CONTRACTS", "ID_NAMES", "Contract", *sorted(c.model_name for c in CONTRACTS.values())]  # noqa: PLE0604 - names


def __getattr__(name: str) -> Any:
    """Make the pandera model called `name` when it is first asked for."""
    for contract in CONTRACTS.values():
        if contract.model_name == name:
            from bulkops_validators.model.frames import frame_model

            return frame_model(contract)
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
