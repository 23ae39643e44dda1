"""`bulkops plan` and `bulkops split`: the same chunks, told and written."""

import hashlib
import json
from pathlib import Path

from click.testing import CliRunner

from bulkops.cli.main import cli

FILE = 'value,attributes\nCODE-1,"{""a"": ""x\ny""}"\nCODE-2,\nCODE-3,'


def run(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(cli, list(words))
    return result.exit_code, result.output


def test_plan_tells_chunks_requests_and_least_time(tmp_path: Path) -> None:
    file = tmp_path / "f.csv"
    file.write_text("value\n" + "".join(f"CODE-{n}\n" for n in range(10)))
    code, out = run("plan", "coupons", str(file), "--max-rows", "1", "--json")
    document = json.loads(out)
    assert code == 0
    assert (document["records"], document["requests"], document["least_seconds"]) == (10, 10, 3.0)
    assert document["chunks"][1] == {"number": 2, "first_record": 2, "records": 1, "bytes": 13}


def test_split_writes_the_bytes_that_would_be_sent(tmp_path: Path) -> None:
    file = tmp_path / "f.csv"
    file.write_text(FILE)
    code, out = run("split", "coupons", str(file), "--into", str(tmp_path / "out"), "--max-rows", "1", "--json")
    chunks = json.loads(out)["chunks"]
    assert code == 0
    assert [Path(c["path"]).read_text() for c in chunks] == [
        'value,attributes\nCODE-1,"{""a"": ""x\ny""}"\n',
        "value,attributes\nCODE-2,\n",
        "value,attributes\nCODE-3,",
    ]
    assert [hashlib.sha256(Path(c["path"]).read_bytes()).hexdigest() for c in chunks] == [c["sha256"] for c in chunks]


def test_split_overwrites_nothing(tmp_path: Path) -> None:
    file = tmp_path / "f.csv"
    file.write_text(FILE)
    words = ("split", "coupons", str(file), "--into", str(tmp_path / "out"))
    assert run(*words)[0] == 0
    result = CliRunner().invoke(cli, list(words))
    assert result.exception is not None
    assert "is there already" in str(result.exception)


def test_a_replacement_is_never_split(tmp_path: Path) -> None:
    file = tmp_path / "f.csv"
    file.write_text("item\n" + "".join(f"{n}\n" for n in range(50)))
    code, out = run("plan", "collections", str(file), "--max-rows", "3", "--json")
    assert (code, json.loads(out)["requests"]) == (0, 1)
