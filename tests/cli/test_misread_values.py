"""Values that a reader takes for something else than the file says: each command reports them, for every contract."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bulkops.cli.main import cli
from bulkops.sandbox.serve import SandboxServer
from bulkops_validators import CONTRACTS
from bulkops_validators.model.cells import IdList, Number, Text
from bulkops_validators.model.contract import Contract
from tests.cli.documents import check_document
from tests.cli.running import Shell

ALL = pytest.mark.parametrize("contract", CONTRACTS.values(), ids=lambda contract: contract.name)
PROGRAM = ("--program", "1")


def run(*arguments: str | Path) -> Result:
    result = CliRunner().invoke(cli, list(map(str, arguments)), standalone_mode=False)
    check_document(list(map(str, arguments)), result.stdout)
    return result


def code_of(result: Result) -> int:
    """Return the exit code of a command; errors carry their own."""
    if result.exception is not None:
        return int(result.exception.exit_code)  # type: ignore[attr-defined] # a BulkopsError
    return int(result.return_value)


def counts(contract: Contract, file: Path) -> dict[str, int]:
    found: dict[str, int] = json.loads(run("validate", contract.name, file, "--json").stdout)["files"][0]["counts"]
    return found


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BULKOPS_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("BULKOPS_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("BULKOPS_MANAGEMENT_KEY", "key")


def ids_of(contract: Contract) -> list[str]:
    """Return options for the ids that a contract needs."""
    return [f"--{name}=1" for name in contract.routes[0].ids]


def columns_of(contract: Contract) -> tuple[str, ...]:
    """Return the columns of a small file: those that are expected, a number, one of those that exclude each other."""
    alternatives = {name for exclusive in contract.exclusive if exclusive.whole_file for name in exclusive.columns[:1]}
    wanted = {*contract.required_names, *(c.name for c in contract.columns if c.recommended), *alternatives}
    return tuple(c.name for c in contract.columns if c.name in wanted or isinstance(c.cell, Number))


def record_of(contract: Contract, number: int, **cells: str) -> str:
    """Return a sound record of a small file."""
    made = []
    for name in columns_of(contract):
        column = contract.column(name)
        made.append(cells.get(name) or (f"NAME{number:04d}" if isinstance(column.cell, Text) else column.example))
    return ",".join(made)


def written(path: Path, contract: Contract, records: list[str]) -> Path:
    path.write_text("".join(f"{line}\n" for line in (",".join(columns_of(contract)), *records)))
    return path


def small(contract: Contract) -> list[str]:
    return [record_of(contract, number) for number in range(30)]


@ALL
def test_the_small_files_of_these_tests_have_no_finding(contract: Contract, tmp_path: Path) -> None:
    assert counts(contract, written(tmp_path / "f.csv", contract, small(contract))) == {}


def with_header(contract: Contract) -> list[str]:
    records = small(contract)
    return [*records[:10], ",".join(columns_of(contract)), *records[10:], ",".join(columns_of(contract))]


def with_swallowed(contract: Contract) -> list[str]:
    records = small(contract)
    first, _, last = records[5].rpartition(",")
    records[5] = f'{first},"{last}' if first else f'"{last}'
    records[20] += '"'
    return records


MISREAD = {"HDR110": with_header, "STR109": with_swallowed}


def export_header(contract: Contract) -> str:
    """Return the header of an export: what only an export shows, and the columns that are compared."""
    readback = contract.routes[0].readback
    assert readback is not None
    return ",".join(dict.fromkeys([*readback.own_columns, *(column.found[0] for column in readback.columns)]))


@ALL
@pytest.mark.parametrize("rule", MISREAD)
def test_misread_records_stop_every_command(contract: Contract, rule: str, tmp_path: Path) -> None:
    file = written(tmp_path / "f.csv", contract, MISREAD[rule](contract))
    validated = run("validate", contract.name, file)
    assert (code_of(validated), rule in validated.stdout) == (1, True)
    (tmp_path / "bulkops.toml").write_text(f'[check]\n{contract.name} = ["f.csv"]\n')
    checked = run("--config", tmp_path / "bulkops.toml", "check", file)
    assert (code_of(checked), rule in checked.stdout) == (1, True)
    imported = run("import", contract.name, file, *ids_of(contract), "--yes")
    assert code_of(imported) == 1
    assert rule in imported.stdout
    if contract.routes[0].readback is None:
        return  # the contract has no export to compare with
    export = tmp_path / "export.csv"
    export.write_text(f"{export_header(contract)}\n")
    reconciled = run("reconcile", contract.name, file, "--export", export)
    assert code_of(reconciled) == 1
    assert rule in str(reconciled.exception)


@ALL
def test_a_safe_fix_takes_a_header_out_of_the_records(contract: Contract, tmp_path: Path) -> None:
    file, fixed = written(tmp_path / "f.csv", contract, with_header(contract)), tmp_path / "fixed.csv"
    assert code_of(run("fix", contract.name, file, "-o", fixed)) == 0
    assert fixed.read_bytes() == written(tmp_path / "sound.csv", contract, small(contract)).read_bytes()
    changes = [json.loads(line) for line in (tmp_path / "fixed.csv.changes.jsonl").read_text().splitlines()]
    assert [(change["code"], change["record"], change["after"]) for change in changes] == [
        ("HDR110", 11, ""),
        ("HDR110", 32, ""),
    ]


@pytest.mark.parametrize(
    "parts",
    [
        b"Value;LimitVal\nCODE1;1\nValue;LimitVal\nCODE2;2\nvalue;limitval\nCODE3;3\n",
        b'value,limitval\nCODE1,1\n\xef\xbb\xbfvalue,limitval\nCODE2,2\n\xef\xbb\xbf"value","limitval"\nCODE3,3\n',
    ],
    ids=["own spelling", "byte order marks"],
)
@pytest.mark.parametrize("unsafe", [(), ("--unsafe",)], ids=["safe", "unsafe"])
def test_headers_of_files_put_together_are_taken_out_as_they_are_spelt(
    parts: bytes, unsafe: tuple[str, ...], tmp_path: Path
) -> None:
    file, fixed = tmp_path / "f.csv", tmp_path / "fixed.csv"
    file.write_bytes(parts)
    assert counts(CONTRACTS["coupons"], file)["HDR110"] == 2
    run("fix", "coupons", file, "-o", fixed, *unsafe)
    assert fixed.read_text() == "value,limitval\nCODE1,1\nCODE2,2\nCODE3,3\n"


def test_a_header_in_a_file_of_one_column_ends_no_command_early(tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_text("item\nx\n\n")
    file = tmp_path / "f.csv"
    file.write_text("item\na\nitem\nb\nitem\n")
    result = run("validate", "collections", file, other, "--json")
    assert [report["counts"] for report in json.loads(result.stdout)["files"]] == [
        {"HDR110": 2, "UNQ101": 1},
        {"STR108": 1},
    ]


def test_a_value_equal_to_its_column_name_is_imported_if_accepted(
    shell: Shell, sandbox: SandboxServer, tmp_path: Path
) -> None:
    file = tmp_path / "f.csv"
    file.write_text("item\nbundle\nitem\n")
    words = ("import", "attribute-values", str(file), "--attribute", "1", "--yes")
    refused = shell.run(*words)
    assert (refused.code, "add --accept HDR110" in refused.err) == (1, True)
    assert sandbox.requests == []
    assert shell.run(*words, "--accept", "header-among-records").code == 0


POINTS = "customerprofileid,amount\nCUST1,1.500\nCUST2,2.000\nCUST3,12.750\nCUST4,7\n"
DECIMALS = {
    "coupons": ("discountlimit", ("--application", "1", "--campaign", "1")),
    "loyalty-points": ("amount", PROGRAM),
    "store-budgets": ("limit", ("--application", "1", "--campaign", "1")),
}


def test_the_contracts_with_decimal_numbers_are_those_tested_here() -> None:
    found = {name for name, contract in CONTRACTS.items() if any(isinstance(c.cell, Number) for c in contract.columns)}
    assert found == set(DECIMALS)


@pytest.mark.parametrize("name", DECIMALS)
def test_three_decimals_throughout_stop_an_import_until_they_are_accepted(
    name: str, shell: Shell, sandbox: SandboxServer, tmp_path: Path
) -> None:
    contract, (column, ids) = CONTRACTS[name], DECIMALS[name]
    numbers = ("1.500", "2.000", "12.000", "7", "900")
    records = [record_of(contract, n, **{column: number}) for n, number in enumerate(numbers)]
    file = written(tmp_path / "f.csv", contract, records)
    validated = shell.run("validate", name, str(file), "--json")
    assert (validated.code, validated.json["files"][0]["counts"]["VAL115"]) == (0, 1)
    words = ("import", name, str(file), *ids, "--yes")
    for refused in (shell.run(*words), shell.run(*words, "--dry-run"), shell.run(*words, "--again", "--allow-empty")):
        assert refused.code == 5
        assert "give --accept VAL115" in refused.err
        assert f"{column} '1.500'" in refused.err
    assert shell.run(*words, "--json").json["error"]["exit"] == 5
    assert [request for request in sandbox.requests if request.method == "POST"] == []
    assert shell.run("jobs", "list", "--json").json == {"jobs": []}


@pytest.mark.parametrize("word", ["VAL115", "val115", "three-decimals-throughout", "HDR110,VAL115"])
def test_accepted_decimals_are_imported_and_the_proof_accepts_them_too(
    word: str, shell: Shell, sandbox: SandboxServer, tmp_path: Path
) -> None:
    file = tmp_path / "f.csv"
    file.write_text(POINTS)
    words = ("import", "loyalty-points", str(file), *PROGRAM, "--yes", "--settle", "0.5", "--reconcile", "--json")
    ended = shell.run(*words, "--accept", word)
    assert (ended.code, ended.json["reconciliation"]["verdict"]) == (0, "proved")
    assert ended.json["reconciliation"]["notes"] == []
    again = shell.run("reconcile", "--job", ended.json["job"], "--settle", "0.5", "--json")
    assert (again.code, again.json["notes"]) == (0, [])


@pytest.mark.parametrize("word", ["TYP101", "COD101", "NOPE", "XLS103"])
def test_accept_of_a_rule_that_cannot_be_accepted_is_a_usage_error(word: str, tmp_path: Path) -> None:
    file = tmp_path / "f.csv"
    file.write_text(POINTS)
    result = run("import", "loyalty-points", file, *PROGRAM, "--accept", word)
    assert code_of(result) == 2
    assert "VAL115 (three-decimals-throughout)" in str(result.exception)


def test_a_comparison_reports_how_three_decimals_were_read(tmp_path: Path) -> None:
    file, export = tmp_path / "f.csv", tmp_path / "export.csv"
    file.write_text("store_integration_id,limit\nSTORE-1,1.000\n")
    export.write_text("store_integration_id,limit\nSTORE-1,1\n")
    found = json.loads(run("reconcile", "store-budgets", file, "--export", export, "--json").stdout)
    assert found["verdict"] == "proved"
    assert found["notes"] == [
        (
            "1 x limit compared as a decimal number, although every number of the column has three decimals "
            "(first: record 1)."
        )
    ]
    accepted = run("reconcile", "store-budgets", file, "--export", export, "--json", "--accept", "VAL115")
    assert json.loads(accepted.stdout)["notes"] == []


def test_a_recipe_accepts_a_rule_for_a_step(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text(POINTS)
    step = {"contract": "loyalty-points", "file": "f.csv", "ids": {"program": 1}}
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(json.dumps({"name": "points", "steps": [step]}))
    refused = shell.run("run", str(recipe), "--settle", "0.5", "--json")
    assert refused.code == 5
    assert "`accept: VAL115` in the step" in refused.json["steps"][0]["error"]["hint"]
    recipe.write_text(json.dumps({"name": "points", "steps": [{**step, "accept": "VAL115"}]}))
    assert shell.run("run", str(recipe), "--settle", "0.5", "--json").code == 0
    recipe.write_text(json.dumps({"name": "points", "steps": [{**step, "accept": ["TYP101"]}]}))
    assert shell.run("run", str(recipe), "--settle", "0.5", "--json").code == 2


def id_columns(contract: Contract) -> list[str]:
    """Return the columns of ids and codes that may hold digits alone."""
    return [c.name for c in contract.columns if isinstance(c.cell, Text | IdList) and c.name in columns_of(contract)]


@ALL
def test_ids_that_were_made_numbers_are_reported_and_restored_by_an_unsafe_fix(
    contract: Contract, tmp_path: Path
) -> None:
    for column in id_columns(contract):
        records = [record_of(contract, number, **{column: f"{100200 + number}.0"}) for number in range(40)]
        records.append(record_of(contract, 40))
        file, fixed = written(tmp_path / "f.csv", contract, records), tmp_path / "fixed.csv"
        assert counts(contract, file).get("XLS115") == 40
        run("fix", contract.name, file, "-o", fixed, "--overwrite")
        assert fixed.read_bytes() == file.read_bytes()
        run("fix", contract.name, file, "-o", fixed, "--overwrite", "--unsafe")
        assert fixed.read_text() == file.read_text().replace(".0,", ",").replace(".0\n", "\n")


def test_ids_that_were_made_numbers_stop_an_import_until_they_are_accepted(
    shell: Shell, sandbox: SandboxServer, tmp_path: Path
) -> None:
    file = tmp_path / "f.csv"
    file.write_text("customerprofileid,amount\n100200.0,5\n100201.0,5\n")
    words = ("import", "loyalty-points", str(file), *PROGRAM, "--yes", "--settle", "0.5", "--json")
    refused = shell.run(*words)
    assert (refused.code, "--accept XLS115" in refused.err) == (5, True)
    assert shell.run(*words, "--accept", "id-with-decimals").code == 0


@pytest.mark.parametrize(
    ("sent", "found", "verdict"),
    [
        ("\ufeffCODE1", "CODE1", "mismatch"),
        ("CODE1", "\ufeffCODE1", "mismatch"),
        ("\ufeffCODE1", "\ufeffCODE1", "proved"),
    ],
)
def test_a_byte_order_mark_in_front_of_a_key_is_compared(sent: str, found: str, verdict: str, tmp_path: Path) -> None:
    file, export = tmp_path / "f.csv", tmp_path / "export.csv"
    file.write_text(f"value\n{sent}\nCODE2\n", encoding="utf-8")
    export.write_text(f"value,importid\n{found},1\nCODE2,1\n", encoding="utf-8")
    result = run("reconcile", "coupons", file, "--export", export, "--json")
    assert json.loads(result.stdout)["verdict"] == verdict


@pytest.mark.parametrize("contract", ["audiences", "coupons", "giveaways"])
def test_a_byte_order_mark_in_front_of_the_first_record_is_imported_and_proved_as_it_is(
    contract: str, shell: Shell, tmp_path: Path
) -> None:
    column = CONTRACTS[contract].column_names[0]
    file = tmp_path / "f.csv"
    file.write_text(f"{column}\n\ufeffNAME-1\nNAME-2\n", encoding="utf-8")
    ids = [word for name in CONTRACTS[contract].routes[0].ids for word in (f"--{name}", "1")]
    lifted = ("--max-removals", "100%", "--settle", "0.5", "--reconcile", "--json")
    ended = shell.run("import", contract, str(file), *ids, "--yes", *lifted)
    assert (ended.code, ended.json["reconciliation"]["verdict"]) == (0, "proved"), ended.err
