"""Rank the encodings of undecodable bytes by how natural the decoded text looks.

Detection libraries need long texts; a cell has a few letters. The candidates are codecs of the standard library.
"""

# ruff: noqa: RUF001 - signs that look like others are what this is about

import unicodedata
from dataclasses import dataclass
from functools import lru_cache

_PRIOR = {
    "cp1252": 0.40,
    "cp1251": 0.30,
    "cp1250": 0.25,
    "mac_roman": 0.20,
    "cp850": 0.20,
    "iso8859_15": 0.15,
    "cp1254": 0.10,
    "cp1253": 0.10,
    "cp437": 0.10,
    "cp852": 0.05,
    "koi8_r": 0.05,
    "cp866": 0.05,
    "cp1257": 0.05,
    "iso8859_2": 0.05,
    "iso8859_5": 0.0,
    "mac_cyrillic": 0.0,
    "cp1255": 0.0,
    "cp1256": 0.0,
    "cp932": -0.1,
    "gb18030": -0.1,
    "big5": -0.15,
    "cp949": -0.15,
}
"""Candidates, each with a weight for how common its files are; it decides between equally natural texts."""

_USUAL_LETTERS = frozenset("äöüßéèêëáàâãåæçíîïñóôõøúûÄÖÜÉÀÁÇÑÓØÅÆłąęśćżźńřšžýůěčőűșțşğıœŒŁŚŻŠŽČŐŰÍÚİÈÊÔ")
_USUAL_SIGNS = frozenset("€£§°“”‘’„«»–—…•®™©¿¡ºª²³×·½¼")
_BY_SCRIPT = {"LATIN": 0.2, "HALFWIDTH": 0.0}
"""The naturalness of unusual letters, by alphabet; 0.5 for all other alphabets."""
_BETWEEN_LETTERS = frozenset("’·")
_EDGE, _ROW = 60, 2
"""Bytes kept around the first undecodable byte, and the maximum number of accented letters in a row in Latin words."""
_CLEAR = 0.25
"""Minimum difference in naturalness that makes one text clearly better than another."""


@dataclass(frozen=True)
class Reading:
    """A possible text of some bytes, and the encoding that yields it."""

    encoding: str
    text: str


@lru_cache(maxsize=4096)
def likely_readings(raw: bytes, most: int = 3) -> tuple[Reading, ...]:
    """Return the most likely readings of bytes that are not UTF-8, best first; each text appears once."""
    scored: dict[str, tuple[float, str]] = {}
    for encoding, (score, text) in _scored(raw).items():
        scored.setdefault(text, (score, encoding))
    best = sorted(scored.items(), key=lambda item: -item[1][0])[:most]
    return tuple(Reading(encoding, text) for text, (_, encoding) in best)


def reads_best_in(sample: bytes, encoding: str) -> bool:
    """Return whether no other candidate yields a clearly more natural text; True if none decodes the sample."""
    scored = _scored(sample)
    if not scored:
        return True
    best = max(score for score, _ in scored.values())
    return encoding in scored and scored[encoding][0] >= best - _CLEAR


def _scored(raw: bytes) -> dict[str, tuple[float, str]]:
    """Return for each candidate the naturalness and the text."""
    found, known = {}, dict[str, float | None]()
    for encoding, prior in _PRIOR.items():
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        # Many encodings differ in a few letters only.
        if text not in known:
            known[text] = naturalness(text)
        if (score := known[text]) is not None:
            found[encoding] = (score + prior, text)
    return found


def describe_readings(raw: bytes, *, mask: bool = False) -> str:
    """Return the most likely readings as the end of a message; with `mask`, only the encodings."""
    found = likely_readings(_around(raw))
    if not found:
        return ""
    if mask:
        return f"; likely encodings: {', '.join(reading.encoding for reading in found)}"
    return "; the text would be " + ", ".join(f"{reading.text!r} in {reading.encoding}" for reading in found)


def _around(raw: bytes) -> bytes:
    """Return the bytes around the first byte that is not ASCII; words are kept whole where a blank is near."""
    first = next((place for place, byte in enumerate(raw) if byte > 127), 0)
    start = max(0, first - _EDGE)
    if start:
        start = max(start, raw.rfind(b" ", 0, first) + 1)
    return raw[start : start + 2 * _EDGE].strip(b"\r\n")


def naturalness(text: str) -> float | None:
    """Return how natural a text looks, per character beyond ASCII.

    None if it contains characters unusual in any text.
    """
    total, count, row = 0.0, 0, 0
    for place, char in enumerate(text):
        if char.isascii():
            row = 0
            continue
        score = _between(text[place - 1 : place], char, text[place + 1 : place + 2])
        if score is None:
            return None
        row = row + 1 if _is_latin(char) else 0
        total += score - (1.5 if row > _ROW else 0)
        count += 1
    return total / count if count else 0.0


@lru_cache(maxsize=1 << 16)
def _between(before: str, char: str, behind: str) -> float | None:
    """Return how natural a character is between its neighbours; None for a character unusual in any text."""
    category = unicodedata.category(char)
    if category in {"Cc", "Cf", "Cn", "Co", "Cs"}:
        return None
    return _letter(char, before, behind) if category[0] in "LM" else _sign(char, before, behind)


@lru_cache(maxsize=4096)
def _is_latin(char: str) -> bool:
    return char.isalpha() and _script(char) == "LATIN"


def _letter(char: str, before: str, behind: str) -> float:
    """Return how natural a letter is between its neighbours."""
    score = 1.0 if char in _USUAL_LETTERS else _BY_SCRIPT.get(_script(char), 0.5)
    for near in (before, behind):
        if near.isalpha() and _script(near) != _script(char):
            score -= 2
    if (before.islower() and char.isupper()) or (char.islower() and behind.isupper() and not before.isupper()):
        score -= 1.5
    if before.isupper() and char.islower() and behind.isupper():
        score -= 1.5
    return score


def _sign(char: str, before: str, behind: str) -> float:
    """Return how natural a symbol is between its neighbours."""
    usual = char in _USUAL_SIGNS
    if before.isalpha() and behind.isalpha():
        return 0.8 if char in _BETWEEN_LETTERS else -2.0
    if not usual:
        return -1.5
    category = unicodedata.category(char)
    if category == "Sc":
        return 0.0 if before.isalpha() or behind.isalpha() else 1.2
    if (category == "Pi" and behind.isalnum()) or (category == "Pf" and before.isalnum()):
        return 1.2
    return 0.3 if before.isalpha() or behind.isalpha() else 0.6


@lru_cache(maxsize=4096)
def _script(char: str) -> str:
    """Return the alphabet of a letter: the first word of its Unicode name."""
    word = unicodedata.name(char, "").partition(" ")[0]
    return "CJK" if word in {"HIRAGANA", "KATAKANA"} else word
