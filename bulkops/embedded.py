"""The sandbox in this process: with data in the state folder for `--target sandbox`, or empty for one run."""

import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from bulkops.errors import UsageError
from bulkops.private import FILE, private_folder
from bulkops.settings import Secret, Target, state_folder

if TYPE_CHECKING:
    from bulkops.sandbox.serve import SandboxServer

EMBEDDED = "sandbox://embedded"
PATIENCE = 60.0


@contextmanager
def embedded_sandbox(ids: Mapping[str, int]) -> Iterator[Target]:
    """Yield a sandbox that stores its data in the state folder.

    BULKOPS_SANDBOX_WORLD names the initial world; it is used only if the sandbox has no data
    yet. One process at a time can use the sandbox.
    """
    server_class = _server_class()
    folder = private_folder(state_folder() / "sandbox")
    world = os.environ.get("BULKOPS_SANDBOX_WORLD")
    try:
        with (
            FileLock(folder / "sandbox.lock", timeout=PATIENCE, mode=FILE),
            server_class(data=folder / "data.db", world=Path(world) if world else None) as server,
        ):
            yield _target(server, ids, known_as=EMBEDDED)
    except Timeout:
        raise UsageError(
            "Another process is using the embedded sandbox.",
            hint="Wait for it to end, or run `bulkops sandbox` and pass its address with --base-url.",
        ) from None


@contextmanager
def fresh_sandbox(ids: Mapping[str, int], *, world: Path | None = None) -> Iterator[Target]:
    """Yield a new sandbox that stores nothing after the context.

    Its identity is unique, so that an import into an earlier sandbox does not count as an import into this one.
    """
    with _server_class()(world=world) as server:
        yield _target(server, ids, known_as=f"sandbox://{secrets.token_hex(8)}")


def _target(server: "SandboxServer", ids: Mapping[str, int], *, known_as: str) -> Target:
    return Target(
        base_url=server.base_url,
        ids=dict(ids),
        authorization=Secret("ManagementKey-v1 sandbox", name="key of the sandbox"),
        name="sandbox",
        known_as=known_as,
    )


def _server_class() -> "type[SandboxServer]":
    try:
        from bulkops.sandbox.serve import SandboxServer
    except ModuleNotFoundError as error:
        raise UsageError(
            f"The sandbox needs {error.name}.", hint="Install it: pip install 'bulkops[sandbox]'"
        ) from None
    return SandboxServer
