"""Check one block of whole records.

`check_block` is a pure function, so blocks can be checked in any thread or process.
"""

import re
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
import polars as pl

from bulkops.reading.records.layout import Block, Layout, layout
from bulkops.reading.records.quote_repair import rewritten_cells
from bulkops.reading.records.quoting import cells
from bulkops.reading.records.structural_index import Offsets
from bulkops.validation.blank_tail import PlacedExample, blank_tail
from bulkops.validation.checks.cells import blank_rows, clean_columns, content_matches
from bulkops.validation.checks.column_profile import ColumnProfile, profile_block
from bulkops.validation.checks.keys import KeyHashes, key_hashes
from bulkops.validation.checks.odd_lines import line_matches, odd_rows
from bulkops.validation.checks.repeated_header import header_matches, repeated_headers
from bulkops.validation.context import Context
from bulkops.validation.digests import Digests, record_digests
from bulkops.validation.named import named_matches
from bulkops.validation.parse import ParsedBlock, parse
from bulkops.validation.rule_matches import Example, ExampleBudget, RuleMatches

_QUOTE_OR_END = re.compile(rb'["\r\n]')


@dataclass(frozen=True)
class BlockResult:
    """The result of one block.

    Block results, added in file order, make the report of a file.
    """

    records: int
    lines: int
    length: int
    counts: dict[str, int]
    places: tuple[PlacedExample, ...]
    keys: tuple[KeyHashes, ...]
    profile: ColumnProfile
    filled: bool = True
    blank_tail: int = 0
    blank_tail_places: tuple[PlacedExample, ...] = field(default=())
    digests: Digests | None = None
    causes: Mapping[tuple[str, Hashable], int] = field(default_factory=dict)
    """The number of findings by rule and cause, for rules that list findings of the same cause once."""


def check_block(block: Block, context: Context, budget: ExampleBudget) -> BlockResult:
    """Return every result that needs no other block."""
    parsed = parse(block, context, budget)
    unknown = _filled_unknown(parsed.frame, context)
    frame, numbers, blank, spared = _known_columns(parsed, context)
    tail = blank_tail(parsed, blank, block, budget)
    matches = [*tail.others, *_blank_matches(blank[: len(blank) - tail.records], budget)]
    whole, all_numbers = frame, numbers
    headers, odd, found = _rows_not_records(frame, numbers, context, budget, spared=spared)
    matches += found
    # The key of a repeated header is checked for uniqueness like any other key. Lines that are not records have no key.
    keyed, key_numbers = _drop_rows(odd, frame, numbers)
    frame, numbers = _drop_rows(np.concatenate((headers, odd)), frame, numbers)
    matches += content_matches(frame, numbers, context, budget, spared=spared)
    matches += named_matches(frame, numbers, context, budget)
    wanted = [match for match in matches if match.code in context.codes]
    counts: dict[str, int] = {}
    for match in wanted:
        counts[match.code] = counts.get(match.code, 0) + match.total
    examples = [(match.code, example) for match in wanted for example in budget.examples(match)]
    laid = parsed.layout
    if laid is None and examples:
        laid = layout(block)
    local_dates = "DAT103" not in context.codes or any(match.code == "DAT103" for match in matches)
    commas = any(match.code in {"XLS109", "XLS111"} for match in matches)
    profile = profile_block(frame, numbers, context, budget, codes=spared, local_dates=local_dates, commas=commas)
    profile.filled_unknown = unknown
    return BlockResult(
        records=parsed.records,
        lines=block.feeds,
        length=len(block.data),
        counts=counts,
        places=tuple(locate_examples(examples, block, laid, context)) if laid is not None else (),
        keys=tuple(key_hashes(keyed, key_numbers, parsed.records, unique, context) for unique in context.uniques),
        profile=profile,
        filled=parsed.records > tail.records,
        blank_tail=tail.total,
        blank_tail_places=tail.places,
        causes={(match.code, cause): n for match in wanted for cause, n in match.causes.items()},
        digests=record_digests(whole, all_numbers, parsed.records) if context.digests else None,
    )


def _rows_not_records(
    frame: pl.DataFrame, numbers: Offsets | None, context: Context, budget: ExampleBudget, *, spared: frozenset[str]
) -> tuple[Offsets, Offsets, list[RuleMatches]]:
    """Return the rows that repeat the header, the rows that are not records, and the matches of their rules."""
    headers = repeated_headers(frame, context, codes=spared)
    odd = {} if spared.intersection(frame.columns[:1]) else odd_rows(frame, context)
    found = {code: rows[~np.isin(rows, headers)] for code, rows in odd.items()}
    matches = [header_matches(headers if numbers is None else numbers[headers], budget)] if len(headers) else []
    for code, rows in found.items():
        texts = [
            "" if text is None else text for text in frame.to_series(0).gather(rows[: budget.left(code)]).to_list()
        ]
        matches.append(
            line_matches(code, (rows if numbers is None else numbers[rows]).tolist(), texts, budget, context)
        )
    return headers, np.concatenate((np.zeros(0, np.int64), *found.values())), matches


