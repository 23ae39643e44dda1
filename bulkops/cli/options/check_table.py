"""The `[check]` table of the configuration: the files of each contract, and how to validate them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from bulkops.cli.output.console import console
from bulkops.cli.output.validation_output import CASES, FAIL_ON
from bulkops.configuration import Configuration
from bulkops.errors import UsageError
from bulkops.reading.sources import limited
from bulkops.wording import guess
from bulkops_validators import CONTRACTS

LISTS = ("select", "ignore")
CHOICES = {"case": CASES, "fail-on": FAIL_ON}
TEXTS = ("baseline", "account", "max-age")
KEYS = (*LISTS, *CHOICES, *TEXTS)


@dataclass(frozen=True, kw_only=True)
class CheckTable:
    """The table as read. `name_in_messages` is its name in messages."""

    name_in_messages: str
    folder: Path
    patterns: Mapping[str, tuple[str, ...]]
    select: tuple[str, ...]
    ignore: tuple[str, ...]
    case: str | None
    fail_on: str | None
    baseline: Path | None
    account: Path | None = None
    max_age: str | None = None

    @classmethod
    def of(cls, config: Configuration) -> Self:
        """Return the table; UsageError if it is missing or has an unknown key or an invalid value."""
        table, called = config.tables.get("check", {}), config.called("check")
        if unknown := sorted(set(table) - set(CONTRACTS) - set(KEYS)):
            raise UsageError(
                f"{called} has the unknown key {unknown[0]!r}; keys are contracts and options.",
                hint=guess(unknown[0], [*CONTRACTS, *KEYS]),
            )
        patterns = {name: _texts(table, name, called) for name in table if name in CONTRACTS}
        if not patterns:
            raise UsageError(
                "The configuration maps no files to contracts.", hint="Add a [check] table to bulkops.toml."
            )
        baseline, account, max_age = (_text(table, name, called) for name in TEXTS)
        return cls(
            name_in_messages=called,
            folder=config.folder,
            patterns=patterns,
            select=_texts(table, "select", called),
            ignore=_texts(table, "ignore", called),
            case=_choice(table, "case", called),
            fail_on=_choice(table, "fail-on", called),
            baseline=config.folder / baseline if baseline else None,
            account=config.folder / account if account else None,
            max_age=max_age,
        )

    def files(self) -> dict[str, list[Path]]:
        """Return the files of each contract; UsageError for a file of two contracts.

        A pattern that matches no file prints a warning.
        """
        owners: dict[Path, str] = {}
        found: dict[str, list[Path]] = {}
        for contract, listed in self.patterns.items():
            for pattern in listed:
                files = self._matching(contract, pattern)
                if not files:
                    console().note(f"Warning: {self.name_in_messages} {contract}: no file matches {pattern!r}.")
                for path in files:
                    if owners.setdefault(path, contract) != contract:
                        raise UsageError(f"{self.name_in_messages} maps {path} to {owners[path]} and to {contract}.")
            found[contract] = sorted(path for path, owner in owners.items() if owner == contract)
        return found

    def _matching(self, contract: str, pattern: str) -> set[Path]:
        place = f"{self.name_in_messages} {contract}: {pattern!r}"
        if not pattern.strip():
            raise UsageError(f"{place} is an empty pattern.")
        if Path(pattern).is_absolute():
            raise UsageError(f"{place} must be relative to {self.folder}.")
        try:
            return set(limited((path for path in self.folder.glob(pattern) if path.is_file()), place))
        except (ValueError, NotImplementedError, IndexError, RuntimeError) as error:
            raise UsageError(f"{place} is not a valid pattern: {error}.") from None


def _texts(table: Mapping[str, Any], key: str, called: str) -> tuple[str, ...]:
    listed = table.get(key, [])
    listed = [listed] if isinstance(listed, str) else listed
    if not isinstance(listed, list) or not all(isinstance(text, str) for text in listed):
        what = "a pattern or a list of patterns" if key in CONTRACTS else "a rule or a list of rules"
        raise UsageError(f"{called} {key} must be {what}.")
    return tuple(listed)


def _text(table: Mapping[str, Any], key: str, called: str) -> str | None:
    value = table.get(key)
    if not isinstance(value, str | None):
        what = "a duration such as 7d" if key == "max-age" else "a path"
        raise UsageError(f"{called} {key} must be {what}.")
    return value


def _choice(table: Mapping[str, Any], key: str, called: str) -> str | None:
    value = table.get(key)
    if value is not None and value not in CHOICES[key]:
        raise UsageError(f"{called} {key} must be one of {', '.join(CHOICES[key])}.")
    return value
