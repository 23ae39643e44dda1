"""Descriptions of the body of an unexpected response."""

import pytest

from bulkops.transport.bodies import describe_body, is_page


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "an empty body"),
        (b" \r\n", "an empty body"),
        (b"<!DOCTYPE html><html><head><title>Sign in \n &amp; Acme</title>", "an HTML page: 'Sign in & Acme'"),
        (b"\xef\xbb\xbf\n<HTML><body><h1>502 <b>Bad</b> Gateway</h1>", "an HTML page: '502 Bad Gateway'"),
        (b"<!-- a --><html><body>x</body></html>", "an HTML page without a title"),
        (b'<?xml version="1.0"?><Error><Code>x</Code></Error>', "an XML document: <Error>"),
        (b"PK\x03\x04abc", "a ZIP file"),
        (b"a\x00b", "binary data"),
        (b'{"message": "no such export"}', "a JSON document: 'no such export'"),
        (b"[1, 2]", "a JSON document"),
        (b'{"data": [1', "JSON that is cut short or damaged"),
        (b"no route\nsecret record", "text that begins with 'no route'"),
    ],
)
def test_a_body_is_described_by_its_kind_and_title(content: bytes, words: str) -> None:
    assert describe_body(content) == words


def test_a_title_is_cut_after_keys_are_hidden() -> None:
    page = b"<html><title>" + b"x" * 110 + b"secret-key-1" + b"y" * 500 + b"</title>"
    words = describe_body(page, hide=lambda text: text.replace("secret-key-1", "***"))
    assert "secret" not in words
    assert len(words) < 160


@pytest.mark.parametrize("content", [b"a,b\n1,2\n", b'"<html>",b\n', b'{"a": "<html>"}', b"", b"< 5,b\n"])
def test_a_csv_or_json_body_is_not_a_page(content: bytes) -> None:
    assert not is_page(content)
