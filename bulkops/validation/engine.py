"""Validate files: read each file once, check its blocks in parallel, and merge the block results in order."""

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
from bulkops.validation.block import BlockResult, check_block
from bulkops.validation.context import Context
from bulkops.validation.findings import FileReport, ValidationObserver, ValidationReport
from bulkops.validation.preamble import read_file_start
from bulkops.validation.repetitions import KeyRegistry
from bulkops.validation.report_builder import ReportBuilder
from bulkops.validation.settings import ValidationSettings
from bulkops_validators.model.contract import Contract, Unique
from bulkops_validators.model.rules_registry import chosen

SMALL_BLOCK = 64 << 10
"""Maximum bytes of a block that is checked without a thread."""


@dataclass
class _FileResult:
    """The report builder of one file, and the result of reading it."""

    builder: ReportBuilder
    size: int = 0
    sha256: str = ""
    unreadable: str | None = None

    def report(self) -> FileReport:
        return self.builder.report(size=self.size, sha256=self.sha256, unreadable=self.unreadable)


class Executor(Protocol):
    """Checks the blocks of files: in this process, or on other machines."""

    def keys(self, contract: Contract, settings: ValidationSettings) -> KeyRegistry:
        """Return the registry for the keys of all files."""

    def results(self, reader: ContentReader, context: Context, builder: ReportBuilder) -> Iterator[BlockResult]:
        """Yield the results of all blocks in file order; the reader is at the first record."""


class ThisProcess:
    """Checks blocks in the threads of this process."""

    def keys(self, contract: Contract, settings: ValidationSettings) -> KeyRegistry:
        """Return the registry for the keys of all files."""
        return KeyRegistry(contract, settings)

    def results(self, reader: ContentReader, context: Context, builder: ReportBuilder) -> Iterator[BlockResult]:
        """Yield the results of all blocks in file order."""
        size = builder.settings.block_bytes
        pieces = blocks(reader, separator=context.separator, width=len(context.columns), size=size)
        return _block_results(pieces, context, builder)


HERE = ThisProcess()


def validate_files(
    contract: Contract,
    sources: Iterable[str | Path | Source],
    *,
    settings: ValidationSettings | None = None,
    observer: ValidationObserver | None = None,
    executor: Executor = HERE,
) -> ValidationReport:
    """Return the report of files; a file that cannot be read has `unreadable` set in its report.

    Keys must be unique across all files. For a replacing import, they must be unique within each file only.
    """
    report = unrecorded_report(
        contract, sources, settings=settings or ValidationSettings(), observer=observer, executor=executor
    )
    record_reports(report)
    return report


def unrecorded_report(
    contract: Contract,
    sources: Iterable[str | Path | Source],
    *,
    settings: ValidationSettings,
    observer: ValidationObserver | None,
    executor: Executor = HERE,
) -> ValidationReport:
    """Return the report of files as `validate_files` does, and record no event."""
    outcomes = []
    with executor.keys(contract, settings) as keys:
        for source in sources:
            known = source if isinstance(source, Source) else expand([source])[0]
            outcomes.append(_validate_one(ReportBuilder(contract, known, settings, observer), keys, executor))
        keys.compare()
    judged = chosen(select=settings.select, ignore=settings.ignore)
    unused = settings.baseline.unused(judged) if settings.baseline else ()
    return ValidationReport(files=tuple(outcome.report() for outcome in outcomes), unused_baseline=unused)


def record_reports(report: ValidationReport) -> None:
    """Record one event for each file of a report."""
    for file in report.files:
        counts = {"records": file.records, "errors": file.errors, "warnings": file.warnings}
        record("validated", path=file.path, contract=file.contract, **counts)


