"""The command line starts fast, explains itself, and ends every error in a message and a documented exit code."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bulkops.sandbox.serve import SandboxServer
from tests.cli.documents import check_document
from tests.cli.running import Shell

HEAVY = (
    "polars", "numpy", "httpx", "pandera", "duckdb", "sqlalchemy", "pydantic", "filelock", "starlette",
    "bulkops.upload",
)  # fmt: skip


def bulkops(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "bulkops", *arguments], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["import", "--help"],
        ["schema", "--help"],
        ["contracts"],
        ["contracts", "coupons", "--format", "header"],
        ["rules"],
    ],
)
def test_help_imports_no_heavy_library(arguments: list[str]) -> None:
    code = (
        f"import sys; sys.argv = ['bulkops', *{arguments!r}]\n"
        "from bulkops.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code\n"
        f"print('LOADED', [m for m in {HEAVY!r} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1] == "LOADED []", done.stderr


def test_validating_starts_nothing_that_only_sending_needs(tmp_path: Path) -> None:
    file = tmp_path / "f.csv"
    file.write_text("value\nCODE-1\n")
    code = (
        f"import sys; sys.argv = ['bulkops', 'validate', 'coupons', {str(file)!r}]\n"
        "from bulkops.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code\n"
        f"sending = ('httpx', 'sqlalchemy', 'pydantic', 'filelock', 'tenacity', 'bulkops.settings', 'bulkops.upload')\n"
        "print('LOADED', [m for m in sending if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1] == "LOADED []", done.stderr


def test_mapping_starts_nothing_that_only_sending_needs(tmp_path: Path) -> None:
    recipe = tmp_path / "r.yaml"
    (tmp_path / "f.csv").write_text("Code\nCODE-1\n")
    recipe.write_text("name: r\nsteps: [{contract: coupons, source: f.csv, columns: {value: Code}}]\n")
    code = (
        f"import sys; sys.argv = ['bulkops', 'map', {str(recipe)!r}, '--into', {str(tmp_path / 'out')!r}]\n"
        "from bulkops.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code\n"
        "sending = ('httpx', 'sqlalchemy', 'pandera', 'tenacity', 'bulkops.account', 'bulkops.upload')\n"
        "print('LOADED', [m for m in sending if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1] == "LOADED []", done.stderr
    assert (tmp_path / "out" / "01-coupons.csv").read_text() == "value\nCODE-1\n"


def test_an_export_kept_as_it_comes_starts_nothing_that_only_reading_rows_needs(
    shell: Shell, sandbox: SandboxServer, tmp_path: Path
) -> None:
    words = ["bulkops", "export", "coupons", "--application", "1", "-o", str(tmp_path / "f.csv")]
    code = (
        f"import sys; sys.argv = {words!r}\n"
        "from bulkops.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code\n"
        "reading = ('polars', 'duckdb', 'pandera', 'sqlalchemy')\n"
        "print('LOADED', [m for m in reading if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=shell.environment, capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines()[-1] == "LOADED []", done.stderr
    assert (tmp_path / "f.csv").exists()


def test_every_command_has_help() -> None:
    from bulkops.cli.main import COMMANDS

    for name in COMMANDS:
        done = bulkops(name, "--help")
        assert done.returncode == 0, done.stderr
        assert len(done.stdout.splitlines()) > 3


def test_a_mistyped_contract_is_an_error_with_the_nearest_name() -> None:
    done = bulkops("contracts", "cupons")
    assert done.returncode == 2
    assert "Did you mean 'coupons'?" in done.stderr


def test_a_usage_error_under_json_is_one_document() -> None:
    done = bulkops("plan", "coupons", "/no/such/file.csv", "--json")
    assert done.returncode == 2
    assert json.loads(done.stdout)["error"]["exit"] == 2
    assert "Traceback" not in done.stderr


def test_a_missing_id_names_its_option(tmp_path: object) -> None:
    done = bulkops("import", "giveaways", __file__, "--target", "sandbox", "--yes")
    assert done.returncode == 2
    assert "--pool" in done.stderr


def test_headers_of_all_contracts_are_printed_with_their_names() -> None:
    lines = bulkops("contracts", "--format", "header").stdout.splitlines()
    assert len(lines) == 12
    assert "stores: store_integration_id" in lines
    assert bulkops("contracts", "stores", "--format", "header").stdout == "store_integration_id\n"


def test_limits_of_a_contract_are_printed_without_decimals() -> None:
    assert not [line for line in bulkops("contracts", "coupons").stdout.splitlines() if "000.0" in line]


def test_the_sandbox_prints_its_address_in_one_document() -> None:
    words = ["sandbox", "--port", "0", "--key", "sesame", "--json"]
    command = [sys.executable, "-m", "bulkops", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(5)]
        process.terminate()
        assert (process.stdout.read(), process.wait(timeout=60)) == ("", 0)
    told = json.loads("".join(lines))
    check_document(words, "".join(lines))
    assert (told["url"], told["key"]) == (f"http://127.0.0.1:{told['port']}", "sesame")
