"""Text of the data neither moves a cursor, ends a line nor commands a build server."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulkops.escaping import escaped, escaped_json, one_line

COMMANDS = [
    "::error::x",
    "::error file=a.csv,line=1::x",
    "  ::set-output name=a::b",
    "\t::add-mask::x",
    "::stop-commands::token",
    "::group::x",
    "::set-env\tname=a::b",
    "before ##[error]x",
    "##vso[task.setvariable variable=a]b",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_command_of_a_build_server_is_broken_up_wherever_it_is(command: str) -> None:
    for text in (command, f"a\n{command}", f"a\r\n{command}", f"a: {command}"):
        for shown in (escaped(text), one_line(text), escaped_json(json.dumps(text, ensure_ascii=False))):
            assert not any(line.strip().startswith("::") for line in shown.splitlines())
            assert "##[" not in shown
            assert "##vso[" not in shown
            assert "::error" not in shown


@pytest.mark.parametrize(
    "text", ["std::string", "a::b", "http://[::1]:80", "::ffff:127.0.0.1", "##", "# [x]", "Zoë 🎉"]
)
def test_ordinary_text_stays(text: str) -> None:
    assert escaped(text) == one_line(text) == text


@given(st.text())
def test_no_text_prints_a_control_or_a_second_line(text: str) -> None:
    line = one_line(text)
    assert "\n" not in line
    assert "\r" not in line
    assert not any(ord(c) < 32 and c != "\t" for c in line)
    assert not any(0x7F <= ord(c) < 0xA0 for c in line)
    line.encode()


@given(st.text())
def test_escaped_json_has_the_same_value(text: str) -> None:
    document = escaped_json(json.dumps({"a": [text]}, ensure_ascii=False, indent=2))
    assert json.loads(document) == {"a": [text]}
    assert not any(ord(c) < 32 and c != "\n" for c in document)
