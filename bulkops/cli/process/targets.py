"""Resolve the target options to a target, and start the embedded sandbox if it is chosen."""

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bulkops.cli.output.console import console
from bulkops.cli.process.parameters import id_parameter
from bulkops.errors import GuardRefused, UsageError
from bulkops.settings import Target, authorization_from_environment, checked_base_url

if TYPE_CHECKING:
    from bulkops.ledger.models import JobEntry
    from bulkops_validators.model.contract import Contract


@dataclass(frozen=True, kw_only=True)
class TargetChoice:
    """The target options. `ambient` names the parameters that the command line itself did not give."""

    base_url: str | None = None
    name: str | None = None
    ids: Mapping[str, int] = field(default_factory=dict)
    config: Path | None = None
    known: Target | None = None
    ambient: frozenset[str] = frozenset()

    @property
    def explicit(self) -> bool:
        """Whether the command line itself names the deployment, rather than the environment."""
        given = (("target_name", self.name), ("base_url", self.base_url))
        return any(value and name not in self.ambient for name, value in given)

    def address(self) -> str | None:
        """Return the target address given on the command line, in its normal form; None if it gives none."""
        if not self.explicit:
            return None
        if self.base_url:
            return checked_base_url(self.base_url)
        if self.name == "sandbox":
            from bulkops.embedded import EMBEDDED

            return EMBEDDED
        from bulkops.configuration import read_config, target_profile

        return checked_base_url(target_profile(read_config(self.config), str(self.name)).base_url)

    def at(self, known: Target) -> "TargetChoice":
        """Return a choice for an open target, with the ids of the command line."""
        ids = {name: value for name, value in self.ids.items() if id_parameter(name) not in self.ambient}
        return TargetChoice(known=known, ids=ids)

    def with_ids(self, ids: Mapping[str, int]) -> "TargetChoice":
        """Return the same choice with other ids."""
        return replace(self, ids=dict(ids))

    def ids_for(self, contract: "Contract") -> dict[str, int]:
        """Return the ids that the contract's route needs; UsageError names the option of a missing or unused id."""
        ids = self.default_ids()
        try:
            route = contract.route(ids)
        except LookupError as error:
            missing = " and ".join(f"--{name}" for name in error.args)
            raise UsageError(f"{contract.name} needs {missing}.") from None
        self.refuse_unused(route.ids, contract.name, [each.ids for each in contract.routes])
        return {name: ids[name] for name in route.ids}

    def check_ids(self, contract: "Contract") -> None:
        """Raise UsageError for an id that the contract does not use; ids may be missing."""
        routes = [route.ids for route in contract.routes]
        self.refuse_unused({name for ids in routes for name in ids}, contract.name, routes)

    def refuse_unused(self, used: Collection[str], what: str, takes: Sequence[Sequence[str]]) -> None:
        """Raise UsageError for an id of the command line that is not in `used`.

        `takes` are the allowed combinations of ids, for the hint. Ids from the environment and the configuration apply
        to all commands, so they may be unused.
        """
        for name in self.ids:
            if id_parameter(name) not in self.ambient and name not in used:
                ways = [" and ".join(f"--{each}" for each in ids) for ids in takes if ids]
                hint = f"It uses {', or '.join(ways)}." if ways else "It uses no id."
                raise UsageError(f"{what} does not use --{name} {self.ids[name]} here.", hint=hint)

    def default_ids(self) -> dict[str, int]:
        """Return the ids of the options, completed with those of the configured target."""
        return {**self._profile_ids(), **self.ids}

    def _profile_ids(self) -> Mapping[str, int]:
        if self.name is None or self.name == "sandbox":
            return {}
        from bulkops.configuration import read_config, target_profile

        return target_profile(read_config(self.config), self.name).ids

    @contextmanager
    def open(self) -> Iterator[Target]:
        """Yield the target with its key; for `sandbox`, a server runs until the context ends."""
        if self.known is not None:
            yield replace(self.known, ids=dict(self.ids))
            return
        if self.name and self.base_url:
            raise UsageError("--target and --base-url both name a target. Give one of them.")
        if self.name == "sandbox":
            from bulkops.embedded import embedded_sandbox

            with embedded_sandbox(self.ids) as target:
                yield target
        elif self.name:
            from bulkops.configuration import profile_authorization, read_config, target_profile

            profile = target_profile(read_config(self.config), self.name)
            self._name_overridden(profile.ids)
            yield Target(
                base_url=checked_base_url(profile.base_url),
                ids={**profile.ids, **self.ids},
                authorization=profile_authorization(profile, os.environ),
                name=self.name,
            )
        elif self.base_url:
            yield Target(
                base_url=checked_base_url(self.base_url),
                ids=dict(self.ids),
                authorization=authorization_from_environment(os.environ),
            )
        else:
            raise UsageError(
                "No target was given.",
                hint="Add --target sandbox to try it without an account, or --base-url and BULKOPS_MANAGEMENT_KEY.",
            )

    def _name_overridden(self, ids: Mapping[str, int]) -> None:
        """Print a note for each id of the target's table that an environment variable overrides."""
        for name, value in ids.items():
            given = self.ids.get(name, value)
            if given != value and id_parameter(name) in self.ambient:
                console().note(f"{name} {given} from the environment overrides {name} {value} of target {self.name!r}.")

    def of_job(self, job: "JobEntry") -> "TargetChoice":
        """Return the choice for a job: the given target, or else the job's own, by name if the configuration has it."""
        from bulkops.configuration import read_config

        name = job.settings.get("target_name")
        given = self.name or self.base_url
        named = not given and name is not None and name in read_config(self.config).tables.get("targets", {})
        choice = replace(self, name=str(name)) if named else self
        return choice.reopen(job.target, address=job.address)

    def reopen(self, identity: Mapping[str, Any], *, address: str) -> "TargetChoice":
        """Return the choice for the target of a job: its ids, and its address unless another was given.

        GuardRefused for an id that differs from the job's, UsageError for an id that the job does not have.
        """
        self.refuse_unused(identity["ids"], "The job", [list(identity["ids"])])
        for name, given in self.ids.items():
            if identity["ids"].get(name, given) != given:
                raise GuardRefused(
                    f"The job was started with --{name} {identity['ids'][name]}, not with --{name} {given}.",
                    hint="Remove the ids: the ledger contains those of the job.",
                )
        if self.name or self.base_url:
            return self.with_ids(identity["ids"])
        from bulkops.embedded import EMBEDDED

        if identity["base_url"] == EMBEDDED:
            return TargetChoice(name="sandbox", ids=identity["ids"], config=self.config)
        return TargetChoice(base_url=address, ids=identity["ids"], config=self.config)
