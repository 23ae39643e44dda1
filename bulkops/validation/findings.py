"""The result of a validation: findings, a report for each file, and one for all files."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Protocol, overload

from bulkops.origins import SourceOrigin
from bulkops_validators.model.rules import Repair, Severity
from bulkops_validators.model.rules_registry import RULES

if TYPE_CHECKING:
    import polars as pl

    from bulkops.json_documents.findings import FileFindings, FindingDocument, SnapshotSource, ValidationDocument
    from bulkops.validation.digests import Digests

RENAME = "--rename OLD=NEW"
"""The option of `bulkops fix` as rules write it, for the names of a file to be put in."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One violation of a rule at one location.

    `record` counts from 1 without the header; it is None for the header, blank lines and the file as a whole. `line` is
    the physical line, from 1, on which the record begins; for single bytes, the line that contains them. `byte` counts
    from 0 and points at the cell, or at the defect itself. `field` is the position of the column, from 1. `column` and
    `value` are None if the finding is not about a single cell. `explains` is the number of findings that this one
    causes: they are counted and not listed. `origin` is the legacy row of the record, if the file was mapped. `rename`
    is OLD=NEW if renaming a column would fix the finding.
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
    explains: int = 0
    origin: SourceOrigin | None = None
    rename: str | None = None

    @property
    def name(self) -> str:
        """The name of the rule."""
        return RULES[self.code].name

    @property
    def repair(self) -> Repair:
        """How `bulkops fix` may repair the finding; a renaming is an option, whatever the rule is."""
        return RULES[self.code].repair if self.rename is None else Repair.OPTION

    @property
    def help(self) -> str:
        """How to fix the finding."""
        fix = RULES[self.code].fix
        if self.rename is None:
            return fix
        option = f"--rename {shlex.quote(self.rename)}"
        return fix.replace(RENAME, option) if RENAME in fix else f"{fix} `bulkops fix {option}` renames it."

    def to_json(self) -> "FindingDocument":
        """Return the finding as the documented JSON object."""
        document: FindingDocument = {
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
            "repair": self.repair.value,
        }
        if self.origin is not None:
            document["origin"] = self.origin.to_json()
        if self.explains:
            document["explains"] = self.explains
        return document


class Findings(Sequence[Finding]):
    """Findings of one or more files, in order. `paths` has the file of each finding."""

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
        """Return a polars frame with one row per finding: path, and the fields of `Finding.to_json`."""
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
    """The findings of one file. `counts` are exact; `findings` are examples in file order.

    `sha256` and `bytes` describe the content after decompression. `stopped`: the maximum number of errors was reached,
    and the rest of the file was not checked. `digests` are the digests of the records, if they were requested.
    `explained` has the rule of the cause for each rule with findings that follow from it.
    `columns` are the contract's columns that the file has; None if its header was not read.
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
    explained: Mapping[str, str] = field(default_factory=dict)
    columns: tuple[str, ...] | None = field(default=None, repr=False, compare=False)

    @property
    def repairs(self) -> dict[str, int]:
        """The number of findings that `bulkops fix` may repair: safely, with an option, and only with --unsafe."""
        found = dict.fromkeys((Repair.SAFE, Repair.OPTION, Repair.UNSAFE), 0)
        for code, count in self.counts.items():
            # A repair of the cause also repairs what it explains, and nothing else does.
            if (repair := RULES[self.explained.get(code, code)].repair) in found:
                found[repair] += count
        return {repair.value: count for repair, count in found.items()}

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
    """The reports of all files of one call. `account` is the snapshot that the files were compared with, if any."""

    files: tuple[FileReport, ...]
    unused_baseline: tuple[str, ...] = ()
    account: "SnapshotSource | None" = None

    @property
    def findings(self) -> Findings:
        """The listed examples of all files, in file order."""
        found = [(finding, file.path) for file in self.files for finding in file.findings]
        return Findings([finding for finding, _ in found], [path for _, path in found])

    @property
    def errors(self) -> int:
        """The exact number of findings that are errors."""
        return sum(file.errors for file in self.files)

    @property
    def warnings(self) -> int:
        """The exact number of findings that are warnings."""
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
        if self.account is not None:
            document["account"] = self.account
        return document


class ValidationObserver(Protocol):
    """Receives findings and progress while files are validated."""

    def finding(self, path: str, finding: Finding) -> None:
        """Receive an example as soon as it is known; examples that need the whole file come last."""

    def advanced(self, path: str, size: int) -> None:
        """Receive the number of bytes of a file checked so far."""
