"""The sandbox keeps to the description of the API: operations, parameters, statuses, media types and bodies."""

import json
import re
from collections.abc import Iterator

import pytest

from bulkops.sandbox.app import OPERATIONS as SERVED
from bulkops.sandbox.serve import SandboxServer
from bulkops_validators import CONTRACTS
from bulkops_validators.model.contract import Contract
from tests.description.calls import BODIES, FORM, KEY, Caller, body_of, filled_sandbox, multipart, target
from tests.description.facts import OPERATIONS, Operation, mismatches
from tests.unit.sandbox.client import talking

# The description says that `valuesOnly` leaves nothing but the codes, and requires the other fields of a coupon.
BARE_CODES = ("getCouponsWithoutTotalCount", "valuesOnly")
NO_ID = ("-1", "0", "9" * 5000, "-" + "9" * 5000, "1.0", "0x1", "٣", "abc", " 1", "1\0", "9223372036854775808")
WRONG = {
    "integer": ("", "0.5", "1.0", "1e3", "x", "null", "NaN", "9" * 5000, "9223372036854775808", "٣", "1_0", " 1"),
    "number": ("", "x", "NaN", "inf", "1e400", "1_0", ".5", "٣"),
    "boolean": ("", "True", "1", "yes", "null"),
    "instant": (
        "",
        "yesterday",
        "2026-02-30T00:00:00Z",
        "2026-01-01 00:00:00Z",
        "2026-01-01T25:00:00Z",
        "10000-01-01T00:00:00Z",
        "9" * 5000,
    ),
    "one": ("", "x", "null", "a" * 5000),
}
RIGHT = {
    "integer": ("1", "0", "9223372036854775807"),
    "number": ("1", "1.5", "-1", "1e3"),
    "boolean": ("true", "false"),
    "instant": ("2026-01-01T00:00:00Z", "2026-01-01t00:00:00.123456789+05:30", "2026-01-01T00:00:00+0000"),
    "text": ("", "x", "\0", "ü" * 2000, "'; DROP TABLE coupon; --"),
}
PATHS = sorted({each.path for each in OPERATIONS.values()})
every = pytest.mark.parametrize("operation", OPERATIONS.values(), ids=lambda each: each.name)
of_parameters = pytest.mark.parametrize(
    ("operation", "name"),
    [(each, name) for each in OPERATIONS.values() for name in each.parameters],
    ids=lambda each: each.name if isinstance(each, Operation) else each,
)
of_json = pytest.mark.parametrize(
    "operation", [each for each in OPERATIONS.values() if isinstance(each.sends, dict)], ids=lambda each: each.name
)
FILES = [each for each in OPERATIONS.values() if each.sends == "file"]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxServer]:
    with filled_sandbox() as server:
        yield server


@pytest.fixture(scope="module")
def caller(sandbox: SandboxServer) -> Iterator[Caller]:
    with Caller(sandbox) as found:
        yield found


def test_operations_of_the_sandbox_are_those_described() -> None:
    served = {each.name: (each.method, each.path) for group in SERVED.values() for each in group}
    assert served == {each.name: (each.method, each.path) for each in OPERATIONS.values()}


def test_parameters_of_the_sandbox_are_those_described() -> None:
    served = [each for group in SERVED.values() for each in group]
    declared = {each.name: set(each.parameters) for each in served if each.parameters}
    assert declared == {each.name: set(each.parameters) for each in OPERATIONS.values() if each.query}


def test_success_of_every_operation_has_the_described_status_media_type_and_body() -> None:
    calls = [each for each in OPERATIONS.values() if each.sends != "file"]
    with filled_sandbox() as server, Caller(server) as own:
        for operation in sorted(calls, key=lambda each: ("GET", "POST", "PUT", "DELETE").index(each.method)):
            found = own.call(operation)
            assert (found.status in operation.gives, operation.violations(found)) == (True, []), operation.name
            if operation.method == "GET":
                assert found.body.count(b"\n") > 1 or b'"data": [{' in found.body or b'"id"' in found.body


def example(contract: Contract) -> bytes:
    """Return a file of one record with the examples of the required columns."""
    columns = [column for column in contract.columns if column.required]
    return "\n".join(",".join(row) for row in zip(*((c.name, c.example) for c in columns), strict=True)).encode()


