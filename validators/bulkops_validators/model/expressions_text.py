"""Build the checks of free text: length, allowed characters, spreadsheet damage, code hygiene."""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from itertools import islice

import polars as pl

from bulkops_validators.model import patterns
from bulkops_validators.model.cells import IdList, Text
from bulkops_validators.model.contract import Column
from bulkops_validators.model.expressions_forms import Case
from bulkops_validators.model.patterns_mojibake import MOJIBAKE

_BECAME_DATE = "looks like a date made by a spreadsheet"
_CONTENT: tuple[tuple[str, str, str], ...] = (
    ("XLS101", patterns.SCIENTIFIC, "is a number in scientific notation"),
    ("XLS104", patterns.BECAME_DATE, _BECAME_DATE),
    ("XLS105", patterns.SPREADSHEET_ERROR, "is a spreadsheet's error value"),
    ("XLS106", patterns.HASH_SIGNS, "contains only # signs; the spreadsheet column was too narrow"),
    ("XLS107", patterns.FORMULA_WRAPPER, "is wrapped in a formula"),
    ("XLS108", r"^'", "begins with an apostrophe"),
    ("XLS112", patterns.TRUTH_VALUE, "is a TRUE or FALSE value of a spreadsheet"),
    ("XLS113", patterns.WORD_FOR_NOTHING, "is a word for a missing value"),
    ("COD103", patterns.UNUSUAL_BLANK, "has an unusual blank"),
    ("COD110", patterns.ADDRESSES, "is more than one e-mail address, or begins with mailto:"),
)
_LONG = 60
"""Maximum number of characters of a value in a message about its length."""
_INVISIBLE = "has an invisible character"
_BEYOND_ASCII: tuple[tuple[str, str, str], ...] = (
    (
        "COD104",
        patterns.TWO_ALPHABETS,
        "mixes letters of two alphabets in a word, or has only letters that look like Latin letters",
    ),
    ("COD105", MOJIBAKE, "was decoded with the wrong encoding"),
    ("COD106", patterns.REPLACEMENT, "has a replacement character for lost bytes"),
    ("COD108", patterns.COMPATIBILITY, "has letters or digits in a wide or decorative form"),
)
_CAUSES = frozenset({"COD102", "COD103", "COD105"})
"""Rules about characters that other rules are about too: a mojibake often has invisible characters."""
_ANY_OF = re.compile(r"\^\[([^\]^][^\]]*)\]\+\$")
_TYPOGRAPHIC = ("COD109", patterns.TYPOGRAPHIC, "has a sign that looks like a plain one")


def text_checks(column: Column) -> list[Case]:
    """Return the checks of a column of texts or of lists of ids; several may hold for one cell."""
    cell = pl.col(column.name)
    if isinstance(column.cell, IdList):
        return _list_checks(cell, column.cell)
    if not isinstance(column.cell, Text):
        return []
    cases = [*_length_cases(column, column.cell, cell), *content_cases(cell, code=is_code(column.cell))]
    if is_code(column.cell):
        cases.append(_line_end(cell))
        cases.append(Case("XLS104", cell.str.contains(patterns.DAY_AND_MONTH), _sentence(_BECAME_DATE)))
        code, pattern, says = _TYPOGRAPHIC
        # In mojibake, a dash or a quote may be a part of another character.
        signs = cell.str.contains(pattern) & ~cell.str.contains(MOJIBAKE)
        cases.append(Case(code, signs, _naming(says, pattern), beyond_ascii=True))
    return cases


def is_code(text: Text) -> bool:
    """Return whether a text is a code that people type. Items and ids (minimum length 1) are not codes."""
    return text.code or text.min_length > 1


def _list_checks(cell: pl.Expr, ids: IdList) -> list[Case]:
    """Return the checks of text for each id of a list, without blanks around ids: the form of the list covers them."""
    items = cell.str.split(ids.separator)
    each = [
        replace(case, holds=items.list.eval(case.holds).list.any())
        for case in content_cases(pl.element())
        if case.code != "COD101"
    ]
    return [*each, _line_end(cell)]


def _line_end(cell: pl.Expr) -> Case:
    says = _sentence("contains a line end")
    return Case("COD107", cell.str.contains(patterns.LINE_END), says, signs=patterns.LINE_END)


