"""Read YAML, TOML and JSON documents with limits on their size, depth and aliases.

Every parse error becomes a `ValueError` that describes it; the parsers raise a dozen different types.
"""

import json
import os
import re
import stat
import tomllib
from collections.abc import Callable, Sequence
from io import FileIO
from pathlib import Path
from typing import Any

from bulkops.errors import InputUnreadable, LimitExceeded
from bulkops.limits import MAX_DOCUMENT_BYTES, MAX_DOCUMENT_DEPTH, MAX_DOCUMENT_VALUES

_PART = r"""(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+"""
_KEY_PARTS = rf"{_PART}(?:\.[ \t]*+{_PART})*+"
_KEY_OF_LINE = re.compile(rf"[ \t]*+(?:\[\[?[ \t]*+(?P<table>{_KEY_PARTS})\]|(?P<key>{_KEY_PARTS})=)")
_LONG_KEY = re.compile(rf"(?<![\w-])(?:{_PART}\.[ \t]*+){{{MAX_DOCUMENT_DEPTH}}}")
_TOO_DEEP = "it is nested too deeply"
MORE_THAN_ANY = 2**62


def read_document(path: Path, *, what: str = "", most: int = MAX_DOCUMENT_BYTES) -> str:
    """Return the text of a document; `what` precedes its name in messages.

    InputUnreadable if it cannot be read, LimitExceeded if it is too large, UnicodeDecodeError if it is not UTF-8.
    """
    called = f"{what} {path}".strip()
    try:
        with _opened(path, called) as file:
            content = bytearray()
            while len(content) <= most and (block := file.read(most + 1 - len(content))):
                content += block
    except OSError as error:
        raise InputUnreadable(f"{called} cannot be read: {error.strerror}.") from None
    if len(content) > most:
        raise LimitExceeded(f"{called} has more than {most:,} bytes.", hint="Choose another file, or make it smaller.")
    return content.decode("utf-8")


def _opened(path: Path, called: str) -> FileIO:
    """Return an open file or pipe; without O_NONBLOCK, opening a pipe without a writer would wait forever."""
    number = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    mode = os.fstat(number).st_mode
    if stat.S_ISDIR(mode):
        os.close(number)
        raise InputUnreadable(f"{called} cannot be read: it is a folder.")
    if stat.S_ISFIFO(mode):
        os.set_blocking(number, True)
    return FileIO(number)


def parse_json(text: str) -> Any:
    """Return a JSON document; ValueError describes a parse error."""
    return _parsed(json.loads, text)


def parse_toml(text: str) -> dict[str, Any]:
    """Return a TOML document; ValueError describes a parse error."""
    if _LONG_KEY.search(text):  # the parser's time grows with the square of the parts of a key
        raise ValueError(_TOO_DEEP)
    document: dict[str, Any] = _parsed(tomllib.loads, text)
    return document


def toml_line(text: str, wanted: Sequence[str]) -> int | None:
    """Return the line, from 1, of a key in a TOML document, or else of the nearest table around it; None if unknown.

    `wanted` are the names from the outermost table on. The parser of the standard library gives no lines.
    """
    table: tuple[str, ...] = ()
    nearest, line, in_text = 0, None, False
    for number, written in enumerate(text.split("\n"), start=1):
        inside = in_text
        in_text ^= (written.count('"""') + written.count("'''")) % 2 == 1
        if inside or (found := _KEY_OF_LINE.match(written)) is None:
            continue
        if found["table"]:
            path = table = _names(found["table"])
        else:
            path = table + _names(found["key"])
        if len(path) > nearest and path == tuple(wanted[: len(path)]):
            nearest, line = len(path), number
    return line


def _names(key: str) -> tuple[str, ...]:
    """Return the names of a dotted TOML key, without their quotes."""
    try:
        value: Any = tomllib.loads(f"{key} = 0")
    except ValueError:
        return ()
    names = []
    while isinstance(value, dict):
        ((name, value),) = value.items()
        names.append(name)
    return tuple(names)


def parse_yaml(text: str, *, values: int = MAX_DOCUMENT_VALUES) -> Any:
    """Return a YAML document; ValueError describes a parse error, or too many values with aliases counted in full."""
    import yaml

    loader_class = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    def load(text: str) -> Any:
        _check_depth(yaml, loader_class, text)
        loader = loader_class(text)
        try:
            node = loader.get_single_node()
            if node is None:
                return None
            if _values(node, {}) > values:
                raise ValueError(f"it has more than {values:,} values, with its aliases counted in full")
            return loader.construct_document(node)
        except yaml.YAMLError as error:
            raise ValueError(str(error)) from None
        finally:
            loader.dispose()

    return _parsed(load, text)


def yaml_line(text: str, place: Sequence[int | str]) -> int | None:
    """Return the line, from 1, of a place in a YAML document, or of the nearest place around it; None if unknown.

    `place` are the keys and positions from the outermost on; parts that do not lead anywhere are ignored.
    """
    import yaml

    try:
        node = yaml.compose(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError:
        return None
    line = None
    for part in place:
        if isinstance(node, yaml.MappingNode):
            key, value = next(((k, v) for k, v in node.value if k.value == str(part)), (None, None))
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            key = value = node.value[part]
        else:
            continue
        if key is not None:
            line, node = key.start_mark.line + 1, value
    return line


def _check_depth(yaml: Any, loader_class: Any, text: str) -> None:
    """Raise ValueError if a document is nested too deeply for the recursive composer."""
    depth = 0
    try:
        for event in yaml.parse(text, loader_class):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DOCUMENT_DEPTH:
                raise ValueError(_TOO_DEEP)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from None


def _values(node: Any, known: dict[int, int]) -> int:
    """Return the number of values of a node, with aliases counted in full; very large for a recursive node."""
    if id(node) in known:
        return known[id(node)]
    known[id(node)] = MORE_THAN_ANY  # until it is counted
    parts = node.value if isinstance(node.value, list) else []
    count = 1
    for part in parts:
        count += sum(_values(one, known) for one in (part if isinstance(part, tuple) else (part,)))
    known[id(node)] = count
    return count


def _parsed(parse: Callable[[str], Any], text: str) -> Any:
    try:
        return parse(text)
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    except (ValueError, OverflowError, LookupError, TypeError, AttributeError) as error:
        raise ValueError(str(error).partition("; use sys.set_int_max_str_digits")[0]) from None
