"""`bulkops contracts --diff`: differences between our contracts and a description, on samples in our own words."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from bulkops.cli.main import cli
from bulkops.description.comparing import DescriptionDifference, compare_with
from bulkops.description.described import DescribedOperation, Description, Parameter, TextLimits, folded
from bulkops.description.expected import expected_operations
from bulkops.description.reading import read_description
from bulkops.errors import InputUnreadable, UsageError
from tests.cli.documents import check_document
from tests.description.facts import OPERATIONS

SAMPLES = Path(__file__).parent / "samples"
PROGRAM = "/v1/loyalty_programs/{loyaltyProgramId}"
CAMPAIGN = "/v1/applications/{applicationId}/campaigns/{campaignId}"
Document = dict[str, Any]
Change = Callable[[Document], object]


def run(*words: str | Path) -> Result:
    line = ["contracts", "--diff", *map(str, words)]
    result = CliRunner().invoke(cli, line, standalone_mode=False)
    check_document(line, result.stdout)
    return result


def differences(place: Path) -> list[DescriptionDifference]:
    """Return the differences of the operations that a sample has; it lacks most on purpose."""
    return [each for each in compare_with(read_description(place)).differences if each.kind != "operation-missing"]


@pytest.mark.parametrize(
    ("name", "compared"), [("openapi.yaml", 6), ("sdk.md", 3), ("folder", 2), ("folder/stores.json", 1)]
)
def test_a_description_that_agrees_with_the_contracts_has_no_difference(name: str, compared: int) -> None:
    assert compare_with(read_description(SAMPLES / name)).compared == compared
    assert differences(SAMPLES / name) == []


def test_path_item_is_compared_alone_and_named_by_its_file(tmp_path: Path) -> None:
    (file,) = (SAMPLES / "folder").glob("*.yaml")
    found = compare_with(read_description(file))
    assert (found.compared, found.differences) == (1, ())
    assert any("describes one path" in text for text in found.unchecked)
    commented = tmp_path / "any.yaml"
    commented.write_text("# path: /v1/giveaways/pools/{poolId}/import\n" + file.read_text())
    assert compare_with(read_description(commented)).compared == 1


def post(document: Document, path: str) -> Document:
    operation: Document = document["paths"][path]["post"]
    return operation


def text(path: str, old: str, new: str) -> Change:
    """Return the change of an import's text."""

    def change(document: Document) -> None:
        operation = post(document, path)
        assert old in operation["description"]
        operation["description"] = operation["description"].replace(old, new)

    return change


def read(document: Document, path: str) -> Document:
    operation: Document = document["paths"][path]["get"]
    return operation


def sample(path: str, old: str, new: str) -> Change:
    """Return the change of the header in the sample of an export."""

    def change(document: Document) -> None:
        example = read(document, path)["responses"]["200"]["content"]["application/csv"]["examples"]["one"]
        assert old in example["value"]
        example["value"] = example["value"].replace(old, new)

    return change


