"""Test which operations a key may use, with requests that only read."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from string import Formatter
from typing import TYPE_CHECKING, Final, Literal

from bulkops.account.reading import LISTS, SEARCH, SINGLES
from bulkops.errors import AccessRefused, ServerRefused, Unfinished
from bulkops.readback.fetch.rows import minimal_query
from bulkops.redaction import redacted
from bulkops.transport.bodies import describe_body, is_page
from bulkops.transport.client import ApiClient
from bulkops_validators import CONTRACTS
from bulkops_validators.model.contract import Readback
from bulkops_validators.model.operations import operations_of

if TYPE_CHECKING:
    from bulkops.json_documents.accounts import RightDocument

Granted = Literal["granted", "denied", "not tested", "unknown id", "failed"]
GRANTED: Final = "granted"
DENIED: Final = "denied"
UNTESTED: Final = "not tested"
UNKNOWN_ID: Final = "unknown id"
FAILED: Final = "failed"


@dataclass(frozen=True, kw_only=True)
class Right:
    """One operation: whether the key may use it, why that is unknown, and the commands that use it."""

    operation: str
    method: str
    path: str
    state: Granted
    used_by: str
    why: str = ""

    def to_json(self) -> "RightDocument":
        """Return the operation as the JSON object of `doctor --json`."""
        return {
            "operation": self.operation,
            "method": self.method,
            "path": self.path,
            "state": self.state,
            "used_by": self.used_by,
            "why": self.why,
        }


def rights_of(client: ApiClient, ids: Mapping[str, int]) -> Iterator[Right]:
    """Yield every operation that commands use; test those that only read and for which `ids` are complete.

    Each response is closed after its first bytes. Exports are requested with a filter that matches no row, if possible.
    """
    for listing in LISTS.values():
        yield _tried(client, listing.operation, listing.path, ids, {"pageSize": "1"} if listing.paged else {}, READS)
    for operation, path in SINGLES.values():
        yield _tried(client, operation, path, ids, {}, READS)
    tried = set()
    for contract in CONTRACTS.values():
        for route in contract.routes:
            readback = route.readback
            if readback is not None and readback.operation not in tried:
                tried.add(readback.operation)
                yield _tried_readback(client, readback, ids, f"export, import and reconcile of {contract.name}")
            if route.search is not None and route.search.operation not in tried:
                tried.add(route.search.operation)
                yield _tried(client, route.search.operation, route.search.path, ids, {"pageSize": "1"}, READS)
    changing = [
        (route.operation, route.path, f"import of {contract.name}")
        for contract in CONTRACTS.values()
        for route in contract.routes
    ]
    for operation, path, used_by in (("getCustomersByAttributes", SEARCH, READS), *changing):
        why = "POST only"
        yield Right(operation=operation, method="POST", path=path, state=UNTESTED, used_by=used_by, why=why)
    yield from _rights_to_undo()


def _rights_to_undo() -> Iterator[Right]:
    """Yield the operations that only `jobs undo` uses; they change rows, or need the owner of points."""
    for contract in CONTRACTS.values():
        for each in operations_of(contract).get("jobs undo", ()):
            if each.method != "GET" or OWNER in each.path:
                why = "needs an owner" if each.method == "GET" else f"{each.method} only"
                used_by = f"jobs undo of {contract.name}"
                yield Right(
                    operation=each.name, method=each.method, path=each.path, state=UNTESTED, used_by=used_by, why=why
                )


OWNER = "{owner}"
READS = "preflight, snapshot"


def _tried_readback(client: ApiClient, readback: Readback, ids: Mapping[str, int], used_by: str) -> Right:
    templates = "".join([readback.path, *(value for name, value in readback.query.items() if name == "campaignId")])
    if missing := [name for name in _names_in(templates) if name not in ids]:
        return _without_ids(readback.operation, readback.path, missing, used_by)
    params = minimal_query(readback, ids, {}, now=client.clock.now())
    return _tried(client, readback.operation, readback.path, ids, params, used_by)


def _tried(
    client: ApiClient, operation: str, path: str, ids: Mapping[str, int], params: Mapping[str, str], used_by: str
) -> Right:
    if missing := [name for name in _names_in(path) if name not in ids]:
        return _without_ids(operation, path, missing, used_by)
    state, why = _asked(client, path, ids, params)
    return Right(operation=operation, method="GET", path=path, state=state, used_by=used_by, why=why)


def _asked(client: ApiClient, path: str, ids: Mapping[str, int], params: Mapping[str, str]) -> tuple[Granted, str]:
    try:
        with client.stream(path, ids, params, attempts=2) as streamed:
            start = next(streamed.iter_bytes(), b"")
        if is_page(start):  # a login page or a firewall, which never saw the key
            return FAILED, f"the server sent {describe_body(start, hide=redacted)}"
        return GRANTED, ""
    except ServerRefused:
        return GRANTED, ""  # the server accepted the key and rejected the request for another reason
    except AccessRefused as error:
        if error.status == 404:
            named = " ".join(f"--{name} {ids[name]}" for name in _names_in(path))
            return UNKNOWN_ID, f"the server does not know {named}" if named else "the server does not know this path"
        return (DENIED, "") if error.status in (401, 403) else (FAILED, error.message)
    except Unfinished as error:
        return FAILED, error.message


def _without_ids(operation: str, path: str, missing: list[str], used_by: str) -> Right:
    why = f"give {' and '.join(f'--{name}' for name in missing)}"
    return Right(operation=operation, method="GET", path=path, state=UNTESTED, used_by=used_by, why=why)


def _names_in(template: str) -> list[str]:
    return list(dict.fromkeys(name for _, name, _, _ in Formatter().parse(template) if name))
