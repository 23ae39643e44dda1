"""Collect the forms of all records: numbers of fields, first cells, and the forms of decimal numbers.

A record with only its first cell may be a short record, or a total, a note or a log line that a program left in the
file. Only the other records show which.
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from string import ascii_lowercase, ascii_uppercase, digits

import numpy as np

from bulkops.fixing.source import opened
from bulkops.reading.blocks import ContentReader, blocks
from bulkops.reading.records.layout import Block, Layout, bytes_of, lay_out
from bulkops.reading.records.quoting import cells
from bulkops.reading.records.structural_index import Flags
from bulkops.reading.records.wrapped import wrapped_cells
from bulkops.reading.sources import Source
from bulkops.validation.checks.encoding import is_utf8
from bulkops.validation.parse import read_frame
from bulkops.validation.preamble import read_file_start
from bulkops_validators.model.cells import Number
from bulkops_validators.model.contract import Contract

_BLOCK_BYTES = 8 << 20
_COMMA = ord(",")
_SEEN = 10_000
"""Maximum number of first cells examined."""
_KINDS = str.maketrans(ascii_uppercase + ascii_lowercase + digits, "A" * 26 + "a" * 26 + "0" * 10)
_NUMBERS = (
    (re.compile(rb"-?(?:0|[0-9]{4,}),[0-9]+$|-?[0-9]{1,3},(?:[0-9]{1,2}|[0-9]{4,})$"), "decimal comma"),
    (re.compile(rb"-?[0-9]{1,3}(?:\.[0-9]{3})+,[0-9]+$"), "decimal comma"),
    (
        re.compile(rb"-?[1-9][0-9]{0,2}(?:,[0-9]{3})+\.[0-9]+$|-?[1-9][0-9]{0,2}(?:,[0-9]{3}){2,}$"),
        "comma between thousands",
    ),
    (re.compile(rb"-?[1-9][0-9]{0,2}(?:\.[0-9]{3})+$"), "point and three digits"),
)
_TELLING = r'^[" ]*-?[0-9]+[.,][0-9]'
"""Numbers with a point or a comma, which may have one of these forms."""
_WORD = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._%@+-]*[A-Za-z0-9])?")
"""A code or an id, used if no other record shows their form."""


@dataclass
class CharacterProfile:
    """The kinds of characters that some texts and that all texts contain, and the range of their lengths."""

    some: frozenset[str] = frozenset()
    every: frozenset[str] = frozenset()
    shortest: int = 0
    longest: int = 0

    def add(self, text: str) -> None:
        """Add one more text."""
        kinds, first = kinds_of(text), not self.longest
        self.some |= kinds
        self.every = kinds if first else self.every & kinds
        self.shortest = len(text) if first else min(self.shortest, len(text))
        self.longest = max(self.longest, len(text))

    def resembles(self, text: str) -> bool:
        """Return whether a text has the kinds of characters of the others; without others, whether it is one word."""
        if not self.longest:
            return _WORD.fullmatch(text) is not None
        return self.every <= kinds_of(text) <= self.some

    def fits(self, text: str) -> bool:
        """Return whether a text resembles the others and is neither shorter nor longer than all of them."""
        return self.resembles(text) and (not self.longest or self.shortest <= len(text) <= self.longest)


def kinds_of(text: str) -> frozenset[str]:
    """Return the kinds of characters in a text: upper case, lower case, digits, and each other character itself."""
    return frozenset(text.translate(_KINDS))


@dataclass
class RecordForms:
    """The number of records by number of fields (0: invalid quotes), and the forms of cells.

    `numbers` has for each column of numbers the forms of its cells. `by_comma` counts the records that are whole if
    commas separate their cells, although another sign separates the names of the header.
    """

    fields: Counter[int] = field(default_factory=Counter)
    first: CharacterProfile = field(default_factory=CharacterProfile)
    seen: int = 0
    numbers: dict[str, set[str]] = field(default_factory=dict)
    by_comma: int = 0

    @property
    def all_by_comma(self) -> bool:
        """Whether commas separate the cells of all records, but not the names of the header."""
        return self.by_comma > 0 and self.by_comma == self.fields.total()

    @property
    def comma_decimals(self) -> frozenset[str]:
        """The columns in which some numbers can only have a decimal comma."""
        return frozenset(name for name, forms in self.numbers.items() if "decimal comma" in forms)

    @property
    def mixed_decimals(self) -> frozenset[str]:
        """The columns of these in which other numbers may have a point, or have a comma, between thousands."""
        others = {"comma between thousands", "point and three digits"}
        return frozenset(name for name in self.comma_decimals if self.numbers[name] & others)


def collect_forms(contract: Contract, source: Source, renames: Mapping[str, str]) -> RecordForms:
    """Read a file once more and return the forms of its records; blank lines do not count."""
    found = RecordForms()
    with opened(source) as stream:
        reader = ContentReader(stream, hashed=False)
        header = read_file_start(reader, contract, renames=renames).header
        if header is None:
            return found
        width = len(header.columns)
        places = {
            place: name
            for place, name in enumerate(header.columns)
            if name is not None and isinstance(contract.column(name).cell, Number)
        }
        for block in blocks(reader, separator=header.separator, width=width, size=_BLOCK_BYTES):
            whole, laid = lay_out(block, width)
            for count, records in zip(*np.unique(laid.fields[laid.numbers >= 0], return_counts=True), strict=True):
                found.fields[int(count)] += int(records)
            found.by_comma += _by_comma(whole, laid, width)
            _add_first(found, whole, laid, width)
            _add_numbers(found, whole, laid, places, width)
    return found


def _by_comma(block: Block, laid: Layout, width: int) -> int:
    """Return how many records with a single field, or with wrong quotes, have `width` cells if commas separate them."""
    if block.separator == _COMMA:
        return 0
    # Malformed records have 0 fields.
    lone = np.flatnonzero((laid.numbers >= 0) & (laid.fields <= 1))
    records = (block.data[laid.starts[index] : laid.ends[index]].rstrip(b"\r\n") for index in lone.tolist())
    return sum(len(wrapped_cells(record, _COMMA)) == width for record in records)


def _add_first(found: RecordForms, block: Block, laid: Layout, width: int) -> None:
    sound = np.flatnonzero((laid.numbers >= 0) & ~laid.malformed & (laid.fields == width))
    for index in sound[: _SEEN - found.seen].tolist():
        start, end = next(cells(block.data, int(laid.starts[index]), block.separator))
        text = block.data[start:end].decode("utf-8", "replace").strip('" ')
        if text:
            found.first.add(text)
            found.seen += 1


def _add_numbers(found: RecordForms, block: Block, laid: Layout, places: Mapping[int, str], width: int) -> None:
    """Add the forms of the numbers in some columns."""
    if not places:
        return
    sound: Flags = (laid.numbers >= 0) & ~laid.malformed & (laid.fields >= width)
    data = bytes_of(sound, block, laid)
    frame = read_frame(data, width, block.separator, ragged=True) if is_utf8(data) else None
    if frame is None or frame.height != int(np.count_nonzero(sound)):
        _add_numbers_slowly(found, block, laid, places, sound)
        return
    for place, name in places.items():
        cells_ = frame.to_series(place)
        for text in cells_.filter(cells_.str.contains(_TELLING)).unique().to_list():
            if (form := _form(text.strip('" ').encode())) is not None:
                found.numbers.setdefault(name, set()).add(form)


def _add_numbers_slowly(
    found: RecordForms, block: Block, laid: Layout, places: Mapping[int, str], sound: Flags
) -> None:
    """Add the forms of the numbers in some columns, record by record."""
    last = max(places) + 1
    for index in np.flatnonzero(sound).tolist():
        spans = islice(cells(block.data, int(laid.starts[index]), block.separator), last)
        for place, (start, end) in enumerate(spans):
            if place in places and (form := _form(block.data[start:end].strip(b'" '))) is not None:
                found.numbers.setdefault(places[place], set()).add(form)


def _form(raw: bytes) -> str | None:
    """Return the form of a number that shows the meaning of points and commas in its column; None if it shows none."""
    return next((form for pattern, form in _NUMBERS if pattern.match(raw)), None)
