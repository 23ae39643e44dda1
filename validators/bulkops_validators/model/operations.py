"""The operations of the API that a key must grant for a contract: those that import and reconcile request."""

from collections.abc import Iterator
from dataclasses import dataclass

from bulkops_validators.model.contract import Comparison, Contract, Deduction, Deletion, Route


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One operation of the API: its name in the API's description, its method and its path."""

    name: str
    method: str
    path: str

    def __str__(self) -> str:
        """Return method, path and name, as in messages."""
        return f"{self.method} {self.path} ({self.name})"


def operations_of(contract: Contract) -> dict[str, tuple[Operation, ...]]:
    """Return the operations by the command: `import`, `reconcile`, `copy` and `jobs undo`, all routes together.

    `import` also reads rows back: in mode `replace` to compare first, before an upsert to save the rows, and in each
    mode to settle a chunk in doubt. `copy` reads one deployment and imports into another. `jobs undo` is missing if
    it requests the same as `import`.
    """
    reading = tuple(dict.fromkeys(each for route in contract.routes for each in _reading(route)))
    sending = tuple(Operation(name=route.operation, method="POST", path=route.path) for route in contract.routes)
    balances = tuple(dict.fromkeys(each for route in contract.routes for each in _balances(route)))
    copying = (*reading, *balances, *sending) if reading else ()
    found = {"import": (*sending, *reading), "reconcile": reading, "copy": copying}
    undoing = tuple(_undoing(contract))
    return found | ({"jobs undo": tuple(dict.fromkeys((*reading, *balances, *undoing)))} if undoing else {})


def _undoing(contract: Contract) -> Iterator[Operation]:
    """Yield the operations that remove what an import created."""
    match contract.undo:
        case Deletion() as deletion:
            if deletion.balances is not None:
                yield Operation(name=deletion.balances.operation, method="GET", path=deletion.balances.path)
            if deletion.batch is not None:
                yield Operation(name=deletion.batch.operation, method="POST", path=deletion.batch.path)
            yield Operation(name=deletion.operation, method="DELETE", path=deletion.path)
        case Deduction() as deduction:
            for each in deduction.owners.values():
                yield Operation(name=each.history_operation, method="GET", path=each.history)
                yield Operation(name=each.operation, method="PUT", path=each.path)


def _balances(route: Route) -> Iterator[Operation]:
    """Yield the exports of balances that open amounts are compared with."""
    if route.readback is not None and route.readback.open_amounts is not None:
        for each in route.readback.open_amounts.balances.values():
            yield Operation(name=each.operation, method="GET", path=each.path)


def _reading(route: Route) -> Iterator[Operation]:
    """Yield the operations that read back the rows of a route."""
    readback = route.readback
    if readback is None:
        return
    yield Operation(name=readback.operation, method="GET", path=readback.path)
    if readback.case_setting and any(column.compare is Comparison.CODE for column in readback.columns):
        path, _ = readback.case_setting
        yield Operation(name=readback.case_operation, method="GET", path=path)
