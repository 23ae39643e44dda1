"""Remove keys from every text that leaves the process, in any common encoding.

A text is searched directly and after decoding the common encodings, also nested ones. Case, blanks, punctuation and
line ends between the characters of a key do not matter.
"""

import binascii
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

MASK = "***"
MINIMUM = 8
"""Minimum characters of a key that is hidden alone; a shorter one is hidden together with its scheme."""
PIECE = 12
"""Minimum characters of a fragment of a long key that is hidden."""
DEPTH = 3
"""Maximum nested encodings that are decoded."""
VIEWS = 64
"""Maximum decoded texts at each depth: a server could send a text with very many decodings."""
LARGE = 50_000
"""Characters of a text beyond which it is not decoded; only JSON documents are that long."""
WINDOW = 4096
MOST = 20
"""Maximum occurrences that are hidden one by one; a text with more is hidden completely."""

_NOISE = re.compile(r"[\W_]+")
_BLANKS = re.compile(r"\s+")
_TAG = re.compile(r"<[^<>]*>")
_PERCENT = re.compile(r"%u([0-9a-fA-F]{4})|%([0-9a-fA-F]{2})")
_SOFT_BREAK = re.compile(r"=\r?\n")
_QUOTED = re.compile(r"=([0-9a-fA-F]{2})")
_BACKSLASH = re.compile(
    r"\\u\{([0-9a-fA-F]{1,6})\}|\\U([0-9a-fA-F]{8})|\\u([0-9a-fA-F]{4})|\\x([0-9a-fA-F]{2})|\\([0-7]{3})|\\[abefnrtv]"
)
_NUMBER = re.compile(r"\d+")

# Tables of bytes take a tenth of the time of expressions. The bytes of other characters than ASCII are above 127.
_LOWER = bytes(range(256)).lower()
_ASCII_NOISE = bytes(code for code in range(128) if not chr(code).isalnum())
_ASCII_BLANKS = bytes(code for code in range(128) if chr(code).isspace())
_OF_URLS = bytes.maketrans(b"-_", b"+/")
_NOT_BASE64 = bytes(code for code in _ASCII_NOISE if code not in b"+/-_")
_NOT_HEX = bytes(code for code in range(128) if code not in b"0123456789abcdef")
_NUMBERS_ONLY = bytes(code if code in b"0123456789" else 0x20 for code in range(256))
_RUNS = bytes(0x20 if code in b"\t\n\r" or 0x20 <= code <= 0x7E else 0 for code in range(256))
_RUN, _GAP = b" " * MINIMUM, b"\0"

Decoder = Callable[[str], Iterator[str]]


