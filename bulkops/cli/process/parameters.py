"""Names of command parameters that options and targets share; loads nothing that only sending needs."""


def id_parameter(name: str) -> str:
    """Return the parameter under which a command receives an id of the target: `id_value_map` for `value-map`."""
    return f"id_{name.replace('-', '_')}"
