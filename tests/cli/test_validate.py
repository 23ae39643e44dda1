"""`bulkops validate` as it is called: output, JSON, exit codes."""

import gzip
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bulkops.cli.main import cli
from bulkops.errors import UsageError
from tests.cli.documents import check_document

BAD = b"value,limitval\nCODE1,1\nAB,x\nCODE1,1\n"


def run(*arguments: str | Path, stdin: bytes | None = None) -> Result:
    result = CliRunner().invoke(cli, ["validate", *map(str, arguments)], input=stdin, standalone_mode=False)
    check_document(["validate", *map(str, arguments)], result.stdout)
    return result


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    path = tmp_path / "bad.csv"
    path.write_bytes(BAD)
    return path


def test_a_clean_file_ends_with_0_and_findings_with_1(tmp_path: Path, bad: Path) -> None:
    good = tmp_path / "good.csv"
    good.write_bytes(b"value\nCODE1\n")
    assert run("coupons", good).return_value == 0
    assert run("coupons", good, bad).return_value == 1
    assert run("coupons", bad, "--fail-on", "never").return_value == 0


def test_warnings_fail_only_when_asked(tmp_path: Path) -> None:
    path = tmp_path / "short.csv"
    path.write_bytes(b"value\nABC\n")
    assert run("coupons", path).return_value == 0
    assert run("coupons", path, "--fail-on", "warning").return_value == 1


def test_the_json_document_has_the_documented_shape(bad: Path) -> None:
    document = json.loads(run("coupons", bad, "--json").stdout)
    assert set(document) == {"files", "errors", "warnings"}
    (file,) = document["files"]
    assert set(file) == {
        "path", "contract", "records", "bytes", "sha256", "errors", "warnings", "counts", "findings",
    }  # fmt: skip
    assert (file["path"], file["contract"], file["records"], file["bytes"]) == (str(bad), "coupons", 3, len(BAD))
    assert file["counts"] == {"TYP101": 1, "UNQ101": 1, "COD203": 1}
    assert {"code", "name", "severity", "message", "record", "line", "byte", "column", "value"} <= set(
        file["findings"][0]
    )


def test_the_terminal_shows_place_code_and_help(bad: Path) -> None:
    lines = run("coupons", bad).stdout.splitlines()
    assert f"{bad}:3: record 2 COD203 error value 'AB' has 2 characters; the minimum is 3" in lines
    assert "    help: Use a longer code." in lines


def test_standard_input_and_compressed_files_are_read(tmp_path: Path) -> None:
    packed = tmp_path / "bad.csv.gz"
    packed.write_bytes(gzip.compress(BAD))
    for result in (run("coupons", "-", "--json", stdin=BAD), run("coupons", packed, "--json")):
        assert json.loads(result.stdout)["files"][0]["counts"] == {"TYP101": 1, "UNQ101": 1, "COD203": 1}


def test_an_unreadable_file_is_2_and_the_others_are_still_checked(tmp_path: Path, bad: Path) -> None:
    result = run("coupons", tmp_path / "gone.csv", bad, "--json")
    assert result.return_value == 2
    assert "does not exist" in result.stderr
    assert [file["errors"] for file in json.loads(result.stdout)["files"]] == [0, 3]


def test_a_folder_needs_recursive(tmp_path: Path, bad: Path) -> None:
    assert run("coupons", tmp_path).return_value == 2
    assert str(bad) in run("coupons", tmp_path, "--recursive").stdout


def test_a_damaged_archive_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "half.csv.gz"
    path.write_bytes(gzip.compress(BAD * 1000)[:100])
    result = run("coupons", path, "--json")
    assert result.return_value == 2
    assert json.loads(result.stdout)["files"][0]["counts"]["FIL110"] == 1


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA])
def test_a_damaged_member_of_an_archive_is_reported_for_each_compression(method: int, tmp_path: Path) -> None:
    path = tmp_path / "damaged.zip"
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("coupons.csv", b"value\n" + b"".join(b"CODE%d-%d\n" % (n, n * 7919) for n in range(5000)))
    content = path.read_bytes()
    path.write_bytes(content[:400] + bytes(byte ^ 0x5A for byte in content[400:900]) + content[900:])
    result = run("coupons", path, "--json")
    assert result.return_value == 2
    assert json.loads(result.stdout)["files"][0]["counts"]["FIL110"] == 1


def test_rules_are_chosen_by_prefix(bad: Path) -> None:
    assert json.loads(run("coupons", bad, "--json", "--select", "COD").stdout)["files"][0]["counts"] == {"COD203": 1}
    left = json.loads(run("coupons", bad, "--json", "--ignore", "COD", "--ignore", "repeated-key").stdout)
    assert left["files"][0]["counts"] == {"TYP101": 1}


def test_an_unknown_rule_is_a_usage_error(bad: Path) -> None:
    result = run("coupons", bad, "--select", "XYZ")
    assert "Unknown rule 'XYZ'" in str(result.exception)


