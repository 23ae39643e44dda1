"""A replacement with a target that cannot be read before the job begins: exit 3, and a job that can be resumed."""

from pathlib import Path

import pytest

from tests.foreign.commands import bulkops
from tests.foreign.server import ForeignServer

LOGIN = (200, b"<!DOCTYPE html><html><head><title>Sign in</title></head><body></body></html>")
UNREAD = [(503, b"<html>maintenance</html>"), LOGIN]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "f.csv"
    path.write_text("item\nred\ngreen\n")
    return path


@pytest.mark.parametrize("instead", UNREAD, ids=["503", "login page"])
def test_a_replacement_with_an_unreadable_target_can_be_resumed_later(
    instead: tuple[int, bytes], server: ForeignServer, file: Path, tmp_path: Path
) -> None:
    server.world.instead = instead
    ended = bulkops(server, tmp_path / "state", "import", "collections", str(file), "--collection", "7", "--json")
    assert (ended.code, ended.json["error"]["exit"], ended.json["state"]) == (3, 3, "unfinished"), ended.err
    assert (ended.json["records"]["pending"], server.world.uploads) == (2, [])
    assert f"Resume with: bulkops jobs resume {ended.json['job']}" in ended.err
    server.world.instead = None
    resumed = bulkops(server, tmp_path / "state", "jobs", "resume", "--json")
    assert (resumed.code, resumed.json["job"], resumed.json["state"]) == (0, ended.json["job"], "done"), resumed.err
    assert [row["item"] for row in server.world.rows["collections"]] == ["red", "green"]


def test_a_replacement_repeated_while_its_target_is_unreadable_creates_no_second_job(
    server: ForeignServer, file: Path, tmp_path: Path
) -> None:
    words = ("import", "collections", str(file), "--collection", "7", "--json")
    server.world.instead = LOGIN
    job = bulkops(server, tmp_path / "state", *words).json["job"]
    again = bulkops(server, tmp_path / "state", *words)
    assert (again.code, again.json["error"]["hint"]) == (3, f"Resume it with: bulkops jobs resume {job}"), again.err
    assert "no other job was created" in again.json["error"]["message"]
    server.world.instead = None
    refused = bulkops(server, tmp_path / "state", *words)
    assert (refused.code, f"{job} already contains this file" in refused.err) == (5, True), refused.err
    assert "it overwrites newer values" not in refused.err
    server.world.instead = LOGIN
    file.write_text("item\nred\nblue\n")
    corrected = bulkops(server, tmp_path / "state", *words)
    assert (corrected.code, corrected.json["state"]) == (3, "unfinished"), corrected.err
    listed = bulkops(server, tmp_path / "state", "jobs", "list", "--json").json["jobs"]
    assert [each["job"] for each in listed] == [corrected.json["job"], job]
    server.world.instead = None
    assert bulkops(server, tmp_path / "state", "jobs", "resume", corrected.json["job"]).code == 0
    assert [row["item"] for row in server.world.rows["collections"]] == ["red", "blue"]


def test_a_resumed_replacement_still_refuses_to_remove_too_much(
    server: ForeignServer, file: Path, tmp_path: Path
) -> None:
    server.world.rows["collections"] = [{"item": f"old-{n}", "#": "1", "@": "", "!": "0"} for n in range(50)]
    server.world.instead = UNREAD[0]
    assert bulkops(server, tmp_path / "state", "import", "collections", str(file), "--collection", "7").code == 3
    server.world.instead = None
    refused = bulkops(server, tmp_path / "state", "jobs", "resume")
    assert (refused.code, "would remove 50 of the 50 rows" in refused.err) == (5, True), refused.err
    assert server.world.uploads == []


@pytest.mark.parametrize(
    "words",
    [
        ("import", "collections", "FILE", "--collection", "7", "--dry-run"),
        ("export", "collections", "--collection", "7", "-o", "OUT"),
    ],
    ids=["dry run", "export"],
)
def test_a_failed_command_that_only_reads_advises_to_run_it_again(
    words: tuple[str, ...], server: ForeignServer, file: Path, tmp_path: Path
) -> None:
    server.world.instead = UNREAD[0]
    places = {"FILE": str(file), "OUT": str(tmp_path / "out.csv")}
    ended = bulkops(server, tmp_path / "state", *(places.get(word, word) for word in words), "--json")
    assert (ended.code, ended.json["error"]["exit"]) == (3, 3), ended.err
    assert "Run the command again." in ended.json["error"]["hint"]
    assert not (tmp_path / "out.csv").exists()
    listed = bulkops(server, tmp_path / "state", "jobs", "list", "--json")
    assert listed.json == {"jobs": []}


def test_an_undo_with_an_unreadable_target_leaves_no_job(server: ForeignServer, file: Path, tmp_path: Path) -> None:
    job = bulkops(server, tmp_path / "state", "import", "collections", str(file), "--collection", "7", "--json").json
    server.world.instead = UNREAD[0]
    ended = bulkops(server, tmp_path / "state", "jobs", "undo", job["job"])
    assert (ended.code, "Run the command again." in ended.err) == (3, True), ended.err
    assert len(bulkops(server, tmp_path / "state", "jobs", "list", "--json").json["jobs"]) == 1


def test_a_refused_read_of_the_target_does_not_exit_as_unfinished(
    server: ForeignServer, file: Path, tmp_path: Path
) -> None:
    server.world.instead = (400, b'{"message": "no such collection"}')
    ended = bulkops(server, tmp_path / "state", "import", "collections", str(file), "--collection", "7", "--json")
    assert (ended.code, "Nothing was sent." in ended.err) == (2, True), ended.err
    assert bulkops(server, tmp_path / "state", "jobs", "list", "--json").json == {"jobs": []}
