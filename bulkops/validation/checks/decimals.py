"""Find decimal numbers that may be whole: a point between thousands looks like a decimal point."""

import polars as pl

from bulkops_validators.model import patterns

_SAMPLE = 256
_POINT = "."


def has_other_decimals(cells: pl.Series) -> bool:
    """Return whether some decimal number of a column has more or fewer than three decimals."""
    return bool((cells.str.contains(patterns.DECIMAL) & ~cells.str.contains(patterns.THREE_DECIMALS)).any())


def comma_readings(cells: pl.Series) -> frozenset[str]:
    """Return the meanings of commas in the numbers of a column: `decimal`, `thousands`, and `unclear` as in 1,500."""
    unclear = cells.str.contains(patterns.UNCLEAR_COMMA).fill_null(value=False)
    clear = cells.filter(~unclear)
    found = {
        "decimal": clear.str.contains(patterns.DECIMAL_COMMA),
        "thousands": clear.str.contains(patterns.COMMAS_BETWEEN_THOUSANDS),
        "unclear": unclear,
    }
    return frozenset(reading for reading, which in found.items() if which.any())


def grouped(cells: pl.Series) -> pl.Series | None:
    """Return flags of decimal numbers that may be grouped thousands; None if other numbers rule this out.

    Such numbers are 1.500 and 12.750: up to three digits, a point and three more digits. A decimal number with more or
    fewer decimals shows that the point of the column is a decimal point. Blanks around a number are ignored.
    """
    if has_other_decimals(cells.head(_SAMPLE)):
        return None
    dotted = cells.str.contains(_POINT, literal=True).fill_null(value=False)
    if not dotted.any():
        return dotted
    if has_other_decimals(cells.filter(dotted)):
        return None
    return cells.str.contains(patterns.GROUPED_BY_POINT).fill_null(value=False)
