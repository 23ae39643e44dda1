"""Find missing records that an export contains in changed form, as a spreadsheet saves them.

A spreadsheet can remove leading zeros, replace digits by zeros, or change the case.
"""
# ruff: noqa: S608 - only the contracts' own column names and our own words enter the SQL

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count

from bulkops.readback.compare.staging import RowSets
from bulkops.sql import quoted
from bulkops_validators.model.contract import Comparison, Readback

MAX_VALUES = 200_000
"""Values of each side that are compared."""
SCIENTIFIC = re.compile(r"^[+-]?(\d)[.,]?(\d*)[eE]\+?(\d{1,3})$")
DIGITS = re.compile(r"^[+-]?\d{1,400}$")
EXACT_DIGITS = 15  # a double has no more exact digits, so a spreadsheet replaces the others by zeros
TEXTS = frozenset({Comparison.EXACT, Comparison.CODE})


@dataclass(frozen=True, kw_only=True)
class Resaved:
    """The number of missing records that an export contains in changed form, and one example."""

    records: int
    column: str
    sent: str
    found: str

    def sentence(self, name: str, *, saved: bool) -> str:
        """Return a sentence about the records; `name` is the other side, `saved`: it is a saved export."""
        cause = (
            f"{name} was saved again by a spreadsheet or another program, so it proves nothing."
            if saved
            else "The server may store them in this form, so they may not be missing."
        )
        found = f"{self.records:,} of them were found with other zeros, digits or case"
        return f"{found}: {self.column} {self.sent!r} appears as {self.found!r}. {cause}"


def resaved(sets: RowSets, columns: Sequence[str]) -> Resaved | None:
    """Return the missing records that equal an unexpected row except for zeros, digits or case; None if none does.

    `columns` are the columns that identify a record. Call this after the comparison. At most 200,000 values of each
    side are compared.
    """
    for column in columns:
        lost, rest = _lost(sets, column), _rest(sets, column)
        pairs = dict(_alike(lost, rest)) if lost and rest else {}
        if pairs:
            sent, found = next(iter(pairs.items()))
            return Resaved(records=sum(lost[text] for text in pairs), column=column, sent=sent, found=found)
    return None


def text_columns(readback: Readback, columns: Iterable[str]) -> list[str]:
    """Return the columns that are compared as text."""
    texts = {column.column for column in readback.columns if column.compare in TEXTS}
    return [column for column in columns if column in texts]


def _lost(sets: RowSets, column: str) -> dict[str, int]:
    """Return the values of missing records, each with its number of records."""
    cell = f"s.{quoted(column)}"
    return dict(
        sets.run(
            f"SELECT {cell}, count(*) FROM sent s JOIN result r ON s._record = r.record "
            f"WHERE r.class = 'missing' AND {cell} <> '' GROUP BY 1 ORDER BY min(s._record) LIMIT {MAX_VALUES}"
        )
    )


def _rest(sets: RowSets, column: str) -> list[str]:
    """Return the found values that no record has."""
    cell = quoted(column)
    query = (
        f"SELECT DISTINCT f.{cell} FROM found f ANTI JOIN sent s ON f.{cell} = s.{cell} "
        f"WHERE f.{cell} <> '' ORDER BY 1 LIMIT {MAX_VALUES}"
    )
    rest: list[str] = []
    for start in count(step=MAX_VALUES):
        values = [value for (value,) in sets.run(f"{query} OFFSET {start}")]
        elsewhere = sets.aside.sent_among(column, values)
        rest += [value for value in values if value not in elsewhere]
        if len(values) < MAX_VALUES or len(rest) >= MAX_VALUES:
            break
    return rest[:MAX_VALUES]


def _alike(lost: Iterable[str], rest: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield pairs of a lost text and a found text that a spreadsheet may have produced from it."""
    plain: dict[str, str] = {}
    rounded: dict[tuple[int, str], str] = {}
    lengths: set[int] = set()
    for text in rest:
        plain.setdefault(_plain(text), text)
        if (number := _rounded_number(text)) is not None:
            lengths.add(number[0])
            rounded.setdefault(number, text)
    for text in lost:
        if (found := plain.get(_plain(text))) is not None and found != text:
            yield text, found
        elif digits := _digits(text):
            kept = (rounded.get((length, short)) for length in lengths for short in _shortened(digits, length))
            if (found := next((other for other in kept if other), None)) is not None:
                yield text, found


def _plain(text: str) -> str:
    """Return a text without the parts that a spreadsheet changes: outer blanks, leading zeros, case, final `.0`."""
    text = text.strip().strip("'=\"").casefold()
    return re.sub(r"^([+-]?)0+(?=.)", r"\1", re.sub(r"^(\d+)[.,]0+$", r"\1", text))


def _digits(text: str) -> str:
    """Return the digits of a long number without leading zeros; blank for other texts."""
    digits = text.strip().lstrip("+-").lstrip("0") if DIGITS.match(text.strip()) else ""
    return digits if len(digits) > 5 else ""


def _rounded_number(text: str) -> tuple[int, str] | None:
    """Return the number of digits that a spreadsheet kept, and the resulting digits; None for other texts."""
    text = text.strip()
    if match := SCIENTIFIC.match(text):
        whole, decimals, power = match[1], match[2], int(match[3])
        if power < len(decimals):
            return None
        return 1 + len(decimals), whole + decimals + "0" * (power - len(decimals))
    digits = _digits(text)
    if len(digits) > EXACT_DIGITS and not digits[EXACT_DIGITS:].strip("0"):
        return EXACT_DIGITS, digits
    return None


def _shortened(digits: str, length: int) -> tuple[str, str]:
    """Return a whole number with `length` digits kept and the others replaced by zeros: rounded, and truncated."""
    filled = max(0, len(digits) - length)
    cut = digits[: len(digits) - filled]
    up = filled and digits[len(digits) - filled] >= "5"
    return str(int(cut) + bool(up)) + "0" * filled, cut + "0" * filled
