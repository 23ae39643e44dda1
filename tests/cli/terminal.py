"""A command on a terminal of its own, which can answer questions and go away."""

import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.cli.running import KEY, Shell

PATIENCE = 120.0
ON_ITS_TERMINAL = (  # its terminal controls it, so it gets a signal when the terminal closes
    "import fcntl, runpy, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); sys.argv[0] = 'bulkops'; "
    "runpy.run_module('bulkops', run_name='__main__')"
)


@dataclass
class Terminal:
    """The other side of a terminal, and the command that runs on it."""

    process: subprocess.Popen[bytes]
    leader: int
    seen: str = ""

    @classmethod
    def running(cls, shell: Shell, *words: str, columns: int = 120, code: str = ON_ITS_TERMINAL) -> "Terminal":
        leader, follower = pty.openpty()
        process = subprocess.Popen(
            [sys.executable, "-c", code, *words],
            stdin=follower,
            stdout=follower,
            stderr=follower,
            env=shell.environment | {"COLUMNS": str(columns), "TERM": "xterm"},
            start_new_session=True,
        )
        os.close(follower)
        return cls(process, leader)

    def until(self, text: str) -> None:
        """Read until a text was seen."""
        end = time.monotonic() + PATIENCE
        while text not in self.seen:
            assert time.monotonic() < end, self.seen
            assert self._read(), self.seen

    def answer(self, text: str) -> None:
        os.write(self.leader, f"{text}\n".encode())

    def close(self) -> int:
        """Take the terminal away and return the exit code."""
        os.close(self.leader)
        return self.process.wait(timeout=PATIENCE)

    def end(self) -> int:
        """Read to the end and return the exit code."""
        while self._read():
            pass
        os.close(self.leader)
        code = self.process.wait(timeout=PATIENCE)
        assert KEY not in self.seen
        assert "Traceback" not in self.seen
        return code

    def _read(self) -> bool:
        while not select.select([self.leader], [], [], 0.1)[0]:
            if self.process.poll() is not None and not select.select([self.leader], [], [], 0.1)[0]:
                return False
        try:
            data = os.read(self.leader, 4096)
        except OSError:  # Linux says so when the other side is gone
            return False
        self.seen += data.decode(errors="replace").replace("\r\n", "\n")
        return bool(data)


def asked(
    shell: Shell, *words: str, question: str, answer: str, meanwhile: Callable[[], object] = bool
) -> tuple[int, str]:
    """Run a command that asks; return its exit code and all that was seen."""
    terminal = Terminal.running(shell, *words)
    terminal.until(question)
    meanwhile()
    terminal.answer(answer)
    return terminal.end(), terminal.seen
