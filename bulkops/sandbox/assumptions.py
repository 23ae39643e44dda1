"""The open questions of the API documentation, as settings of a sandbox and as the table of the documentation."""

import dataclasses
from collections.abc import Iterable
from pathlib import Path

from bulkops.errors import UsageError
from bulkops.sandbox.open_imports import OpenImports
from bulkops.sandbox.open_questions import SECONDS
from bulkops.sandbox.open_reads import OpenReads


@dataclasses.dataclass(frozen=True)
class Assumptions(OpenReads, OpenImports):
    """One value for every open question."""

    @property
    def lag(self) -> float:
        """Seconds until reads show the rows of an import."""
        return float(self.export_lag)

    def with_values(self, pairs: Iterable[str]) -> "Assumptions":
        """Return a copy changed by `NAME=VALUE` texts; an unknown name or value raises `UsageError`."""
        changes: dict[str, str] = {}
        known = {field.name: field for field in dataclasses.fields(self)}
        for pair in pairs:
            name, _, value = pair.partition("=")
            if name not in known:
                raise UsageError(
                    f"The sandbox has no assumption {name!r}.", hint="docs/reference/assumptions.md lists all of them."
                )
            changes[name] = _checked(name, value, known[name].metadata["values"])
        return dataclasses.replace(self, **changes)


def _checked(name: str, value: str, values: tuple[str, ...]) -> str:
    if values == (SECONDS,):
        if value.replace(".", "", 1).isdigit():
            return value
        raise UsageError(f"The assumption {name} takes a number of seconds, not {value!r}.")
    if value not in values:
        raise UsageError(f"The assumption {name} takes {' or '.join(values)}, not {value!r}.")
    return value


def table() -> str:
    """Return the settings as a Markdown table, one line each, in the order they are declared."""
    lines = ["| setting | values (default first) | decides | source |", "|---|---|---|---|"]
    for field in dataclasses.fields(Assumptions):
        values = field.metadata["values"]
        default = str(field.default)
        shown = (f"`{default}` (seconds)",) if values == (SECONDS,) else _default_first(default, values)
        lines.append(
            f"| `{field.name}` | {', '.join(shown)} | {field.metadata['decides']} | {field.metadata['source']} |"
        )
    return "\n".join(lines) + "\n"


def _default_first(default: str, values: tuple[str, ...]) -> tuple[str, ...]:
    return (f"`{default}`", *(f"`{value}`" for value in values if value != default))


BEGIN = "<!-- table: begin -->\n"
END = "<!-- table: end -->\n"


def refreshed(page: str) -> str:
    """Return the page `docs/reference/assumptions.md` with its table replaced by the current one."""
    before, rest = page.split(BEGIN)
    return before + BEGIN + table() + END + rest.split(END)[1]


if __name__ == "__main__":
    path = Path("docs/reference/assumptions.md")
    path.write_text(refreshed(path.read_text(encoding="utf-8")), encoding="utf-8")