JOIN, CARDS, BUDGETS = f"{PROGRAM}/import_join_dates", f"{PROGRAM}/import_cards", f"{CAMPAIGN}/stores/budgets/import"
POOL, POINTS, OLD = (
    "/v1/giveaways/pools/{poolId}/export",
    f"{PROGRAM}/transactions",
    f"{PROGRAM}/export_customer_balance",
)
NEW_IMPORT = {"operationId": "importSomethingNew", "responses": {}}
PLANTED: dict[str, tuple[Change, tuple[str, str]]] = {
    "renamed column": (text(JOIN, "joindate", "newjoindate"), ("column-renamed", "joindate")),
    "column gone": (text(CARDS, "- `attributes` (optional): An object.", ""), ("column-missing", "attributes")),
    "column new": (text(CARDS, "- `state`", "- `colour`: Which.\n- `state`"), ("column-unknown", "colour")),
    "column required": (text(CARDS, "`attributes` (optional)", "`attributes` (required)"),
                        ("column-required", "attributes")),
    "column optional": (text(CARDS, "`state` (required)", "`state` (optional)"), ("column-required", "state")),
    "recommended size": (text(JOIN, "500 MB", "200 MB"), ("limit", "recommended_bytes")),
    "no recommended size": (text(JOIN, "500 MB", "any size"), ("limit", "recommended_bytes")),
    "records": (text(CARDS, "500,000", "100,000"), ("limit", "max_records")),
    "timeout": (text(CARDS, "30 seconds", "60 seconds"), ("limit", "timeout_seconds")),
    "parameter gone": (lambda d: post(d, BUDGETS)["parameters"].pop(), ("parameter-missing", "period")),
    "parameter new": (
        lambda d: post(d, BUDGETS)["parameters"].append({"name": "mode", "in": "query", "schema": {}}),
        ("parameter-unknown", "mode"),
    ),
    "parameter required": (
        lambda d: post(d, BUDGETS)["parameters"][0].update(required=True), ("parameter-required", "action")
    ),
    "choice new": (
        lambda d: d["components"]["schemas"]["Period"]["enum"].append("hourly"), ("parameter-values", "period")
    ),
    "choice gone": (
        lambda d: read(d, POINTS)["parameters"][0]["schema"]["enum"].remove("manual"),
        ("parameter-values", "loyaltyTransactionType"),
    ),
    "export column new": (sample(POOL, "used,", "used,colour,"), ("column-unknown", "colour")),
    "export column gone": (sample(POOL, ",importid", ""), ("column-missing", "importid")),
    "field length": (
        lambda d: d["components"]["schemas"]["Transaction"]["allOf"][0]["properties"]["customerProfileId"].update(
            maxLength=1000
        ),
        ("limit", "customerProfileId"),
    ),
    "deprecated": (lambda d: read(d, POOL).update(deprecated=True), ("deprecated", "")),
    "not deprecated": (lambda d: read(d, OLD).pop("deprecated"), ("deprecated", "")),
    "import new": (lambda d: d["paths"].update({"/v1/new": {"post": NEW_IMPORT}}), ("operation-unknown", "")),
    "export new": (
        lambda d: d["paths"].update({f"{PROGRAM}/export_new": {"get": {"responses": {}}}}), ("operation-unknown", "")
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PLANTED)
def test_planted_difference_is_reported_and_nothing_else(name: str, tmp_path: Path) -> None:
    change, (kind, named) = PLANTED[name]
    document = yaml.safe_load((SAMPLES / "openapi.yaml").read_text())
    change(document)
    for file, content in (("d.yaml", yaml.safe_dump(document)), ("d.json", json.dumps(document))):
        place = tmp_path / file
        place.write_text(content)
        found = [(each.kind, each.name) for each in differences(place)]
        assert found == [(kind, named)]
        ended = run(place)
        assert (ended.return_value, f": {kind}: " in ended.stdout) == (1, True)


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("- `joindate`", "- `newjoindate`", [("column-renamed", "joindate")]),
        ("500 MB", "100 MB", [("limit", "recommended_bytes")]),
        ("**tier_names**", "**tier_colours**",
         [("parameter-missing", "tierNames"), ("parameter-unknown", "tier_colours")]),
        ("- `tiername`", "- `tierid`", [("column-unknown", "tierid")]),
        ("**range_end** | **datetime**| Until here. |", "**range_end** | **datetime**| Until here. | [optional]",
         [("parameter-required", "rangeEnd")]),
        ("[**export_loyalty_ledger**]", "[**export_new_log**]", []),
        ("/export_log |", "/export_new_log |", [("operation-unknown", "")]),
    ],
)  # fmt: skip
def test_planted_difference_of_an_sdk_page_is_reported(
    old: str, new: str, found: list[tuple[str, str]], tmp_path: Path
) -> None:
    content = (SAMPLES / "sdk.md").read_text()
    assert old in content
    changed = content.replace(old, new)
    if "joindate" in new:
        changed = changed.replace("customerprofileid,joindate", "customerprofileid,newjoindate")
    place = tmp_path / "ManagementApi.md"
    place.write_text(changed)
    if "export_new_log" in new and not found:  # the method's name alone changed, and its section is not found
        found = [("parameter-missing", name) for name in ("rangeStart", "rangeEnd", "dateFormat")]
    assert [(each.kind, each.name) for each in differences(place)] == found


