"""Scripted trouble: which request to which endpoint goes wrong, and how."""

import math
import random
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Any

from bulkops.documents import parse_json
from bulkops.errors import UsageError
from bulkops.limits import MAX_SECONDS
from bulkops.sandbox.import_engine import ImportFault

RULE = re.compile(r"(?P<endpoint>[A-Za-z0-9]+)(?:@(?P<when>[0-9a-z.\-]+))?=(?P<fault>[a-z0-9]+(?::[a-z0-9.]+)*)")
WHEN = re.compile(
    r"(?P<first>[0-9]{1,9})(?:-(?P<last>[0-9]{1,9}))?|every(?P<every>[1-9][0-9]{0,8})|p(?P<share>0?\.[0-9]{1,9}|1)"
)
MAX_RULE = 200
"""Characters of a rule."""
GROUPS = ("imports", "exports", "reads", "all")
HINT = "docs/reference/sandbox.md describes the faults."


NO_TROUBLE = ImportFault()


@dataclass(frozen=True)
class Mishap:
    """The fault of one request; with all defaults there is none.

    `status` replaces the response of the endpoint (with `committed`, after it did its work). `cut` is when the
    connection is cut: before, during or after the body was read, or when all was committed. `late` is how long
    after the response, or after the cut, the work is done. Times in seconds.
    """

    status: int | None = None
    committed: bool = False
    retry_after: str | None = None
    cut: str | None = None
    truncate: bool = False
    late: float | None = None
    slow: float = 0.0
    trouble: ImportFault = NO_TROUBLE


NONE = Mishap()


@dataclass(frozen=True)
class FaultRule:
    """One rule: an endpoint or a group of them, when, and what."""

    endpoint: str
    when: str
    mishap: Mishap

    def names(self, operation: str, kind: str) -> bool:
        """Tell whether the rule is about this endpoint."""
        return self.endpoint in (operation, kind, "all")

    def meets(self, number: int, chance: float) -> bool:
        """Tell whether the endpoint's request of this number, with this random draw, goes wrong."""
        if not self.when:
            return True
        found = WHEN.fullmatch(self.when)
        if found is None:
            return False
        if found["every"]:
            return number % int(found["every"]) == 0
        if found["share"]:
            return chance < float(found["share"])
        return int(found["first"]) <= number <= int(found["last"] or found["first"])


class Faults:
    """The rules of one sandbox; the first that fits a request is applied. Counts requests by endpoint."""

    def __init__(self, rules: tuple[FaultRule, ...] = (), seed: int = 0) -> None:
        self.rules = rules
        self._random = random.Random(seed)
        self._counts: Counter[str] = Counter()
        self._lock = Lock()

    def next(self, operation: str, kind: str) -> Mishap:
        """Count a request and return its fault."""
        with self._lock:
            self._counts[operation] += 1
            number = self._counts[operation]
            for rule in self.rules:
                if rule.names(operation, kind) and rule.meets(number, self._random.random()):
                    return rule.mishap
        return NONE


def parse_faults(spec: str | None, operations: frozenset[str]) -> Faults:
    """Read a fault specification (comma-separated rules, or JSON); raise `UsageError` for a bad one."""
    text = (spec or "").strip()
    if not text:
        return Faults()
    if text.startswith("{"):
        return _from_json(text, operations)
    parts = [part.strip() for part in text.split(",") if part.strip()]
    seeds = [part[5:] for part in parts if part.startswith("seed=")]
    rules = tuple(_rule(part, operations) for part in parts if not part.startswith("seed="))
    return Faults(rules, _seed(seeds[-1]) if seeds else 0)


def _from_json(text: str, operations: frozenset[str]) -> Faults:
    try:
        given = parse_json(text)
        rules = [
            f"{each['endpoint']}{'@' + str(each['when']) if 'when' in each else ''}={each['fault']}"
            for each in given["rules"]
        ]
    except (ValueError, KeyError, TypeError, RecursionError) as problem:
        raise UsageError(f"The faults are not JSON of the expected form: {problem}.", hint=HINT) from problem
    return Faults(tuple(_rule(each, operations) for each in rules), _seed(given.get("seed", 0)))


