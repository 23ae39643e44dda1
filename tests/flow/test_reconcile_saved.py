"""Saved exports of all contracts on the command line: only a complete export of the right target proves an import."""

import gzip
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from bulkops.cli.main import cli
from bulkops.errors import BulkopsError
from bulkops.sandbox.serve import SandboxServer
from tests.cli.documents import check_document

SAMPLES = Path(__file__).parents[2] / "sample_data"
IDS = {
    "coupons": {"application": 1, "campaign": 1},
    "referrals": {"application": 1, "campaign": 1},
    "giveaways": {"pool": 1},
    "loyalty-points": {"program": 1},
    "loyalty-cards": {"program": 2},
    "loyalty-tiers": {"program": 1},
    "loyalty-join-dates": {"program": 1},
    "collections": {"collection": 1},
    "stores": {"application": 1, "campaign": 1},
    "store-budgets": {"application": 1, "campaign": 1},
    "audiences": {"audience": 1},
}
SAME_COLUMNS = ("collections", "stores", "store-budgets", "audiences")
EVERY = pytest.mark.parametrize("contract", IDS)


@dataclass(frozen=True)
class Said:
    """The result of a command: its document, or the error."""

    code: int
    text: str
    document: dict[str, Any] = field(default_factory=dict)

    @property
    def proved(self) -> bool:
        return self.document.get("verdict") == "proved"


def run(*words: object) -> Said:
    result = CliRunner().invoke(cli, [str(word) for word in words], standalone_mode=False)
    check_document([str(word) for word in words], result.stdout)
    if isinstance(result.exception, BulkopsError):
        return Said(result.exception.exit_code, str(result.exception))
    assert result.exception is None, result.exception
    document = json.loads(result.stdout) if "--json" in words else {}
    return Said(result.return_value or 0, result.stdout + result.stderr, document)


def options(contract: str, **other: int) -> list[str]:
    return [word for name, number in {**IDS[contract], **other}.items() for word in (f"--{name}", str(number))]


@dataclass(frozen=True)
class Saved:
    """A folder with an export of each contract, which was imported from its sample; and the jobs of the imports."""

    folder: Path
    jobs: dict[str, str]

    def export(self, contract: str) -> Path:
        return self.folder / f"{contract}.csv"


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Saved]:
    folder = tmp_path_factory.mktemp("saved")
    with pytest.MonkeyPatch.context() as patch, SandboxServer(rate_limit=0, world=SAMPLES / "world.json") as server:
        patch.setenv("BULKOPS_STATE", str(folder / "state"))
        patch.setenv("BULKOPS_MANAGEMENT_KEY", "k")
        patch.setenv("BULKOPS_BASE_URL", server.base_url)
        found = Saved(folder, {})
        for contract in IDS:
            imported = run("import", contract, sample(contract), *options(contract), "--yes", "--json")
            found.jobs[contract] = imported.document["job"]
            assert run("export", contract, *options(contract), "-o", found.export(contract)).code == 0
        yield found


def sample(contract: str) -> Path:
    return SAMPLES / f"{contract}.csv"


def compared(contract: str, export: Path, repair: Path, *more: str, file: Path | None = None) -> Said:
    return run(
        "reconcile", contract, file or sample(contract), "--export", export, "--repair", repair, "--json",
        *(more or options(contract)),
    )  # fmt: skip


def edited(path: Path, to: Path, edit: Any) -> Path:
    to.write_bytes(edit(path.read_bytes()))
    return to


@EVERY
def test_export_that_bulkops_saved_of_the_target_is_proved_with_every_id_checked(contract: str, saved: Saved) -> None:
    export = saved.export(contract)
    of_file = run("reconcile", contract, sample(contract), "--export", export, *options(contract), "--json")
    of_job = run("reconcile", "--job", saved.jobs[contract], "--export", export, "--json")
    from_target = run("reconcile", "--job", saved.jobs[contract], "--settle", "0", "--json")
    assert (of_file.code, of_job.code, from_target.code) == (0, 0, 0)
    assert [said.proved for said in (of_file, of_job, from_target)] == [True, True, True]
    assert of_file.document["unchecked"] == of_job.document["unchecked"] == {}


