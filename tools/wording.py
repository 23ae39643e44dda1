"""Check that texts do not become harder to read: `python -m tools.wording` (part of `make lint`).

`tools/wording.toml` has phrases to avoid, and `tools/wording-ceilings.json` the maximum of matches per 1,000 words
for each package and folder. A part without a ceiling must reach the goal. docs/style.md explains how to write.
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

from tools.texts import Text, texts

ROOT = Path(__file__).parents[1]
PHRASES = ROOT / "tools" / "wording.toml"
CEILINGS = ROOT / "tools" / "wording-ceilings.json"

Rates = Mapping[str, Mapping[str, float]]
"""Matches per 1,000 words, by part and group."""


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


def rates(found: Iterable[Text], phrases: list[Group]) -> dict[str, dict[str, float]]:
    """Return the matches per 1,000 words of each part, rounded up to two decimals."""
    words: Counter[str] = Counter()
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for text in found:
        words[text.part] += text.words
        for group in phrases:
            counts[text.part][group.name] += sum(1 for _ in group.matches(text))
    return {
        part: {group.name: math.ceil(counts[part][group.name] * 100_000 / words[part]) / 100 for group in phrases}
        for part in sorted(words)
        if words[part]
    }


def problems(now: Rates, ceilings: Rates, phrases: list[Group]) -> list[str]:
    """Return a message for each part and group with a rate above its ceiling."""
    return [
        f"{part}: {now[part][group.name]:.2f} {group.name} phrases per 1,000 words; the maximum is {limit:.2f}. "
        f"`python -m tools.wording --show {part}` lists them."
        for part in now
        for group in phrases
        if now[part][group.name] > (limit := ceilings.get(part, {}).get(group.name, group.goal))
    ]


def lowered(now: Rates, ceilings: Rates, phrases: list[Group]) -> dict[str, dict[str, float]]:
    """Return the ceilings with each rate that fell; the ceiling of a part that reached the goal is the goal."""
    return {
        part: {
            group.name: max(group.goal, min(now[part][group.name], ceilings.get(part, {}).get(group.name, group.goal)))
            for group in phrases
        }
        for part in now
    }


def main(arguments: list[str] | None = None) -> int:
    """Check, list or tighten; return 1 if a rate is above its ceiling."""
    parser = ArgumentParser(prog="python -m tools.wording", description=__doc__)
    parser.add_argument("--show", metavar="PART", help="list the matches of a part, such as bulkops/upload or docs")
    parser.add_argument("--tighten", action="store_true", help="lower the ceilings to the present rates")
    parser.add_argument("--rewrite", action="store_true", help="write the present rates, also where they rose (moves)")
    chosen = parser.parse_args(arguments)
    phrases, found = groups(), list(texts(ROOT))
    if chosen.show:
        return _show([text for text in found if _belongs(text, chosen.show)], phrases)
    now = rates(found, phrases)
    ceilings = now if chosen.rewrite else json.loads(CEILINGS.read_text(encoding="utf-8"))
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
