"""The JSON document of a validation has the same bytes on one machine and on clusters of two and four workers."""

import codecs
import gzip
import re
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import zstandard

from bulkops import limits
from bulkops.sandbox.serve import SandboxServer
from bulkops.validation import on_cluster
from bulkops.validation.engine import validate_files
from bulkops.validation.settings import ValidationSettings
from bulkops_validators import CONTRACTS
from bulkops_validators.model.rules_registry import RULES
from tests.cli.running import Ended, Inside, Shell
from tests.cluster.clusters import threaded_cluster

SAMPLES = Path(__file__).parents[2] / "sample_data"
COUPONS = CONTRACTS["coupons"]
HEADER = "value,expirydate,startdate,recipientintegrationid,limitval,attributes,discountlimit\n"


@pytest.fixture(scope="module", params=[2, 4])
def address(request: pytest.FixtureRequest) -> Iterator[str]:
    """Return the address of a cluster; its ranges are so small that files of a few records have several."""
    with threaded_cluster(request.param) as found, pytest.MonkeyPatch.context() as patch:
        patch.setattr(on_cluster, "_LEAST_BYTES", 3000)
        patch.setattr(on_cluster, "_FEW_KEYS", 10)
        yield found


@pytest.fixture
def inside(tmp_path: Path) -> Inside:
    return Inside(tmp_path / "state")


AGE = re.compile(r'(?<="age_seconds": )\d+|(?<=, read )\d+ seconds?(?= ago)')


def on_both(inside: Inside, address: str, *words: str) -> Ended:
    """Return how a validation ended on the cluster, which must be how it ended here."""
    here, there = (
        # A snapshot is a second older in the later run.
        replace(ended, out=AGE.sub("0", ended.out), err=AGE.sub("0", ended.err))
        for ended in (inside.run(*words), inside.run(*words, "--cluster", address))
    )
    assert there == here
    return there


def test_json_of_the_corpus_is_identical_for_every_contract(inside: Inside, address: str) -> None:
    seen: set[str] = set()
    for name in CONTRACTS:
        ended = on_both(inside, address, "validate", name, str(SAMPLES / "broken" / f"{name}.csv"), "--json")
        seen |= ended.json["files"][0]["counts"].keys()
    assert len(seen) > 35


def multiline(count: int) -> str:
    """Return records with quoted cells that contain line ends, whole records and the quotes of JSON."""
    lines = []
    for number in range(count):
        note = "\n".join(f"CODE-{number},,,,,,\n{'x' * (number % 90)}" for _ in range(number % 4))
        lines.append(f'CODE-{number % 50},,,"{note}",{number},"{{""a"": ""{note}""}}",')
        if number % 9 == 5:
            lines.append(f'code-{number},2026-01-01T00:00:00Z,01/02/2026,"left open,1,,')
        if number % 11 == 7:
            lines.append('ODD"-1,,,"text" after,0001,{"a": "b"},1.500')
    return HEADER + "\n".join(lines) + "\n"


def odd_files(folder: Path) -> list[Path]:
    text = multiline(120)
    plain = text.encode()
    files = {
        "multiline.csv": plain,
        "no-line-end.csv": plain[:-1],
        "crlf.csv": text.replace("\n", "\r\n").encode(),
        "returns.csv": text.replace("\n", "\r").encode(),
        "mark.csv": codecs.BOM_UTF8 + plain,
        "wide.csv": text.encode("utf-16"),
        "latin.csv": text.replace("x", "é").encode("latin-1"),
        "nul.csv": plain.replace(b"xxx", b"x\0\xffx"),
        "open.csv": (HEADER + 'CODE-1,,,"' + "never closed,,\n" * 300).encode(),
        "blank.csv": plain + b"\n" * 900,
        "total.csv": plain + b"Total,,,,,,\n",
        "header.csv": HEADER.encode(),
        "empty.csv": b"",
        "zeros.csv": (
            "value\n" + "".join(f"{n:08d}\n{n}\n" if n % 20 == 0 else f"{n:08d}\n" for n in range(300))
        ).encode(),
        "preamble.csv": b"A title\n\n" + plain,
        "markup.csv": b"<html>",
        "semicolons.csv": text.replace(",", ";").encode(),
        "gzipped.csv.gz": gzip.compress(plain),
        "frames.csv.zst": zstandard.compress(plain),
        "damaged.csv.gz": gzip.compress(plain)[:-20],
    }
    for name, data in files.items():
        (folder / name).write_bytes(data)
    with zipfile.ZipFile(folder / "members.zip", "w") as archive:
        archive.writestr("a.csv", plain)
        archive.writestr("b/c.csv", plain)
    return [*(folder / name for name in files), folder / "members.zip", folder / "missing.csv"]


