"""Check that texts do not become harder to read: `python -m tools.wording` (part of `make lint`).

`tools/wording.toml` has phrases to avoid, and `tools/wording-ceilings.json` the maximum for each package and folder.
A part without a ceiling must reach the goal. docs/style.md explains how to write.
"""

import json
import math
import re
import sys
import tomllib
from argparse import ArgumentParser
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from tools.texts import Text, texts

ROOT = Path(__file__).parents[1]
PHRASES = ROOT / "tools" / "wording.toml"
CEILINGS = ROOT / "tools" / "wording-ceilings.json"


class Ceiling(TypedDict):
    """The maximum of matches of a part and group, and of matches per 1,000 words."""

    matches: int
    rate: float


@dataclass(frozen=True)
class Count:
    """The matches of a group in a part, and its words."""

    matches: int
    words: int

    @property
    def rate(self) -> float:
        """Return the matches per 1,000 words, rounded up to two decimals."""
        return math.ceil(self.matches * 100_000 / self.words) / 100


Counts = Mapping[str, Mapping[str, Count]]
Ceilings = Mapping[str, Mapping[str, Ceiling]]


@dataclass(frozen=True)
class Group:
    """A group of phrases: the advice for each pattern, and the highest rate that is accepted without a ceiling."""

    name: str
    goal: float
    patterns: Mapping[re.Pattern[str], str]

    def matches(self, text: Text) -> Iterator[tuple[int, str, str]]:
        """Yield line, phrase and advice of each match."""
        for pattern, advice in self.patterns.items():
            for match in pattern.finditer(text.content):
                yield text.line + text.content.count("\n", 0, match.start()), match[0], advice


def groups(path: Path = PHRASES) -> list[Group]:
    """Return the groups of a file of phrases."""
    tables = tomllib.loads(path.read_text(encoding="utf-8"))
    return [Group(name, table["goal"], dict(_patterns(table))) for name, table in tables.items()]


def _patterns(table: Mapping[str, object]) -> Iterator[tuple[re.Pattern[str], str]]:
    phrases = table["phrases"]
    about = str(table["about"])
    advice = phrases if isinstance(phrases, dict) else dict.fromkeys(_strings(phrases), about)
    if after := table.get("after_what"):
        advice = {f"what ({'|'.join(_strings(after))})": about, **advice}
    for phrase, words in advice.items():
        yield re.compile(rf"\b({phrase})\b".replace(" ", r"\s+"), re.IGNORECASE), words


def _strings(value: object) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else []


def counts(found: Iterable[Text], phrases: list[Group]) -> dict[str, dict[str, Count]]:
    """Return the matches of each part and group."""
    words: Counter[str] = Counter()
    matches: dict[str, Counter[str]] = defaultdict(Counter)
    for text in found:
        words[text.part] += text.words
        for group in phrases:
            matches[text.part][group.name] += sum(1 for _ in group.matches(text))
    return {
        part: {group.name: Count(matches[part][group.name], words[part]) for group in phrases}
        for part in sorted(words)
        if words[part]
    }


def problems(now: Counts, ceilings: Ceilings, phrases: list[Group]) -> list[str]:
    """Return a message for each part and group with more matches, and a higher rate, than its ceiling.

    A rate alone would rise where a clean sentence is removed, a number where a part grows.
    """
    found = []
    for part, group in ((part, group) for part in now for group in phrases):
        count = now[part][group.name]
        limit = ceilings.get(part, {}).get(group.name)
        most, rate = (0, group.goal) if limit is None else (limit["matches"], max(limit["rate"], group.goal))
        if count.matches > most and count.rate > rate:
            found.append(
                f"{part}: {count.matches} {group.name} phrases, {count.rate:.2f} per 1,000 words; at most {most}, or "
                f"{rate:.2f} per 1,000 words, are accepted. `python -m tools.wording --show {part}` lists them."
            )
    return found


def lowered(now: Counts, ceilings: Ceilings, phrases: list[Group]) -> dict[str, dict[str, Ceiling]]:
    """Return the ceilings with the present number and rate of each part and group where they fell."""
    found: dict[str, dict[str, Ceiling]] = {}
    for part, group in ((part, group) for part in now for group in phrases):
        count = now[part][group.name]
        limit = ceilings.get(part, {}).get(group.name, {"matches": 0, "rate": group.goal})
        kept = found.setdefault(part, {})
        kept[group.name] = {
            "matches": min(count.matches, limit["matches"]),
            "rate": min(count.rate, limit["rate"]),
        }
    return found


def written(now: Counts) -> dict[str, dict[str, Ceiling]]:
    """Return the present numbers and rates as ceilings."""
    return {
        part: {name: {"matches": count.matches, "rate": count.rate} for name, count in groups_of.items()}
        for part, groups_of in now.items()
    }


def main(arguments: list[str] | None = None) -> int:
    """Check, list or tighten; return 1 if a part is above its ceiling."""
    parser = ArgumentParser(prog="python -m tools.wording", description=__doc__)
    parser.add_argument("--show", metavar="PART", help="list the matches of a part, such as bulkops/upload or docs")
    parser.add_argument("--tighten", action="store_true", help="lower the ceilings to the present numbers")
    parser.add_argument(
        "--rewrite", action="store_true", help="write the present numbers, also where they rose (after a move)"
    )
    chosen = parser.parse_args(arguments)
    phrases, found = groups(), list(texts(ROOT))
    if chosen.show:
        return _show([text for text in found if _belongs(text, chosen.show)], phrases)
    now = counts(found, phrases)
    ceilings = written(now) if chosen.rewrite else json.loads(CEILINGS.read_text(encoding="utf-8"))
    if chosen.tighten or chosen.rewrite:
        ceilings = lowered(now, ceilings, phrases)
        CEILINGS.write_text(json.dumps(ceilings, indent=2) + "\n", encoding="utf-8")
    above = problems(now, ceilings, phrases)
    for problem in above:
        print(problem, file=sys.stderr)
    if not above:
        print(f"Wording: {len(now)} parts, none above its ceiling.")
    return 1 if above else 0


def _belongs(text: Text, part: str) -> bool:
    return text.part == part or text.path.is_relative_to(part)


def _show(found: list[Text], phrases: list[Group]) -> int:
    for text in found:
        for group in phrases:
            for line, phrase, advice in group.matches(text):
                print(f"{text.path}:{line}: {text.kind}: {' '.join(phrase.split())!r}: {advice}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
