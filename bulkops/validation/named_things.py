"""The interface between a validation and an account: the names that cells may contain."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Fault:
    """What is wrong with a cell, or with the target of a file: the rule's code, and the fault in words.

    `text` continues a sentence that begins with the cell, or with the part `of` it; alone it is the whole sentence.
    Neither contains a value of the file.
    """

    code: str
    text: str
    of: str | None = None


class NamedThings(Protocol):
    """What an account knows of the names in a file's cells. Called from several threads."""

    def of_file(self, present: Collection[str]) -> Sequence[Fault]:
        """Return what is wrong with the target, and with a file that has these columns, whatever its records are."""

    @property
    def columns(self) -> Collection[str]:
        """The columns whose cells are judged."""

    def faults(self, column: str, value: str) -> Sequence[Fault]:
        """Return what is wrong with a cell, empty if it is blank; at most one fault of a code."""
