"""The tables of the configuration file as pydantic models. Loads pydantic, so import it where a table is read.

`needs` describes the values that a key accepts; a message continues with it after the key's name.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    create_model,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails

from bulkops.limits import MAX_NUMBER
from bulkops.wording import guess, nearest
from bulkops_validators import CONTRACTS, ID_NAMES

Case = Literal["sensitive", "insensitive"]
FailOn = Literal["error", "warning", "never"]
When = Literal["always", "problem"]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Otherwise = Literal["fail", "warn"]
OnFindings = Literal["refuse", "quarantine"]
Order = Literal["modified", "name"]
ResultForm = Literal["csv", "xlsx", "html"]
LENGTH = r"^\d{1,6}[smhd]$"
"""A length of time in one unit, such as 2m."""
NAME_OF = r"^[^/]*\{(name|stem)\}[^/]*$"
"""The name of a file that belongs to another file."""
INBOX_NAME = r"^(?!status$)[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"
"""`status` is a word of the command."""
KEY_FORMS = "{env = …}, {command = …} or {keyring = …}"
HINTS = MappingProxyType(
    {
        "base_url": "Write it like https://yourcompany.europe-west1.talon.one",
        "key": f"Write key = {KEY_FORMS}; if that was the key, remove it here and have it replaced.",
    }
)


def _listed(value: object) -> object:
    """Return a text as a list of one; everything else is left for the field to judge."""
    return [value] if isinstance(value, str) else value


Texts = Annotated[list[str], BeforeValidator(_listed, json_schema_input_type=str | list[str])]
Filled = Annotated[str, Field(pattern=r"\S")]
Id = Annotated[int, Field(ge=1, le=MAX_NUMBER)]


class Table(BaseModel):
    """A table of the configuration file: unknown keys are rejected, and nothing is converted."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    needs: ClassVar[Mapping[str, str]] = MappingProxyType({})


class KeyTable(Table):
    """The source of a target's key: exactly one of the three."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "maxProperties": 1})
    needs = MappingProxyType(dict.fromkeys(("env", "command", "keyring"), "be text, and not blank"))

    env: Filled | None = Field(default=None, description="The environment variable that contains the key.")
    command: Filled | None = Field(default=None, description="The command that prints the key.")
    keyring: Filled | None = Field(default=None, description="The service in the keyring; the user is bulkops.")

    @model_validator(mode="after")
    def _exactly_one(self) -> "KeyTable":
        if len(self.model_fields_set) != 1:
            msg = f"key must be one of {KEY_FORMS}, and only one"
            raise ValueError(msg)
        return self


class _TargetKeys(Table):
    """A target: a deployment, and the ids that name the destination."""

    needs = MappingProxyType(
        {
            "base_url": "be text",
            "key": "name the source of the key, never contain the key",
            **dict.fromkeys(ID_NAMES, f"be a whole number, 1 or more (at most {MAX_NUMBER})"),
        }
    )

    base_url: str = Field(description="The address, like https://yourcompany.europe-west1.talon.one")
    key: KeyTable | None = Field(default=None, description="The source of the key; default: the environment.")


class _CheckKeys(Table):
    """The files of each contract and the settings of their check, for `bulkops check`."""

    needs = MappingProxyType(
        {
            "select": "be a rule or a list of rules",
            "ignore": "be a rule or a list of rules",
            "case": f"be one of {', '.join(get_args(Case))}",
            "fail-on": f"be one of {', '.join(get_args(FailOn))}",
            "baseline": "be a path",
            "account": "be a path",
            "max-age": "be a duration such as 7d",
            **dict.fromkeys(CONTRACTS, "be a pattern or a list of patterns"),
        }
    )

    select: Texts = Field(default=[], description="Check only these rules: codes, names, prefixes.")
    ignore: Texts = Field(default=[], description="Skip these rules; the longer prefix decides.")
    case: Case | None = Field(default=None, description="How the application compares codes; default: sensitive.")
    fail_on: FailOn | None = Field(
        default=None,
        alias="fail-on",
        description="The lowest severity that makes the exit code 1, or never; default: error.",
    )
    baseline: str | None = Field(default=None, description="File of accepted findings, from this file's folder.")
    account: str | None = Field(default=None, description="Snapshot of the account, from this file's folder.")
    max_age: str | None = Field(
        default=None, alias="max-age", description="Refuse a snapshot that is older, such as 12h or 7d."
    )


class OnEndTable(Table):
    """The hooks to call when a job, a recipe or a pass over inboxes ends; each receives a summary as JSON."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [{"required": [key]} for key in ("command", "url", "url-env", "apprise", "apprise-env")],
            "not": {"required": ["url", "url-env"]},
        }
    )
    needs = MappingProxyType(
        {
            "command": "be text, and not blank",
            "url": "be text, and not blank",
            "url-env": "be the name of an environment variable",
            "apprise": "be a URL or a list of URLs",
            "apprise-env": "be the name of an environment variable",
            "when": f"be one of {', '.join(get_args(When))}",
        }
    )

    command: Filled | None = Field(default=None, description="The command that receives the summary on its stdin.")
    url: Filled | None = Field(default=None, description="The https:// address that receives it in a POST request.")
    url_env: Filled | None = Field(
        default=None, alias="url-env", description="The environment variable that contains that address."
    )
    apprise: Texts = Field(
        default=[], min_length=1, description="Apprise URLs that receive its text; needs bulkops[apprise]."
    )
    apprise_env: Filled | None = Field(
        default=None, alias="apprise-env", description="The environment variable that contains Apprise URLs."
    )
    when: When = Field(default="always", description="problem: only if the exit code is not 0.")

    @model_validator(mode="after")
    def _something(self) -> "OnEndTable":
        if self.url is not None and self.url_env is not None:
            msg = "has url and url-env; it must have only one of them"
            raise ValueError(msg)
        if not (self.command or self.url or self.url_env or self.apprise or self.apprise_env):
            msg = "must have a command, a url or apprise"
            raise ValueError(msg)
        return self


