"""Convert numbers to digits with a decimal point wherever only one interpretation is possible."""

import re

from bulkops.fixing.options import FileEvidence, FixOptions
from bulkops_validators.model import patterns

_LONE_ZERO = re.compile(r"^-?0[^0-9]")
"""A number that begins like this is less than one: a group of thousands never begins with a lone 0."""
_ZERO_AND_COMMA = re.compile(r"^-?0,[0-9]+$")
_ONE_COMMA = re.compile(r"^-?[0-9]+,[0-9]+$")
_COMMAS_PART = re.compile(r"^-?[0-9]{1,3}(?:,[0-9]{3})+(?:\.|$)")


def repair_integer(text: str, options: FixOptions) -> tuple[str, str] | None:
    """Return the rule and the repaired cell; None if the cell is valid or no interpretation is certain."""
    if re.match(patterns.INTEGER_WITH_DECIMALS, text):
        return "XLS110", re.split(r"[.,]", text)[0]
    if options.unsafe and re.match(patterns.INTEGER_THOUSANDS, text) and not _LONE_ZERO.match(text):
        return "XLS111", re.sub(r"[^0-9-]", "", text)
    return None


def repair_number(text: str, column: str, evidence: FileEvidence, options: FixOptions) -> tuple[str, str] | None:
    """Return the rule and the repaired cell; None if the cell is valid or no interpretation is certain.

    The other numbers of the column decide. Beside 1.500, which may be one and a half or fifteen hundred, 12,50 stays
    unchanged, since it may be the only evidence of how to read the others. With `unsafe`, both are read as the commas
    of the column show.
    """
    unclear = column in evidence.unclear_numbers
    if unclear and not options.unsafe:
        return None
    if unclear and column in evidence.decimal_commas and (read := _with_decimal_comma(text)) is not None:
        return read
    if column in evidence.mixed_decimals and not (options.unsafe and column in evidence.decimal_commas):
        return None
    if _ZERO_AND_COMMA.match(text):
        return "XLS109", text.replace(",", ".")
    if _LONE_ZERO.match(text):
        return None
    if re.match(patterns.THOUSANDS, text):
        return _with_groups(text, column, evidence) if options.unsafe else None
    if re.match(patterns.DECIMAL_COMMA, text):
        return "XLS109", text.replace(".", "").replace(",", ".")
    return None


def _with_decimal_comma(text: str) -> tuple[str, str] | None:
    """Return the rule and the repaired cell, for a column in which commas and points each have one meaning."""
    if re.match(patterns.UNCLEAR_COMMA, text):
        return "XLS109", text.replace(",", ".")
    if re.match(patterns.GROUPED_BY_POINT, text):
        return "XLS111", text.replace(".", "")
    return None


def _with_groups(text: str, column: str, evidence: FileEvidence) -> tuple[str, str]:
    """Return a number with a symbol that may separate thousands; the other numbers of the column decide."""
    if column in evidence.comma_decimals and _ONE_COMMA.match(text):
        return "XLS109", text.replace(",", ".")
    return "XLS111", _without_groups(text)


def _without_groups(text: str) -> str:
    bare = re.sub(r"[^0-9.,-]", "", text)
    return bare.replace(",", "") if _COMMAS_PART.match(text) else bare