def _validate_one(builder: ReportBuilder, keys: KeyRegistry, executor: Executor) -> _FileResult:
    outcome = _FileResult(builder)
    try:
        with builder.source.open() as stream:
            reader = ContentReader(stream)
            try:
                check_content(reader, builder, keys, executor)
            finally:
                outcome.size, outcome.sha256 = reader.size, reader.sha256
    except InputUnreadable as error:
        outcome.unreadable = " ".join(filter(None, (error.message, error.hint)))
    except DAMAGED as error:
        builder.end_early("FIL110", f"the rest of the file cannot be decompressed: {error}")
        outcome.unreadable = f"{builder.source.path} is damaged: {error}."
    except ReadFailed as error:
        builder.end_early(None)
        outcome.unreadable = f"{builder.source.path} cannot be read to the end: {error.strerror or error}."
    except TooLarge as error:
        builder.end_early(None)
        outcome.unreadable = f"{builder.source.path}: {builder.place}: {error}.\n  {error.hint}"
    return outcome


class KeySink(Protocol):
    """A receiver of the keys of each block."""

    def begin(self, builder: ReportBuilder) -> None:
        """Start a new file."""

    def add(self, result: BlockResult, uniques: tuple[Unique, ...]) -> None:
        """Add the keys of one block."""


def check_content(reader: ContentReader, builder: ReportBuilder, keys: KeySink, executor: Executor = HERE) -> None:
    """Check the content of a reader from start to end."""
    settings = builder.settings
    file_start = read_file_start(reader, builder.contract, mask=settings.mask, renames=settings.renames)
    builder.open(file_start)
    if file_start.header is None:
        # The hash and the size must cover the whole file.
        while reader.read(FIRST_BYTES):
            pass
        return
    context = Context(
        contract=builder.contract,
        columns=file_start.header.columns,
        separator=file_start.header.separator,
        codes=builder.findings.codes,
        now=settings.now,
        crlf=file_start.crlf,
        mask=settings.mask,
        names=file_start.header.names,
        digests=settings.digests,
        named=settings.named,
    )
    builder.context = context
    keys.begin(builder)
    for result in executor.results(reader, context, builder):
        keys.add(result, context.uniques)
        builder.add(result)
        if builder.reached_max_errors():
            break
    builder.close()


class _PendingBlock(NamedTuple):
    """A block under check: its size in bytes, and its future result."""

    size: int
    result: Future[BlockResult]


class _BlockCheck:
    """Checks large blocks in the threads of a pool, and small ones at once: a thread takes longer to start."""

    def __init__(self, pool: ThreadPoolExecutor, context: Context, builder: ReportBuilder) -> None:
        self._pool = pool
        self._context = context
        self._builder = builder

    def begin(self, block: Block) -> Future[BlockResult]:
        """Return the future result of a block."""
        if len(block.data) > SMALL_BLOCK:
            return self._pool.submit(check_block, block, self._context, self._builder.budget())
        result: Future[BlockResult] = Future()
        result.set_result(check_block(block, self._context, self._builder.budget()))
        return result


def _block_results(pieces: Iterator[Block], context: Context, builder: ReportBuilder) -> Iterator[BlockResult]:
    """Yield the block results in order, with one block per thread checked at a time.

    A block larger than usual, because of a long record, is checked alone before more is read. If reading fails, the
    results of the data read so far come first.
    """
    threads = builder.settings.threads
    usual = builder.settings.block_bytes
    pending: deque[_PendingBlock] = deque()
    with ThreadPoolExecutor(threads) as pool:
        checking = _BlockCheck(pool, context, builder)
        try:
            for block in pieces:
                alone = len(block.data) > usual
                if alone:
                    yield from _drain(pending)
                pending.append(_PendingBlock(len(block.data), checking.begin(block)))
                del block
                most = 0 if alone else (threads + 1) * usual
                while pending and (
                    len(pending) > threads or sum(b.size for b in pending) > most or pending[0].result.done()
                ):
                    yield pending.popleft().result.result()
        except (*DAMAGED, ReadFailed, TooLarge):
            yield from _drain(pending)
            raise
        yield from _drain(pending)


def _drain(pending: deque[_PendingBlock]) -> Iterator[BlockResult]:
    while pending:
        yield pending.popleft().result.result()