def _seed(value: Any) -> int:
    try:
        return int(value)
    except (ValueError, TypeError, OverflowError) as problem:
        raise UsageError(f"The seed of the faults is a whole number, not {str(value)[:40]!r}.") from problem


def _rule(text: str, operations: frozenset[str]) -> FaultRule:
    found = RULE.fullmatch(text) if len(text) <= MAX_RULE else None
    text = text[:MAX_RULE]
    if found is None:
        raise UsageError(f"{text!r} is not a fault such as importCoupons@2=cut:after.", hint=HINT)
    endpoint, when = found["endpoint"], found["when"] or ""
    if endpoint not in operations and endpoint not in GROUPS:
        raise UsageError(
            f"The fault {text!r} names no endpoint: {endpoint!r}.", hint=f"Operation names or {', '.join(GROUPS)}."
        )
    if when and WHEN.fullmatch(when) is None:
        raise UsageError(f"The fault {text!r} does not say when: 3, 2-5, every4 or p0.1.", hint=HINT)
    try:
        return FaultRule(endpoint, when, _mishap(*found["fault"].split(":")))
    except (ValueError, TypeError) as problem:
        raise UsageError(f"The fault {text!r} is not known.", hint=HINT) from problem


def _mishap(kind: str, *given: str) -> Mishap:
    """Return the mishap that a fault's text describes; raise `ValueError` or `TypeError` for an unknown text."""
    if kind.isdigit():
        return _status(int(kind), *given)
    makers: dict[str, Callable[..., Mishap]] = {
        "cut": _cut,
        "truncate": _truncate,
        "late": _late,
        "slow": _slow,
        "refuse": _refuse,
        "lag": _lag,
        "short": _short,
    }
    if kind not in makers:
        raise ValueError(kind)
    return makers[kind](*given)


def _status(status: int, option: str = "", wait: str = "") -> Mishap:
    if not 400 <= status <= 599:
        raise ValueError(status)
    if option == "late" and status != 429:
        return Mishap(status=status, late=_seconds(wait))
    if wait:
        raise ValueError(wait)
    if status == 429:
        if option not in ("", "date"):
            _seconds(option)
        return Mishap(status=429, retry_after=option or None)
    if option not in ("", "before", "after"):
        raise ValueError(option)
    return Mishap(status=status, committed=option == "after")


def _seconds(text: str) -> float:
    """Return a duration; ValueError if it is not one that ends."""
    seconds = float(text)
    if not (math.isfinite(seconds) and 0 <= seconds <= MAX_SECONDS):
        raise ValueError(text)
    return seconds


def _cut(when: str) -> Mishap:
    if when not in ("before", "during", "after", "committed"):
        raise ValueError(when)
    return Mishap(cut=when)


def _truncate() -> Mishap:
    return Mishap(truncate=True)


def _late(wait: str) -> Mishap:
    return Mishap(late=_seconds(wait))


def _slow(wait: str) -> Mishap:
    return Mishap(slow=_seconds(wait))


def _lag(wait: str) -> Mishap:
    return Mishap(trouble=ImportFault(lag=_seconds(wait)))


def _short(records: str) -> Mishap:
    return Mishap(trouble=ImportFault(only=_count(records)))


def _count(text: str) -> int:
    """Return a number of records; raise `ValueError` if it is not a whole number of at most nine digits."""
    found = int(text)
    if found >= 10**9:
        raise ValueError(text)
    return found


def _refuse(how: str, record: str = "1") -> Mishap:
    atomicity = {"atomic": "whole_file", "partial": "until_error"}[how] if how in ("atomic", "partial") else ""
    if not atomicity or _count(record) < 1:
        raise ValueError(how)
    return Mishap(trouble=ImportFault(refuse_at=_count(record), atomicity=atomicity))
