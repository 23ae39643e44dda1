"""The words by which columns of legacy files are recognised, read from `words.toml`."""

import re
import tomllib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

LANGUAGES = ("en", "de", "fr", "es", "pt", "it", "nl", "pl", "ja")
_IN_BRACKETS = re.compile(r"[(\[{][^)\]}]*[)\]}]")
_LETTERS = str.maketrans({"ł": "l", "Ł": "l", "ø": "o", "æ": "ae", "œ": "oe", "№": "no"})


_SMALL_WORDS = frozenset(
    ("d", "da", "das", "de", "dei", "del", "dell", "della", "der", "des", "di", "do", "dos", "du", "el", "het", "l",
     "la", "las", "le", "les", "los", "of", "the", "van", "von")
)  # fmt: skip
"""Articles and prepositions that a header may leave out: `id_tienda` is `id de tienda`."""


def word_key(text: str) -> str:
    """Return the form in which words are compared: lower case, without accents, blanks and punctuation."""
    plain = unicodedata.normalize("NFKD", text.translate(_LETTERS).casefold())
    return "".join(char for char in plain if char.isalnum())


def short_key(text: str) -> str:
    """Return the key of a text without articles and prepositions."""
    parts = (word_key(part) for part in re.split(r"[\W_]+", text))
    return "".join(part for part in parts if part not in _SMALL_WORDS)


@dataclass(frozen=True, kw_only=True)
class Meaning:
    """The meaning of a column. `kind` is the form of its values.

    `end`: a date without a time lasts until its last second.
    """

    name: str
    about: str
    kind: str
    end: bool
    words: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, kw_only=True)
class Tool:
    """A tool with documented headers. `columns` are the meanings of headers that mislead, by their key."""

    name: str
    about: str
    headers: frozenset[str]
    least: int
    only: bool
    columns: Mapping[str, str]
    blank_limit: str | None


@dataclass(frozen=True, kw_only=True)
class Targets:
    """How a contract is filled: the meanings of each import column, best first, and the options of its step.

    `weak`: the key meanings also appear in the tables of other groups. `doubtful`: meanings that may fill a column.
    """

    group: str
    weak: bool
    key: tuple[str, ...]
    columns: Mapping[str, tuple[str, ...]]
    doubtful: Mapping[str, tuple[str, ...]]
    options: Mapping[str, bool | str]


@dataclass(frozen=True, kw_only=True)
class Words:
    """All words. `meaning_of` and `totals` are by the key of a word, `meaning_of_short` by its short key."""

    meanings: Mapping[str, Meaning]
    meaning_of: Mapping[str, str]
    meaning_of_short: Mapping[str, str]
    contracts: Mapping[str, Targets]
    tools: tuple[Tool, ...]
    totals: frozenset[str]

    def meaning(self, header: str) -> str | None:
        """Return the meaning of a header; a remark in brackets, such as a unit, does not matter."""
        for text in (header, _IN_BRACKETS.sub(" ", header)):
            if (found := self.meaning_of.get(word_key(text))) is not None:
                return found
        return self.meaning_of_short.get(short_key(header))

    def tool(self, headers: tuple[str, ...]) -> Tool | None:
        """Return the tool that has the most of its documented headers in a table; None if none has enough."""
        keys = {word_key(header) for header in headers}
        fitting = [
            tool
            for tool in self.tools
            if len(tool.headers & keys) >= tool.least and (not tool.only or keys == tool.headers)
        ]
        return max(fitting, key=lambda tool: len(tool.headers & keys), default=None)


@cache
def words() -> Words:
    """Return the words of the package."""
    document = tomllib.loads(Path(__file__).with_name("words.toml").read_text(encoding="utf-8"))
    meanings = {name: _meaning(name, table) for name, table in document["meanings"].items()}
    owners = [(word, each.name) for each in meanings.values() for listed in each.words.values() for word in listed]
    return Words(
        meanings=meanings,
        meaning_of={word_key(word): name for word, name in owners},
        meaning_of_short=_short_words(owners),
        contracts={name: _targets(table) for name, table in document["contracts"].items()},
        tools=tuple(_tool(name, table) for name, table in document["tools"].items()),
        totals=frozenset(map(word_key, document["totals"]["words"])),
    )


def _short_words(owners: list[tuple[str, str]]) -> dict[str, str]:
    """Return the meaning of each short key; those of several meanings are left out."""
    found: dict[str, set[str]] = {}
    for word, name in owners:
        found.setdefault(short_key(word), set()).add(name)
    return {key: names.pop() for key, names in found.items() if key and len(names) == 1}


def _meaning(name: str, table: Mapping[str, Any]) -> Meaning:
    listed = {language: tuple(table[language]) for language in LANGUAGES if language in table}
    return Meaning(name=name, about=table["about"], kind=table["kind"], end=table.get("end", False), words=listed)


def _targets(table: Mapping[str, Any]) -> Targets:
    columns, doubtful = (
        {name: tuple(found) for name, found in table.get(key, {}).items()} for key in ("columns", "doubtful")
    )
    return Targets(
        group=table["group"],
        weak=table.get("weak", False),
        key=tuple(table["key"]),
        columns=columns,
        doubtful=doubtful,
        options=table.get("options", {}),
    )


def _tool(name: str, table: Mapping[str, Any]) -> Tool:
    return Tool(
        name=name,
        about=table["about"],
        headers=frozenset(map(word_key, table["headers"])),
        least=table["least"],
        only=table.get("only", False),
        columns={word_key(header): meaning for header, meaning in table.get("columns", {}).items()},
        blank_limit=table.get("blank_limit"),
    )