def test_success_of_every_import_has_the_described_status_media_type_and_body(caller: Caller) -> None:
    files = {route.operation: example(contract) for contract in CONTRACTS.values() for route in contract.routes} | {
        "importAllowedList": b"item\nb\n",
        "importAudiencesMemberships": b"profileintegrationid\nb\n",
        "importAccountCollection": b"item\nb\n",
        "importCollection": b"item\nb\n",
        "importCoupons": b"value\nB-CODE\n",
        "importReferrals": b"code,advocateprofileintegrationid\nB-CODE,customer-0001\n",
        "importPoolGiveaways": b"code\nB\n",
        "importLoyaltyPoints": b"customerprofileid,amount\nb,1\n",
        "importLoyaltyCards": b"identifier,state\nB-CARD,active\n",
        "importLoyaltyCustomersTiers": b"customerprofileid,tiername\ncustomer-0002,Gold\n",
        "importLoyaltyJoinDates": b"customerprofileid,joindate\ncustomer-0002,2024-01-01T00:00:00Z\n",
        "importCampaignStores": b"store_integration_id\nSTORE-002\n",
        "importCampaignStoreBudget": b"store_integration_id,limit\nSTORE-002,1\n",
    }
    assert set(files) == {each.name for each in SERVED["imports"]}
    for name, content in files.items():
        operation = OPERATIONS[name]
        headers = {**KEY, "Content-Type": FORM}
        found, _ = caller.send("POST", target(operation), body=multipart(content), headers=headers, chunk=7)
        assert (found.status in operation.gives, operation.violations(found)) == (True, []), (name, found)


@every
def test_id_that_names_nothing_is_404_as_described(operation: Operation, caller: Caller) -> None:
    for name in operation.ids:
        odd = ("", "x" * 2000, "\0") if name in ("integrationId", "loyaltyCardId") else NO_ID
        for text in filter(None, odd):
            found = caller.call(operation, ids={name: text})
            assert operation.violations(found) == [], (name, text)
            if name != "integrationId":
                assert found.status == 404, (name, text)


@every
def test_request_without_a_valid_key_is_401_as_described(operation: Operation, caller: Caller) -> None:
    for key in ({}, {"Authorization": "Bearer x"}, {"Authorization": "ManagementKey-v1 "}, {"Authorization": "\xe9 x"}):
        body, headers = body_of(operation)
        if operation.name == "createSession":
            body = b'{"email": "a@example.com", "password": "other"}'
        found, _ = caller.send(operation.method, target(operation), body=body, headers={**headers, **key})
        assert (found.status, operation.violations(found)) == (401, [])


@of_parameters
def test_parameter_with_a_wrong_value_is_400_and_named(operation: Operation, name: str, caller: Caller) -> None:
    kind, _, limits = operation.parameters[name].partition(" ")
    wrong = WRONG.get(kind, ())
    if kind == "integer" and ".." in limits:
        least, most = limits.split("..")
        wrong += (str(int(least) - 1), *([str(int(most) + 1)] if most else []))
    if kind == "text" and limits:
        wrong += ("x" * (int(limits.split("..")[0]) - 1),)
    for text in wrong:
        for query in ([(name, text)], [(name, text), (name, text)]):
            found = caller.call(operation, query)
            assert (found.status, operation.violations(found)) == (400, []), text
            assert json.loads(found.body)["errors"][0]["source"] == {"parameter": name}


@of_parameters
def test_parameter_with_a_right_value_is_accepted(operation: Operation, name: str, caller: Caller) -> None:
    kind, _, limits = operation.parameters[name].partition(" ")
    right = limits.removeprefix("of ").split() if kind == "one" else RIGHT[kind]
    if ".." in limits:
        right = [
            text for text in right if list(mismatches(f"{kind} {limits}", int(text) if text.isdigit() else text)) == []
        ]
    refused = ("balances", "transactionUUIDs", "applicationIds", "loyaltyProgramIds")  # text with a form of its own
    for text in right:
        found = caller.call(operation, [(name, text)])
        if (operation.name, name) != BARE_CODES:
            assert operation.violations(found) == []
        if operation.sends is None and name not in refused and (name, text) != ("awaitsActivation", "false"):
            assert found.status in operation.gives, (text, found)


