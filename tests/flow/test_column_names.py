"""A column that releases of the API call differently: either name in a file, the chosen one in a request."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner

from bulkops.chunking.plan import sent_header
from bulkops.cli.main import cli
from bulkops.fixing.options import FixOptions
from bulkops.sandbox.serve import SandboxServer
from bulkops_validators import CONTRACTS, LoyaltyJoinDates
from tests.cli.running import Ended, Shell
from tests.crash.desk import Desk
from tests.unit.fixing.test_files import fixed

COLUMNS = ("joindate", "newjoindate")
JOIN_DATES = CONTRACTS["loyalty-join-dates"]
RENAMED = [(c.name, column) for c in CONTRACTS.values() for column in c.columns if column.earlier_names]


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer(rate_limit=0) as server:
        yield server


@pytest.fixture
def shell(tmp_path: Path, sandbox: SandboxServer) -> Shell:
    return Shell(state=tmp_path / "state", base_url=sandbox.base_url)


def join_dates(folder: Path, column: str, records: int = 5) -> Path:
    path = folder / f"{column}.csv"
    lines = "".join(f"customer-{n:04},2024-05-{n:02}T10:00:00Z\n" for n in range(1, records + 1))
    path.write_text(f'customerprofileid,"{column}"\r\n{lines}')
    return path


def imported(shell: Shell, file: Path, *words: str) -> Ended:
    return shell.run("import", "loyalty-join-dates", str(file), "--program", "1", "--yes", "--json", *words)


def test_every_earlier_name_has_an_option_and_is_known_to_the_read_back() -> None:
    assert RENAMED
    for name, column in RENAMED:
        contract = CONTRACTS[name]
        (option,) = (option for option in contract.options if option.column == column.name)
        assert option.choices == (column.name, *column.earlier_names)
        assert option.default == column.name
        for route in contract.routes:
            assert route.readback is not None
            assert [c.earlier for c in route.readback.columns if c.column == column.name] == [column.earlier_names]


@pytest.mark.parametrize("written", COLUMNS)
@pytest.mark.parametrize("expected", COLUMNS)
def test_either_name_in_a_file_is_sent_as_the_option_says(
    written: str, expected: str, shell: Shell, sandbox: SandboxServer, tmp_path: Path
) -> None:
    file = join_dates(tmp_path, written)
    sandbox.set_assumptions(f"join_date_column={expected}")
    ended = imported(shell, file, "--join-date-column", expected, "--reconcile", "--max-rows", "2")
    assert (ended.code, ended.json["records"]["accepted"]) == (0, 5), ended.err
    assert ended.json["reconciliation"]["verdict"] == "proved"
    again = shell.run("reconcile", "loyalty-join-dates", str(file), "--program", "1", "--json")
    assert (again.code, again.json["verdict"]) == (0, "proved")


def test_newer_name_is_sent_without_the_option(shell: Shell, sandbox: SandboxServer, tmp_path: Path) -> None:
    sandbox.set_assumptions("join_date_column=joindate")
    assert imported(shell, join_dates(tmp_path, "newjoindate")).code == 0


@pytest.mark.parametrize("expected", COLUMNS)
def test_a_refusal_of_the_other_column_name_suggests_the_option(
    expected: str, shell: Shell, sandbox: SandboxServer, tmp_path: Path
) -> None:
    sent = COLUMNS[1 - COLUMNS.index(expected)]
    sandbox.set_assumptions(f"join_date_column={expected}")
    file = join_dates(tmp_path, "joindate")
    ended = imported(shell, file, "--join-date-column", sent, "--max-rows", "2", "--settle", "2")
    assert (ended.code, ended.json["records"]["rejected"]) == (1, 5)
    assert f"{sent!r} was sent. Import the file again with --join-date-column {expected}." in ended.err
    assert [chunk["attempts"] for chunk in ended.json["chunks"]] == [1, 1, 1]
    assert imported(shell, file, "--join-date-column", expected).code == 0


def test_job_that_sends_another_header_keeps_it_when_it_is_resumed(sandbox: SandboxServer, tmp_path: Path) -> None:
    desk = Desk(folder=tmp_path, base_url=sandbox.base_url)
    file = join_dates(tmp_path, "joindate")
    sandbox.set_assumptions("join_date_column=newjoindate")
    job = desk.begin(
        "loyalty-join-dates", file, {"program": 1}, max_rows=2, options={"join-date-column": "newjoindate"}
    )
    first = desk.chunks(job.id)[0]
    body = file.read_bytes().replace(b"joindate", b"newjoindate")[: first.bytes]
    assert hashlib.sha256(body).hexdigest() == first.sha256
    assert desk.resume(job)["records"]["accepted"] == 5
    same = desk.begin("loyalty-join-dates", file, {"program": 1}, options={"join-date-column": "joindate"})
    assert same.target_key == job.target_key


def test_rejected_records_are_written_with_the_header_of_the_file(
    shell: Shell, sandbox: SandboxServer, tmp_path: Path
) -> None:
    file = join_dates(tmp_path, "newjoindate")
    file.write_text(file.read_text().replace("customer-0003", "nobody-0003"))
    ended = imported(shell, file, "--max-rows", "4")
    assert (ended.json["records"]["accepted"], ended.json["records"]["rejected"]) == (4, 1)
    rejected = Path(ended.json["rejected_file"]).read_text()
    assert rejected == 'customerprofileid,"newjoindate"\nnobody-0003,2024-05-03T10:00:00Z\n'


def test_split_writes_the_header_that_an_import_sends(shell: Shell, tmp_path: Path) -> None:
    file = join_dates(tmp_path, "newjoindate")
    ended = shell.run("split", "loyalty-join-dates", str(file), "--into", str(tmp_path / "s"), "--json")
    (chunk,) = ended.json["chunks"]
    content = Path(chunk["path"]).read_bytes()
    assert content.startswith(b'customerprofileid,"joindate"\r\n')
    assert (hashlib.sha256(content).hexdigest(), len(content)) == (chunk["sha256"], chunk["bytes"])
    words = ("loyalty-join-dates", str(file), "--join-date-column", "newjoindate", "--json")
    (planned,) = json.loads(shell.run("plan", *words).out)["chunks"]
    assert planned["bytes"] == file.stat().st_size


def test_option_of_another_contract_is_refused(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "f.csv"
    file.write_text("value\nCODE-1\n")
    ended = shell.run("plan", "coupons", str(file), "--join-date-column", "newjoindate")
    assert ended.code == 2
    assert "--join-date-column is not an option of coupons" in ended.err


def test_option_of_the_environment_is_for_the_contracts_that_have_it(tmp_path: Path) -> None:
    file, environment = tmp_path / "f.csv", {"BULKOPS_JOIN_DATE_COLUMN": "newjoindate"}
    for contract, content in (("coupons", "value\nCODE-1\n"), ("loyalty-join-dates", "customerprofileid,joindate\n")):
        file.write_text(content)
        words = ["split", contract, str(file), "--into", str(tmp_path / contract)]
        ended = CliRunner().invoke(cli, words, env=environment)
        assert ended.exit_code == 0, ended.output
    (written,) = (tmp_path / "coupons").iterdir()
    assert written.read_text() == "value\nCODE-1\n"


@pytest.mark.parametrize("column", COLUMNS)
def test_fix_and_the_model_do_not_rename_either_column_name(column: str) -> None:
    data = f"customerprofileid,{column}\nc1,2024-01-01T00:00:00Z\n".encode()
    assert fixed(data, contract="loyalty-join-dates") == (data, [], fixed(data, contract="loyalty-join-dates")[2])
    spelt = data.replace(column.encode(), column.title().encode())
    assert fixed(spelt, FixOptions(), contract="loyalty-join-dates")[0] == data
    frame = pl.DataFrame({"customerprofileid": ["c1"], column: ["2024-01-01T00:00:00Z"]})
    assert LoyaltyJoinDates.validate(frame).columns == frame.columns


@pytest.mark.parametrize(
    ("header", "sent"),
    [
        (b"a,newjoindate\n", b"a,joindate\n"),
        (b'"newjoindate","a,newjoindate"\r\n', b'"joindate","a,newjoindate"\r\n'),
        (b"newjoindate2,b", b"newjoindate2,b"),
        (b" newjoindate\n", b" newjoindate\n"),
    ],
)
def test_only_the_name_of_the_column_is_replaced_in_a_header(header: bytes, sent: bytes) -> None:
    assert sent_header(header, {"newjoindate": "joindate"}) == sent
    assert sent_header(header, {}) == header
