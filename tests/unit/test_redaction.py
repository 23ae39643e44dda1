"""Keys are hidden in every text, in whatever encoding, and ordinary text stays as it is."""

import base64
import html
import json
import logging
import quopri
import textwrap
import time
from collections.abc import Callable
from urllib.parse import quote

import pytest

from bulkops.errors import ServerRefused, UsageError
from bulkops.redaction import MASK, Redactor
from bulkops.settings import Secret
from bulkops.transport.client import RedactingFilter

KEYS = [
    "8a7f3c91d2e4b6f0a1c3e5d7f9b1a3c5e7d9f1b3a5c7e9d1f3b5a7c9e1d3f5b7",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abcdEFGH-_x",
    "short-8a",
    "p@$$w0rd!~",
]
BYTES: dict[str, Callable[[bytes], str]] = {
    "as it is": lambda data: data.decode(),
    "base64": lambda data: base64.b64encode(data).decode(),
    "base64 behind a user": lambda data: base64.b64encode(b"user:" + data).decode(),
    "base64 with the header": lambda data: base64.b64encode(b'{"k": "ManagementKey-v1 ' + data + b'"}').decode(),
    "base64url without padding": lambda data: base64.urlsafe_b64encode(b"x" + data).decode().rstrip("="),
    "base64 in lines": lambda data: "\r\n ".join(textwrap.wrap(base64.b64encode(data).decode(), 10)),
    "base64 twice": lambda data: base64.b64encode(base64.b64encode(b"xy" + data)).decode(),
    "base32": lambda data: base64.b32encode(data).decode(),
    "hex": lambda data: data.hex(),
    "HEX with colons": lambda data: data.hex(":").upper(),
    "hex of base64": lambda data: base64.b64encode(data).hex(),
    "hex numbers": lambda data: ", ".join(map(hex, data)),
    "decimal numbers": lambda data: str(list(data)),
    "UTF-16 in hex": lambda data: data.decode().encode("utf-16").hex(),
    "percent": lambda data: quote(data, safe=""),
    "percent everywhere": lambda data: "".join(f"%{byte:02x}" for byte in data),
    "percent twice": lambda data: quote("".join(f"%{byte:02X}" for byte in data)),
    "base64 with percent": lambda data: quote(base64.b64encode(data).decode(), safe=""),
    "JSON": lambda data: json.dumps(data.decode()),
    "JSON in JSON": lambda data: json.dumps(json.dumps({"key": data.decode()})),
    "JSON escapes": lambda data: "".join(f"\\u{byte:04x}" for byte in data),
    "JSON escapes in base64": lambda data: base64.b64encode("".join(f"\\u{b:04X}" for b in data).encode()).decode(),
    "hex escapes": lambda data: "".join(f"\\x{byte:02x}" for byte in data),
    "octal escapes": lambda data: "".join(f"\\{byte:03o}" for byte in data),
    "HTML": lambda data: html.escape(data.decode()),
    "HTML numbers": lambda data: "".join(f"&#{byte};" for byte in data),
    "HTML hex numbers": lambda data: "".join(f"&#x{byte:X};" for byte in data),
    "HTML tags": lambda data: "<wbr>".join(textwrap.wrap(data.decode(), 3)),
    "quoted-printable": lambda data: quopri.encodestring("é".encode() + data).decode(),
    "upper case": lambda data: data.decode().upper(),
    "lower case": lambda data: data.decode().lower(),
    "spaced": lambda data: " ".join(data.decode()),
    "spaced out": lambda data: "  -  ".join(data.decode()) if data.isalnum() else "  ".join(data.decode()),
    "in lines": lambda data: "\r\n\t".join(textwrap.wrap(data.decode(), 4)),
    "with NULs": lambda data: "\0".join(data.decode()) if data.isalnum() else data.decode(),
    "reversed": lambda data: data.decode()[::-1],
}


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("encode", BYTES.values(), ids=BYTES)
def test_key_in_any_encoding_is_hidden_and_the_text_around_it_stays(encode: Callable[[bytes], str], key: str) -> None:
    redactor = Redactor()
    redactor.remember(f"ManagementKey-v1 {key}")
    encoded = encode(key.encode())
    text = redactor.redacted(f"line 3: The header {encoded} was not accepted, request 12 of 3.")
    assert MASK in text
    assert encoded not in text
    assert key not in text
    assert text.startswith("line 3: The header")
    assert text.endswith("was not accepted, request 12 of 3.")


