"""Characters that deceive: each is found, `fix --unsafe` restores only an exact original, ordinary text is kept."""

# ruff: noqa: RUF001 - signs that look like others are what this is about

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
def test_an_invisible_character_is_found_in_codes_and_texts_and_removed(hidden: str) -> None:
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
def test_words_of_only_look_alike_letters_are_found(code: str) -> None:
    assert in_codes(code) == {"COD104": 1}


@pytest.mark.parametrize(
    ("sign", "letter"), [("\u212a", "K"), ("\u212b", "Å"), ("\u211d", "R"), ("\u2110", "I")], ids=ascii
)
def test_styled_letters_are_reported_and_repaired(sign: str, letter: str) -> None:
    assert in_codes(f"{sign}SALE") == {"COD108": 1}
    assert fixed("value", f"{sign}SALE") == f"{letter}SALE"


WORDS = [
    "Հայերեն", "SMS-ով", "օդ", "סופר", "ב-iPhone", "USB מתאם", "ᏣᎳᎩ", "ᏣᎳᎩ 2", "Привет", "Скидка 10", "Ӏуьйре",
    "Ελλάδα", "καλημέρα", "ქართული", "SMS-ის", "日本語ABC", "Tシャツ", "한국K팝", "ABC마트", "5 \u2113", "10 ℃",
    "Acme™", "№ 5", "10 kΩ".replace("Ω", "\u2126"), "Việt Nam",
]  # fmt: skip


@pytest.mark.parametrize("word", WORDS)
def test_words_of_one_alphabet_are_left_alone_with_latin_ones_beside_them(word: str) -> None:
    assert in_texts(word) == {}


MISREAD = [
    "😀", "5 €", "Привет", "ł", "™", "İstanbul", "日本", "ő", "Ş", "ř", "Ÿ", "café", "voilà", "VOILÀ",
    "À la carte", "KÖLN", "Lódź", "Škoda 1", "żółw", "się", "și", "Iași", "Việt Nam", "Ελλάδα", "שלום", "مرحبا",
    "ไทย", "한국", "日", "の", "“quoted”", "it’s", "a – b", "25 °C", "\ufeffvalue", "e\u0301te\u0300", "Jágr", "Já",
    "bəy", "nová Škoda", "Żabka", "¿Qué?", "100 £", "N° 5", "𝒜", "🎉 2", "Ą", "Łódź", "ŞEKER",
]  # fmt: skip


def misread(text: str, encoding: str = "cp1252") -> str:
    """Return text as it looks when its UTF-8 is read in another encoding; bytes it lacks become control characters."""
    raw = text.encode()
    return "".join(bytes((b,)).decode(encoding, "ignore") or chr(b) for b in raw)


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1"])
@pytest.mark.parametrize("text", MISREAD, ids=ascii)
def test_utf8_that_was_read_in_another_encoding_is_found_and_undone(text: str, encoding: str) -> None:
    wrong = misread(text, encoding)
    assert in_texts(wrong)["COD105"] == 1
    assert fixed("item", wrong) == fixed("item", text)
    assert "COD109" not in in_codes(wrong)


def test_text_misread_twice_is_restored() -> None:
    assert fixed("item", misread(misread("café für 5 €"))) == "café für 5 €"


def test_misread_text_that_cannot_be_restored_exactly_is_kept() -> None:
    assert in_texts("Ελλάδα cafÃ©") == {"COD105": 1}
    assert fixed("item", "Ελλάδα cafÃ©") == "Ελλάδα cafÃ©"


HONEST = [
    "«CAFÉ»", "« VÉRITÉ »", "“É”", "É»", "À…", "Ö°", "ÉTÉ…", "5 CAFÉ€", "CAFÉ £", "CAFÉ£5", "¿QUÉ?", "QUÉ¡",
    "¡OLÉ¡", "OLÉ¿", "MANHÃ”", "«MANHÃ»", "FUSSBALL‐SPASS", "Spaß!“", "Spaß»", "groß…", "weiß°", "Fuß“", "„Ä“",
    "HYVÄ”", "HYVÄ»", "SPÅ…", "5 Å”", "MALMÖ–LUND", "UMEÅ–LUND", "CAFFÈ–BAR", "CAFFÈ™", "CAFÉ®", "CAFÉ·BAR",
    "café»", "café\u00a0»", "café…»", "voilà…", "voilà\u00a0«\u00a0», oui", "está»", "“llegó…”", "olé”…",
    "menú™", "Úžasné", "„garáž“", "„kříž“", "Tomáš“", "í", "mið…»", "né°", "5×½", "3×¼", "Å", "5 Å\u00a0tykk",
    "PÅ\u00a0tilbud", "ÅÄÖ", "ãéç", "naïf…", "haï…»", "IRMÃ", "Â", "FÊTE", "Ñandú", "Ð", "ÐÞ", "Š–Ž",
    "İstanbul", "Łódź", "señor”…", "niño¡", "10 £ à 20 €", "Crème brûlée – 5 €", "Ünlü “Öz”", "SÃO PAULO",
    "NÃO “SIM”", "LÜ°", "È…", "È»", "PERCHÈ?",
]  # fmt: skip


@pytest.mark.parametrize("text", HONEST, ids=ascii)
def test_accents_before_signs_are_not_reported_as_misread_text(text: str) -> None:
    assert "COD105" not in in_texts(text)
    assert "COD105" not in in_codes(text)


def test_a_message_names_the_characters_that_were_found_and_no_others() -> None:
    source = source_of("item", "Straße äöü\u200bnord")
    (finding,) = validate_files(CONTRACTS["collections"], [source]).files[0].findings
    assert finding.message.endswith("has an invisible character: U+200B zero width space")
