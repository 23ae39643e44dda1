"""The interface between a validation and an account: the names that cells may contain."""

from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class NameFault:
    """A defect of a cell, or of the target of a file: the code of the rule, and a text.

    `text` continues a sentence that begins with the cell, or with its part `of`; for a file it is the whole sentence.
    Neither contains a value of the file. `unknown` is a name of the file that the account does not have. With
    `any_value`, every other value of the column has the same defect.
    """

    code: str
    text: str
    of: str | None = None
    any_value: bool = False
    unknown: str | None = None

    def cause(self, column: str, value: str) -> Hashable:
        """Return a key that is equal for the cells that have this defect for the same reason."""
        return column, self.of, self.text, None if self.of is not None or self.any_value else value


class AccountNames(Protocol):
    """Checks names in cells against an account. Called from several threads."""

    def of_file(self, present: Collection[str]) -> Sequence[NameFault]:
        """Return the defects of the target, and of any file with these columns, regardless of its records."""

    @property
    def columns(self) -> Collection[str]:
        """The columns with cells to check."""

    def faults(self, column: str, value: str) -> Sequence[NameFault]:
        """Return the defects of a cell, at most one per code; `value` is empty for a blank cell."""

    def suggestion(self, code: str, unknown: str, *, searched: bool) -> str:
        """Return a sentence with the names that may be meant by an unknown one, blank if there are none.

        Without `searched`, no list is searched for similar names, because that takes milliseconds.
        """