def complete() -> Description:
    """Return a description that says what bulkops expects, operation by operation."""
    operations = {}
    for key, each in expected_operations().items():
        columns = {} if each.columns is None else {c.name: "required" if c.required else "" for c in each.columns}
        parameters = {
            folded(name): Parameter(name=name, required=required, choices=choices)
            for name, (choices, required) in (each.parameters or {}).items()
        }
        operations[key] = DescribedOperation(
            name="x", method=each.method, path=each.path, columns=columns, sample=each.found or (),
            parameters=parameters, limits=each.limits or TextLimits(), deprecated=each.deprecated,
        )  # fmt: skip
    return Description(source="x", operations=operations, whole=True)


def test_operation_that_a_whole_description_lacks_is_reported() -> None:
    whole = complete()
    assert compare_with(whole).differences == ()
    for key in whole.operations:
        rest = {other: each for other, each in whole.operations.items() if other != key}
        found = compare_with(replace(whole, operations=rest)).differences
        assert [(each.kind, each.operation) for each in found] == [
            ("operation-missing", f"{key[0]} {expected_operations()[key].path}")
        ]


def test_operations_and_parameters_are_those_of_the_facts() -> None:
    described = [
        DescribedOperation(
            name=each.name, method=each.method, path=each.path,
            parameters={folded(name): Parameter(name=name) for name in each.parameters},
        )
        for each in OPERATIONS.values()
    ]  # fmt: skip
    facts = Description(source="facts", operations={each.key: each for each in described}, whole=True)
    kinds = ("operation", "parameter-missing", "parameter-unknown")
    found = [each for each in compare_with(facts).differences if each.kind.startswith(kinds)]
    assert found == []


def test_json_has_every_field_and_differences_exit_1(tmp_path: Path) -> None:
    ended = run(SAMPLES / "openapi.yaml", "--json")
    document = json.loads(ended.stdout)
    assert (ended.return_value, document["version"], document["compared"]) == (1, "sample-1", 6)
    assert {each["kind"] for each in document["differences"]} == {"operation-missing"}
    assert set(document["differences"][0]) == {"kind", "where", "operation", "name", "ours", "theirs", "message"}
    (file,) = (SAMPLES / "folder").glob("*.yaml")
    ended = run(file, "--json")
    assert (ended.return_value, json.loads(ended.stdout)["differences"]) == (0, [])


UNREADABLE: dict[str, bytes] = {
    "notes.txt": b"Import coupons: the file has columns.\n",
    "broken.yaml": b"paths: [\n",
    "broken.json": b"{",
    "list.yaml": b"- a\n- b\n",
    "empty.yaml": b"",
    "page.md": b"# A page\n\nWithout any method.\n",
    "bytes.yaml": b"\xff\xfe\x00",
    "paths.yaml": b"paths: {/v1/x: {get: {parameters: [{$ref: 'other.yaml#/x'}]}}}\n",
    "nowhere.yaml": b"paths: {/v1/x: {get: {parameters: [{$ref: '#/components/none'}]}}}\n",
    "circle.yaml": b"paths: {/v1/x: {$ref: '#/paths/~1v1~1x'}}\n",
    "odd.yaml": b"paths: {/v1/x: {get: {parameters: 7, responses: [1]}}}\n",
    "deep.json": b"[" * 100_000,
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_file_that_describes_nothing_is_exit_2(name: str, tmp_path: Path) -> None:
    place = tmp_path / name
    place.write_bytes(UNREADABLE[name])
    error = run(place).exception
    assert isinstance(error, InputUnreadable)
    assert (error.exit_code, str(place) in error.message, bool(error.hint)) == (2, True, True)


def test_folder_without_a_description_and_a_missing_file_are_exit_2(tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text("nothing")
    for place in (tmp_path, tmp_path / "none.yaml", tmp_path / "none"):
        error = run(place).exception
        assert isinstance(error, InputUnreadable)
        assert error.exit_code == 2


@pytest.mark.parametrize("words", [("coupons",), ("--format", "json")])
def test_diff_takes_neither_a_contract_nor_a_format(words: tuple[str, ...]) -> None:
    assert isinstance(run(SAMPLES / "openapi.yaml", *words).exception, UsageError)
