"""Validate independent files in order: in this process, or spread over the workers of a cluster.

On a cluster, a small file is one task, and a large one is divided into ranges.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

from bulkops.cluster import Cluster, opened_cluster
from bulkops.errors import InputUnreadable, UsageError
from bulkops.limits import Adjustable, adjustable, limited_by
from bulkops.reading.sources import Source, source_in
from bulkops.validation.baseline import Baseline
from bulkops.validation.engine import record_reports, unrecorded_report, validate_files
from bulkops.validation.findings import Finding, ValidationObserver, ValidationReport
from bulkops.validation.on_cluster import ClusterExecutor, shared_file
from bulkops.validation.range_check import Build, FileVersion, require_build, this_build, unchanged
from bulkops.validation.settings import ValidationSettings
from bulkops_validators.model.contract import Contract

if TYPE_CHECKING:
    from bulkops.cluster import DaskClient, RemoteResult

_SMALL_BYTES = 32 << 20
"""Maximum size of a file that is one task; two ranges of the minimum size."""
_AHEAD = 4
"""Small files submitted for each thread: one is checked, and the others wait or were just checked."""


@dataclass(frozen=True, kw_only=True)
class IndependentFile:
    """A file to check by itself: its keys are compared with those of no other file."""

    contract: Contract
    source: Source
    settings: ValidationSettings


def validate_each(
    files: Iterable[IndependentFile], *, observer: ValidationObserver | None = None
) -> Iterator[ValidationReport]:
    """Yield the report of each file, in order."""
    for file in files:
        yield validate_files(file.contract, [file.source], settings=file.settings, observer=observer)


class ManyOnCluster:
    """Checks independent files on a cluster."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._ranges = ClusterExecutor(cluster)

    def validate_each(
        self, files: Iterable[IndependentFile], *, observer: ValidationObserver | None = None
    ) -> Iterator[ValidationReport]:
        """Yield the report of each file, in order; later small files are checked at the same time."""
        ahead, waiting = _AHEAD * self._cluster.threads, iter(files)
        submitted = deque((file, self._submit(file)) for file in islice(waiting, ahead))
        while submitted:
            file, found = submitted.popleft()
            yield self._report(file, found, observer)
            submitted.extend((each, self._submit(each)) for each in islice(waiting, 1))

    def _submit(self, file: IndependentFile) -> "RemoteResult | None":
        """Return the future result of a small file; None for any other, which this process must open."""
        source, settings = file.source, file.settings
        try:
            version = FileVersion.of(source.file)
            if version is None or version.size > _SMALL_BYTES or settings.max_errors is not None:
                return None
            # Each file is read by one thread, and the uses of a baseline are counted by file.
            baseline = Baseline(settings.baseline.known) if settings.baseline else None
            task = FileTask(
                contract=file.contract,
                file=shared_file(source),
                member=source.member,
                version=version,
                settings=replace(settings, threads=1, baseline=baseline),
                limits=adjustable(),
                build=this_build(),
            )
        except (InputUnreadable, UsageError):
            # The check in this process reports the cause.
            return None
        return self._cluster.submit("check-file", check_file, task)

    def _report(
        self, file: IndependentFile, found: "RemoteResult | None", observer: ValidationObserver | None
    ) -> ValidationReport:
        if found is None:
            return self._in_ranges(file, observer)
        try:
            checked: CheckedFile = self._cluster.result(found, f"The validation of {file.source.path}")
        except InputUnreadable:
            # The worker reads it once more; the report of the file then has its message.
            return self._in_ranges(file, observer)
        finally:
            self._cluster.release(found)
        (own,) = checked.report.files
        if own.unreadable is not None:
            # Its message has the path on the worker. Only damaged content gets here, and reading it again is cheap.
            return validate_files(file.contract, [file.source], settings=file.settings, observer=observer)
        if observer is not None:
            for finding in checked.found:
                observer.finding(file.source.path, finding)
        report = replace(checked.report, files=(replace(own, path=file.source.path),))
        record_reports(report)
        return report

    def _in_ranges(self, file: IndependentFile, observer: ValidationObserver | None) -> ValidationReport:
        return validate_files(
            file.contract, [file.source], settings=file.settings, observer=observer, executor=self._ranges
        )


@contextmanager
def many_on_cluster(cluster: "str | DaskClient") -> Iterator[ManyOnCluster]:
    """Yield the checks on the cluster at an address or of a client; see `opened_cluster` for the errors."""
    with opened_cluster(cluster) as opened:
        yield ManyOnCluster(opened)


@dataclass(frozen=True, kw_only=True)
class FileTask:
    """A small file to check on a worker. `member` is the name inside an archive."""

    contract: Contract
    file: str
    member: str | None
    version: FileVersion
    settings: ValidationSettings
    limits: Adjustable
    build: Build


@dataclass(frozen=True, kw_only=True)
class CheckedFile:
    """The report of one file, and its findings in the order in which they were found."""

    report: ValidationReport
    found: tuple[Finding, ...]


class _FoundInOrder:
    """Keeps findings in the order in which they were found."""

    def __init__(self) -> None:
        self.found: list[Finding] = []

    def finding(self, path: str, finding: Finding) -> None:  # noqa: ARG002 - the protocol names them
        self.found.append(finding)

    def advanced(self, path: str, size: int) -> None: ...


def check_file(task: FileTask) -> CheckedFile:
    """Return the report of a file.

    InputUnreadable if it cannot be opened or has changed; UsageError in a process of another version.
    """
    require_build(task.build)
    with limited_by(task.limits), unchanged(task.file, task.version):
        source, listing = source_in(task.file, task.member), _FoundInOrder()
        report = unrecorded_report(task.contract, [source], settings=task.settings, observer=listing)
        return CheckedFile(report=report, found=tuple(listing.found))
