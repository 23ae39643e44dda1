"""Validate files: read each once, judge its blocks side by side, put the partial results together in order."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from bulkops.errors import InputUnreadable
from bulkops.journal import record
from bulkops.limits import TooLarge
from bulkops.reading.blocks import FIRST_BYTES, ContentReader, blocks
from bulkops.reading.records.layout import Block
from bulkops.reading.sources import DAMAGED, ReadFailed, Source, expand
from bulkops.validation.block import Partial, judge
from bulkops.validation.checks.repetitions import KeyBook
from bulkops.validation.context import Context
from bulkops.validation.findings import FileReport, ValidationReport
from bulkops.validation.observer import Observer
from bulkops.validation.preamble import open_content
from bulkops.validation.report_builder import Tally
from bulkops.validation.settings import ValidationSettings
from bulkops_validators.model.contract import Contract, Unique
from bulkops_validators.model.rules_registry import chosen


@dataclass
class _Outcome:
    """How reading a file went."""

    tally: Tally
    size: int = 0
    sha256: str = ""
    unreadable: str | None = None

    def report(self) -> FileReport:
        return self.tally.report(size=self.size, sha256=self.sha256, unreadable=self.unreadable)


def validate_files(
    contract: Contract,
    sources: Iterable[str | Path | Source],
    *,
    settings: ValidationSettings | None = None,
    observer: Observer | None = None,
) -> ValidationReport:
    """Return what is wrong with the files; a file that cannot be read has `unreadable` set in its report.

    Uniqueness is judged over all files together, unless the import replaces: then each file is a world of its own.
    """
    settings = settings or ValidationSettings()
    outcomes = []
    with KeyBook(contract, settings) as keys:
        for source in sources:
            known = source if isinstance(source, Source) else expand([str(source)])[0]
            outcomes.append(_validate_one(Tally(contract, known, settings, observer), keys))
        keys.settle()
    judged = chosen(select=settings.select, ignore=settings.ignore)
    unused = settings.baseline.unused(judged) if settings.baseline else ()
    report = ValidationReport(files=tuple(outcome.report() for outcome in outcomes), unused_baseline=unused)
    for file in report.files:
        counts = {"records": file.records, "errors": file.errors, "warnings": file.warnings}
        record("validated", path=file.path, contract=file.contract, **counts)
    return report


def _validate_one(tally: Tally, keys: KeyBook) -> _Outcome:
    outcome = _Outcome(tally)
    try:
        with tally.source.open() as stream:
            reader = ContentReader(stream)
            try:
                judge_content(reader, tally, keys)
            finally:
                outcome.size, outcome.sha256 = reader.size, reader.sha256
    except InputUnreadable as error:
        outcome.unreadable = " ".join(filter(None, (error.message, error.hint)))
    except DAMAGED as error:
        tally.break_off("FIL110", f"what follows cannot be decompressed: {error}")
        outcome.unreadable = f"{tally.source.path} is damaged: {error}."
    except ReadFailed as error:
        tally.break_off(None)
        outcome.unreadable = f"{tally.source.path} cannot be read to the end: {error.strerror or error}."
    except TooLarge as error:
        tally.break_off(None)
        outcome.unreadable = f"{tally.source.path}: {tally.place}: {error}.\n  {error.hint}"
    return outcome


class Keys(Protocol):
    """Where the keys of the blocks go."""

    def begin(self, tally: Tally) -> None:
        """Hear that a file begins."""

    def add(self, partial: Partial, uniques: tuple[Unique, ...]) -> None:
        """Take the keys of a block."""


def judge_content(reader: ContentReader, tally: Tally, keys: Keys) -> None:
    """Judge what a reader yields, from its start to its end."""
    settings = tally.settings
    opening = open_content(reader, tally.contract, mask=settings.mask, renames=settings.renames)
    tally.open(opening)
    if opening.header is None:
        while reader.read(FIRST_BYTES):  # the hash and the size are those of the whole file
            pass
        return
    context = Context(
        contract=tally.contract,
        columns=opening.header.columns,
        separator=opening.header.separator,
        codes=tally.codes,
        now=settings.now,
        crlf=opening.crlf,
        mask=settings.mask,
        names=opening.header.names,
        digests=settings.digests,
        named=settings.named,
    )
    pieces = blocks(
        reader,
        separator=context.separator,
        width=len(context.columns),
        size=settings.block_bytes,
    )
    tally.context = context
    keys.begin(tally)
    for partial in _judged(pieces, context, tally):
        keys.add(partial, context.uniques)
        tally.add(partial)
        if tally.enough():
            break
    tally.close()


class _Ahead(NamedTuple):
    """A block that is being judged: its bytes, and the result to come."""

    size: int
    result: Future[Partial]


def _judged(pieces: Iterator[Block], context: Context, tally: Tally) -> Iterator[Partial]:
    """Yield the partial results in order. As many blocks are judged at a time as there are threads;
    one that a long record has made larger than usual is judged alone, before more is read.

    Where reading fails, what was read comes first.
    """
    threads = tally.settings.threads
    usual = tally.settings.block_bytes
    ahead: deque[_Ahead] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for block in pieces:
                alone = len(block.data) > usual
                if alone:
                    yield from _rest(ahead)
                ahead.append(_Ahead(len(block.data), pool.submit(judge, block, context, tally.room())))
                del block
                most = 0 if alone else (threads + 1) * usual
                while ahead and (len(ahead) > threads or sum(b.size for b in ahead) > most or ahead[0].result.done()):
                    yield ahead.popleft().result.result()
        except (*DAMAGED, ReadFailed, TooLarge):
            yield from _rest(ahead)
            raise
        yield from _rest(ahead)


def _rest(ahead: deque[_Ahead]) -> Iterator[Partial]:
    while ahead:
        yield ahead.popleft().result.result()
