"""What judging a block needs to know about the file and the settings: fixed for the whole file, picklable."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from bulkops.validation.named_things import NamedThings
from bulkops_validators.model.cells import Text
from bulkops_validators.model.contract import Comparison, Contract, Mode, Unique


@dataclass(frozen=True, kw_only=True, eq=False)
class Context:
    """The contract, the column of each field (None: not a known one), and what is to be judged.

    `codes` are the rules switched on; `crlf` says how the header line ends; `names` are the columns as it spells them;
    `digests` asks for the digests of records; `named` knows what an account has of the names in the cells.
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
    named: NamedThings | None = None

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
        """By field position, whether its cells are texts, in which a quote may be the cell's own."""
        return tuple(name is None or isinstance(self.contract.column(name).cell, Text) for name in self.columns)

    @cached_property
    def uniques(self) -> tuple[Unique, ...]:
        """The uniqueness rules that the file's columns allow to judge; absent optional columns count as blank."""
        return tuple(
            unique
            for unique in self.contract.unique
            if unique.code in self.codes and any(name in self.present for name in unique.columns)
        )

    @cached_property
    def folds_case(self) -> bool:
        """Whether keys that differ by case only are worth a look: where keys are codes people type."""
        return folds_case(self.contract)


def folds_case(contract: Contract) -> bool:
    """Tell whether a contract's keys are codes, which applications may fold."""
    codes = [
        column
        for route in contract.routes
        if route.readback
        for column in route.readback.columns
        if column.compare is Comparison.CODE
    ]
    return bool(codes) or contract.mode in {Mode.CREATE, Mode.APPEND}


def masked(value: str) -> str:
    """Return a value that gives away no more than its length and its first and last characters."""
    kept = min(2, len(value) // 4)
    return value[:kept] + "*" * (len(value) - 2 * kept) + value[len(value) - kept :]


def shown(value: str, context: Context) -> str:
    """Return a value as a message shows it."""
    return masked(value) if context.mask else value
