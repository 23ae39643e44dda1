"""The tables of the configuration file as pydantic models. Loads pydantic, so import it where a table is read.

`needs` describes the values that a key accepts; a message continues with it after the key's name.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, create_model, model_validator
from pydantic_core import ErrorDetails

from bulkops.limits import MAX_NUMBER
from bulkops.wording import guess
from bulkops_validators import CONTRACTS, ID_NAMES

Case = Literal["sensitive", "insensitive"]
FailOn = Literal["error", "warning", "never"]
When = Literal["always", "problem"]
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
    """Where a target's key comes from: exactly one of the three."""

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


class _Target(Table):
    """A target: a deployment, and the ids that name the destination."""

    needs = MappingProxyType(
        {
            "base_url": "be text",
            "key": "say where the key is, not be it",
            **dict.fromkeys(ID_NAMES, f"be a whole number, 1 or more (at most {MAX_NUMBER})"),
        }
    )

    base_url: str = Field(description="The address, like https://yourcompany.europe-west1.talon.one")
    key: KeyTable | None = Field(default=None, description="Where the key comes from; default: the environment.")


class _Check(Table):
    """Which files belong to which contract, and how they are judged: for `bulkops check`."""

    needs = MappingProxyType(
        {
            "select": "be a rule or a list of rules",
            "ignore": "be a rule or a list of rules",
            "case": f"be one of {', '.join(get_args(Case))}",
            "fail-on": f"be one of {', '.join(get_args(FailOn))}",
            "baseline": "be a path",
            "account": "be a path",
            "max-age": "be a length such as 7d",
            **dict.fromkeys(CONTRACTS, "be a pattern or a list of patterns"),
        }
    )

    select: Texts = Field(default=[], description="Judge only these rules: codes, names, prefixes.")
    ignore: Texts = Field(default=[], description="Leave these rules out; the longer prefix decides.")
    case: Case | None = Field(default=None, description="How the application compares codes; default: sensitive.")
    fail_on: FailOn | None = Field(
        default=None, alias="fail-on", description="What makes the exit code 1; default: error."
    )
    baseline: str | None = Field(default=None, description="File of accepted findings, from this file's folder.")
    account: str | None = Field(default=None, description="Snapshot of the account, from this file's folder.")
    max_age: str | None = Field(
        default=None, alias="max-age", description="Refuse a snapshot that is older, such as 12h or 7d."
    )


class OnEndTable(Table):
    """What to call when a job or a recipe ends; each receives a summary as JSON."""

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
    __base__=_Target,
    __doc__=_Target.__doc__,
    **_fields(
        {name: (Id | None, Field(default=None, alias=name, description=f"Id of the {name}.")) for name in ID_NAMES}
    ),
)
CheckTable = create_model(
    "CheckTable",
    __base__=_Check,
    __doc__=_Check.__doc__,
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


class ConfigurationFile(Table):
    """The tables of bulkops.toml, or of [tool.bulkops] in pyproject.toml."""

    targets: dict[str, TargetTable] = Field(  # type: ignore[valid-type] # mypy does not know made models
        default={},
        description="Targets for `--target NAME`; the name sandbox is taken by the embedded sandbox.",
        json_schema_extra={"propertyNames": {"not": {"const": "sandbox"}}},
    )
    check: CheckTable | None = Field(default=None, description="For `bulkops check`.")  # type: ignore[valid-type]
    on_end: OnEndTable | None = Field(default=None, description="What to call when a job or a recipe ends.")


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """What is wrong with a table: the keys that lead to it, the rest of the sentence, and what to do."""

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
    inner = KeyTable if keys[0] == "key" and len(keys) > 1 else model
    owner = f"{keys[0]} " if len(keys) > 1 else ""
    if kind == "extra_forbidden":
        text = f"{owner}does not know {keys[-1]!r}."
        return Trouble(keys=keys, text=text, hint=guess(keys[-1], _keys(inner)))
    if kind == "missing":
        return Trouble(keys=keys, text=f"has no {keys[-1]}.", hint=HINTS.get(keys[-1]))
    return Trouble(keys=keys, text=f"{'.'.join(keys)} must {inner.needs[keys[-1]]}.", hint=HINTS.get(keys[-1]))


def _is_known(error: ErrorDetails) -> bool:
    return error["type"] != "extra_forbidden"


def _keys(model: type[Table]) -> list[str]:
    return [declared.alias or name for name, declared in model.model_fields.items()]