def test_a_baseline_accepts_known_findings_and_lists_unused_entries(tmp_path: Path, bad: Path) -> None:
    baseline = tmp_path / "baseline.json"
    assert run("coupons", bad, "--write-baseline", baseline).return_value == 0
    assert "CODE1" not in baseline.read_text(encoding="utf-8")
    accepted = run("coupons", bad, "--baseline", baseline)
    assert accepted.return_value == 0
    assert "3 findings accepted by the baseline" in accepted.stdout
    bad.write_bytes(BAD.replace(b"AB,x", b"AC,x"))
    changed = run("coupons", bad, "--baseline", baseline, "--json")
    assert changed.return_value == 1
    document = json.loads(changed.stdout)
    assert document["files"][0]["counts"] == {"COD203": 1}
    assert document["files"][0]["suppressed"] == 2
    assert len(document["unused_baseline"]) == 1


def test_validate_as_a_process_exits_1_for_findings(bad: Path) -> None:
    command = [sys.executable, "-m", "bulkops", "validate", "coupons", str(bad), "--json"]
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == 1
    assert json.loads(done.stdout)["errors"] == 3
    assert done.stderr == b""


def test_a_baseline_never_replaces_a_file_that_is_checked(bad: Path) -> None:
    assert isinstance(run("coupons", bad, "--write-baseline", bad).exception, UsageError)
    assert bad.read_bytes() == BAD


def test_rules_can_be_listed_with_commas(bad: Path) -> None:
    document = json.loads(run("coupons", bad, "--select", "UNQ101, TYP", "--json").stdout)
    assert set(document["files"][0]["counts"]) == {"UNQ101", "TYP101"}


def in_shell(line: str, path: Path) -> subprocess.CompletedProcess[str]:
    command = ["bash", "-o", "pipefail", "-c", line, sys.executable, str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


FULL_STDOUT = (
    "bulkops: stdout cannot be written: No space left on device.\n"
    "  Free disk space there, or send the output elsewhere.\n"
)


@pytest.mark.parametrize("options", ["--json", "", "--statistics"])
def test_a_full_disk_under_stdout_is_reported_once(bad: Path, options: str) -> None:
    ended = in_shell(f'"$0" -m bulkops validate coupons "$1" {options} > /dev/full', bad)
    assert (ended.returncode, ended.stderr) == (2, FULL_STDOUT)


def test_a_reader_that_goes_away_changes_no_exit_code(tmp_path: Path) -> None:
    path = tmp_path / "many.csv"
    path.write_bytes(b"value,limitval\n" + b"CODE,x\n" * 50_000)
    ended = in_shell('"$0" -m bulkops validate coupons "$1" --max-findings 20000 | head -1', path)
    assert (ended.returncode, ended.stderr) == (1, "")
    assert ended.stdout.startswith(f"{path}:2:")


def test_a_finding_shows_its_line_with_a_mark_under_the_place(tmp_path: Path) -> None:
    path = tmp_path / "codes.csv"
    path.write_text('recipientintegrationid,value,limitval\n"Zoë\tX",CODE1,many\n', encoding="utf-8")
    ran = run("coupons", path)
    lines = ran.output.splitlines()
    at = next(i for i, line in enumerate(lines) if "TYP101" in line)
    assert lines[at + 1] == '     2 | "Zoë·X",CODE1,many'
    assert lines[at + 2] == "       | " + " " * 14 + "^"


def test_hidden_values_and_compressed_files_show_no_line(tmp_path: Path) -> None:
    path, packed = tmp_path / "codes.csv", tmp_path / "codes.csv.gz"
    path.write_text("value,limitval\nSECRET1,many\n")
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert "SECRET1" not in run("coupons", path, "--mask").output
    assert "^" not in run("coupons", packed).output


def test_a_baseline_accepts_findings_that_follow_from_another_one_by_one(tmp_path: Path) -> None:
    path, known = tmp_path / "codes.csv", tmp_path / "known.json"
    path.write_text("\n".join(["value,limitval", *(f"CODE{n};1" for n in range(50)), ""]))
    assert run("coupons", path, "--write-baseline", known).return_value == 0
    assert run("coupons", path, "--baseline", known).return_value == 0
    with path.open("a") as file:
        file.write("CODE99;1\n")
    assert run("coupons", path, "--baseline", known).return_value == 1


@pytest.mark.parametrize("form", ["text", "json", "github", "sarif"])
def test_every_format_prints_how_many_findings_a_cause_explains(tmp_path: Path, form: str) -> None:
    path = tmp_path / "codes.csv"
    path.write_text("\n".join(["value,limitval", *(f"CODE{n};1" for n in range(1234)), ""]))
    out = run("coupons", path, "--format", form)
    assert out.return_value == 1
    assert "1,234 other findings" in out.stdout or '"explains": 1234' in out.stdout
    assert "too-few-fields" not in out.stdout or form in {"text", "json"}


def test_validate_prints_how_many_findings_fix_repairs(tmp_path: Path) -> None:
    path = tmp_path / "codes.csv"
    path.write_text("value;limitval;Expires\nCODE1;1;\n\nCODE2;1.0;\nCODE1;1;\n")
    out = run("coupons", path).stdout
    assert "`bulkops fix` repairs at most 3 safely, 1 with an option that decides, 1 with --unsafe" in out
