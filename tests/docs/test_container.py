"""The container of the scheduling page, with the kernel's own isolation: a user, a read-only root, only loopback."""

import ast
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import venv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.docs.test_schedule_page import INBOX, blocks, imported

ROOT = Path(__file__).parents[2]
UNIT = {"s": 1, "m": 60}


def isolates() -> bool:
    """Return whether bubblewrap can isolate a process here."""
    if shutil.which("bwrap") is None:
        return False
    command = ["bwrap", "--ro-bind", "/", "/", "--unshare-all", "--uid", "10001", "true"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


pytestmark = [
    pytest.mark.soak,
    pytest.mark.skipif(not isolates(), reason="bubblewrap is not installed, or the kernel refuses its namespaces"),
]


@dataclass(frozen=True)
class Image:
    """What the Dockerfile of the page says, with its packages installed in an environment on this machine."""

    environment: Path
    user: str
    folder: str
    variables: dict[str, str]
    entry: list[str]

    def command(self, volume: Path, *words: str) -> list[str]:
        """Return the command that runs words in the container; its volume is a folder of this machine."""
        variables = {"PATH": f"{self.environment}/bin:/usr/bin:/bin", **self.variables}
        return [
            "bwrap", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp", "--tmpfs", "/srv",
            "--ro-bind", str(self.environment), str(self.environment), "--bind", str(volume), "/srv/bulkops",
            "--unshare-all", "--uid", self.user, "--gid", self.user, "--as-pid-1", "--die-with-parent",
            "--chdir", self.folder, "--clearenv",
            *(word for name, value in variables.items() for word in ("--setenv", name, value)), *words,
        ]  # fmt: skip


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    """Build the wheel and install it as the Dockerfile does."""
    folder = tmp_path_factory.mktemp("image")
    (dockerfile,) = blocks("dockerfile")
    facts = dict(re.findall(r"^(USER|WORKDIR|ENV|ENTRYPOINT) (.+)$", dockerfile, flags=re.MULTILINE))
    packages = re.search(r'pip install --no-cache-dir "bulkops\[(.+?)\]" && useradd --uid (\d+) ', dockerfile)
    assert packages is not None
    assert packages[2] == facts["USER"]
    build = [sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    venv.create(folder / "env", with_pip=True)
    wheel = f"{next(folder.glob('*.whl'))}[{packages[1]},sandbox]"
    install = [str(folder / "env" / "bin" / "python"), "-m", "pip", "install", "-q", "--no-cache-dir", wheel]
    subprocess.run(install, check=True)
    return Image(
        environment=folder / "env",
        user=facts["USER"],
        folder=facts["WORKDIR"],
        variables=dict([facts["ENV"].split("=", 1)]),
        entry=ast.literal_eval(facts["ENTRYPOINT"]),
    )


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    """Return a volume with an inbox that contains a complete file."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "points-1.csv").write_text("customerprofileid,amount\ncustomer-0001,5\n")
    (tmp_path / "bulkops.toml").write_text(INBOX.format(folder="/srv/bulkops"))
    return tmp_path


def options() -> list[str]:
    """Return the words behind the name of the image in the `docker run` command of the page."""
    (command,) = (block for block in blocks("sh") if block.startswith("docker run"))
    words = shlex.split(command)
    assert {"--read-only", "--tmpfs"} <= set(words)
    return words[words.index("partner-inbox") + 1 :]


def until(condition: Callable[[], bool], seconds: float = 120) -> bool:
    """Wait until a condition is true; return whether it became true in time."""
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.2)
    return condition()


def first_process(outer: int) -> int | None:
    """Return the process that is number 1 in the container, which `docker stop` sends its signal to."""
    for path in Path("/proc").glob("[0-9]*/status"):
        try:
            status = path.read_text()
        except OSError:
            continue
        numbers = re.search(r"^NSpid:\t(.+)$", status, flags=re.MULTILINE)
        parent = re.search(r"^PPid:\t(\d+)$", status, flags=re.MULTILINE)
        if numbers and parent and int(parent[1]) == outer and numbers[1].split()[-1] == "1":
            return int(path.parent.name)
    return None


def test_the_container_is_isolated(image: Image, volume: Path) -> None:
    look = "id -u; touch /usr/x /opt/x 2>&1; touch /srv/bulkops/here; grep -c : /proc/net/dev"
    found = subprocess.run(image.command(volume, "sh", "-c", look), capture_output=True, text=True, check=False)
    user, *refused, networks = found.stdout.splitlines()
    assert user == image.user != "0"
    assert all("Read-only file system" in line for line in refused)
    assert len(refused) == 2
    assert networks == "1"
    assert (volume / "here").exists()


def test_sigterm_ends_the_container_between_two_passes(image: Image, volume: Path) -> None:
    words = options()
    assert int(words[-1][:-1]) * UNIT[words[-1][-1]] >= 60  # it is waiting when the signal arrives
    with subprocess.Popen(
        image.command(volume, *image.entry, *words), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        done = until(lambda: imported(volume) or running.poll() is not None)
        time.sleep(2)  # the pass ends after the file has left the inbox
        process = first_process(running.pid)
        assert done
        assert process is not None, running.communicate(timeout=60)
        os.kill(process, signal.SIGTERM)
        _, said = running.communicate(timeout=60)
    assert running.returncode == 0, said
    assert (volume / "state" / "ledger.db").is_file()


def test_another_container_continues_with_the_state_of_the_volume(image: Image, volume: Path) -> None:
    text = (volume / "in" / "points-1.csv").read_text()
    states = []
    for name in ("points-1.csv", "points-2.csv"):
        (volume / "in" / name).write_text(text)
        command = image.command(volume, *image.entry, "--json")
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stderr
        states += [file["state"] for file in json.loads(ended.stdout)["files"]]
    assert states == ["imported", "skipped"]
