"""From the target's options to a target that can be used; starts the embedded sandbox where it is asked for."""

import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from bulkops.errors import UsageError
from bulkops.settings import (
    Secret,
    Target,
    authorization_from_environment,
    checked_base_url,
    profile_authorization,
    read_config,
    state_folder,
    target_profile,
)
from bulkops_validators.model.contract import Contract

if TYPE_CHECKING:
    from bulkops.sandbox.serve import SandboxServer

EMBEDDED = "sandbox://embedded"


@dataclass(frozen=True, kw_only=True)
class TargetChoice:
    """What the options say of the target."""

    base_url: str | None = None
    name: str | None = None
    ids: Mapping[str, int] = field(default_factory=dict)
    config: Path | None = None
    known: Target | None = None

    def with_ids(self, ids: Mapping[str, int]) -> "TargetChoice":
        """Return the same choice with other ids."""
        return replace(self, ids=dict(ids))

    def ids_for(self, contract: Contract) -> dict[str, int]:
        """Return the ids the contract's route needs; UsageError names the option of a missing one."""
        ids = {**self._profile_ids(), **self.ids}
        try:
            route = contract.route(ids)
        except LookupError as error:
            missing = " and ".join(f"--{name}" for name in error.args)
            raise UsageError(f"{contract.name} needs {missing}.") from None
        return {name: ids[name] for name in route.ids}

    def _profile_ids(self) -> Mapping[str, int]:
        if self.name is None or self.name == "sandbox":
            return {}
        return target_profile(read_config(self.config), self.name).ids

    @contextmanager
    def open(self) -> Iterator[Target]:
        """Yield the target, its key read; for `sandbox`, a server runs as long as the context does."""
        if self.known is not None:
            yield replace(self.known, ids=dict(self.ids))
            return
        if self.name and self.base_url:
            raise UsageError("--target and --base-url name the target twice.")
        if self.name == "sandbox":
            with embedded_sandbox(self.ids) as target:
                yield target
        elif self.name:
            profile = target_profile(read_config(self.config), self.name)
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
                "There is no target.",
                hint="Give --target sandbox to try it without an account, or --base-url and BULKOPS_MANAGEMENT_KEY.",
            )

    def reopen(self, identity: Mapping[str, Any]) -> "TargetChoice":
        """Return the choice for a target met before: its ids, and its address unless one was given."""
        if self.name or self.base_url:
            return self.with_ids(identity["ids"])
        if identity["base_url"] == EMBEDDED:
            return TargetChoice(name="sandbox", ids=identity["ids"], config=self.config)
        return TargetChoice(base_url=identity["base_url"], ids=identity["ids"], config=self.config)


@contextmanager
def fresh_sandbox(world: Path | None) -> Iterator[TargetChoice]:
    """Yield a choice for a sandbox that begins and ends here and keeps nothing.

    Its identity is its own, so that what an earlier one was sent is not taken for a second import.
    """
    server_class = _sandbox_server()
    with server_class(world=world) as server:
        target = Target(
            base_url=server.base_url,
            ids={},
            authorization=Secret("ManagementKey-v1 sandbox"),
            name="sandbox",
            known_as=f"sandbox://{secrets.token_hex(8)}",
        )
        yield TargetChoice(known=target)


@contextmanager
def embedded_sandbox(ids: Mapping[str, int]) -> Iterator[Target]:
    """Yield a sandbox of our own process whose data stays in the state folder.

    BULKOPS_SANDBOX_WORLD names the world of a sandbox that has no data yet. One process at a time holds it.
    """
    server_class = _sandbox_server()
    folder = state_folder() / "sandbox"
    folder.mkdir(exist_ok=True)
    world = os.environ.get("BULKOPS_SANDBOX_WORLD")
    try:
        with (
            FileLock(folder / "sandbox.lock", timeout=60),
            server_class(data=folder / "data.db", world=Path(world) if world else None) as server,
        ):
            yield Target(
                base_url=server.base_url,
                ids=dict(ids),
                authorization=Secret("ManagementKey-v1 sandbox"),
                name="sandbox",
                known_as=EMBEDDED,
            )
    except Timeout:
        raise UsageError(
            "Another process is using the embedded sandbox.",
            hint="Wait for it, or run `bulkops sandbox` and give its address with --base-url.",
        ) from None


def _sandbox_server() -> "type[SandboxServer]":
    try:
        from bulkops.sandbox.serve import SandboxServer
    except ModuleNotFoundError as error:
        raise UsageError(
            f"The sandbox needs {error.name}.", hint="Install it: pip install 'bulkops[sandbox]'"
        ) from None
    return SandboxServer
