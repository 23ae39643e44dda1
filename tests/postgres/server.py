"""A PostgreSQL server of a test's own: Debian's binaries, a temporary folder, a free port of loopback."""

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

PATIENCE = 60.0


@dataclass(frozen=True)
class Postgres:
    """A running server. Its password must never be shown."""

    port: int
    password: str

    @property
    def address(self) -> str:
        return f"postgresql://bulkops:{self.password}@127.0.0.1:{self.port}/postgres"

    def new_ledger(self) -> str:
        """Return the address of a ledger that does not exist yet, in a schema of its own."""
        name = f"ledger_{secrets.token_hex(4)}"
        self.execute(f"CREATE SCHEMA {name}")
        return f"{self.address}?options=-csearch_path%3D{name}"

    def execute(self, statement: str) -> Any:
        """Execute a statement and return its first value, if it has one."""
        engine = create_engine(self.address.replace("postgresql:", "postgresql+psycopg:"), poolclass=NullPool)
        with engine.begin() as connection:
            result = connection.execute(text(statement))
            return result.scalar() if result.returns_rows else None

    def execute_alone(self, statement: str) -> None:
        """Execute a statement that cannot be part of a transaction."""
        engine = create_engine(
            self.address.replace("postgresql:", "postgresql+psycopg:"), poolclass=NullPool, isolation_level="AUTOCOMMIT"
        )
        with engine.connect() as connection:
            connection.execute(text(statement))


def binaries() -> Path | None:
    """Return the folder of the newest server's binaries; Debian keeps them out of PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    other = shutil.which("initdb")
    return Path(other).parent if other else None


@contextmanager
def running(folder: Path) -> Iterator[Postgres]:
    """Run a server as long as the context lasts."""
    with tempfile.TemporaryDirectory(prefix="bulkops-postgres-") as name:
        data = Path(name)
        # The server refuses to run as root, so root lends the folder to the user that Debian made for it.
        user = _unprivileged()
        (data / "password").write_text(secrets.token_hex(8))
        if user is not None:
            for path in (data, data / "password"):
                shutil.chown(path, user.pw_uid, user.pw_gid)
        who: dict[str, Any] = {} if user is None else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        make = ["initdb", "-D", "db", "-U", "bulkops", "-A", "scram-sha-256", "--pwfile=password", "-N", "-E", "UTF8"]
        quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": data}
        subprocess.run([folder / make[0], *make[1:], "--locale=C"], check=True, **quiet, **who)
        server = Postgres(_free_port(), (data / "password").read_text())
        # Tests kill processes, never the machine. Without waits for the disk, other writers cannot delay a test.
        unsynced = ["-c", "fsync=off", "-c", "full_page_writes=off"]
        serve = ["-D", "db", "-p", str(server.port), "-k", "", "-c", "listen_addresses=127.0.0.1", *unsynced]
        process = subprocess.Popen([folder / "postgres", *serve], **quiet, **who)
        try:
            _wait_for(server, process)
            yield server
        finally:
            process.terminate()
            process.wait()


def _unprivileged() -> pwd.struct_passwd | None:
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _wait_for(server: Postgres, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + PATIENCE
    while True:
        try:
            server.execute("SELECT 1")
        except OperationalError:
            assert process.poll() is None, "the server ended"
            assert time.monotonic() < end
            time.sleep(0.05)
        else:
            return