WRONG_JSON = (
    b"", b"x", b"\0", b"\xff", b"[]", b"1", b"null", b"NaN", b"1e400", b"-Infinity", b'"\\ud800"', b"9" * 5000,
    b"[" * 100_000, b'{"a":' * 100_000, b'{"\\ud800": 1}', b'{"filters": {}, "email": 1e400, "attributes": NaN}',
    b'"' + b"x" * 17_000_000 + b'"',
)  # fmt: skip
WRONG_POINTS = (
    b"{}", b'{"points": 0}', b'{"points": -1}', b'{"points": "1"}', b'{"points": true}', b'{"points": 1e13}',
    b'{"points": 1, "name": 1}', b'{"points": 1, "subledgerId": null}', b'{"points": 1e9}',
)  # fmt: skip
WRONG_FIELDS = {
    "removeLoyaltyPoints": WRONG_POINTS,
    "deductLoyaltyCardPoints": WRONG_POINTS,
    "createSession": (
        b"{}", b'{"email": "nobody", "password": "secret"}', b'{"email": 1, "password": []}', b'{"email": "a@b"}',
        b'{"email": "\\udfff@x", "password": "\\udfff"}',
    ),
    "getCustomersByAttributes": (
        b'{"integrationIDs": {}}', b'{"integrationIDs": ["a", 1]}', b'{"integrationIDs": null}',
        b'{"integrationIDs": [1e400]}', b'{"integrationIDs": ["\\ud800"]}', b'{"profileIDs": [0.5]}',
        b'{"profileIDs": [1e400]}', b'{"profileIDs": [true]}', b'{"profileIDs": ["1"]}', b'{"attributes": []}',
    ),
    "createCouponsDeletionJob": (
        b"{}", b'{"filters": []}', b'{"filters": null}', b'{"filters": {"value": 1}}',
        b'{"filters": {"value": "\\ud800"}}',
        b'{"filters": {"startsBefore": ""}}', b'{"filters": {"usable": "true"}}', b'{"filters": {"referralId": 0.5}}',
        b'{"filters": {"referralId": true}}', b'{"filters": {"referralId": ' + b"9" * 4000 + b"}}",
        b'{"filters": {"valid": null}}', b'{"filters": {"valid": "always"}}', b'{"filters": {"createdAfter": 1}}',
    ),
}  # fmt: skip


@of_json
def test_wrong_json_body_is_400(operation: Operation, caller: Caller) -> None:
    for text in (*WRONG_JSON, *WRONG_FIELDS[operation.name]):
        found, _ = caller.send(operation.method, target(operation), body=text, headers=KEY, chunk=65536)
        assert (found.status, operation.violations(found)) == (400, []), text[:100]


@of_json
def test_field_that_is_not_described_is_ignored(operation: Operation, caller: Caller) -> None:
    text = json.dumps({**BODIES[operation.name], "nothing": [None, {}], "\0": "ü"}).encode("utf-16")
    found, _ = caller.send(operation.method, target(operation), body=text, headers=KEY)
    assert (found.status in operation.gives, operation.violations(found)) == (True, [])


PARTS = {
    "no part": b"--b0undary--\r\n",
    "another part": multipart(b"item\n", name="file"),
    "empty part": multipart(b""),
    "no end": multipart(b"item\nb\n")[:-8],
    "no header": b"--b0undary\r\n\r\nitem\r\n--b0undary--\r\n",
    "odd header": b"--b0undary\r\nContent-Disposition: \xff\0\r\n\r\nitem\r\n--b0undary--\r\n",
    "odd name": multipart(b"item\n", name="\0\x7f", file_name="../../\0"),
    "huge header": b"--b0undary\r\nX: " + b"x" * 1_000_000 + b"\r\n\r\nitem\r\n--b0undary--\r\n",
    "thousands of parts": b'--b0undary\r\nContent-Disposition: form-data; name="x"\r\n\r\n\r\n' * 5000,
    "another boundary": multipart(b"item\n").replace(b"b0undary", b"other"),
    "not multipart": b"item\nb\n",
    "nothing": b"",
    "UTF-16": multipart("item\nb\n".encode("utf-16")),
    "NUL bytes": multipart(b"\0" * 100_000),
    "one quote": multipart(b'item\n"'),
    "a field of 20 MB": multipart(b"item\n" + b"x" * 20_000_000 + b",\n"),
    "a header of 100,000 columns": multipart(b"x," * 100_000 + b"x\n"),
}


@pytest.mark.parametrize("content", PARTS.values(), ids=PARTS)
def test_wrong_file_is_400(content: bytes, caller: Caller) -> None:
    headers = {**KEY, "Content-Type": FORM}
    for operation in FILES:
        found, _ = caller.send("POST", target(operation), body=content, headers=headers, chunk=65536)
        assert (found.status, operation.violations(found)) == (400, []), operation.name
        assert len(found.body) < 100_000


