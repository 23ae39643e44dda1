"""Commands overwrite their own files, other files only with an option, and the file of a job never."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from bulkops.errors import UsageError
from bulkops.writing import whole_file
from bulkops.written import HASHED, is_ours
from tests.cli.running import Shell
from tests.crash.truth import CASES

ROOT = Path(__file__).parents[2]
BROKEN = ROOT / "sample_data" / "broken" / "coupons.csv"
GIVEAWAYS = CASES["giveaways"]


@pytest.fixture
def job_file(shell: Shell, tmp_path: Path) -> Path:
    """Return the file of a job."""
    file = GIVEAWAYS.write(tmp_path / "gifts.csv", records=5, seed=1)
    assert shell.run("import", "giveaways", str(file), "--pool", "1").code == 0
    return file


def commands(file: Path, tmp_path: Path) -> dict[str, Callable[[Path], tuple[str, ...]]]:
    """Return the commands that write a file, by name; each takes the path to write."""
    saved = tmp_path / "saved.csv"
    saved.write_text("code,startdate,enddate,attributes,importid\n")
    missing = tmp_path / "missing.csv"
    missing.write_text("code\nA\nB\n")
    compared = ("reconcile", "giveaways", str(missing), "--export", str(saved))
    return {
        "export": lambda out: ("export", "giveaways", "--pool", "1", "-o", str(out)),
        "export --tidy": lambda out: ("export", "giveaways", "--pool", "1", "--tidy", "-o", str(out)),
        "report": lambda out: ("report", "-o", str(out), "--format", "html"),
        "baseline": lambda out: ("validate", "coupons", str(BROKEN), "--write-baseline", str(out)),
        "repair": lambda out: (*compared, "--repair", str(out)),
        "fix": lambda out: ("fix", "coupons", str(BROKEN), "-o", str(out), "--log", "/dev/null"),
    }


NAMES = ("export", "export --tidy", "report", "baseline", "repair", "fix")


@pytest.mark.parametrize("name", NAMES)
def test_a_file_of_others_is_replaced_only_with_overwrite(
    name: str, shell: Shell, job_file: Path, tmp_path: Path
) -> None:
    words, out = commands(job_file, tmp_path)[name], tmp_path / "notes.txt"
    out.write_text("mine")
    refused = shell.run(*words(out))
    assert (refused.code, "--overwrite" in refused.err, out.read_text()) == (2, True, "mine"), refused.err
    assert shell.run(*words(out), "--overwrite").code in (0, 1)
    assert out.read_text() != "mine"


@pytest.mark.parametrize("name", [name for name in NAMES if name != "fix"])
def test_a_rerun_replaces_its_own_file_unless_somebody_changed_it(
    name: str, shell: Shell, job_file: Path, tmp_path: Path
) -> None:
    words, out = commands(job_file, tmp_path)[name], tmp_path / "out.txt"
    first = shell.run(*words(out))
    assert first.code in (0, 1), first.err
    assert shell.run(*words(out)).code == first.code
    with out.open("a") as file:
        file.write("signed\n")
    refused = shell.run(*words(out))
    assert (refused.code, "has changed since" in refused.err) == (2, True)
    assert out.read_text().endswith("signed\n")


@pytest.mark.parametrize("name", NAMES)
def test_the_file_of_a_job_is_never_written_over(name: str, shell: Shell, job_file: Path, tmp_path: Path) -> None:
    words, kept = commands(job_file, tmp_path)[name], job_file.read_bytes()
    hard, link = tmp_path / "hard.csv", tmp_path / "link.csv"
    hard.hardlink_to(job_file)
    link.symlink_to(job_file)
    for out in (job_file, hard, link):
        refused = shell.run(*words(out), "--overwrite")
        reasons = ("never overwritten", "would be lost", "has the suffix of a CSV file")
        assert (refused.code, any(reason in refused.err for reason in reasons)) == (2, True), refused
    link.unlink()
    hard.unlink()
    moved = job_file.rename(tmp_path / "done.csv")
    refused = shell.run(*words(moved), "--overwrite")
    later = ("is the file of job giveaways-", "has the suffix of a CSV file")
    assert (refused.code, any(reason in refused.err for reason in later)) == (2, True), refused.err
    assert moved.read_bytes() == kept
    assert not link.exists()


def test_a_job_of_another_ledger_keeps_its_file_too(shell: Shell, tmp_path: Path) -> None:
    file = GIVEAWAYS.write(tmp_path / "gifts.csv", records=5, seed=1)
    ledger = ("--ledger", str(tmp_path / "team.db"))
    assert shell.run("import", "giveaways", str(file), "--pool", "1", *ledger).code == 0
    refused = shell.run("export", "giveaways", "--pool", "1", "-o", str(file), "--overwrite", *ledger)
    assert (refused.code, "never overwritten" in refused.err) == (2, True)
    named = shell.environment | {"BULKOPS_LEDGER": str(tmp_path / "team.db")}
    words = ("validate", "coupons", str(BROKEN), "--write-baseline", str(file), "--overwrite")
    assert shell.ended(shell.start(*words, environment=named)).code == 2


@pytest.mark.parametrize("name", ["ledger.db", "ledger.db-wal", "ledger/rate", "written/x.json"])
def test_the_state_of_bulkops_is_never_written_over(name: str, shell: Shell, job_file: Path) -> None:
    path = shell.state / name
    if path.is_dir():
        path = next(path.iterdir())
    path.parent.mkdir(exist_ok=True)
    path.touch()
    kept = path.read_bytes()
    refused = shell.run("validate", "coupons", str(BROKEN), "--write-baseline", str(path), "--overwrite")
    assert (refused.code, "the state of bulkops" in refused.err) == (2, True), refused.err
    assert path.read_bytes() == kept


def test_differences_remove_and_replace_no_file_of_others(shell: Shell, tmp_path: Path) -> None:
    file, export, folder = tmp_path / "f.csv", tmp_path / "export.csv", tmp_path / "out"
    file.write_text("code\nA\nB\n")
    export.write_text("code,startdate,enddate,attributes,importid\nA,,,{},1\n")
    folder.mkdir()
    (folder / "different.csv").write_text("mine")
    words = ("reconcile", "giveaways", str(file), "--export", str(export), "--into", str(folder))
    assert shell.run(*words).code == 2
    assert {path.name: path.read_text() for path in folder.iterdir()} == {"different.csv": "mine"}
    (folder / "different.csv").unlink()
    assert shell.run(*words).code == 1
    assert [path.name for path in folder.iterdir()] == ["missing.csv"]
    export.write_text("code,startdate,enddate,attributes,importid\nA,,,{},1\nB,,,{},1\n")
    assert shell.run(*words).code == 0
    assert list(folder.iterdir()) == []


def test_a_repair_file_of_others_is_not_removed_where_nothing_is_missing(shell: Shell, tmp_path: Path) -> None:
    file, export, notes = tmp_path / "f.csv", tmp_path / "export.csv", tmp_path / "notes.csv"
    file.write_text("code\nA\n")
    export.write_text("code,startdate,enddate,attributes,importid\nA,,,{},1\n")
    notes.write_text("mine")
    words = ("reconcile", "giveaways", str(file), "--export", str(export), "--repair", str(notes))
    assert (shell.run(*words).code, notes.read_text()) == (2, "mine")
    assert (shell.run(*words, "--overwrite").code, notes.exists()) == (0, False)


def test_a_state_folder_that_cannot_be_written_breaks_no_command(tmp_path: Path) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where the state folder would be")
    shell, out = Shell(blocked / "state"), tmp_path / "baseline.json"
    assert shell.run("validate", "coupons", str(BROKEN), "--json").code == 1
    words = ("validate", "coupons", str(BROKEN), "--write-baseline", str(out))
    assert shell.run(*words).code == 0
    refused = shell.run(*words)
    assert (refused.code, "--overwrite" in refused.err) == (2, True)
    assert shell.run(*words, "--overwrite").code == 0
    assert [path.name for path in tmp_path.iterdir() if "baseline" in path.name] == ["baseline.json"]


def test_a_write_through_a_link_keeps_the_link(tmp_path: Path) -> None:
    target, link = tmp_path / "target.txt", tmp_path / "link.txt"
    link.symlink_to(target)
    for text in (b"one", b"two"):
        with whole_file(link) as file:
            file.write(text)
    assert (link.is_symlink(), target.read_bytes()) == (True, b"two")


def test_a_file_created_during_a_write_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"

    def write() -> None:
        with whole_file(path) as file:
            file.write(b"ours")
            path.write_text("mine")

    with pytest.raises(UsageError, match="bulkops did not write it"):
        write()
    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [("x.csv", "mine")]


def test_a_long_file_is_known_without_reading_it_again(tmp_path: Path) -> None:
    path = tmp_path / "x.bin"
    with whole_file(path) as file:
        file.truncate(HASHED + 1)
    assert is_ours(path)
    path.chmod(0o640)
    assert is_ours(path)
    with path.open("r+b") as file:
        file.write(b"x")
    assert not is_ours(path)


def test_an_input_that_is_called_part_is_not_touched(shell: Shell, tmp_path: Path) -> None:
    part = tmp_path / "out.json.part"
    part.write_bytes(BROKEN.read_bytes())
    words = ("validate", "coupons", str(part), "--write-baseline", str(tmp_path / "out.json"))
    assert shell.run(*words).code == 0
    assert part.read_bytes() == BROKEN.read_bytes()


def test_names_that_differ_in_case_only_are_one_output(shell: Shell, tmp_path: Path) -> None:
    words = ("fix", "coupons", str(BROKEN), "-o", str(tmp_path / "Out.csv"), "--log", str(tmp_path / "out.csv"))
    refused = shell.run(*words)
    assert (refused.code, "would be lost" in refused.err) == (2, True)


@pytest.mark.parametrize("words", [("sandbox", "--port", "0", "--data"), ("jobs", "list", "--ledger")])
def test_the_database_of_another_program_stays_as_it_is(words: tuple[str, ...], shell: Shell, tmp_path: Path) -> None:
    path = tmp_path / "theirs.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE notes (text)")
        database.commit()
    kept = path.read_bytes()
    refused = shell.run(*words, str(path))
    assert (refused.code, "database of another program" in refused.err) == (2, True), refused.err
    assert path.read_bytes() == kept
    assert [each.name for each in tmp_path.iterdir() if "theirs" in each.name] == ["theirs.db"]
