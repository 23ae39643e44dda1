"""The result of a validation: findings, a report for each file, and one for all files."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bulkops_validators.model.rules import Severity
from bulkops_validators.model.rules_registry import RULES

if TYPE_CHECKING:
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

    def to_json(self) -> dict[str, Any]:
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

    def to_json(self) -> dict[str, Any]:
        """Return the report as the documented JSON object."""
        document: dict[str, Any] = {
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


@dataclass(frozen=True, kw_only=True)
class ValidationReport:
    """What was found in all files of one call."""

    files: tuple[FileReport, ...]
    unused_baseline: tuple[str, ...] = ()

    @property
    def errors(self) -> int:
        """How many findings are errors, counted exactly."""
        return sum(file.errors for file in self.files)

    @property
    def warnings(self) -> int:
        """How many findings are warnings, counted exactly."""
        return sum(file.warnings for file in self.files)

    def to_json(self) -> dict[str, Any]:
        """Return the report as the documented JSON document."""
        document: dict[str, Any] = {
            "files": [file.to_json() for file in self.files],
            "errors": self.errors,
            "warnings": self.warnings,
        }
        if self.unused_baseline:
            document["unused_baseline"] = list(self.unused_baseline)
        return document