def _length_cases(column: Column, text: Text, cell: pl.Expr) -> list[Case]:
    length, codes, cases = cell.str.len_chars(), column.codes, []
    least, most = text.min_length, text.max_length
    if least > 1:
        code = codes.get("min_length", "VAL105")
        # A required cell that contains only blanks is blank, not too short.
        short = (length < least) & (cell.str.strip_chars() != "")
        cases.append(Case(code, short, lambda value: f"{value!r} has {_count(value)}; the minimum is {least}"))
    if most is not None:
        code = codes.get("max_length", "VAL106")
        cases.append(Case(code, length > most, lambda value: f"has {_count(value)}; the maximum is {most:,}"))
    if text.pattern is not None:
        broken = ~cell.str.contains(text.pattern) & (cell.str.strip_chars() != "")
        forbidden = _forbidden(text.pattern)
        says = _naming("has characters that are not allowed", forbidden or "")
        cases.append(Case("VAL107", broken, says, signs=forbidden))
    return cases + _recommended_cases(column, text, length)


def _forbidden(pattern: str) -> str | None:
    """Return a pattern of the characters that a text must not contain; None if not only its characters are defined."""
    allowed = _ANY_OF.fullmatch(pattern)
    return f"[^{allowed[1]}]" if allowed else None


def _recommended_cases(column: Column, text: Text, length: pl.Expr) -> list[Case]:
    cases = []
    if (most := text.recommended_max_length) is not None:
        code = column.codes["recommended_max_length"]
        says = f"at most {most} are recommended"
        many = length > most if text.max_length is None else (length > most) & (length <= text.max_length)
        cases.append(Case(code, many, lambda value: f"{_named(value)}has {_count(value)}; {says}"))
    if (least := text.recommended_min_length) is not None:
        code = column.codes["recommended_min_length"]
        few = (length < least) & (length >= text.min_length)
        cases.append(Case(code, few, lambda value: f"{value!r} has {_count(value)}; at least {least} are recommended"))
    return cases


def _named(value: str) -> str:
    """Return a value as a message begins with it; nothing for a value that would fill several lines."""
    return f"{value!r} " if len(value) <= _LONG else ""


def content_cases(cell: pl.Expr, *, code: bool = False) -> list[Case]:
    """Return the checks of damage and hygiene, for a text or for each text of a list; `code`: the text is a code."""
    hidden = patterns.INVISIBLE_CHARACTER if code else patterns.INVISIBLE
    content = (*_CONTENT, ("COD102", hidden, _INVISIBLE))
    cases = [
        Case(
            rule,
            cell.str.contains(pattern),
            _naming(says, pattern),
            beyond_ascii=beyond_ascii,
            signs=pattern if rule in _CAUSES else None,
        )
        for rules, beyond_ascii in ((content, False), (_BEYOND_ASCII, True))
        for rule, pattern, says in rules
    ]
    cases.append(Case("COD101", cell != cell.str.strip_chars(), _sentence("has blanks around it")))
    lost = cell.str.contains(patterns.LONG_NUMBER) & (cell.str.slice(15).str.strip_chars("0") == "")
    cases.append(Case("XLS102", lost, _sentence("has lost all digits after the 15th")))
    leader = cell.str.contains(patterns.FORMULA_LEADER)
    leader &= ~cell.str.contains(f"{patterns.FORMULA_WRAPPER}|{patterns.PHONE_NUMBER}")
    cases.append(Case("XLS114", leader, _sentence("begins like a formula")))
    return cases


def _sentence(says: str) -> Callable[[str], str]:
    return lambda value: f"{value!r} {says}"


def _naming(says: str, pattern: str) -> Callable[[str], str]:
    """Return a function that makes the message, with the names of matched characters that are not visible ASCII."""

    def sentence(value: str) -> str:
        found = "".join(match[0] for match in re.finditer(pattern, value))
        odd = dict.fromkeys(c for c in found if not c.isascii() or not c.isprintable())
        names = ", ".join(f"U+{ord(c):04X} {unicodedata.name(c, 'control character').lower()}" for c in islice(odd, 3))
        return f"{value!r} {says}: {names}" if names else f"{value!r} {says}"

    return sentence


def _count(value: str) -> str:
    return f"{len(value):,} character{'' if len(value) == 1 else 's'}"
