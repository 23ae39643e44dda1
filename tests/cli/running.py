"""The command line in a process of its own, as people and programs run it."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from bulkops.cli.main import cli
from bulkops.errors import BulkopsError
from tests.cli.documents import check_document

KEY = "key-that-nobody-may-see"
RESPONSE_TIMEOUT = "9"  # seconds; a lost request of points or giveaways is waited for as long as a response


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class Shell:
    """A state folder and the address of a target."""

    state: Path
    base_url: str = ""

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("BULKOPS_")}
        found = {
            **kept,
            "BULKOPS_STATE": str(self.state),
            "BULKOPS_MANAGEMENT_KEY": KEY,
            "BULKOPS_RESPONSE_TIMEOUT": RESPONSE_TIMEOUT,
        }
        return found | ({"BULKOPS_BASE_URL": self.base_url} if self.base_url else {})

    def start(
        self, *words: str, largest_file: int | None = None, environment: dict[str, str] | None = None
    ) -> subprocess.Popen[str]:
        """Start a command; with `largest_file` every write beyond that size fails, as on a full disk."""
        command = [sys.executable, "-m", "bulkops", *words]
        if largest_file is not None:
            limit = f"import resource, runpy, sys; resource.setrlimit(resource.RLIMIT_FSIZE, ({largest_file},) * 2); "
            command[1:3] = ["-c", limit + "sys.argv[0] = 'bulkops'; runpy.run_module('bulkops', run_name='__main__')"]
        return subprocess.Popen(
            command, env=environment or self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def ended(self, process: subprocess.Popen[str]) -> Ended:
        out, err = process.communicate(timeout=120)
        assert KEY not in out + err
        assert "Traceback" not in err
        assert isinstance(process.args, list)
        check_document([str(word) for word in process.args], out)
        return Ended(process.returncode, out, err)

    def run(self, *words: str) -> Ended:
        return self.ended(self.start(*words))

    def holds_the_key(self) -> list[Path]:
        """Return the files of the state folder that hold the key."""
        files = [path for path in self.state.rglob("*") if path.is_file()]
        return [path for path in files if KEY.encode() in path.read_bytes()]


class Inside(Shell):
    """A command line that runs in the process of the test, because starting a process takes long."""

    def run(self, *words: str) -> Ended:
        others = {name: None for name in os.environ if name.startswith("BULKOPS_")}
        ended = CliRunner().invoke(cli, words, env={**others, **self.environment}, standalone_mode=False)
        if isinstance(ended.exception, BulkopsError):
            return Ended(ended.exception.exit_code, ended.stdout, str(ended.exception))
        assert ended.exception is None, ended.exception
        check_document(["bulkops", *words], ended.stdout)
        return Ended(ended.return_value or 0, ended.stdout, ended.stderr)
