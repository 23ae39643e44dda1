"""Decimal numbers that may be whole ones: a point between thousands is read as a decimal point."""

import polars as pl

from bulkops_validators.model import patterns

_SAMPLE = 256
_POINT = "."


def has_other_decimals(cells: pl.Series) -> bool:
    """Return whether some decimal number of a column has more or fewer than three decimals."""
    return bool((cells.str.contains(patterns.DECIMAL) & ~cells.str.contains(patterns.THREE_DECIMALS)).any())


def comma_readings(cells: pl.Series) -> frozenset[str]:
    """Return what the commas in the numbers of a column show: `decimal`, `thousands`, and `unclear` as in 1,500."""
    unclear = cells.str.contains(patterns.UNCLEAR_COMMA).fill_null(value=False)
    clear = cells.filter(~unclear)
    found = {
        "decimal": clear.str.contains(patterns.DECIMAL_COMMA),
        "thousands": clear.str.contains(patterns.COMMAS_BETWEEN_THOUSANDS),
        "unclear": unclear,
    }
    return frozenset(reading for reading, which in found.items() if which.any())


def grouped(cells: pl.Series) -> pl.Series | None:
    """Return which cells are decimal numbers that may be grouped thousands; None if others show that they are not.

    Those that may be are 1.500 and 12.750: up to three digits, a point and three more. A decimal number with more or
    fewer decimals shows that the point of the column is a decimal point. Blanks around a number do not matter.
    """
    if has_other_decimals(cells.head(_SAMPLE)):
        return None
    dotted = cells.str.contains(_POINT, literal=True).fill_null(value=False)
    if not dotted.any():
        return dotted
    if has_other_decimals(cells.filter(dotted)):
        return None
    return cells.str.contains(patterns.GROUPED_BY_POINT).fill_null(value=False)
