"""The JSON Schemas of the documents that bulkops prints with `--json`, and of its recipes and configuration files.

The schemas are made from the types of `json_documents`, `recipe` and `configuration_tables`. Loads pydantic.
"""

from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from bulkops.configuration_tables import ConfigurationFile
from bulkops.errors import UsageError
from bulkops.json_documents.accounts import DoctorDocument, SnapshotDocument
from bulkops.json_documents.catalogs import (
    ContractDocument,
    DescriptionComparisonDocument,
    RecipeSummary,
    RuleDocument,
    SandboxDocument,
    SchemaSummary,
)
from bulkops.json_documents.common import ErrorDocument
from bulkops.json_documents.copies import CopyDocument
from bulkops.json_documents.endings import EndDocument
from bulkops.json_documents.files import ExportDocument, PlanDocument, SplitDocument
from bulkops.json_documents.findings import FixDocument, ValidationDocument
from bulkops.json_documents.inboxes import InboxDocument, InboxStatusDocument
from bulkops.json_documents.jobs import (
    ImportDocument,
    JobDocument,
    JobListDocument,
    JobWithHistory,
    ResumedJobs,
    RunDocument,
)
from bulkops.json_documents.ledgers import BackupDocument, LedgerCheckDocument, PruneDocument
from bulkops.json_documents.proposals import ProposalDocument
from bulkops.json_documents.reconciliations import ReconciliationDocument
from bulkops.json_documents.reports import ReportDocument
from bulkops.json_documents.runs import MapDocument, RecipeRunDocument, RunPlanDocument
from bulkops.recipe import Recipe, Step
from bulkops.recipe_text import VARIABLE_PATTERN
from bulkops.wording import guess

DIALECT = "https://json-schema.org/draft/2020-12/schema"