def _drop_rows(rows: Offsets, frame: pl.DataFrame, numbers: Offsets | None) -> tuple[pl.DataFrame, Offsets | None]:
    """Return a frame without some rows, and the record numbers of the remaining rows."""
    if not len(rows):
        return frame, numbers
    kept = np.ones(frame.height, np.bool_)
    kept[rows] = False
    return frame.filter(pl.Series(kept)), np.flatnonzero(kept) if numbers is None else numbers[kept]


def _filled_unknown(frame: pl.DataFrame, context: Context) -> set[int]:
    """Return the positions of columns that have no known name and contain a value."""
    unknown = [str(index) for index, name in enumerate(context.columns) if name is None]
    if not unknown or not frame.height:
        return set()
    flags = frame.select((pl.col(name).fill_null("") != "").any() for name in unknown).row(0)
    return {int(name) for name, flag in zip(unknown, flags, strict=True) if flag}


def _known_columns(
    parsed: ParsedBlock, context: Context
) -> tuple[pl.DataFrame, Offsets | None, Offsets, frozenset[str]]:
    """Return the frame of known columns without blank records, its record numbers, the blank records, clean columns."""
    numbers, blank = parsed.numbers, np.zeros(0, np.int64)
    names = {str(index): name for index, name in enumerate(context.columns) if name is not None}
    frame = _renamed(parsed.frame, names)
    spared = clean_columns(frame, context)
    # A record with a code is not blank.
    flags = None if spared else blank_rows(parsed.frame.rename(names), context)
    if flags is not None:
        numbers = np.arange(parsed.frame.height) if numbers is None else numbers
        blank, numbers = numbers[flags], numbers[~flags]
        frame = _renamed(parsed.frame.filter(pl.Series(~flags)), names)
    return frame, numbers, blank, spared


def _renamed(frame: pl.DataFrame, names: Mapping[str, str]) -> pl.DataFrame:
    """Return the columns of a frame that have new names, under these names; without a query, which takes longer."""
    return pl.DataFrame([frame.get_column(old).alias(new) for old, new in names.items()])


def _blank_matches(blank: Offsets, budget: ExampleBudget) -> list[RuleMatches]:
    examples = tuple(
        Example(message="a record without any value", number=int(n)) for n in blank[: budget.left("STR103")]
    )
    return [RuleMatches("STR103", len(blank), examples)] if len(blank) else []


def locate_examples(
    examples: Sequence[tuple[str, Example]], block: Block, laid: Layout, context: Context
) -> list[PlacedExample]:
    """Return the locations of examples in the block, in file order."""
    records = np.flatnonzero(laid.numbers >= 0)
    indices = [None if example.number is None else int(records[example.number]) for _, example in examples]
    starts = [
        (example.at or 0) if i is None else int(laid.starts[i])
        for (_, example), i in zip(examples, indices, strict=True)
    ]
    marked = [
        start if example.at is None or example.by_record else example.at
        for (_, example), start in zip(examples, starts, strict=True)
    ]
    lines = block.lines_before(np.array(marked, np.int64)).tolist()
    wanted = [i for (_, example), i in zip(examples, indices, strict=True) if i is not None and example.at is None]
    rewritten = rewritten_cells(block.data, laid, wanted, context.separator, context.texts)
    places = []
    for (code, example), index, start, line in zip(examples, indices, starts, lines, strict=True):
        byte, field = start if example.at is None else example.at, None
        if example.column is not None:
            position = context.positions[example.column]
            field = position + 1
            if example.at is None:
                known = None if index is None else rewritten.get(index)
                byte = known[position][0] if known else cell_start(block.data, start, context.separator, position)
        places.append(PlacedExample(code, example, line, byte, field))
    return sorted(places, key=lambda place: place.byte)


def cell_start(data: bytes, start: int, separator: int, position: int) -> int:
    """Return the offset of a field of the record at `start`; `start` itself if the record has no such field."""
    at, sign = start, bytes((separator,))
    for _ in range(position):
        at = data.find(sign, at) + 1
        if not at:
            break
    # No quote in front of the field, so every separator ends a cell.
    if at and _QUOTE_OR_END.search(data, start, at) is None:
        return at
    first, _ = next(islice(cells(data, start, separator), position, None), (start, start))
    return first