class Redactor:
    """Hides secrets in texts."""

    def __init__(self) -> None:
        self._known: set[str] = set()
        self._skeletons: set[str] = set()
        self._solids: set[str] = set()
        self._long: set[str] = set()

    def remember(self, text: str) -> None:
        """Hide `text` from now on: a key, or a scheme, a blank and a key."""
        key = text.strip().rpartition(" ")[2]
        secret = key if len(key) >= MINIMUM else text.strip()
        if len(secret) < MINIMUM or secret in self._known:
            return
        self._known.add(secret)
        for form in _forms(secret):
            # A form of few letters and digits is looked for with its punctuation.
            skeleton, solid = _skeleton(form), _solid(form)
            if len(skeleton) >= MINIMUM:
                self._skeletons.add(skeleton)
            elif len(solid) >= MINIMUM:
                self._solids.add(solid)
        if len(key) >= 2 * PIECE:
            self._long.add(secret.lower())

    def found(self, text: str) -> bool:
        """Return whether a text contains a secret or a long fragment of one."""
        return bool(self._known) and (self._depth(text) is not None or any(self._pieces(text)))

    def redacted(self, text: str) -> str:
        """Return the text with each secret replaced by three asterisks."""
        if not self._known or len(text) < MINIMUM:
            return text
        for _ in range(MOST):
            if (depth := self._depth(text)) is None:
                return self._without_pieces(text)
            start, end = self._first(text, depth)
            text = f"{text[:start]}{MASK}{text[end:]}"
        return self._without_pieces(text) if self._depth(text) is None else MASK

    def redacted_document(self, document: Any) -> Any:
        """Return a JSON document with the secrets in its texts and keys replaced."""
        match document:
            case str():
                return self.redacted(document)
            case dict():
                return {self.redacted(str(name)): self.redacted_document(value) for name, value in document.items()}
            case list() | tuple():
                return [self.redacted_document(value) for value in document]
            case _:
                return document

    def _depth(self, text: str, most: int = DEPTH) -> int | None:
        """Return how many encodings must be decoded until a secret appears; None if none appears."""
        seen = {text}
        views = [text]
        for depth in range(most + 1 if len(text) <= LARGE else 1):
            if any(self._shows(view) for view in views):
                return depth
            views = [new for view in views for decode in DECODERS for new in decode(view) if len(new) >= MINIMUM]
            views = [view for view in dict.fromkeys(views) if view not in seen][:VIEWS]
            seen.update(views)
        return None

    def _shows(self, view: str) -> bool:
        skeleton = _skeleton(view)
        if any(form in skeleton for form in self._skeletons):
            return True
        solid = _solid(view) if self._solids else ""
        return any(form in solid for form in self._solids)

    def _first(self, text: str, depth: int) -> tuple[int, int]:
        """Return the start and end of the first secret; the whole text if no window shows it at this depth."""
        for start in range(0, len(text), WINDOW // 2):
            window = text[start : start + WINDOW]
            if self._depth(window, depth) is not None:
                first, end = self._narrowed(window, depth)
                return start + first, start + end
        return 0, len(text)

    def _narrowed(self, text: str, depth: int) -> tuple[int, int]:
        """Return the start and end of the shortest part of a text that shows the first secret at a depth."""
        end = _least(len(text), lambda size: self._depth(text[:size], depth) is not None)
        length = _least(end, lambda size: self._depth(text[end - size : end], depth) is not None)
        return end - length, end

    def _pieces(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield the start and end of each long fragment of a secret, for example in a truncated response."""
        lower = text.lower()
        for secret in self._long:
            for place in range(0, len(secret) - PIECE + 1, PIECE):
                start = lower.find(secret[place : place + PIECE])
                if start >= 0:
                    yield _grown(lower, secret, start, place)

    def _without_pieces(self, text: str) -> str:
        for _ in range(MOST):
            piece = next(self._pieces(text), None)
            if piece is None:
                return text
            text = f"{text[: piece[0]]}{MASK}{text[piece[1] :]}"
        return MASK if any(self._pieces(text)) else text


def _skeleton(text: str) -> str:
    """Return only the letters and digits of a text, case-folded."""
    reduced = _reduced(text.casefold(), _ASCII_NOISE)
    return reduced if reduced.isascii() else _NOISE.sub("", reduced)


def _solid(text: str) -> str:
    """Return a text without blanks, case-folded."""
    reduced = _reduced(text, _ASCII_BLANKS)
    return reduced if reduced.isascii() else _BLANKS.sub("", reduced).casefold()


def _reduced(text: str, without: bytes) -> str:
    """Return a text without some ASCII characters, with its other ASCII letters in lower case."""
    return text.encode("utf-8", "surrogatepass").translate(_LOWER, without).decode("utf-8", "surrogatepass")


def _forms(secret: str) -> Iterator[str]:
    """Yield a secret, and its text in each common encoding, for every alignment."""
    import base64  # only where there is a key: asking for help starts without it

    data = secret.encode()
    yield from (secret, secret[::-1], data.hex())
    for encode, bytes_in, characters_out in (
        (base64.b64encode, 3, 4),
        (base64.b32encode, 5, 8),
        (base64.b85encode, 4, 5),
        (base64.a85encode, 4, 5),
    ):
        for before in range(bytes_in):
            # The text before and after the secret changes the first and the last group, so these are left out.
            whole = bytes(before) + data
            first = characters_out if before else 0
            last = len(whole) // bytes_in * characters_out
            yield encode(whole)[first:last].decode()


def _least(most: int, holds: Callable[[int], bool]) -> int:
    """Return the smallest size for which a condition is true; it must be true for `most`."""
    low, high = 0, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def _grown(text: str, secret: str, start: int, place: int) -> tuple[int, int]:
    """Return the start and end of the longest common part of a text and a secret around a common fragment."""
    end, stop = start + PIECE, place + PIECE
    while start and place and text[start - 1] == secret[place - 1]:
        start, place = start - 1, place - 1
    while end < len(text) and stop < len(secret) and text[end] == secret[stop]:
        end, stop = end + 1, stop + 1
    return start, end


def _character(match: re.Match[str]) -> str:
    """Return the character of a numeric escape; a blank for any other escape."""
    code = next((group for group in match.groups() if group), None)
    if code is None:
        return " "
    number = int(code, 8 if match[0][1:] == code and match[0][0] == "\\" else 16)
    return chr(number) if number < 0x110000 else " "


def _percent(text: str) -> Iterator[str]:
    if "%" in text:
        yield _PERCENT.sub(_character, text)


def _html(text: str) -> Iterator[str]:
    if "&" in text:
        from html import unescape

        yield unescape(text)
    if "<" in text:
        yield _TAG.sub("", text)


def _backslashes(text: str) -> Iterator[str]:
    if "\\" in text:
        yield _BACKSLASH.sub(_character, text)


def _quoted_printable(text: str) -> Iterator[str]:
    if "=" in text:
        yield _QUOTED.sub(_character, _SOFT_BREAK.sub("", text))


def _base64(text: str) -> Iterator[str]:
    letters = text.encode("ascii", "replace").translate(_OF_URLS, _NOT_BASE64)
    for start in range(min(4, max(0, len(letters) - MINIMUM))):
        group = letters[start:]
        group = group[: len(group) - (len(group) % 4 == 1)]
        yield from _readable(binascii.a2b_base64(group + b"=" * (-len(group) % 4)))


def _hex(text: str) -> Iterator[str]:
    digits = text.encode("ascii", "replace").lower().replace(b"0x", b"").translate(None, _NOT_HEX)
    for start in (0, 1):
        even = (len(digits) - start) // 2 * 2
        yield from _readable(binascii.a2b_hex(digits[start : start + even]))


def _decimals(text: str) -> Iterator[str]:
    found = text.encode().translate(_NUMBERS_ONLY).split() if text.isascii() else _NUMBER.findall(text)
    numbers = [int(digits) for digits in found if len(digits) <= 3]
    if len(numbers) >= MINIMUM:
        yield from _readable(bytes(number for number in numbers if number < 256))


def _readable(data: bytes) -> Iterator[str]:
    """Yield the readable parts of decoded bytes, if there are any."""
    data = data.replace(b"\0", b"")
    runs, parts = data.translate(_RUNS), []
    start = runs.find(_RUN)
    while start >= 0:
        end = runs.find(_GAP, start)
        end = len(runs) if end < 0 else end
        parts.append(data[start:end])
        start = runs.find(_RUN, end)
    if parts:
        yield b"\n".join(parts).decode("ascii")


DECODERS: tuple[Decoder, ...] = (_percent, _html, _backslashes, _quoted_printable, _base64, _hex, _decimals)

KEY_VARIABLES = ("BULKOPS_MANAGEMENT_KEY", "BULKOPS_BEARER_TOKEN")

_PROCESS = Redactor()
remember = _PROCESS.remember
found = _PROCESS.found
redacted = _PROCESS.redacted
redacted_document = _PROCESS.redacted_document


def remember_keys(environ: Mapping[str, str]) -> None:
    """Hide the keys of an environment, also those that no command uses."""
    for name in KEY_VARIABLES:
        remember(environ.get(name, ""))