def _fields(names: Mapping[str, tuple[Any, Any]]) -> dict[str, Any]:
    """Return definitions of fields for pydantic by a Python name; the key keeps its own as the alias."""
    return {name.replace("-", "_"): definition for name, definition in names.items()}


TargetTable = create_model(
    "TargetTable",
    __base__=_TargetKeys,
    __doc__=_TargetKeys.__doc__,
    **_fields(
        {name: (Id | None, Field(default=None, alias=name, description=f"Id of the {name}.")) for name in ID_NAMES}
    ),
)
CheckTable = create_model(
    "CheckTable",
    __base__=_CheckKeys,
    __doc__=_CheckKeys.__doc__,
    **_fields(
        {
            name: (
                Texts,
                Field(default=[], alias=name, description=f"Patterns of {name} files, from this folder."),
            )
            for name in CONTRACTS
        }
    ),
)


class ExpectTable(Table):
    """The usual properties of the files of a pattern; a pass fails, or warns, if a file or a day differs from it."""

    needs = MappingProxyType(
        {
            "due": "be a time such as 03:00",
            "days": f"be a list of days: {', '.join(get_args(Day))}",
            "timezone": "be a time zone such as Europe/Berlin",
            "min_records": "be a whole number, 0 or more",
            "max_records": "be a whole number, 1 or more",
            "change": "be a percentage such as 50%",
            "not_empty": "be true or false",
            "otherwise": f"be one of {', '.join(get_args(Otherwise))}",
        }
    )

    due: str | None = Field(
        default=None, pattern=r"^([01]\d|2[0-3]):[0-5]\d$", description="Time at which a file must be in, each day."
    )
    days: list[Day] = Field(default=list(get_args(Day)), description="Days with a due time; default: every day.")
    timezone: str | None = Field(default=None, description="Time zone of `due`; default: that of the machine.")
    min_records: int | None = Field(default=None, ge=0, le=MAX_NUMBER, description="Minimum records of a file.")
    max_records: int | None = Field(default=None, ge=1, le=MAX_NUMBER, description="Maximum records of a file.")
    change: str | None = Field(
        default=None,
        pattern=r"^\d{1,6}(\.\d{1,3})?%$",
        description="Maximum difference from the usual number of records: the median of the last ten files.",
    )
    not_empty: bool = Field(default=False, description="Whether a file without records is unexpected.")
    otherwise: Otherwise = Field(
        default="fail",
        description="`fail`: an unexpected file goes to quarantine and the exit code is 1; `warn`: it is imported.",
    )


