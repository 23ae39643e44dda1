"""The commands of the page about clusters start a cluster and use it; its table has the messages of the program."""

import os
import re
import shlex
import socket
import subprocess
import sys
from pathlib import Path

from tests.cluster.clusters import ProcessCluster

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "how-to" / "cluster.md").read_text(encoding="utf-8")
CONFIG = """
[check]
coupons = "*.csv"

[inbox.partner]
folder = "in"
target = "sandbox"

[[inbox.partner.files]]
match = "*.csv"
contract = "coupons"
ids = {application = 1, campaign = 1}
"""
SAMPLE = ROOT / "sample_data" / "broken" / "coupons.csv"


def free_port() -> str:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return str(server.getsockname()[1])


def test_commands_and_the_example_in_python_give_the_report_of_one_machine(tmp_path: Path) -> None:
    port, folder = free_port(), tmp_path / "shared"
    folder.mkdir()
    (folder / "coupons.csv").write_bytes(SAMPLE.read_bytes())
    page = PAGE.replace("8786", port).replace("/shared", str(folder))
    (folder / "export.csv").write_text("id,value,importid\n1,CODE-1,7\n")
    recipe = (ROOT / "recipes" / "gift-cards.yaml").read_text(encoding="utf-8")
    (folder / "codes.yaml").write_text(recipe.replace("../sample_data", str(ROOT / "sample_data")))
    (folder / "in").mkdir()
    (folder / "bulkops.toml").write_text(CONFIG)
    starts = re.findall(r"^(?:\S+=\S+ )?dask .*", page, flags=re.MULTILINE)
    commands = re.findall(r"^bulkops .*", page, flags=re.MULTILINE)
    assert len(commands) > 1
    # The first pass creates the ledger, and prints its path.
    environment = {**os.environ, "BULKOPS_STATE": str(tmp_path / "state")}
    subprocess.run([sys.executable, "-m", "bulkops", "inbox"], cwd=folder, env=environment, check=True)
    (example,) = re.findall(r"^```python\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL)
    cluster = ProcessCluster(tmp_path, address=f"tcp://127.0.0.1:{port}")
    try:
        for line in starts:
            variables, _, words = line.partition("dask ")
            cluster.start(shlex.split(words), **dict(pair.split("=") for pair in variables.split()))
        cluster.wait_for_workers(2)
        for line in commands:
            command = [sys.executable, "-m", *shlex.split(line)]
            alone = [word for word in command if word not in {"--cluster", cluster.address}]
            there, here = (
                subprocess.run(words, cwd=folder, capture_output=True, check=False, env=environment)
                for words in (command, alone)
            )
            assert (there.returncode, there.stderr, there.stdout) == (here.returncode, here.stderr, here.stdout)
            expected = 1 if {"validate", "check", "reconcile"} & {*command} else 0
            assert (there.returncode, bool(there.stdout)) == (expected, True)
        found: dict[str, object] = {}
        exec(example, found)
        assert str(found["report"]).startswith("ValidationReport(1 files, 39 records")
    finally:
        cluster.end()


def test_table_of_messages_has_the_messages_of_the_program() -> None:
    files = (
        "cluster.py", "mapping/on_cluster.py", "mapping/range_mapping.py", "reading/sources.py",
        "validation/on_cluster.py", "validation/range_check.py",
    )  # fmt: skip
    program = " ".join((ROOT / "bulkops" / name).read_text(encoding="utf-8") for name in files)
    table = PAGE[PAGE.index("| message |") :]
    messages = re.findall(r"^\| (?!message|---)(.*?) \|", table, flags=re.MULTILINE)
    assert len(messages) == 11
    for message in messages:
        for part in filter(None, (part.strip(" ;:") for part in message.replace("60", "…").split("…"))):
            assert part in program, part