class _Plain(GenerateJsonSchema):
    """Makes schemas without the titles that only repeat a key."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - pydantic's signature
        """Return False: the key says as much."""
        return False


class _Toml(_Plain):
    """Makes schemas of TOML documents, which have no null."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        """Return the schema of the value without null."""
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """Return the schema without its default if that is null."""
        made = super().default_schema(schema)
        return {key: value for key, value in made.items() if key != "default" or value is not None}


class _Template(_Plain):
    """Makes schemas of recipes, in which a number or a switch may be the name of a variable."""

    def int_schema(self, schema: core_schema.IntSchema) -> JsonSchemaValue:
        """Return the schema of a whole number or a variable."""
        return self._or_variable(super().int_schema(schema))

    def bool_schema(self, schema: core_schema.BoolSchema) -> JsonSchemaValue:
        """Return the schema of a switch or a variable."""
        return self._or_variable(super().bool_schema(schema))

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        """Return the schema of a table; a step needs one of `file` and `source`."""
        made = super().model_schema(schema)
        if schema["cls"] is Step:
            made["oneOf"] = [{"required": ["file"]}, {"required": ["source"]}]
        return made

    def _or_variable(self, made: JsonSchemaValue) -> JsonSchemaValue:
        return {"anyOf": [made, {"type": "string", "pattern": VARIABLE_PATTERN}]}


@dataclass(frozen=True, kw_only=True)
class Described:
    """A kind of document: its description, its type, and the maker of its schema; `read` if bulkops reads it."""

    about: str
    shape: Any
    made_by: type[GenerateJsonSchema] = _Plain
    read: bool = False


SCHEMAS = {
    "init": Described(about="`init --json`: the recognised columns, and the proposed text.", shape=ProposalDocument),
    "validate": Described(about="`validate --json`: the findings of files.", shape=ValidationDocument),
    "check": Described(about="`check --json`: the findings of the mapped files.", shape=ValidationDocument),
    "fix": Described(about="`fix --json`: the changes, and the findings that remain.", shape=FixDocument),
    "rules": Described(about="`rules --json`: the rules.", shape=list[RuleDocument]),
    "contracts": Described(
        about="`contracts --json`: one contract, all by name, or with --diff the differences.",
        shape=DescriptionComparisonDocument | ContractDocument | dict[str, ContractDocument],
    ),
    "plan": Described(about="`plan --json`: chunks, requests and the shortest time.", shape=PlanDocument),
    "split": Described(about="`split --json`: the files written.", shape=SplitDocument),
    "import": Described(about="`import --json`: the job, or the reason why no job was created.", shape=ImportDocument),
    "export": Described(about="`export WHAT --json`: the files written.", shape=ExportDocument),
    "reconcile": Described(about="`reconcile --json`: verdict, counts, examples.", shape=ReconciliationDocument),
    "jobs-list": Described(about="`jobs list --json`: jobs without their chunks.", shape=JobListDocument),
    "jobs-show": Described(about="`jobs show --json`: a job with its chunks.", shape=JobWithHistory),
    "jobs-resume": Described(
        about="`jobs resume --json`: the job, or with --all the jobs.", shape=RunDocument | ResumedJobs
    ),
    "jobs-resolve": Described(about="`jobs resolve --json`: the job after the decision.", shape=JobDocument),
    "jobs-cancel": Described(about="`jobs cancel --json`: the cancelled job.", shape=JobDocument),
    "jobs-undo": Described(about="`jobs undo --json`: the job that puts the rows back.", shape=RunDocument),
    "ledger-backup": Described(about="`ledger backup --json`: the archive.", shape=BackupDocument),
    "ledger-check": Described(about="`ledger check --json`: the problems found.", shape=LedgerCheckDocument),
    "ledger-prune": Described(about="`ledger prune --json`: the files removed.", shape=PruneDocument),
    "inbox": Described(
        about="`inbox --json`: the result of a pass; with `status`, the waiting files.",
        shape=InboxDocument | InboxStatusDocument,
    ),
    "report": Described(about="`report --json`: jobs with timeline, findings and sums.", shape=ReportDocument),
    "run": Described(
        about="`run --json`: the steps of a recipe, or with --plan their plans.",
        shape=RecipeRunDocument | RunPlanDocument,
    ),
    "map": Described(about="`map --json`: the mapped steps of a recipe.", shape=MapDocument),
    "copy": Described(about="`copy --json`: the rows, imports and proofs of a copy.", shape=CopyDocument),
    "recipes": Described(
        about="`recipes --json`: the shipped recipes, or one in full.", shape=list[RecipeSummary] | Recipe
    ),
    "schema": Described(about="`schema --json`: the names of the schemas.", shape=list[SchemaSummary]),
    "snapshot": Described(about="`snapshot --json`: the snapshot of an account.", shape=SnapshotDocument),
    "doctor": Described(about="`doctor --json`: the checks, and the operations of the key.", shape=DoctorDocument),
    "sandbox": Described(about="`sandbox --json`: where the sandbox serves.", shape=SandboxDocument),
    "error": Described(about="any command with --json that an error ends early.", shape=ErrorDocument),
    "on-end": Described(about="the summary for `[on_end]` of the configuration.", shape=EndDocument),
    "recipe": Described(about="a recipe file.", shape=Recipe, made_by=_Template, read=True),
    "config": Described(
        about="bulkops.toml, or [tool.bulkops] of pyproject.toml.", shape=ConfigurationFile, made_by=_Toml, read=True
    ),
}


def schema_of(name: str) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a kind of document; UsageError for an unknown kind."""
    if name not in SCHEMAS:
        raise UsageError(f"Unknown schema {name!r}.", hint=guess(name, SCHEMAS))
    described = SCHEMAS[name]
    made = TypeAdapter(described.shape).json_schema(
        mode="validation" if described.read else "serialization", schema_generator=described.made_by
    )
    return {"$schema": DIALECT, "title": f"bulkops {name}", **{k: v for k, v in made.items() if k != "title"}}
