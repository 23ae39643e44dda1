"""Whatever the findings are, annotations follow GitHub's grammar of commands, and logs the schema of SARIF 2.1.0."""

import json
import os
import re
from dataclasses import replace
from typing import Any
from urllib.parse import unquote_to_bytes

from hypothesis import example, given, settings
from hypothesis import strategies as st
from jsonschema_rs import Draft202012Validator

from bulkops.cli.output.annotations import github_lines, sarif
from bulkops.escaping import escaped, escaped_json
from bulkops.validation.findings import FileReport, Finding, ValidationReport
from bulkops_validators.model.rules_registry import RULES

# A command is `::name key=value,key=value::data`. % begins an escape; a value escapes colons and commas as well.
VALUE = r"(?:[^%\r\n:,]|%(?:25|0D|0A|3A|2C))*"
DATA = r"(?:[^%\r\n]|%(?:25|0D|0A))*"
COMMAND = re.compile(rf"::(?P<name>error|warning) (?P<values>\w+={VALUE}(?:,\w+={VALUE})*)::(?P<data>{DATA})")
ESCAPES = {"%25": "%", "%0D": "\r", "%0A": "\n", "%3A": ":", "%2C": ","}


def _object(required: dict[str, Any], **optional: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {**required, **optional},
        "required": list(required),
        "additionalProperties": False,
    }


TEXT = _object({"text": {"type": "string", "minLength": 1}})
LEVEL = {"enum": ["none", "note", "warning", "error"]}
LOCATIONS = {
    "type": "array",
    "items": _object(
        {
            "physicalLocation": _object(
                {"artifactLocation": _object({"uri": {"type": "string", "format": "uri-reference"}})},
                region=_object({"startLine": {"type": "integer", "minimum": 1}}),
            )
        }
    ),
}
RULE = _object(
    {"id": {"type": "string"}},
    name={"type": "string"},
    shortDescription=TEXT,
    fullDescription=TEXT,
    help=TEXT,
    defaultConfiguration=_object({}, level=LEVEL),
)
RESULT = _object(
    {"message": TEXT},
    ruleId={"type": "string"},
    ruleIndex={"type": "integer", "minimum": 0},
    level=LEVEL,
    locations=LOCATIONS,
    properties={"type": "object"},
)
DRIVER = _object(
    {"name": {"type": "string"}},
    version={"type": "string"},
    rules={"type": "array", "items": RULE, "uniqueItems": True},
)
INVOCATION = _object(
    {"executionSuccessful": {"type": "boolean"}},
    toolExecutionNotifications={"type": "array", "items": _object({"message": TEXT}, level=LEVEL, locations=LOCATIONS)},
)
RUN = _object(
    {"tool": _object({"driver": DRIVER})},
    invocations={"type": "array", "items": INVOCATION},
    results={"type": "array", "items": RESULT},
)
LOG = Draft202012Validator(
    _object(
        {"version": {"const": "2.1.0"}, "runs": {"type": "array", "items": RUN}},
        **{"$schema": {"type": "string", "format": "uri"}},
    ),
    validate_formats=True,
)
"""The objects of SARIF 2.1.0 that bulkops uses; each has only properties that the standard gives it."""

paths = st.text(st.characters(exclude_characters="\0"), min_size=1) | st.binary(min_size=1).map(os.fsdecode)
places = st.none() | st.integers(1, 10**9)
findings = st.builds(
    lambda code, **places: Finding(code=code, severity=RULES[code].severity, **places),
    code=st.sampled_from(sorted(RULES)),
    message=st.text(min_size=1),
    record=places,
    line=places,
    byte=places,
    column=st.none() | st.text(),
    field=places,
    value=st.none() | st.text(),
)


def file_of(path: str, found: list[Finding], unreadable: str | None) -> FileReport:
    return FileReport(
        path=path,
        contract="coupons",
        records=1,
        bytes=1,
        sha256="0" * 64,
        errors=0,
        warnings=0,
        counts={},
        findings=tuple(found),
        unreadable=unreadable,
    )


files = st.builds(file_of, paths, st.lists(findings, max_size=3), st.none() | st.text(min_size=1))
reports = st.lists(files, max_size=3).map(lambda each: ValidationReport(files=tuple(each)))
HOSTILE = Finding(
    code="COD203",
    severity=RULES["COD203"].severity,
    message="a\r\n::error::b 50%0A, c: d\x1b[0m",
    line=2,
    value="\ud800",
)


def unescaped(text: str) -> str:
    return re.sub("%(?:25|0D|0A|3A|2C)", lambda found: ESCAPES[found[0]], text)


@settings(max_examples=60, deadline=None)
@given(reports)
@example(ValidationReport(files=(file_of("a,b:c%.csv", [HOSTILE], "no\nfile"),)))
@example(ValidationReport(files=(file_of("a.csv", [replace(HOSTILE, message="\r")], None),)))
def test_each_annotation_is_one_command_with_the_finding(report: ValidationReport) -> None:
    lines = list(github_lines(report))
    expected = [
        (file, each) for file in report.files for each in ([None] if file.unreadable else []) + [*file.findings]
    ]
    assert len(lines) == len(expected)
    for line, (file, finding) in zip(lines, expected, strict=True):
        found = COMMAND.fullmatch(line)
        assert found is not None, line
        values = dict(pair.split("=", 1) for pair in found["values"].split(","))
        assert unescaped(values["file"]) == escaped(file.path)
        if finding is None:
            assert (found["name"], unescaped(found["data"])) == ("error", escaped(file.unreadable or ""))
            continue
        assert found["name"] == finding.severity.value
        assert values.get("line") == (None if finding.line is None else str(finding.line))
        assert unescaped(values["title"]) == f"{finding.code} {finding.name}"
        # The advice follows, and a carriage return is escaped only before other text.
        assert escaped(finding.message.removesuffix(".") + ".")[:-1] in unescaped(found["data"])


@settings(max_examples=60, deadline=None)
@given(reports)
@example(ValidationReport(files=(file_of("a,b:c%.csv", [HOSTILE], "no\nfile"),)))
def test_each_log_is_sarif_and_names_the_rule_of_each_result(report: ValidationReport) -> None:
    log = json.loads(escaped_json(json.dumps(sarif(report))))
    faults = [f"{fault.message} at {list(fault.instance_path)}" for fault in LOG.iter_errors(log)]
    assert not faults
    (run,) = log["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert len(set(rules)) == len(rules)
    assert all(rules[result["ruleIndex"]] == result["ruleId"] for result in run["results"])
    expected = [file.path for file in report.files for _ in file.findings]
    for result, path in zip(run["results"], expected, strict=True):
        (location,) = result["locations"]
        uri = location["physicalLocation"]["artifactLocation"]["uri"]
        assert os.path.normpath(os.fsdecode(unquote_to_bytes(uri))) == os.path.normpath(path)
    assert run["invocations"][0]["executionSuccessful"] == all(file.unreadable is None for file in report.files)
