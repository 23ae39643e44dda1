"""Describe a file and the settings to the checks of its blocks: fixed for the whole file, picklable."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from bulkops.validation.named_things import AccountNames
from bulkops_validators.model.cells import Text
from bulkops_validators.model.contract import Comparison, Contract, Mode, Unique


@dataclass(frozen=True, kw_only=True, eq=False)
class Context:
    """The contract, the column of each field (None: unknown), and the checks to run.

    `codes` are the enabled rules. `crlf`: the header line ends with CRLF. `names` are the column names as the file
    spells them. `digests`: compute the digests of records. `named` checks cells against the names of an account.
    """

    contract: Contract
    columns: tuple[str | None, ...]
    separator: int
    codes: frozenset[str]
    now: datetime | None
    crlf: bool
    mask: bool = False
    names: tuple[str, ...] = ()
    digests: bool = False
    named: AccountNames | None = None

    @cached_property
    def present(self) -> tuple[str, ...]:
        """The known columns of the file, in file order."""
        return tuple(name for name in self.columns if name is not None)

    @cached_property
    def positions(self) -> Mapping[str, int]:
        """The field position of each known column, from 0."""
        return {name: index for index, name in enumerate(self.columns) if name is not None}

    @cached_property
    def texts(self) -> tuple[bool, ...]:
        """For each field position, whether its cells are texts. A text may contain quotes of its own."""
        return tuple(name is None or isinstance(self.contract.column(name).cell, Text) for name in self.columns)

    @cached_property
    def uniques(self) -> tuple[Unique, ...]:
        """The uniqueness rules that the columns of the file allow; missing optional columns count as blank."""
        return tuple(
            unique
            for unique in self.contract.unique
            if unique.code in self.codes and any(name in self.present for name in unique.columns)
        )

    @cached_property
    def folds_case(self) -> bool:
        """Whether to compare keys without regard to case: only where keys are codes that people type."""
        return folds_case(self.contract)


def folds_case(contract: Contract) -> bool:
    """Return whether the keys of a contract are codes, in which applications may ignore case."""
    codes = [
        column
        for route in contract.routes
        if route.readback
        for column in route.readback.columns
        if column.compare is Comparison.CODE
    ]
    return bool(codes) or contract.mode in {Mode.CREATE, Mode.APPEND}


def masked(value: str) -> str:
    """Return a masked value: only its length and its first and last character are visible."""
    kept = min(2, len(value) // 4)
    return value[:kept] + "*" * (len(value) - 2 * kept) + value[len(value) - kept :]


def shown(value: str, context: Context) -> str:
    """Return a value as messages show it, masked if the settings ask for it."""
    return masked(value) if context.mask else value