class InboxFilesTable(Table):
    """How the files of a pattern are imported: by a contract, or by a recipe."""

    needs = MappingProxyType(
        {
            "match": "be a pattern or a list of patterns",
            "contract": f"be one of {', '.join(CONTRACTS)}",
            "recipe": "be the name or the path of a recipe",
            "set": "be a table of variables with texts",
            "ids": f"be a table of ids, each a whole number, 1 or more: {', '.join(ID_NAMES)}",
            "options": "be a table of the contract's options",
            "accept": "be a rule or a list of rules",
            "cumulative": "be true or false",
            "allow_empty": "be true or false",
            "reconcile": "be true or false",
            "max_errors": "be a count or a percentage, as text",
            "max_removals": "be a count or a percentage, as text",
            "expect": "be a table",
        }
    )

    match: Texts = Field(min_length=1, description="Patterns of file names; the first table that matches counts.")
    contract: str | None = Field(default=None, description="The contract.", json_schema_extra={"enum": list(CONTRACTS)})
    recipe: str | None = Field(default=None, description="A recipe that imports the file, instead of a contract.")
    variable: Filled = Field(default="file", description="The recipe's variable for the path of the file.")
    set: dict[str, str] = Field(default={}, description="Other variables of the recipe.")
    ids: dict[str, Id] = Field(
        default={}, description="Ids of the target.", json_schema_extra={"propertyNames": {"enum": list(ID_NAMES)}}
    )
    options: dict[str, bool | str] = Field(default={}, description="Query options of the contract.")
    accept: Texts = Field(default=[], description="Rules that stop an import, but not of these files.")
    cumulative: bool = Field(default=False, description="Send only the records that were not sent before.")
    allow_empty: bool = Field(
        default=False, description="Import a file without records, even if it empties the target."
    )
    reconcile: bool = Field(default=True, description="Prove the rows after the import.")
    max_errors: str | None = Field(default=None, description="Stop when more records than this were rejected.")
    max_removals: str | None = Field(default=None, description="Maximum rows that a replacing import may remove.")
    expect: ExpectTable = Field(default=ExpectTable(), description="The usual properties of these files.")

    @field_validator("contract")
    @classmethod
    def _known_contract(cls, value: str | None) -> str | None:
        if value is not None and value not in CONTRACTS:
            close = nearest(value, CONTRACTS)
            msg = f"files name the unknown contract {value!r}" + (f"; the closest is {close[0]!r}" if close else "")
            raise ValueError(msg)
        return value

    @model_validator(mode="after")
    def _one_way(self) -> "InboxFilesTable":
        if (self.contract is None) == (self.recipe is None):
            msg = "files must name a contract or a recipe, and only one"
            raise ValueError(msg)
        return self


class InboxTable(Table):
    """A folder that partner files are dropped into, and what `bulkops inbox` does with them."""

    needs = MappingProxyType(
        {
            **dict.fromkeys(("folder", "archive", "quarantine"), "be the path or the address of a folder"),
            "target": "be the name of a target",
            "quiet": "be a duration such as 2m",
            "marker": "be a file name with {name} or {stem}",
            "manifest": "be a file name with {name} or {stem}",
            "on_findings": f"be one of {', '.join(get_args(OnFindings))}",
            "order": f"be one of {', '.join(get_args(Order))}",
            "result": f"be a list of {', '.join(get_args(ResultForm))}",
            "mask": "be true or false",
            "files": "be tables: [[inbox.NAME.files]]",
        }
    )

    folder: Filled = Field(
        description="The folder of the files, from this file's folder, or an address: s3://…, sftp://…."
    )
    target: Filled = Field(description="The target: a table under [targets], or sandbox.")
    quiet: str = Field(
        default="2m", pattern=LENGTH, description="How long a file must be unchanged before it is imported."
    )
    marker: str | None = Field(
        default=None, pattern=NAME_OF, description="A file is complete when this file exists, such as {name}.done."
    )
    manifest: str | None = Field(
        default=None,
        pattern=NAME_OF,
        description="A JSON file with records, bytes or sha256 of a file, such as {stem}.manifest.json.",
    )
    archive: Filled = Field(default="archive", description="Folder for imported files and their evidence.")
    quarantine: Filled = Field(default="quarantine", description="Folder for refused files and records, with reasons.")
    on_findings: OnFindings = Field(
        default="refuse", description="`refuse`: a file with an error is not sent; `quarantine`: its good records are."
    )
    order: Order = Field(default="modified", description="The order of files: by time of change, or by name.")
    result: list[ResultForm] = Field(default=["csv"], description="Formats of the result file for the partner.")
    mask: bool = Field(default=False, description="Mask the values in result files and reports.")
    files: list[InboxFilesTable] = Field(
        min_length=1, description="The files to import, and the settings of each import."
    )

    @model_validator(mode="after")
    def _one_sign(self) -> "InboxTable":
        if self.marker is not None and self.manifest is not None:
            msg = "names a marker and a manifest; give one"
            raise ValueError(msg)
        return self


