"""What tests of several folders share."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from bulkops.sandbox.serve import SandboxServer
from tests.cli.running import KEY, Shell
from tests.foreign.server import ForeignServer
from tests.postgres.server import Postgres, binaries, running
from tests.sampling import leave_to_soak

# A busy machine makes any example slow: no test depends on its own duration.
settings.register_profile("searching", deadline=None, suppress_health_check=[HealthCheck.too_slow])
# `make test` repeats the same examples, so that a failure comes from the change; `make soak` searches for new ones.
settings.register_profile("repeating", settings.get_profile("searching"), derandomize=True)
settings.load_profile("repeating")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave most cases of slow tests to `make soak`."""
    leave_to_soak(items)


@pytest.fixture(scope="session", autouse=True)
def interrupts() -> None:
    """Let SIGINT reach commands also where the tests run in the background of a shell, which has it ignored."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Let commands that run inside the tests keep their state in a folder of the session."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("state")
        patch.setenv("BULKOPS_STATE", str(folder))
        yield folder


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    """Run a sandbox that asks for the key and keeps to the limit."""
    with SandboxServer(key=KEY) as server:
        yield server


@pytest.fixture
def server() -> Iterator[ForeignServer]:
    """Run a server that shares no code with the sandbox."""
    with ForeignServer() as running:
        yield running


@pytest.fixture
def shell(sandbox: SandboxServer, tmp_path: Path) -> Shell:
    """Return a command line with the sandbox as target."""
    return Shell(tmp_path / "state", sandbox.base_url)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """Run a PostgreSQL server; tests are skipped where its binaries or the driver are not installed."""
    pytest.importorskip("psycopg", reason="the extra `postgres` is not installed")
    if (folder := binaries()) is None:
        pytest.skip("PostgreSQL is not installed")
    with running(folder) as server:
        yield server
