"""Decide whether to sign a report about one or several jobs, and say why in one sentence. Pure functions."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from bulkops.ledger.job_documents import left_out_text
from bulkops.ledger.states import JobState
from bulkops.reconciling.result import Verdict
from bulkops.reporting.facts import STATES, JobFacts
from bulkops.wording import counted

SHOWN = 3
"""Maximum number of jobs that the sentence about several jobs names."""


class Sign(StrEnum):
    """Whether to sign the report."""

    YES = "sign"
    RESERVED = "sign_with_reservations"
    NO = "do_not_sign"


@dataclass(frozen=True, kw_only=True)
class SignOff:
    """Whether to sign, and why in one sentence.

    `objections` are the reasons not to sign. `reservations` are facts that the signature does not cover. Both are
    clauses without a capital letter and without a full stop.
    """

    sign: Sign
    sentence: str
    objections: tuple[str, ...] = ()
    reservations: tuple[str, ...] = ()


def verdict_of(facts: JobFacts) -> SignOff:
    """Return the verdict on one job; with an objection it is "do not sign"."""
    objections = tuple(clause for check in OBJECTIONS if (clause := check(facts)))
    if objections:
        return SignOff(sign=Sign.NO, sentence=f"Do not sign yet: {_listed(objections)}.", objections=objections)
    reservations = tuple(clause for check in RESERVATIONS if (clause := check(facts)))
    fact = _achieved(facts)
    if not reservations:
        return SignOff(sign=Sign.YES, sentence=f"Sign: {fact}.")
    said = f"Sign with {counted(len(reservations), 'reservation')}: {fact}, but {_listed(reservations)}."
    return SignOff(sign=Sign.RESERVED, sentence=said, reservations=reservations)


def verdict_of_all(all_facts: Sequence[JobFacts]) -> SignOff:
    """Return the verdict on all jobs of a report: the least favourable verdict of a single job."""
    verdicts = [verdict_of(facts) for facts in all_facts]
    if len(verdicts) == 1:
        return verdicts[0]
    total, pairs = len(verdicts), list(zip(all_facts, verdicts, strict=True))
    if objections := tuple(f"{facts.name}: {v.objections[0]}" for facts, v in pairs if v.objections):
        open_jobs = f"{len(objections):,} of {total:,} jobs {'has' if len(objections) == 1 else 'have'} open points"
        said = f"Do not sign yet: {open_jobs} ({_shortened(objections)})."
        return SignOff(sign=Sign.NO, sentence=said, objections=objections)
    records = sum(facts.records["input"] for facts in all_facts)
    fact = f"all {total:,} jobs are complete, with {counted(records, 'record')}"
    reservations = tuple(f"{facts.name}: {clause}" for facts, v in pairs for clause in v.reservations)
    if not reservations:
        said = f"Sign: {fact}; each record was read back as it was sent."
        return SignOff(sign=Sign.YES, sentence=said)
    counts = Counter(clause for v in verdicts for clause in v.reservations)
    clauses = [c if n == total else f"for {n:,} of {total:,} jobs {c}" for c, n in counts.items()]
    said = f"Sign with {counted(len(clauses), 'reservation')}: {fact}, but {_shortened(clauses)}."
    return SignOff(sign=Sign.RESERVED, sentence=said, reservations=reservations)


def _listed(clauses: Sequence[str]) -> str:
    return "; ".join(clauses)


def _shortened(clauses: Sequence[str]) -> str:
    more = f"; and {len(clauses) - SHOWN:,} more" if len(clauses) > SHOWN else ""
    return f"{_listed(clauses[:SHOWN])}{more}"


def _achieved(facts: JobFacts) -> str:
    """Return the achieved result of a job without objections, as a clause."""
    records = facts.document["file"]["records"]
    if not records:
        return "the file contains no records"
    new = "new " if facts.document.get("source") else ""
    which = f"the only {new}record" if records == 1 else f"all {records:,} {new}records"
    if facts.verdict != Verdict.PROVED:
        return f"{which} {'was' if records == 1 else 'were'} accepted by the server"
    return f"{which} of the file {'is' if records == 1 else 'are'} in the target as sent"


def _unbalanced(facts: JobFacts) -> str | None:
    if facts.balanced:
        return None
    found = sum(facts.records[state] for state in STATES)
    return f"the books do not balance: the input has {facts.records['input']:,} records, but all states have {found:,}"


def _in_doubt(facts: JobFacts) -> str | None:
    undecided = sum(chunk["records"] for chunk in facts.chunks if chunk["undecided"])
    if undecided and (unknown := facts.records["in_doubt"]):
        return f"it is unknown whether {counted(unknown, 'record')} reached the target; a person must decide"
    if undecided:
        return f"{counted(undecided, 'record')} may be in the target twice; a person must decide"
    if unknown := facts.records["in_doubt"]:
        verb = "was" if unknown == 1 else "were"
        return f"{counted(unknown, 'record')} {verb} sent, but it is not yet known whether the target has them"
    return None


def _cancelled(facts: JobFacts) -> str | None:
    if facts.state != JobState.CANCELLED:
        return None
    accepted, total = facts.records["accepted"], facts.records["input"]
    if not accepted:
        return "the job was cancelled before the server accepted any record"
    return f"the job was cancelled after the server accepted {accepted:,} of {counted(total, 'record')}"


def _pending(facts: JobFacts) -> str | None:
    pending, total = facts.records["pending"], facts.records["input"]
    if not pending or facts.state == JobState.CANCELLED:
        return None
    return f"{pending:,} of {counted(total, 'record')} {'was' if pending == 1 else 'were'} not sent"


def _rejected(facts: JobFacts) -> str | None:
    rejected, total = facts.records["rejected"], facts.records["input"]
    if not rejected:
        return None
    return f"the server rejected {rejected:,} of {counted(total, 'record')}"


def _differs(facts: JobFacts) -> str | None:
    found = facts.reconciliation
    if found is None or found["verdict"] != Verdict.MISMATCH or facts.outdated or only_rejected_missing(facts):
        return None
    if found.get("doubt"):
        return "the saved export differs from the file, and is itself the likely cause"
    words = ("missing", "different", *(["unexpected"] if found.get("unexpected_counts") else []))
    counts = [f"{found[word]:,} {word}" for word in words if found.get(word)]
    return f"the target differs from the file ({', '.join(counts) or found['reason'].rstrip('.')})"


def only_rejected_missing(facts: JobFacts) -> bool:
    """Return whether a mismatch consists of as many missing records as the server rejected, and nothing else."""
    found = facts.reconciliation
    if found is None or found["verdict"] != Verdict.MISMATCH:
        return False
    others = found["different"] + (found["unexpected"] if found.get("unexpected_counts") else 0)
    return bool(found["missing"]) and found["missing"] == facts.records["rejected"] and not others


def _balances_differ(facts: JobFacts) -> str | None:
    balances = (facts.reconciliation or {}).get("balances") or []
    wrong = sum(not balance["agrees"] for balance in balances)
    return f"{counted(wrong, 'balance')} did not grow by the points that were sent" if wrong else None


def _not_read_back(facts: JobFacts) -> str | None:
    records = facts.records
    open_records = records["in_doubt"] + records["pending"]  # these come first
    if facts.reconciliation is not None or open_records or not records["accepted"] + records["skipped"]:
        return None
    return "no record was read back from the target, so nothing is proved"


def _outdated(facts: JobFacts) -> str | None:
    return "the job has changed since its rows were read back" if facts.outdated else None


def _unprovable(facts: JobFacts) -> str | None:
    found = facts.reconciliation
    if found is None or found["verdict"] != Verdict.UNPROVABLE:
        return None
    if found.get("readings"):
        return "the target does not show every column of the file, so these are not proved"
    return "the API has no way to read these records back, so they are not proved one by one"


def _unconfirmed(facts: JobFacts) -> str | None:
    unchecked = (facts.reconciliation or {}).get("unchecked")
    return f"the saved export does not show the {' and the '.join(unchecked)} of its rows" if unchecked else None


def _sent_before(facts: JobFacts) -> str | None:
    source = facts.document.get("source")
    if not source:
        return None
    if not source["sent_before"]:
        return f"not all records of the file were sent: {left_out_text(source)}"
    verb = "was" if source["sent_before"] == 1 else "were"
    return f"{counted(source['sent_before'], 'record')} of the file {verb} sent by earlier jobs"


def _rehearsal(facts: JobFacts) -> str | None:
    scheme = str(facts.document["target"]["base_url"]).partition("://")[0]
    if scheme == "http":  # which bulkops uses for loopback only
        return "the target is an address of the machine itself, as in a rehearsal"
    return "the target is a sandbox, so this is a rehearsal" if scheme == "sandbox" else None


VerdictCheck = Callable[[JobFacts], str | None]
OBJECTIONS: Sequence[VerdictCheck] = (
    _unbalanced, _in_doubt, _cancelled, _pending, _rejected, _differs, _balances_differ, _not_read_back, _outdated,
)  # fmt: skip
RESERVATIONS: Sequence[VerdictCheck] = (_unprovable, _unconfirmed, _sent_before, _rehearsal)
