"""Findings in the forms that code hosts show beside the lines of a change: GitHub's commands, and SARIF."""

import os
from collections.abc import Iterator
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from bulkops.escaping import escaped
from bulkops.validation.findings import FileReport, Finding, ValidationReport
from bulkops.version import __version__
from bulkops.wording import counted
from bulkops_validators.model.rules import Severity
from bulkops_validators.model.rules_registry import RULES

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def github_lines(report: ValidationReport) -> Iterator[str]:
    """Yield a workflow command for each finding, and for each file that could not be read."""
    for file in report.files:
        if file.unreadable is not None:
            yield f"::error file={_property(file.path)},title=unreadable::{_data(file.unreadable)}"
        for finding in file.findings:
            kind = "error" if finding.severity is Severity.ERROR else "warning"
            line = f",line={finding.line}" if finding.line is not None else ""
            title = _property(f"{finding.code} {finding.name}")
            yield f"::{kind} file={_property(file.path)}{line},title={title}::{_data(_told(finding))}"


def _data(text: str) -> str:
    return escaped(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _told(finding: Finding) -> str:
    record = f"record {finding.record}: " if finding.record is not None else ""
    more = f" It explains {counted(finding.explains, 'other finding')}." if finding.explains else ""
    return f"{record}{finding.message.removesuffix('.')}.{more} {finding.help}"


def sarif(report: ValidationReport) -> dict[str, Any]:
    """Return the findings as a SARIF 2.1.0 log; paths count from the working folder."""
    codes = sorted({finding.code for file in report.files for finding in file.findings})
    unreadable = [file for file in report.files if file.unreadable is not None]
    invocation: dict[str, Any] = {"executionSuccessful": not unreadable}
    if unreadable:
        invocation["toolExecutionNotifications"] = [
            {"level": "error", "message": {"text": file.unreadable}, "locations": [_location(file, None)]}
            for file in unreadable
        ]
    driver = {"name": "bulkops", "version": __version__, "rules": [_rule(code) for code in codes]}
    results = [_result(file, finding, codes.index(finding.code)) for file in report.files for finding in file.findings]
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "invocations": [invocation], "results": results}],
    }


def _rule(code: str) -> dict[str, Any]:
    rule = RULES[code]
    return {
        "id": rule.code,
        "name": "".join(word.capitalize() for word in rule.name.split("-")),
        "shortDescription": {"text": rule.summary},
        "fullDescription": {"text": rule.why},
        "help": {"text": rule.fix},
        "defaultConfiguration": {"level": _level(rule.severity)},
    }


def _result(file: FileReport, finding: Finding, index: int) -> dict[str, Any]:
    places = {name: getattr(finding, name) for name in ("record", "byte", "column", "field", "value", "explains")}
    return {
        "ruleId": finding.code,
        "ruleIndex": index,
        "level": _level(finding.severity),
        "message": {"text": _told(finding)},
        "locations": [_location(file, finding.line)],
        "properties": {
            name: value for name, value in places.items() if value is not None and (name, value) != ("explains", 0)
        },
    }


def _location(file: FileReport, line: int | None) -> dict[str, Any]:
    physical: dict[str, Any] = {"artifactLocation": {"uri": quote(os.fsencode(PurePath(file.path).as_posix()))}}
    if line is not None:
        physical["region"] = {"startLine": line}
    return {"physicalLocation": physical}


def _level(severity: Severity) -> str:
    return "error" if severity is Severity.ERROR else "warning"
