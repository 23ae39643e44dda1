"""Read and write baselines: accepted findings, identified by rule, column and a hash of the value, not by position."""

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bulkops.errors import UsageError
from bulkops.validation.findings import Finding
from bulkops.writing import OWN_ONLY, Permit, whole_file

_VERSION = 1


def fingerprint(code: str, column: str | None, value: str | None, message: str) -> str:
    """Return the baseline entry of a finding.

    A finding about a whole record has no value; its message is hashed instead.
    """
    digest = hashlib.sha256((value if value is not None else message).encode("utf-8", "surrogatepass")).hexdigest()
    return f"{code} {column or '-'} {digest[:32]}"


@dataclass
class Baseline:
    """The accepted findings, and a count of those that this run found."""

    known: Mapping[str, str]
    met: Counter[str] = field(default_factory=Counter)

    @property
    def codes(self) -> frozenset[str]:
        """The rules that have accepted findings."""
        return frozenset(entry.partition(" ")[0] for entry in self.known)

    def accepts(self, finding: Finding) -> bool:
        """Return whether a finding is accepted, and count it as found if so."""
        entry = fingerprint(finding.code, finding.column, finding.value, finding.message)
        if entry not in self.known:
            return False
        self.met[entry] += 1
        return True

    def unused(self, judged: Collection[str]) -> tuple[str, ...]:
        """Return the entries of `judged` rules that matched no finding, with their notes."""
        return tuple(
            f"{entry}: {note}" if note else entry
            for entry, note in self.known.items()
            if not self.met[entry] and entry.partition(" ")[0] in judged
        )


def load(path: Path) -> Baseline:
    """Return the baseline in a file; UsageError if the file is not a valid baseline."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["version"] != _VERSION:
            raise UsageError(f"{path} has version {document['version']}; version {_VERSION} is required.")
        return Baseline({str(entry): str(note) for entry, note in document["accepted"].items()})
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        hint = "Write one with --write-baseline."
        raise UsageError(f"{path} is not a valid baseline: {error}.", hint=hint) from error


def save(path: Path, findings: Iterable[Finding], permit: Permit = OWN_ONLY) -> int:
    """Write findings to a baseline and return the number of entries; values are stored only as hashes.

    UsageError if `permit` protects the existing file.
    """
    accepted = {
        fingerprint(f.code, f.column, f.value, f.message): f"{f.name}, first seen in line {f.line}" for f in findings
    }
    document = {"version": _VERSION, "accepted": dict(sorted(accepted.items()))}
    with whole_file(path, permit) as file:
        file.write(f"{json.dumps(document, indent=2)}\n".encode())
    return len(accepted)