@EVERY
def test_export_cut_in_its_last_record_is_refused_and_no_repair_is_written(
    contract: str, saved: Saved, tmp_path: Path
) -> None:
    cut = edited(saved.export(contract), tmp_path / "cut.csv", lambda data: data[:-3])
    said = compared(contract, cut, tmp_path / "repair.csv")
    assert said.code == 1
    assert "cut.csv is not a complete export" in said.text
    assert not (tmp_path / "repair.csv").exists()


@EVERY
@pytest.mark.parametrize("appendix", ['{"message": "boom", "errors": []}\n', "<html>504</html>\n", "upstream timeout"])
def test_export_with_an_error_behind_its_rows_is_refused(
    contract: str, appendix: str, saved: Saved, tmp_path: Path
) -> None:
    bad = edited(saved.export(contract), tmp_path / "bad.csv", lambda data: data[:-40].rpartition(b"\n")[0] + b"\n")
    with bad.open("a") as file:
        file.write(appendix)
    said = compared(contract, bad, tmp_path / "repair.csv")
    assert (said.code, "is not a complete export" in said.text) == (1, True)
    assert not (tmp_path / "repair.csv").exists()


@EVERY
def test_compressed_export_that_is_cut_is_refused(contract: str, saved: Saved, tmp_path: Path) -> None:
    whole = edited(saved.export(contract), tmp_path / "whole.csv.gz", gzip.compress)
    cut = edited(whole, tmp_path / "cut.csv.gz", lambda data: data[: len(data) * 2 // 3])
    inside = edited(saved.export(contract), tmp_path / "inside.csv.gz", lambda data: gzip.compress(data[:-3]))
    for path in (cut, inside):
        assert compared(contract, path, tmp_path / "repair.csv").code in (1, 2)
        assert not (tmp_path / "repair.csv").exists()


@EVERY
def test_file_to_compare_given_as_its_own_export_is_refused(contract: str, saved: Saved, tmp_path: Path) -> None:
    itself = compared(contract, sample(contract), tmp_path / "repair.csv")
    assert itself.code == 2
    assert "is the compared file itself" in itself.text
    copies = [Path(shutil.copy(sample(contract), tmp_path / "copy.csv")),
              edited(sample(contract), tmp_path / "copy.csv.gz", gzip.compress)]  # fmt: skip
    for copy in copies:
        said = compared(contract, copy, tmp_path / "repair.csv")
        assert said.code in (1, 2)
        assert ("has the same content" if contract in SAME_COLUMNS else "column") in said.text
        assert not (tmp_path / "repair.csv").exists()


def test_import_file_given_as_an_export_names_the_columns_that_it_lacks(saved: Saved, tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_text("value,limitval\nCODE1,1\n")
    said = compared("coupons", other, tmp_path / "repair.csv")
    assert "none of the columns id, created, campaignid" in said.text


@EVERY
def test_export_of_another_target_is_refused(contract: str, saved: Saved, tmp_path: Path) -> None:
    for name in IDS[contract]:
        said = compared(contract, saved.export(contract), tmp_path / "repair.csv", *options(contract, **{name: 99}))
        assert (said.code, f"--{name}" in said.text) == (1, True)
        assert not (tmp_path / "repair.csv").exists()


@EVERY
def test_rows_confirm_the_ids_they_show_and_the_others_are_unchecked(
    contract: str, saved: Saved, tmp_path: Path
) -> None:
    moved = edited(saved.export(contract), tmp_path / "moved.csv", lambda data: data + b"")
    if contract in SAME_COLUMNS:  # in another order, so that it differs from the file
        head, *rows = moved.read_bytes().splitlines(keepends=True)
        moved.write_bytes(head + b"".join(rows[-2:] + rows[:-2]))
    shown = {"coupons": {"application", "campaign"}, "referrals": {"campaign"}, "giveaways": {"pool"}}.get(
        contract, {"program"} if contract.startswith("loyalty") and contract != "loyalty-cards" else set()
    )
    right = compared(contract, moved, tmp_path / "repair.csv")
    assert set(right.document["unchecked"]) == set(IDS[contract]) - shown
    for name in IDS[contract]:
        wrong = compared(contract, moved, tmp_path / "repair.csv", *options(contract, **{name: 99}))
        assert wrong.proved != (name in shown)
    words = run("reconcile", contract, sample(contract), "--export", moved, *options(contract)).text
    assert ("Not checked" in words) == bool(set(IDS[contract]) - shown)


def test_export_saved_from_another_deployment_is_refused_for_a_job(saved: Saved, tmp_path: Path) -> None:
    receipts = list((saved.folder / "state" / "exports").glob("*.json"))
    found = next(path for path in receipts if json.loads(path.read_text())["what"] == "audiences")
    kept = found.read_text()
    try:
        found.write_text(json.dumps({**json.loads(kept), "address": "https://elsewhere.example"}))
        said = run("reconcile", "--job", saved.jobs["audiences"], "--export", saved.export("audiences"))
    finally:
        found.write_text(kept)
    assert (said.code, "saved from https://elsewhere.example" in said.text) == (1, True)


FORMS = {
    "semicolons": (lambda data: data.replace(b",", b";"), "HDR108"),
    "UTF-16": (lambda data: data.decode().encode("utf-16"), "FIL103"),
    "UTF-16 without a mark": (lambda data: data.decode().encode("utf-16-be"), "FIL103"),
    "a sep line": (lambda data: b"sep=;\n" + data.replace(b",", b";"), "HDR109"),
    "carriage returns": (lambda data: data.replace(b"\n", b"\r"), "FIL108"),
    "a title": (lambda data: b"Report of November\n\n" + data, "the header is on line 3"),
}


@pytest.mark.parametrize(
    ("contract", "form"),  # a header of one column shows no separator
    [(c, f) for f in FORMS for c in IDS if f != "semicolons" or c not in ("collections", "stores", "audiences")],
)
def test_export_in_another_form_is_refused_with_the_cause_that_validate_names(
    contract: str, form: str, saved: Saved, tmp_path: Path
) -> None:
    edit, cause = FORMS[form]
    bad = edited(saved.export(contract), tmp_path / "bad.csv", edit)
    said = compared(contract, bad, tmp_path / "repair.csv")
    assert (said.code, said.text.count(cause)) == (1, 1)
    assert "\ufffd" not in said.text
    assert not (tmp_path / "repair.csv").exists()


def among(what: str, head: bytes) -> tuple[bytes, str]:
    """Return a line that no server writes among the rows, and the rule that names it."""
    lines = {"a header": head, "a blank line": b"\n", "a blank record": b"," * head.count(b",") + b"\n"}
    return lines[what], "HDR110" if what == "a header" else "STR103"


@EVERY
@pytest.mark.parametrize("what", ["a header", "a blank line", "a blank record"])
def test_rows_that_no_server_writes_are_the_cause_of_a_mismatch_and_no_repair_is_written(
    contract: str, what: str, saved: Saved, tmp_path: Path
) -> None:
    head, *rows = saved.export(contract).read_bytes().splitlines(keepends=True)
    line, code = among(what, head)
    bad = tmp_path / "bad.csv"
    bad.write_bytes(head + line + b"".join(rows[:-1]))
    said = compared(contract, bad, tmp_path / "repair.csv")
    assert said.code == 1
    assert (said.document["verdict"], said.document["reason"].count(code)) == ("mismatch", 1)
    assert not (tmp_path / "repair.csv").exists()


@pytest.mark.parametrize("what", ["a header", "a blank record"])
def test_rows_that_no_server_writes_are_noted_and_not_counted(what: str, saved: Saved, tmp_path: Path) -> None:
    head, *rows = saved.export("coupons").read_bytes().splitlines(keepends=True)
    more = tmp_path / "more.csv"
    more.write_bytes(head + rows[0] + among(what, head)[0] + b"".join(rows[1:]))
    said = compared("coupons", more, tmp_path / "repair.csv")
    assert (said.code, said.document["unexpected"]) == (0, 0)
    (note,) = (note for note in said.document["notes"] if "no server writes" in note)
    assert "(first: record 2)" in note


def test_export_of_attribute_values_is_refused(tmp_path: Path) -> None:
    said = run("reconcile", "attribute-values", sample("attribute-values"), "--export", sample("audiences"))
    assert (said.code, "has no export of attribute-values" in said.text) == (2, True)


@pytest.mark.parametrize("contract", SAME_COLUMNS)
def test_repair_of_a_replacing_import_is_not_written_since_it_would_remove_the_rest(
    contract: str, saved: Saved, tmp_path: Path
) -> None:
    less = edited(saved.export(contract), tmp_path / "less.csv", lambda data: data[: data[:-1].rindex(b"\n") + 1])
    said = compared(contract, less, tmp_path / "repair.csv")
    assert (said.document["missing"], said.code) == (1, 1)
    assert "would remove the others" in said.document["notes"][-1]
    assert not (tmp_path / "repair.csv").exists()


@pytest.mark.parametrize("contract", ["giveaways", "loyalty-points"])
def test_rows_that_the_server_counted_are_not_resent_if_an_export_lacks_them(
    contract: str, saved: Saved, tmp_path: Path
) -> None:
    less = edited(saved.export(contract), tmp_path / "less.csv", lambda data: data[: data[:-1].rindex(b"\n") + 1])
    repair = tmp_path / "repair.csv"
    job = ("reconcile", "--job", saved.jobs[contract], "--export", less, "--repair", repair)
    said = run(*job, "--json")
    assert said.document["missing"] == 1
    assert "the server counted" in said.document["notes"][-1]
    assert not repair.exists()


@pytest.mark.parametrize("name", ["giveaways.csv.part", "giveaways-00001-of-00003.csv", "giveaways-2-of-3.csv.gz"])
def test_export_that_is_incomplete_by_its_name_is_refused(name: str, saved: Saved, tmp_path: Path) -> None:
    pack = gzip.compress if name.endswith("gz") else bytes
    piece = edited(saved.export("giveaways"), tmp_path / name, pack)
    said = compared("giveaways", piece, tmp_path / "repair.csv")
    assert said.code == 2
    assert not (tmp_path / "repair.csv").exists()


def test_transactions_saved_without_a_filter_or_of_imports_alone_are_a_whole_export(
    saved: Saved, tmp_path: Path
) -> None:
    more = tmp_path / "more.csv"
    more.write_bytes(sample("loyalty-points").read_bytes().rstrip() + b"\n")
    head, row = more.read_bytes().splitlines(keepends=True)[:2]
    more.write_bytes(head + row * 500)
    for filters, written in ((["--type", "import"], True), ([], True), (["--created-after", "2020-01-01"], False)):
        export, repair = tmp_path / "export.csv", tmp_path / "repair.csv"
        assert run("export", "loyalty-points", "--program", "1", *filters, "-o", export).code == 0
        said = compared("loyalty-points", export, repair, file=more)
        assert said.document["missing"] > 0
        assert repair.exists() == written
        assert written or "--created-after 2020-01-01" in said.document["notes"][-2]


def test_export_with_filters_writes_no_repair(saved: Saved, tmp_path: Path) -> None:
    part = tmp_path / "part.csv"
    assert run("export", "giveaways", "--pool", "1", "--created-after", "2099-01-01", "-o", part).code == 0
    said = compared("giveaways", part, tmp_path / "repair.csv")
    assert "--created-after 2099-01-01" in said.document["notes"][-1]
    assert not (tmp_path / "repair.csv").exists()
