"""Make text safe to print: it cannot move a cursor, end a line early or send commands to a CI server."""

import re

# Characters that control a terminal, or reverse the order of letters (Unicode's bidirectional controls).
_CONTROLS = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]|\r(?!\n|\\Z)"
)
# Commands of GitHub Actions at the start of a line, also after blanks (`::error::`, `::set-output name=…`), and
# commands of GitHub Actions and Azure Pipelines anywhere in a line (`##[error]`, `##vso[…]`).
_COMMANDS = re.compile(r"(?<=:):(?=[A-Za-z][A-Za-z-]*(?:::|[ \t]))|(?<=#)#(?=\[|vso\[)")
_LINE_ENDS = {ord("\n"): "\\n", ord("\r"): "\\r"}


def escaped(text: str) -> str:
    """Return a text that is safe to print; line feeds and tabs stay."""
    return _COMMANDS.sub(_code, _CONTROLS.sub(_code, text))


def one_line(text: str) -> str:
    """Return a text that is safe to print on one line, with its line ends as escapes."""
    return escaped(text).translate(_LINE_ENDS)


def escaped_json(text: str) -> str:
    """Return an equal JSON document that is safe to print, with JSON escapes."""
    if not text.replace("\n", "").isprintable():
        text = _CONTROLS.sub(_json_code, text)
    return _COMMANDS.sub(_json_code, text) if "::" in text or "##" in text else text


def _code(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def _json_code(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"
