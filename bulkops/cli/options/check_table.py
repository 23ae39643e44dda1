"""The `[check]` table of the configuration: the files of each contract, and how to validate them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from bulkops.cli.output.console import console
from bulkops.configuration import Configuration, checked
from bulkops.errors import UsageError
from bulkops.reading.sources import limited
from bulkops_validators import CONTRACTS


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
        from bulkops.configuration_tables import CheckTable as Keys

        table = config.tables.get("check", {})
        keys = checked(Keys, table, config, ("check",))
        listed = keys.model_dump(by_alias=True)
        patterns = {name: tuple(listed[name]) for name in table if name in CONTRACTS}
        if not patterns:
            raise UsageError(
                "The configuration maps no files to contracts.", hint="Add a [check] table to bulkops.toml."
            )
        return cls(
            name_in_messages=config.called("check"),
            folder=config.folder,
            patterns=patterns,
            select=tuple(keys.select),
            ignore=tuple(keys.ignore),
            case=keys.case,
            fail_on=keys.fail_on,
            baseline=config.folder / keys.baseline if keys.baseline else None,
            account=config.folder / keys.account if keys.account else None,
            max_age=keys.max_age,
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