class ConfigurationFile(Table):
    """The tables of bulkops.toml, or of [tool.bulkops] in pyproject.toml."""

    targets: dict[str, TargetTable] = Field(  # type: ignore[valid-type] # mypy does not know made models
        default={},
        description="Targets for `--target NAME`; the name sandbox is taken by the embedded sandbox.",
        json_schema_extra={"propertyNames": {"not": {"const": "sandbox"}}},
    )
    check: CheckTable | None = Field(default=None, description="For `bulkops check`.")  # type: ignore[valid-type]
    on_end: OnEndTable | None = Field(
        default=None, description="The hooks to call when a job, a recipe or a pass over inboxes ends."
    )
    inbox: dict[str, InboxTable] = Field(
        default={},
        description="For `bulkops inbox`: a table for each folder.",
        json_schema_extra={"propertyNames": {"pattern": INBOX_NAME}},
    )


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """A mistake in a table: the keys that lead to it, the rest of the sentence, and the next step."""

    keys: tuple[str, ...]
    text: str
    hint: str | None = None


def trouble_of(error: ValidationError, model: type[Table]) -> Trouble:
    """Return the first thing that is wrong with a table, an unknown key before all. No value is shown: it may be a key.

    The text continues a sentence that begins with the table.
    """
    errors = sorted(error.errors(include_url=False, include_input=False), key=_is_known)
    kind, keys = errors[0]["type"], tuple(str(part) for part in errors[0]["loc"] if isinstance(part, str))
    if kind == "value_error":
        return Trouble(keys=keys, text=f"{errors[0]['ctx']['error']}.")
    if not keys:
        return Trouble(keys=(), text=f"must be a table with keys such as {' and '.join(_keys(model)[:2])}.")
    inner = _table_at(model, keys[:-1])
    owner = f"{'.'.join(keys[:-1])} " if len(keys) > 1 else ""
    if kind == "extra_forbidden":
        text = f"{owner}does not know {keys[-1]!r}."
        return Trouble(keys=keys, text=text, hint=guess(keys[-1], _keys(inner)))
    if kind == "missing":
        return Trouble(keys=keys, text=f"has no {'.'.join(keys)}.", hint=HINTS.get(keys[-1]))
    known = keys if keys[-1] in inner.needs else keys[:-1]
    return Trouble(keys=keys, text=f"{'.'.join(known)} must {inner.needs[known[-1]]}.", hint=HINTS.get(keys[-1]))


def _table_at(model: type[Table], keys: Sequence[str]) -> type[Table]:
    """Return the table that these keys lead to; a key that leads to no table is left out."""
    for key in keys:
        fields = {declared.alias or name: declared for name, declared in model.model_fields.items()}
        annotation = fields[key].annotation if key in fields else None
        found = [each for each in (annotation, *get_args(annotation)) if isinstance(each, type)]
        model = next((each for each in found if issubclass(each, Table)), model)
    return model


def _is_known(error: ErrorDetails) -> bool:
    return error["type"] != "extra_forbidden"


def _keys(model: type[Table]) -> list[str]:
    return [declared.alias or name for name, declared in model.model_fields.items()]
