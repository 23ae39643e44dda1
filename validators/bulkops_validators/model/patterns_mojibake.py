r"""Define a pattern for UTF-8 text that was read as Windows-1252 or Latin-1 (`cafÃ©`), for polars and Python.

The pattern matches characters that are valid UTF-8 as bytes, if two such sequences are adjacent. A single sequence may
be correct text: a letter with an accent at the end of a word, followed by a sign. `É»` and `Ö°` are probably a quoted
and a measured value, and the bytes of `é …` in `café …` are also a Chinese character. A single sequence counts only if
no language has it: letters that end no word (`â`, `Â`), signs that follow no word, an upper-case letter after a
lower-case one, a sign in the middle of a word.
"""

_UNDEFINED = {0x81, 0x8D, 0x8F, 0x90, 0x9D}
WINDOWS_1252 = "".join(chr(byte) if byte in _UNDEFINED else bytes((byte,)).decode("cp1252") for byte in range(256))
"""The character of each byte; undefined bytes are control characters, as in browsers."""


def _signs(*spans: tuple[int, int] | int) -> str:
    """Return the characters of bytes in Windows-1252 and Latin-1, as the content of a character class."""
    pairs = [span if isinstance(span, tuple) else (span, span) for span in spans]
    every = [
        char for first, last in pairs for byte in range(first, last + 1) for char in (WINDOWS_1252[byte], chr(byte))
    ]
    return "".join(f"\\u{ord(char):04x}" for char in dict.fromkeys(every))


_LOW, _HIGH = _signs((0x80, 0x9F)), _signs((0xA0, 0xBF))
_NEXT = rf"[{_LOW}{_HIGH}]"
_OF_TWO = rf"[\u00c2-\u00df]{_NEXT}"
_OF_THREE = rf"(?:\u00e0[{_HIGH}]|[\u00e1-\u00ec\u00ee\u00ef]{_NEXT}|\u00ed[{_LOW}]){_NEXT}"
_OF_FOUR = rf"(?:\u00f0[{_signs((0x90, 0xBF))}]|[\u00f1-\u00f3]{_NEXT}|\u00f4[{_signs((0x80, 0x8F))}]){_NEXT}{{2}}"

_UPPER, _LOWER = r"A-Z\u00c0-\u00d6\u00d8-\u00de", r"a-z\u00df-\u00f6\u00f8-\u00ff"
_LETTER = rf"[{_UPPER}{_LOWER}\u0100-\u024f]"
# Quotes, currency and degree signs can follow MANHÃ in capitals; with the euro sign, À is more likely.
_BEHIND = _signs(0x8B, (0x91, 0x94), 0x9B, (0xA1, 0xA5), 0xAB, 0xB0, 0xBB, 0xBF)
_NOT_BEHIND = _signs(
    0x80, (0x82, 0x8A), (0x8C, 0x8F), (0x95, 0x9A), (0x9C, 0xA0), (0xA6, 0xAA), (0xAC, 0xAF), (0xB1, 0xBA)
)
_NOT_BEHIND += _signs((0xBC, 0xBE)) + r"\u0080-\u009f"
# Signs that follow no word, and signs that form letters such as ł, ă, Ş and ż only with Ä and Å.
_ODD = r"\u0080-\u009f" + _signs(0x88, 0x98, 0xA6, 0xAC, 0xAF, 0xB1, 0xB5, 0xB6, 0xB8)
_ODD_HIGH = _signs(0xA6, 0xAC, 0xAF, 0xB1, 0xB5, 0xB6, 0xB8)
_MAKES_LETTER = _signs((0x82, 0x84), (0x86, 0x8A), 0x8C, 0x8E, 0x98, 0x9A, 0x9C, 0x9E, 0x9F, 0xA6, 0xA7, 0xAA)
_MAKES_LETTER += _signs((0xAC, 0xAD), 0xAF, 0xB1, 0xB5, 0xB6, 0xB8, 0xBA, (0xBC, 0xBE))

_ALONE = (
    rf"\u00c2{_NEXT}",
    rf"\u00c3[{_NOT_BEHIND}]",
    rf"(?:^|[^{_UPPER}]|(?:^|[^{_UPPER}])[{_UPPER}])\u00c3[{_BEHIND}]",
    rf"\u00c3[{_BEHIND}]{_LETTER}",
    rf"[\u00c4\u00c5][{_MAKES_LETTER}]",
    rf"^[\u00c4\u00c5]{_NEXT}$",
    # S with a caron at the start of a word; its second byte looks like a blank inside the word.
    rf"(?:^|{_LETTER} )\u00c5\u00a0[{_LOWER}]",
    # In a word: Central Europe, the Baltics, Turkey; o and u with a horn; s and t with a comma; schwa; okina; accents.
    rf"[{_LOWER}](?:[\u00c4\u00c5\u00c6\u00c8\u00ca\u00cc\u00cd]{_NEXT}|\u00c9\u2122)",
    rf"\u00c4[{_LOW}{_signs((0xA1, 0xBF))}]{_LETTER}",
    rf"\u00c5[{_signs((0x80, 0x95), (0x98, 0x9F), (0xA1, 0xBF))}]{_LETTER}",
    rf"(?:\u00c6[\u00a1\u00b0]|\u00c8[{_signs((0x98, 0x9B))}]|\u00ca\u00bb){_LETTER}|\u00c9\u2122[{_LOWER}]",
    r"[\u00c4-\u00df][\u0080-\u009f\u02c6\u02dc]",
    rf"\u00e2(?:\u20ac|{_NEXT}{{2}})",
    # A byte order mark, a replacement character, wide forms; Vietnamese; Japanese syllables.
    rf"\u00ef(?:\u00bb\u00bf|\u00bf\u00bd|[\u00bc\u00bd]{_NEXT})",
    rf"\u00e1(?:\u00ba{_NEXT}|\u00bb{_NEXT}[{_LOWER}])",
    rf"\u00e3[{_signs((0x81, 0x84))}]{_NEXT}",
    rf"\u00e0(?:[{_HIGH}][{_ODD}]|[{_ODD_HIGH}]{_NEXT})",
    rf"[\u00e1-\u00ec\u00ee\u00ef](?:[{_ODD}]{_NEXT}|{_NEXT}[{_ODD}])|\u00ed(?:[\u0080-\u009f\u02c6\u02dc]{_NEXT}|[{_LOW}][{_ODD}])",
    rf"^{_OF_THREE}$",
    rf"\u00f0[{_signs(0x90, 0x9D, 0x9F)}]{_NEXT}{{2}}",
)
MOJIBAKE = "|".join((rf"(?:{_OF_TWO}|{_OF_THREE}|{_OF_FOUR}){{2}}", *_ALONE))
"""Two adjacent damaged characters, or one that cannot be correct text."""
