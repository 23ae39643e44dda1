"""A resource of the sandbox: the operations of one kind of object, and the tables that keep it."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Literal

from bulkops.sandbox.endpoint import Handler
from bulkops.sandbox.parameters import Parameters

APPLICATION = "/v1/applications/{applicationId}"
CAMPAIGN = APPLICATION + "/campaigns/{campaignId}"
PROGRAM = "/v1/loyalty_programs/{loyaltyProgramId}"
CARD = PROGRAM + "/cards/{loyaltyCardId}"
PROFILE = PROGRAM + "/profile/{integrationId}"

Group = Literal["imports", "exports", "reads", "actions"]
GROUPS: tuple[Group, ...] = ("imports", "exports", "reads", "actions")
"""The groups of operations, in the order in which a request is matched with their paths."""


@dataclass(frozen=True)
class Operation:
    """One operation of the API, by the name and path of the API's description.

    `parameters` are the declared query parameters. `plain_errors` are the statuses with the body `ErrorResponse`,
    `json_errors` those of an export that are declared as JSON. A `public` operation needs no key.
    """

    name: str
    path: str
    handler: Handler
    parameters: Parameters = field(default_factory=dict)
    plain_errors: tuple[int, ...] = ()
    json_errors: tuple[int, ...] = ()
    method: Literal["GET", "POST", "PUT", "DELETE"] = "GET"
    public: bool = False


@dataclass(frozen=True)
class Resource:
    """The operations of one kind of object, by group, and the SQL that creates its tables where they are missing.

    `columns` are those of its tables that data files of older releases lack: table, column and type. Imports are always
    sent by POST, whatever their `method` says.
    """

    imports: tuple[Operation, ...] = ()
    exports: tuple[Operation, ...] = ()
    reads: tuple[Operation, ...] = ()
    actions: tuple[Operation, ...] = ()
    tables: str = ""
    columns: tuple[tuple[str, str, str], ...] = ()

    def operations(self, group: Group) -> Iterator[Operation]:
        """Yield the operations of one group; imports with the method POST."""
        match group:
            case "imports":
                yield from (replace(each, method="POST") for each in self.imports)
            case "exports":
                yield from self.exports
            case "reads":
                yield from self.reads
            case "actions":
                yield from self.actions
