"""What a validation says: findings, one report a file, one for all; and the settings it ran with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from html import escape
from typing import TYPE_CHECKING, overload

from bulkops_validators.model.rules import Severity
from bulkops_validators.model.rules_registry import RULES

if TYPE_CHECKING:
    import polars as pl

    from bulkops.json_documents.findings import FileFindings, FindingDocument, ValidationDocument
    from bulkops.validation.baseline import Baseline
    from bulkops.validation.digests import Digests


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One rule broken at one place.

    `record` counts from 1 without the header and is None for the header, blank lines and the file as a whole;
    `line` is the physical line, from 1, on which the record begins (for single bytes: on which they stand);
    `byte` counts from 0 and points at the cell, or at the defect itself; `field` is the column's position, from 1.
    `column` and `value` are None where the finding is about no single cell.
    """

    code: str
    severity: Severity
    message: str
    record: int | None = None
    line: int | None = None
    byte: int | None = None
    column: str | None = None
    field: int | None = None
    value: str | None = None

    @property
    def name(self) -> str:
        """The rule's name."""
        return RULES[self.code].name

    @property
    def help(self) -> str:
        """What to do."""
        return RULES[self.code].fix

    def to_json(self) -> "FindingDocument":
        """Return the finding as the documented JSON object."""
        return {
            "code": self.code,
            "name": self.name,
            "severity": self.severity.value,
            "message": self.message,
            "record": self.record,
            "line": self.line,
            "byte": self.byte,
            "column": self.column,
            "field": self.field,
            "value": self.value,
            "help": self.help,
        }


class Findings(Sequence[Finding]):
    """Findings of one or more files, in order. `paths` are their files, one for each finding."""

    def __init__(self, found: Sequence[Finding], paths: Sequence[str]) -> None:
        self._found = tuple(found)
        self._paths = tuple(paths)

    @overload
    def __getitem__(self, index: int) -> Finding: ...
    @overload
    def __getitem__(self, index: slice) -> "Findings": ...
    def __getitem__(self, index: int | slice) -> "Finding | Findings":
        if isinstance(index, slice):
            return Findings(self._found[index], self._paths[index])
        return self._found[index]

    def __len__(self) -> int:
        return len(self._found)

    def to_frame(self) -> "pl.DataFrame":
        """Return a polars frame with one row for each finding: path, and the fields of `Finding.to_json`."""
        import polars as pl

        rows = [{"path": path, **found.to_json()} for path, found in zip(self._paths, self._found, strict=True)]
        columns = (
            "path",
            "code",
            "name",
            "severity",
            "message",
            "record",
            "line",
            "byte",
            "column",
            "field",
            "value",
            "help",
        )
        return pl.DataFrame(rows, schema={name: pl.Int64 if name in NUMBERS else pl.String for name in columns})

    def __repr__(self) -> str:
        shown = [f"{found.code} {found.message}" for found in self._found[:SHOWN_FINDINGS]]
        more = [f"… {len(self) - SHOWN_FINDINGS:,} more"] if len(self) > SHOWN_FINDINGS else []
        return "\n".join([*shown, *more]) or "no findings"

    def _repr_html_(self) -> str:
        return self.to_frame()._repr_html_()


SHOWN_FINDINGS = 10
FINDING_COLUMNS = (
    "path", "code", "name", "severity", "message", "record", "line", "byte", "column", "field", "value", "help",
)  # fmt: skip
NUMBERS = frozenset({"record", "line", "byte", "field"})


@dataclass(frozen=True, kw_only=True)
class FileReport:
    """What was found in one file. `counts` are exact; `findings` are examples in file order.

    `sha256` and `bytes` are of the content as it was read (decompressed). `stopped`: there were as many errors as
    were asked for, so that the rest of the file was not looked at. `digests` are those of its records, if they were
    asked for.
    """

    path: str
    contract: str
    records: int
    bytes: int
    sha256: str
    errors: int
    warnings: int
    counts: Mapping[str, int]
    findings: tuple[Finding, ...]
    severities: Mapping[str, Severity] = field(default_factory=dict)
    unreadable: str | None = None
    suppressed: int = 0
    stopped: bool = False
    digests: "Digests | None" = field(default=None, repr=False, compare=False)

    def to_json(self) -> "FileFindings":
        """Return the report as the documented JSON object."""
        document: FileFindings = {
            "path": self.path,
            "contract": self.contract,
            "records": self.records,
            "bytes": self.bytes,
            "sha256": self.sha256,
            "errors": self.errors,
            "warnings": self.warnings,
            "counts": dict(self.counts),
            "findings": [finding.to_json() for finding in self.findings],
        }
        if self.unreadable is not None:
            document["unreadable"] = self.unreadable
        if self.suppressed:
            document["suppressed"] = self.suppressed
        if self.stopped:
            document["stopped"] = True
        return document


@dataclass(frozen=True, kw_only=True, repr=False)
class ValidationReport:
    """What was found in all files of one call."""

    files: tuple[FileReport, ...]
    unused_baseline: tuple[str, ...] = ()

    @property
    def findings(self) -> Findings:
        """The findings of all files: the examples that were kept of each rule, in the order of the files."""
        found = [(finding, file.path) for file in self.files for finding in file.findings]
        return Findings([finding for finding, _ in found], [path for _, path in found])

    @property
    def errors(self) -> int:
        """How many findings are errors, counted exactly."""
        return sum(file.errors for file in self.files)

    @property
    def warnings(self) -> int:
        """How many findings are warnings, counted exactly."""
        return sum(file.warnings for file in self.files)

    def __repr__(self) -> str:
        records = sum(file.records for file in self.files)
        return (
            f"ValidationReport({len(self.files)} files, {records:,} records, {self.errors:,} errors, "
            f"{self.warnings:,} warnings)"
        )

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>{self.findings._repr_html_()}"

    def to_json(self) -> "ValidationDocument":
        """Return the report as the documented JSON document."""
        document: ValidationDocument = {
            "files": [file.to_json() for file in self.files],
            "errors": self.errors,
            "warnings": self.warnings,
        }
        if self.unused_baseline:
            document["unused_baseline"] = list(self.unused_baseline)
        return document


@dataclass(frozen=True, kw_only=True)
class ValidationSettings:
    """How to validate.

    `select` and `ignore` are codes, names or prefixes; `max_findings` caps the examples of each rule and file;
    after `max_errors` errors the rest of a file is left unread; `mask` hides values; `insensitive` says that the
    application folds the case of codes; without `now` nothing looks at the present. `renames` gives columns of the
    header the names under which they are judged; `digests` asks for the digests of records.
    """

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    max_findings: int = 1000
    max_errors: int | None = None
    mask: bool = False
    insensitive: bool = False
    now: datetime | None = None
    block_bytes: int = 16 << 20
    threads: int = 3
    keys_in_memory: int = 8_000_000
    baseline: "Baseline | None" = None
    renames: Mapping[str, str] = field(default_factory=dict)
    digests: bool = False