@pytest.mark.parametrize(
    "media",
    ["", "text/csv", "application/json", "multipart/form-data", "multipart/form-data; boundary=", "multipart/mixed",
     "multipart/form-data; boundary=b0undary; charset=nothing", "MULTIPART/FORM-DATA; boundary=other", "\xff",
     "multipart/form-data; boundary=" + "x" * 5000],
)  # fmt: skip
def test_file_with_another_content_type_is_400(media: str, caller: Caller) -> None:
    body, headers = multipart(b"unknown\n"), {**KEY, "Content-Type": media}
    for operation in FILES:
        found, _ = caller.send("POST", target(operation), body=body, headers=headers)
        assert (found.status, operation.violations(found)) == (400, []), operation.name


def test_content_type_in_capitals_is_the_same_content_type(caller: Caller) -> None:
    headers = {**KEY, "Content-Type": FORM.replace("multipart/form-data", "Multipart/Form-Data")}
    operation = OPERATIONS["importPoolGiveaways"]
    assert caller.send("POST", target(operation), body=multipart(b"code\nC\n"), headers=headers)[0].status == 200


@pytest.mark.parametrize("path", PATHS)
def test_method_that_a_path_lacks_is_405_and_names_those_it_has(path: str, caller: Caller) -> None:
    url = re.sub(r"\{(\w+)\}", "1", path)
    has = {each.method for each in OPERATIONS.values() if each.path == path}
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "ODD"} - has:
        found, headers = caller.send(method, url)
        assert (found.status, json.loads(found.body)["StatusCode"]) == (405, 405)
        assert found.media == "application/json"
        assert set(headers["allow"].split(", ")) - {"HEAD"} == has


@pytest.mark.parametrize(
    "url",
    ["/", "/v1", "/v1/", "/v1/applications/", "//v1/applications", "/v1/%00", "/v1/applications%2F1/", "/v1/a%ff",
     "/v1/../v1/exports", "/v1/exports%20", "/V1/exports", "/v1/audiences/analytics", "/v3/achievements/1/export",
     "/" + "x" * 20_000, "/%2e%2e/%2e%2e/etc/passwd", "/v1/exports;x", "http://other.example/v1/nothing", "*"],
)  # fmt: skip
def test_path_that_no_operation_has_is_404_without_a_redirect(url: str, caller: Caller) -> None:
    for method in ("GET", "POST", "OPTIONS"):
        found, headers = caller.send(method, url)
        assert (found.status, found.media, "location" in headers) == (404, "application/json", False)
        assert json.loads(found.body)["StatusCode"] == 404


@every
def test_head_is_answered_like_get_without_a_body(operation: Operation, caller: Caller) -> None:
    if operation.method == "GET":
        found, headers = caller.send("HEAD", target(operation))
        assert (found.status in operation.gives, found.body) == (True, b"")
        assert headers["content-type"] == caller.call(operation).media


def test_log_of_exports_contains_only_fields_of_its_response() -> None:
    with talking() as client:
        client.get("/v1/audiences/1/memberships/export")
        client.get("/v1/collections/1/export")
        assert [each["entity"] for each in client.get("/v1/exports").json()["data"]] == ["Collection"]
        assert client.get("/v1/exports", params={"entity": "AudienceMembership"}).json()["totalResultSize"] == 0


@every
def test_parameter_that_is_not_described_is_ignored(operation: Operation, caller: Caller) -> None:
    if operation.method == "GET":
        names = {name for each in OPERATIONS.values() for name in each.parameters} - {*operation.parameters}
        found = caller.call(operation, [(name, "0.5, no value") for name in [*sorted(names), "unknown", "\0"]])
        assert (found.status in operation.gives, operation.violations(found)) == (True, [])


def test_id_filter_that_is_not_a_whole_number_finds_nothing() -> None:
    with filled_sandbox() as server, Caller(server) as own:
        operation = OPERATIONS["exportCoupons"]
        assert own.call(operation, [("campaignId", "1.0")]).body.count(b"\n") == 3
        assert own.call(operation, [("campaignId", "1.5")]).body.count(b"\n") == 1
        assert own.call(operation, [("campaignId", "0")]).body.count(b"\n") == 1
        assert own.call(OPERATIONS["exportEffects"], [("campaignId", "1.5")]).body.count(b"\n") == 1
