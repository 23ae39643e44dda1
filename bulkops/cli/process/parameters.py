"""Names and values of command parameters that several commands share; loads nothing that only sending needs."""

from bulkops.errors import UsageError


def id_parameter(name: str) -> str:
    """Return the parameter under which a command receives an id of the target: `id_value_map` for `value-map`."""
    return f"id_{name.replace('-', '_')}"


def variables_of(chosen: tuple[str, ...]) -> dict[str, str]:
    """Return the variables given as NAME=VALUE; UsageError for another form."""
    values = {}
    for pair in chosen:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise UsageError(f"--set {pair!r} is not of the form NAME=VALUE.")
        values[name] = value
    return values
