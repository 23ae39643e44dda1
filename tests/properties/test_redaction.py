"""Any key in any two of the usual encodings, one inside the other, is hidden in any surroundings."""

import base64
import codecs
import html
import json
from collections.abc import Callable
from urllib.parse import quote, quote_plus

from hypothesis import given, settings
from hypothesis import strategies as st

from bulkops.redaction import MASK, Redactor

KEY_CHARACTERS = "".join(map(chr, range(0x21, 0x7F)))
keys = st.one_of(
    st.text("0123456789abcdef", min_size=16, max_size=64),
    st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.", min_size=16, max_size=80),
    st.text(KEY_CHARACTERS, min_size=16, max_size=40),
)
ENCODERS: list[Callable[[str], str]] = [
    lambda text: base64.b64encode(text.encode()).decode(),
    lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
    lambda text: codecs.encode(text.encode(), "base64").decode(),
    lambda text: text.encode().hex(),
    lambda text: text.encode().hex(" "),
    lambda text: quote(text, safe=""),
    quote_plus,
    json.dumps,
    html.escape,
    lambda text: text.encode("ascii", "xmlcharrefreplace").decode(),
    lambda text: codecs.encode(text.encode(), "quopri").decode(),
    lambda text: "".join(f"\\u{ord(c):04x}" for c in text),
    lambda text: f"user:{text}",
    lambda text: f"ManagementKey-v1 {text}",
]
surroundings = st.text(st.characters(codec="utf-8"), max_size=40)


@settings(max_examples=150, deadline=None)
@given(
    key=keys, inner=st.sampled_from(ENCODERS), outer=st.sampled_from(ENCODERS), before=surroundings, after=surroundings
)
def test_key_is_hidden_in_any_encoding_of_an_encoding(
    key: str, inner: Callable[[str], str], outer: Callable[[str], str], before: str, after: str
) -> None:
    redactor = Redactor()
    redactor.remember(f"ManagementKey-v1 {key}")
    encoded = outer(inner(key))
    text = redactor.redacted(f"{before} {encoded} {after}")
    assert MASK in text
    assert encoded not in text
    assert not redactor.found(text)


@settings(max_examples=100, deadline=None)
@given(key=keys, text=st.text(st.characters(codec="utf-8"), max_size=300))
def test_text_without_the_key_stays_as_it_is(key: str, text: str) -> None:
    redactor = Redactor()
    redactor.remember(key)
    if "".join(filter(str.isalnum, key.casefold())) not in "".join(filter(str.isalnum, text.casefold())):
        assert redactor.redacted(text) == text