@pytest.mark.parametrize("encode", BYTES.values(), ids=BYTES)
def test_whole_header_is_hidden_also_where_the_key_is_short(encode: Callable[[bytes], str]) -> None:
    redactor = Redactor()
    redactor.remember("ManagementKey-v1 abc")
    encoded = encode(b"ManagementKey-v1 abc")
    assert encoded not in redactor.redacted(f"The header {encoded} was not accepted.")


@pytest.mark.parametrize("key", ["a", "id", "coupons", "records"])
def test_short_key_leaves_ordinary_text_alone(key: str) -> None:
    redactor = Redactor()
    redactor.remember(f"ManagementKey-v1 {key}")
    text = "1,234 records of coupons with an id a were accepted: ManagementKey-v1 is the scheme."
    assert redactor.redacted(text) == text


def test_long_key_leaves_ordinary_text_alone() -> None:
    redactor = Redactor()
    redactor.remember(KEYS[0])
    digest = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
    text = (
        f"POST /v1/loyalty_programs/3/import_points: 50,000,000 bytes, SHA-256 {digest}, at 2026-11-30T06:21:45+00:00"
    )
    assert redactor.redacted(text) == text


@pytest.mark.parametrize("cut", [12, 20, 40, 60])
def test_long_piece_of_a_long_key_is_hidden(cut: int) -> None:
    redactor = Redactor()
    redactor.remember(KEYS[0])
    for piece in (KEYS[0][: max(cut, 24)], KEYS[0][-max(cut, 24) :]):
        assert redactor.redacted(f"key {piece}… is unknown") == f"key {MASK}… is unknown"


def test_every_occurrence_is_hidden_and_many_take_no_long_time() -> None:
    redactor = Redactor()
    redactor.remember(KEYS[0])
    two = redactor.redacted(f"{KEYS[0]} and {base64.b64encode(KEYS[0].encode()).decode()} and no more")
    assert two.count(MASK) == 2
    assert two.endswith(" and no more")
    begun = time.process_time()
    hidden = redactor.redacted(f"{KEYS[0]} " * 15_000)
    assert KEYS[0][:12] not in hidden
    assert time.process_time() - begun < 20


def test_document_is_hidden_in_names_and_values() -> None:
    redactor = Redactor()
    redactor.remember(KEYS[0])
    document = {"a": [KEYS[0], 1, None, True], KEYS[0]: {"b": KEYS[0].upper()}}
    assert redactor.redacted_document(document) == {"a": [MASK, 1, None, True], MASK: {"b": MASK}}


def test_errors_hide_every_key_of_the_process() -> None:
    key = "the-key-of-this-test-2718"
    Secret(f"ManagementKey-v1 {key}")
    error = UsageError(f"bad {key}", hint=f"not {key.upper()}")
    assert key not in f"{error} {error!r} {error.args} {error.hint}".lower()
    refused = ServerRefused("no", status=400, details=(f"echo {key}",))
    assert key not in str(refused.details)


def test_log_records_are_hidden(caplog: pytest.LogCaptureFixture) -> None:
    key = "the-key-of-this-test-3141"
    Secret(f"ManagementKey-v1 {key}")
    logger = logging.getLogger("test_log_records_are_hidden")
    logger.addFilter(RedactingFilter())
    with caplog.at_level(logging.DEBUG):
        logger.debug("headers %r", [(b"X-Echo", key.encode())])
    assert "X-Echo" in caplog.text
    assert key not in caplog.text
