"""Validate copies of files on a cluster before their reports are needed.

A report is used only if it is the one that this process would make. Without it, the file is validated here.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from bulkops.checksums import sha256_of
from bulkops.cluster import Cluster
from bulkops.errors import BulkopsError, Unfinished
from bulkops.limits import Adjustable, adjustable, limited_by
from bulkops.reading.sources import expand, source_in
from bulkops.validation.engine import record_reports, unrecorded_report, validate_files
from bulkops.validation.findings import FileReport, ValidationReport
from bulkops.validation.on_cluster import shared_file
from bulkops.validation.range_check import Build, changed, require_build, this_build
from bulkops.validation.settings import ValidationSettings
from bulkops_validators.model.cells import Timestamp
from bulkops_validators.model.contract import Contract

if TYPE_CHECKING:
    from bulkops.cluster import RemoteResult

_SMALL_BYTES = 32 << 20
"""Maximum size of a file that a worker validates ahead, as one task."""
_ALL_BYTES = 256 << 20
"""Maximum size of all files that are validated ahead at a time; their copies need disk space."""
_AHEAD = 4
"""Files submitted for each thread: one is checked, and the others wait or were just checked."""
_VALID_FOR = timedelta(hours=1)
"""How long a report can be used, at most."""


@dataclass(frozen=True, kw_only=True)
class CopyTask:
    """A copy to validate on a worker. Its report must be the same at each time from `settings.now` to `until`."""

    contract: Contract
    file: str
    sha256: str
    settings: ValidationSettings
    until: datetime
    limits: Adjustable
    build: Build


@dataclass(frozen=True, kw_only=True)
class _EarlyCheck:
    task: CopyTask
    settings: ValidationSettings
    result: "RemoteResult"


class ChecksAhead:
    """The copies under validation on a cluster.

    `most` is the maximum number of files to submit at a time. `problem` says why the cluster was given up; None
    before that.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._submitted: dict[Path, _EarlyCheck] = {}
        self.most = _AHEAD * cluster.threads
        self.problem: BulkopsError | None = None

    def has_room(self, size: int, present: int) -> bool:
        """Return whether a file of `size` bytes is validated ahead, beside others of `present` bytes in total."""
        return self.problem is None and 0 < size <= _SMALL_BYTES and present + size <= _ALL_BYTES

    def submit(self, contract: Contract, copy: Path, sha256: str, settings: ValidationSettings) -> None:
        """Let a worker validate the copy of a file with this SHA-256; `settings.now` is the present time.

        InputUnreadable or UsageError for a copy that workers cannot read.
        """
        (source,) = expand([copy])
        assert settings.now is not None
        task = CopyTask(
            contract=contract,
            file=shared_file(source),
            sha256=sha256,
            settings=replace(settings, threads=1),
            until=settings.now + _VALID_FOR,
            limits=adjustable(),
            build=this_build(),
        )
        result = self._cluster.submit("check-copy", check_copy, task)
        self._submitted[copy] = _EarlyCheck(task=task, settings=settings, result=result)

    def forget(self, copy: Path) -> None:
        """Give up the report of a copy."""
        if (found := self._submitted.pop(copy, None)) is not None:
            self._cluster.release(found.result)

    def validate(self, contract: Contract, path: Path, settings: ValidationSettings) -> ValidationReport:
        """Return the report of a file: the one of a worker if it applies, or else the one of this process."""
        report = self._report(contract, path, settings)
        if report is None:
            return validate_files(contract, [path], settings=settings)
        record_reports(report)
        return report

    def _report(self, contract: Contract, path: Path, settings: ValidationSettings) -> ValidationReport | None:
        """Return the report of a worker; None without one that applies."""
        found = self._submitted.get(path)
        if found is None or self.problem is not None or not _applies(found, contract, settings):
            return None
        try:
            report: ValidationReport | None = self._cluster.result(found.result, f"The validation of {path}")
        except (BulkopsError, MemoryError, OSError) as error:
            # The validation in this process needs no cluster, and finds the faults of the file itself.
            self._give_up(error)
            return None
        finally:
            self.forget(path)
        if report is None:
            return None
        (own,) = report.files
        (source,) = expand([path])
        return replace(report, files=(replace(own, path=source.path),))

    def _give_up(self, error: BulkopsError | MemoryError | OSError) -> None:
        """Use the cluster no longer."""
        if not isinstance(error, BulkopsError):
            error = Unfinished(f"A worker failed: {str(error) or type(error).__name__}.")
        self.problem = error
        for copy in list(self._submitted):
            self.forget(copy)


def _applies(found: _EarlyCheck, contract: Contract, settings: ValidationSettings) -> bool:
    """Return whether a report was made with the present contract, settings and limits, and is not too old."""
    task = found.task
    if settings.now is None or task.settings.now is None or not task.settings.now <= settings.now <= task.until:
        return False
    same = replace(found.settings, now=None) == replace(settings, now=None)
    return same and task.contract is contract and task.limits == adjustable()


def check_copy(task: CopyTask) -> ValidationReport | None:
    """Return the report of a copy; None if the report depends on the time before `until`, or on this machine.

    InputUnreadable if the copy cannot be opened or has other bytes; UsageError in a process of another version.
    """
    require_build(task.build)
    with limited_by(task.limits):
        report = _checked(task, task.settings)
        if report is None or not _compares_time(task.contract, report.files[0]):
            return report
        # Time can only add findings. So equal counts at both ends mean equal findings at each time between them.
        later = _checked(task, replace(task.settings, now=task.until))
        return report if later is not None and later.files[0].counts == report.files[0].counts else None


def _checked(task: CopyTask, settings: ValidationSettings) -> ValidationReport | None:
    """Return the report of the copy; None for compressed or damaged content.

    InputUnreadable if the bytes that were checked are not the expected ones.
    """
    source = source_in(task.file, None)
    # Opened here for its InputUnreadable, which the report of the file would only mention.
    source.open().close()
    report = unrecorded_report(task.contract, [source], settings=settings, observer=None)
    (own,) = report.files
    if own.sha256 != task.sha256 and sha256_of(Path(task.file)) != task.sha256:
        raise changed(task.file)
    # Messages about damaged content have the path of the worker; the report of compressed content has another SHA-256.
    return None if own.unreadable is not None or own.sha256 != task.sha256 else report


def _compares_time(contract: Contract, own: FileReport) -> bool:
    """Return whether a file has a column of times that are compared with the present."""
    cells = (contract.column(name).cell for name in own.columns or ())
    return any(isinstance(cell, Timestamp) and cell.expected_future for cell in cells)
