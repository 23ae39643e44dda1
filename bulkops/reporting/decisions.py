"""List the open decisions about a job, each with the commands that settle it. Pure functions."""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from bulkops.ledger.paths import without_password
from bulkops.ledger.states import JobState
from bulkops.reconciling.result import Verdict
from bulkops.reporting.facts import WORDS, JobFacts
from bulkops.reporting.verdict import only_rejected_missing
from bulkops.wording import counted
from bulkops_validators.model.contract import Mode

SHOWN_CHUNKS = 20
"""Chunks in doubt that are listed one by one."""
SANDBOX = "sandbox"


@dataclass(frozen=True, kw_only=True)
class DecisionChoice:
    """One way to settle a decision: when to choose it, and its command."""

    when: str
    command: str


@dataclass(frozen=True, kw_only=True)
class OpenDecision:
    """An open point of a job. `said` is the message of the server or of the evidence; blank if there is none."""

    what: str
    choices: tuple[DecisionChoice, ...]
    said: str = ""


def open_decisions(facts: JobFacts) -> tuple[OpenDecision, ...]:
    """Return the open decisions in the order in which to settle them."""
    if facts.state == JobState.CANCELLED:
        return tuple(_about_rejected(facts))
    found = [*_about_doubts(facts), *_about_unfinished(facts)]
    return (*found, *_about_rejected(facts), *(() if found else _about_proof(facts)))


def _about_doubts(facts: JobFacts) -> Iterator[OpenDecision]:
    undecided = [chunk for chunk in facts.chunks if chunk["undecided"]]
    for chunk in undecided[:SHOWN_CHUNKS]:
        number, first, records = chunk["number"], chunk["first_record"], chunk["records"]
        which = f"record {first:,}" if records == 1 else f"{records:,} records from record {first:,} on"
        resolve = ("jobs", "resolve", facts.name, str(number))
        accepted = DecisionChoice(
            when="If the target has all of them, once:",
            command=_command(facts, *resolve, "--as", "accepted", "--reason", "TEXT"),
        )
        choices = [accepted]
        if chunk["state"] == WORDS["in_doubt"]:
            choices += [
                DecisionChoice(
                    when="If the target has none of them:",
                    command=_command(facts, *resolve, "--as", "resend", "--reason", "TEXT"),
                ),
                DecisionChoice(
                    when="If the target has only some: accept those, and send the others when the job is resumed:",
                    command=_command(facts, *resolve, "--as", "partly", "--reason", "TEXT", online=True),
                ),
            ]
        yield OpenDecision(what=f"Chunk {number} ({which})", said=chunk["message"], choices=tuple(choices))
    if len(undecided) > SHOWN_CHUNKS:
        listed = DecisionChoice(when="To list them:", command=_command(facts, "jobs", "show", facts.name))
        yield OpenDecision(what=f"{len(undecided) - SHOWN_CHUNKS:,} more chunks in doubt", choices=(listed,))


def _about_unfinished(facts: JobFacts) -> Iterator[OpenDecision]:
    undecided = sum(chunk["records"] for chunk in facts.chunks if chunk["undecided"])
    unsettled = max(0, facts.records["in_doubt"] - undecided)
    if not facts.records["pending"] and not unsettled:
        return
    parts = [
        f"{counted(facts.records['pending'], 'record')} not sent" if facts.records["pending"] else "",
        f"{counted(unsettled, 'record')} sent and in doubt" if unsettled else "",
    ]
    yield OpenDecision(
        what=", ".join(part for part in parts if part),
        choices=(
            DecisionChoice(
                when="To continue the job:",
                command=_command(facts, "jobs", "resume", facts.name, "--reconcile", online=True),
            ),
            DecisionChoice(when="To cancel the job:", command=_command(facts, "jobs", "cancel", facts.name)),
        ),
    )


def _about_rejected(facts: JobFacts) -> Iterator[OpenDecision]:
    rejected = facts.records["rejected"]
    if not rejected:
        return
    document = facts.document
    file = facts.rejected_file
    if file is None or document["mode"] == Mode.REPLACE:
        file = str(document["file"]["path"])
    ids = [word for name, value in document["target"]["ids"].items() for word in (f"--{name}", str(value))]
    options = [word for name, value in document["options"].items() for word in _option(name, str(value))]
    words = ("import", str(document["contract"]), file, *ids, *options, "--reconcile")
    command = _command(facts, *words, new=True, online=True)
    yield OpenDecision(
        what=f"{counted(rejected, 'record')} rejected by the server",
        choices=(
            DecisionChoice(
                when=f"Correct {'it' if rejected == 1 else 'them'} in this file, then import it:", command=command
            ),
        ),
    )


def _option(name: str, value: str) -> tuple[str, ...]:
    """Return a query option as command-line words."""
    return {"true": (f"--{name}",), "false": (f"--no-{name}",)}.get(value, (f"--{name}", value))


def _about_proof(facts: JobFacts) -> Iterator[OpenDecision]:
    found = facts.reconciliation
    if not facts.records["accepted"] + facts.records["skipped"]:
        return
    again = ("reconcile", "--job", facts.name)
    if found is None or facts.outdated:
        what = "The records were not read back" if found is None else "The job has changed since the proof"
        choice = DecisionChoice(
            when="To read them back and compare them:", command=_command(facts, *again, online=True)
        )
        yield OpenDecision(what=what, choices=(choice,))
    elif found["verdict"] == Verdict.MISMATCH and not only_rejected_missing(facts):
        choice = DecisionChoice(
            when="To write every difference to files:",
            command=_command(facts, *again, "--into", "differences", online=True),
        )
        yield OpenDecision(what="The target differs from the file", choices=(choice, *_repair(facts)))


def _repair(facts: JobFacts) -> Iterator[DecisionChoice]:
    found = facts.reconciliation or {}
    if found["missing"] and facts.document["mode"] != Mode.REPLACE:
        command = _command(facts, "reconcile", "--job", facts.name, "--repair", "missing.csv", online=True)
        yield DecisionChoice(when="To write an import file of the missing records:", command=command)


def _command(facts: JobFacts, *words: str, online: bool = False, new: bool = False) -> str:
    """Return a command line.

    `online`: the command needs the target, so name it. `new`: the command has no job that stores the address of the
    target, so give the address if the target has no name.
    """
    line = ["bulkops", *words]
    name, address = facts.settings.get("target_name"), str(facts.document["target"]["base_url"])
    if online and name and (new or name != SANDBOX):
        line += ["--target", str(name)]
    elif new:
        line += ["--base-url", str(facts.settings.get("address") or address)]
    if facts.ledger:
        line += ["--ledger", without_password(facts.ledger)]
    return shlex.join(line)
