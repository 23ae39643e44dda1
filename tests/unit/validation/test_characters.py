"""Characters that deceive: each is found, `fix --unsafe` undoes what is exact, and honest text is left alone."""

import csv
import io

import pytest

from bulkops.fixing.options import FixOptions
from bulkops.fixing.run import fix_file
from bulkops.reading.sources import Source
from bulkops.validation.engine import validate_files
from bulkops_validators import CONTRACTS


def source_of(column: str, *cells: str) -> Source:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n").writerows([[column], *([cell] for cell in cells)])
    return Source("memory.csv", lambda: io.BytesIO(out.getvalue().encode()))


def in_codes(*cells: str) -> dict[str, int]:
    return dict(validate_files(CONTRACTS["coupons"], [source_of("value", *cells)]).files[0].counts)


def in_texts(*cells: str) -> dict[str, int]:
    return dict(validate_files(CONTRACTS["collections"], [source_of("item", *cells)]).files[0].counts)


def fixed(column: str, cell: str) -> str:
    """Return what `fix --unsafe` makes of a cell; a second run changes nothing more."""
    contract, text = CONTRACTS["coupons" if column == "value" else "collections"], cell
    for _ in range(2):
        out = io.BytesIO()
        fix_file(contract, source_of(column, text), out, options=FixOptions(unsafe=True), log=lambda _: None)
        (_, *rows) = csv.reader(io.StringIO(out.getvalue().decode(), newline=""))
        before, text = text, rows[0][0]
    assert text == before
    return text


HIDDEN = (
    "\u2028\u2029\u3164\uffa0\u2800\ufffc\ufff9\ufffb\U000e0001\U000e0020\U000e007f\ufe00\ufe0f\U000e0100\U000e01ef"
)
HIDDEN += "\u115f\u034f\u180e\u200b\u00ad"


@pytest.mark.parametrize("hidden", HIDDEN, ids=ascii)
def test_what_cannot_be_seen_is_found_in_codes_and_texts_and_goes(hidden: str) -> None:
    assert in_codes(f"AB{hidden}CD") == {"COD102": 1}
    assert in_texts(f"AB{hidden}CD") == {"COD102": 1}
    assert (fixed("value", f"AB{hidden}CD"), fixed("item", f"AB{hidden * 3}CD")) == ("ABCD", "ABCD")


EMOJI = [
    "❤\ufe0f",
    "I ❤\ufe0f you",
    "1\ufe0f\u20e3",
    "©\ufe0f",
    "葛\U000e0100城",
    "🏴\U000e0067\U000e0062\U000e007f",
    "☎\ufe0e",
]


@pytest.mark.parametrize("text", EMOJI)
def test_selectors_of_an_emoji_or_of_a_chinese_character_belong_to_texts_but_to_no_code(text: str) -> None:
    assert in_texts(text) == {}
    assert fixed("item", text) == text
    assert in_codes(f"{text}SALE")["COD102"] == 1


def test_selectors_that_choose_nothing_are_hidden_in_texts_too() -> None:
    assert in_texts("1\ufe0fA", "\ufe0fA", "❤\ufe0f\ufe0f", "❤\U000e0067", "A\ufe0f1\ufe0f2\ufe0f") == {"COD102": 5}
    assert fixed("item", "A\ufe0f1\ufe0f2\ufe0f3" + "\ufe0f" * 99) == "A123"


MIXED = [
    "\u0585ne1",
    "\u13aaBCD",
    "\u05d0BCD",
    "A\u10d0BC",
    "SAL\ua4f0",
    "S\u0410LE",
    "x\u03bf12",
    "\u0410-\u13aa1",
]


@pytest.mark.parametrize("code", MIXED, ids=ascii)
def test_letters_of_two_alphabets_in_a_word_are_found(code: str) -> None:
    assert in_codes(code) == {"COD104": 1}
    assert in_texts(code) == {"COD104": 1}


@pytest.mark.parametrize(
    "code", ["\u04cf123", "\u0455\u0430\u04cf\u0435", "\u04ae\u0415\u0421\u0410", "\u051d\u0430\u04451"], ids=ascii
)
def test_words_of_nothing_but_look_alikes_are_found(code: str) -> None:
    assert in_codes(code) == {"COD104": 1}


@pytest.mark.parametrize(
    ("sign", "letter"), [("\u212a", "K"), ("\u212b", "Å"), ("\u211d", "R"), ("\u2110", "I")], ids=ascii
)
def test_signs_that_are_letters_in_all_but_name_are_dressed_up(sign: str, letter: str) -> None:
    assert in_codes(f"{sign}SALE") == {"COD108": 1}
    assert fixed("value", f"{sign}SALE") == f"{letter}SALE"


WORDS = [
    "Հայերեն", "SMS-ով", "օդ", "סופר", "ב-iPhone", "USB מתאם", "ᏣᎳᎩ", "ᏣᎳᎩ 2", "Привет", "Скидка 10",
    "Ӏуьйре", "Ελλάδα", "καλημέρα", "ქართული",
    "SMS-ის", "日本語ABC", "Tシャツ", "한국K팝", "ABC마트", "5 \u2113", "10 ℃",
    "Acme™", "№ 5", "10 kΩ".replace("Ω", "\u2126"), "Việt Nam",
]  # fmt: skip


@pytest.mark.parametrize("word", WORDS)
def test_words_of_one_alphabet_are_left_alone_with_latin_ones_beside_them(word: str) -> None:
    assert in_texts(word) == {}
