"""Run the transcripts of pages, and write their output again.

A transcript is a `console` block after the comment `<!-- transcript -->`: commands after `$ `, each followed by its
output. All transcripts of a page run in one shell, in a folder that contains the sample data. A command that ends
in ` &` is a server; the next command waits until it has printed its address.
"""

import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "docs/tutorial/first-import.md")
BLOCK = re.compile(r"(?<=<!-- transcript -->\n\n)```console\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^\$ ((?:.*\\\n)*.*)\n", flags=re.MULTILINE)
# A page names the default port; the tests use a free one.
PORT = "8080"
BETWEEN = "-- next command --"
# Values that differ from run to run: job names, instants, and the free port.
VOLATILE = re.compile(r"\d{8}-\d{6}-[0-9a-f]{4}(?:[0-9a-f]{4})?|\d{4}-\d\d-\d\dT[\d:.]+(?:Z|\+00:00)")


def rerun(page: str, folder: Path) -> str:
    """Return the page with the output that its commands print now; text that differs only by time stays."""
    commands = [command for block in BLOCK.findall(page) for command in COMMAND.findall(block)]
    outputs = iter(_run(commands, folder)) if commands else iter(())

    def again(block: re.Match[str]) -> str:
        lines = [f"$ {command}\n{next(outputs)}" for command in COMMAND.findall(block[1])]
        text = "".join(lines)
        return block[0] if comparable(text) == comparable(block[1]) else f"```console\n{text}```"

    return BLOCK.sub(again, page)


def comparable(text: str) -> str:
    """Return a text without job names and instants."""
    return VOLATILE.sub("…", text)


def _run(commands: list[str], folder: Path) -> list[str]:
    shutil.copytree(ROOT / "sample_data", folder / "sample_data")
    programs = folder / "bin"
    programs.mkdir()
    (programs / "bulkops").write_text(f'#!/bin/sh\nexec {sys.executable} -W error -m bulkops "$@"\n')
    (programs / "bulkops").chmod(0o755)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BULKOPS_")}
    environment |= {"BULKOPS_STATE": str(folder / "state"), "PATH": f"{programs}:{os.environ['PATH']}"}
    environment |= {"PYTHONPATH": f"{ROOT}:{ROOT / 'validators'}", "COLUMNS": "100", "NO_COLOR": "1"}
    port = _free_port()
    script = f"\ncode=$?; echo; echo '{BETWEEN}'; (exit $code)\n".join(_started(command) for command in commands)
    # `$(jobs -p)` would list the jobs of a subshell, which has none, and the servers would go on.
    stop = "trap 'jobs -p >servers; kill $(cat servers) 2>/dev/null' EXIT"
    done = subprocess.run(
        ["/bin/sh", "-c", f"{stop}\n{script.replace(PORT, port)}"],
        cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", check=False,
    )  # fmt: skip
    printed = done.stdout.replace(port, PORT).replace(f"{folder}/", "")
    outputs = [output.rstrip() for output in printed.split(BETWEEN)]
    return [f"{_trimmed(output)}\n" if output else "" for output in outputs]


def _started(command: str) -> str:
    if not command.endswith(" &"):
        return command
    return f"{command.removesuffix(' &')} >started 2>&1 &\nwhile [ ! -s started ]; do sleep 0.1; done; cat started"


def _trimmed(output: str) -> str:
    return "\n".join(line.rstrip() for line in output.strip("\n").splitlines())


def _free_port() -> str:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return str(server.getsockname()[1])
