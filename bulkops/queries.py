"""Convert chosen options to query options of a contract, in the same way for commands, recipes and the API."""

from collections.abc import Mapping

from bulkops.errors import UsageError
from bulkops_validators.model.contract import Contract, QueryOption


def query_texts(
    contract: Contract, chosen: Mapping[str, object], *, place: str | None = None, prefix: str = ""
) -> dict[str, str]:
    """Return the contract's query options by name as text, with defaults.

    UsageError for an unknown option and for an invalid value. Messages name an option with `prefix`, and begin with
    `place`, by default the contract.
    """
    where = place or contract.name
    declared = {option.name: option for option in contract.options}
    if unknown := sorted(set(chosen) - set(declared)):
        known = ", ".join(prefix + name for name in declared)
        raise UsageError(
            f"{where}: {prefix}{unknown[0]} is not an option of {contract.name}.",
            hint=f"Its options: {known}." if known else "It has no options.",
        )
    values = {
        name: _text_of(option, chosen.get(name, option.default), f"{where}: {prefix}{name}")
        for name, option in declared.items()
    }
    return {name: text for name, text in values.items() if text is not None}


def _text_of(option: QueryOption, value: object, called: str) -> str | None:
    if value is None:
        return None
    text = str(value).lower() if option.choices is None else str(value)
    choices = option.choices or ("true", "false")
    if text not in choices:
        raise UsageError(f"{called} is {text!r}; valid values: {' or '.join(choices)}.")
    return text
