"""One finding for one cause within a cell: characters that several rules are about."""

import io

import pytest

from bulkops.fixing.options import FixOptions
from bulkops.fixing.run import fix_file
from bulkops.reading.sources import Source
from bulkops.validation.engine import validate_files
from bulkops.validation.findings import FileReport
from bulkops.validation.settings import ValidationSettings
from bulkops_validators import CONTRACTS
from bulkops_validators.model.cells import Text
from bulkops_validators.model.contract import Contract

TEXTS = [
    (contract, column.name)
    for contract in CONTRACTS.values()
    for column in contract.columns
    if isinstance(column.cell, Text)
]
CARDS = ("loyalty-cards", "loyalty-points")


def source_of(data: bytes) -> Source:
    return Source("memory.csv", lambda: io.BytesIO(data))


def check(contract: Contract | str, column: str, cells: list[str], **chosen: object) -> FileReport:
    known = CONTRACTS[contract] if isinstance(contract, str) else contract
    settings = ValidationSettings(ignore=("HDR", "UNQ"), **chosen)  # type: ignore[arg-type] # by name
    return validate_files(known, [source_of(table(column, cells))], settings=settings).files[0]


def table(column: str, cells: list[str]) -> bytes:
    quoted = ['"' + cell.replace('"', '""') + '"' for cell in cells]
    return "\n".join([column, *quoted, ""]).encode()


def found(report: FileReport) -> list[tuple[str, int | None, int]]:
    return [(finding.code, finding.record, finding.explains) for finding in report.findings]


CARD_CELLS = {
    "\ufeffCARD1": ("COD102", "U+FEFF zero width no-break space (has an invisible character)"),
    "CARD\u200b1": ("COD102", "U+200B zero width space (has an invisible character)"),
    "CARD\u00a01": ("COD103", "U+00A0 no-break space (has an unusual blank)"),
    "CARD1 ": ("COD101", "(has blanks around it)"),
    "'CARD1": ("XLS108", "(begins with an apostrophe)"),
    '="10001"': ("XLS107", "(is wrapped in a formula)"),
    "\u201cCARD1\u201d": ("COD109", "U+201C left double quotation mark"),
    "CARD\u00c3\u009c1": ("COD105", "was decoded with the wrong encoding"),
    "CARD\ufffd1": ("COD106", "(has a replacement character for lost bytes)"),
    "CARD\uff11": ("COD108", "U+FF11 fullwidth digit one"),
}


@pytest.mark.parametrize("contract", CARDS)
@pytest.mark.parametrize("cell", CARD_CELLS)
@pytest.mark.parametrize("times", [1, 5000])
def test_a_character_that_a_card_number_must_not_have_is_one_finding(cell: str, contract: str, times: int) -> None:
    code, text = CARD_CELLS[cell]
    report = check(contract, "identifier", [cell] * times, max_findings=3)
    others = sum(report.counts.values()) // times - 1
    assert found(report) == [("VAL107", record, others) for record in range(1, min(times, 3) + 1)]
    assert text in report.findings[0].message
    assert (report.counts["VAL107"], report.counts[code], report.errors) == (times, times, times)


def test_a_finding_of_other_characters_of_the_cell_is_listed_too() -> None:
    assert found(check("loyalty-cards", "identifier", ["@CA RD\ufeff"])) == [("VAL107", 1, 1), ("XLS114", 1, 0)]


@pytest.mark.parametrize(("contract", "column"), TEXTS, ids=[f"{contract.name} {column}" for contract, column in TEXTS])
def test_an_unusual_blank_around_a_text_is_one_finding(contract: Contract, column: str) -> None:
    cells = ["\u00a0ABCDE1", "ABCDE2\u2009", " AB\u00a0CDE3", "ABCDE4"]
    listed = found(check(contract, column, cells))
    # A card number must not have any blank, so its third cell has one cause too.
    blanks = [] if column == "identifier" else [("COD101", 3, 0)]
    assert [one for one in listed if one[0] == "COD101"] == blanks
    assert [record for code, record, _ in listed if code in {"COD103", "VAL107"}] == [1, 2, 3]
    everything = check(contract, column, cells, grouped=False)
    assert everything.counts == check(contract, column, cells).counts
    assert [code for code, _, _ in found(everything)].count("COD101") == 3


@pytest.mark.parametrize(
    ("cell", "listed"),
    [
        ("\u00a0\u00a0", [("VAL101", 1, 2)]),
        ("CODE1\n", [("COD107", 1, 1)]),
        ("Caf\u00c3\u009c1", [("COD105", 1, 1)]),
        ("Caf\u00c3\u009c\u200b1", [("COD102", 1, 0), ("COD105", 1, 0)]),
        ("\ufeff CODE1", [("COD102", 1, 0)]),
        ("AB\u200b", [("COD102", 1, 0), ("COD205", 1, 0)]),
    ],
)
def test_a_finding_follows_from_another_one_if_it_goes_with_its_characters(
    cell: str, listed: list[tuple[str, int | None, int]]
) -> None:
    assert sorted(found(check("coupons", "value", [cell]))) == listed


def test_a_finding_is_listed_if_the_rule_of_its_cause_is_ignored() -> None:
    data = table("identifier", ["\ufeffx CARD1"])
    settings = ValidationSettings(ignore=("VAL107", "HDR"))
    report = validate_files(CONTRACTS["loyalty-cards"], [source_of(data)], settings=settings).files[0]
    assert found(report) == [("COD102", 1, 0)]


def test_a_safe_fix_still_removes_the_byte_order_mark_of_a_card_number() -> None:
    data = "identifier,state\nCARD1,active\n\ufeffCARD2,active\n".encode()
    report = validate_files(CONTRACTS["loyalty-cards"], [source_of(data)]).files[0]
    assert (found(report), report.repairs["safe"]) == ([("VAL107", 2, 1)], 1)
    out, codes = io.BytesIO(), list[str]()
    fix_file(
        CONTRACTS["loyalty-cards"],
        source_of(data),
        out,
        options=FixOptions(),
        log=lambda change: codes.append(change.code),
    )
    assert (out.getvalue(), codes) == (b"identifier,state\nCARD1,active\nCARD2,active\n", ["COD102"])
