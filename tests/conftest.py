"""What tests of several folders share."""

from collections.abc import Iterator

import pytest

from tests.postgres.server import Postgres, binaries, running


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """Run a PostgreSQL server; tests are skipped where its binaries or the driver are not installed."""
    pytest.importorskip("psycopg", reason="the extra `postgres` is not installed")
    if (folder := binaries()) is None:
        pytest.skip("PostgreSQL is not installed")
    with running(folder) as server:
        yield server
