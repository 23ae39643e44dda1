"""Extract and count the reasons of refusals: server messages without the parts that differ per record. Pure."""

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from bulkops.errors import BulkopsError, RefusedThroughout, TargetUnfit
from bulkops.ledger.models import ChunkEntry
from bulkops.ledger.states import ChunkState

if TYPE_CHECKING:
    from bulkops.json_documents.jobs import ReasonDocument

# Ledgers of earlier versions contain "was answered with".
ANSWERED = re.compile(r"^(?:GET|POST) \S+ (?:returned|was answered with) (?P<status>\d{3})(?:: |\.$)")
LINE = re.compile(r"\bline [\w/]{1,12}: ")
# The message of an error often repeats its details, with the title in between.
REPEATED = re.compile(r"^(?P<text>.{4,}?): (?:[^:]{1,60}: )?(?P=text)$", re.DOTALL)
VALUE = re.compile(r"[^\s'\"(),;]*[\d@][^\s'\"(),;]*")
PUT_FOR_VALUE = "…"


def reason_of(message: str) -> str:
    """Return the reason of a refusal: the server's message without the request's address and line numbers."""
    answered = ANSWERED.match(message)
    text = LINE.sub("", message[answered.end() :] if answered else message).strip()
    text = "; ".join(dict.fromkeys(part.strip() for part in text.split("; ") if part.strip()))
    if repeated := REPEATED.match(text):
        text = repeated["text"]
    return text or (f"status {answered['status']}, without a message" if answered else "no reason given")


def kind_of(reason: str) -> str:
    """Return a reason without numbers, ids and addresses: equal for records with the same defect."""
    return VALUE.sub(PUT_FOR_VALUE, reason)


def refusals(chunks: Iterable[ChunkEntry]) -> "list[ReasonDocument]":
    """Return the reasons of the rejected records with their numbers of records, the most frequent first.

    Reasons that differ only in numbers, ids or addresses count as one, in which `…` replaces these.
    """
    return count_reasons((c.message, c.records) for c in chunks if c.state is ChunkState.REJECTED)


def count_reasons(messages: Iterable[tuple[str, int]]) -> "list[ReasonDocument]":
    """Return the reasons of messages, each with its number of records, as `refusals` does."""
    counts: dict[str, int] = {}
    shown: dict[str, str] = {}
    for message, records in messages:
        reason = reason_of(message)
        kind = kind_of(reason)
        counts[kind] = counts.get(kind, 0) + records
        if shown.setdefault(kind, reason) != reason:
            shown[kind] = kind
    ordered = sorted(counts, key=lambda kind: (-counts[kind], shown[kind]))
    return [{"reason": shown[kind], "records": counts[kind]} for kind in ordered]


def one_reason(probes: Sequence[ChunkEntry]) -> str | None:
    """Return the reason if all probes were refused for the same one; None if not, or without probes."""
    if not probes or any(c.state not in (ChunkState.REFUSED, ChunkState.REJECTED) for c in probes):
        return None
    reasons = [reason_of(chunk.message) for chunk in probes]
    return reasons[0] if len({kind_of(reason) for reason in reasons}) == 1 else None


def refused_throughout(reason: str, probes: Sequence[ChunkEntry], *, left: int, job: str) -> BulkopsError:
    """Return the error of a job if all records are refused for one reason; `left` is its number of pending records.

    TargetUnfit if the refusals name no line, and so are about the request as a whole; else RefusedThroughout.
    """
    message = (
        f"The server refused {len(probes)} records, each sent alone, for one reason: {reason.removesuffix('.')}. "
        f"It accepted none. Stopped; {left:,} records are pending."
    )
    if not any(chunk.lines for chunk in probes):
        return TargetUnfit(message, hint="Check whether the ids name the right target for this import.")
    return RefusedThroughout(
        message,
        hint="If the account is the cause, correct it and resume the job. Otherwise correct the file or the ids, "
        f"cancel the job with `bulkops jobs cancel {job}`, and import again.",
    )
