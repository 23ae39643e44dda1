"""How an open question of the documentation is declared: its possible values, the default first."""

import dataclasses
from typing import Any

SECONDS = "seconds"


def question(default: str, *, values: str, decides: str, source: str) -> Any:
    """Declare one setting; `values` separates the choices by `|`, or is `seconds`."""
    return dataclasses.field(
        default=default,
        metadata={"values": tuple(values.split("|")), "decides": decides, "source": source},
    )