def test_json_of_unusual_files_with_keys_in_common_is_identical(inside: Inside, address: str, tmp_path: Path) -> None:
    ended = on_both(inside, address, "validate", "coupons", *map(str, odd_files(tmp_path)), "--json")
    assert ended.code == 2
    assert len({code for file in ended.json["files"] for code in file["counts"]}) > 20


def test_json_of_archives_and_members_with_unusual_names_is_identical(
    inside: Inside, address: str, tmp_path: Path
) -> None:
    plain, archives = multiline(20), ("UPPER.ZIP", "lower.zip", "x.zip")
    for name in archives:
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            for member in ("a.csv", "x.zip/b.csv", "./c.csv", "d//e.csv", "f.CSV"):
                archive.writestr(member, plain)
    (tmp_path / "folder.zip").mkdir()
    (tmp_path / "folder.zip" / "a.csv").write_text(plain, encoding="utf-8")
    files = [*(tmp_path / name for name in archives), tmp_path / "folder.zip" / "a.csv"]
    ended = on_both(inside, address, "validate", "coupons", *map(str, files), "--json")
    assert (ended.code, len(ended.json["files"])) == (1, 16)


def test_text_and_json_with_settings_are_identical(inside: Inside, address: str, tmp_path: Path) -> None:
    file, baseline = tmp_path / "multiline.csv", tmp_path / "accepted.json"
    file.write_text(multiline(120), encoding="utf-8")
    words = ("validate", "coupons", str(file))
    assert inside.run(*words, "--ignore", "STR", "--write-baseline", str(baseline)).code == 0
    for more in (
        (),
        ("--mask", "--max-findings", "2", "--json"),
        ("--case", "insensitive", "--select", "UNQ", "--json"),
        ("--baseline", str(baseline), "--json"),
        ("--max-record-bytes", "400", "--json"),
    ):
        on_both(inside, address, *words, *more)


def test_account_rules_are_identical(sandbox: SandboxServer, inside: Inside, address: str, tmp_path: Path) -> None:
    snapshot, tiers = tmp_path / "account.json", tmp_path / "tiers.csv"
    assert Shell(tmp_path / "state", sandbox.base_url).run("snapshot", "-o", str(snapshot)).code == 0
    tiers.write_text("customerprofileid,tiername\n" + "".join(f"p-{n},tier {n}\n" for n in range(80)), encoding="utf-8")
    words = ("--account", str(snapshot), "--program", "1", "--json")
    ended = on_both(inside, address, "validate", "loyalty-tiers", str(tiers), *words)
    assert any(code.startswith("ACC") and code in RULES for code in ended.json["files"][0]["counts"])


def test_report_of_a_record_above_the_limit_is_identical(address: str, tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    lines = [f"CODE-{number}" for number in range(1900)]
    lines[1500] = f'"{"long " * 1000}"'
    path.write_text("value\n" + "\n".join(lines) + "\n", encoding="utf-8")
    settings = ValidationSettings(block_bytes=600)
    limits.adjust(record_bytes=3000)
    try:
        here = validate_files(COUPONS, [path], settings=settings)
        with on_cluster.cluster_executor(address) as executor:
            there = validate_files(COUPONS, [path], settings=settings, executor=executor)
    finally:
        limits.adjust()
    assert "more than 3,000 bytes" in str(here.files[0].unreadable)
    assert there.to_json() == here.to_json()
