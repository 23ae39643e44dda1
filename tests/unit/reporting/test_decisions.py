"""Every open point comes with the command that settles it, ready to be copied."""

import shlex

from bulkops.cli.main import cli
from bulkops.reporting.decisions import SHOWN_CHUNKS, open_decisions
from bulkops.reporting.facts import JobFacts
from tests.unit.reporting.made import chunk, job_facts, result

JOB = "coupons-20261122-100000-ab12"


def commands(facts: JobFacts) -> list[str]:
    return [choice.command for decision in open_decisions(facts) for choice in decision.choices]


def test_proved_job_leaves_nothing_to_decide() -> None:
    assert open_decisions(job_facts(reconciliation=result())) == ()


def test_chunk_in_doubt_can_be_accepted_resent_or_accepted_partly() -> None:
    doubtful = chunk(2, state="in doubt", undecided=True, message="29 of 100 found")
    facts = job_facts({"accepted": 200, "in_doubt": 100}, state="in_doubt", chunks=(chunk(1), doubtful, chunk(3)))
    (decision,) = open_decisions(facts)
    assert decision.what == "Chunk 2 (100 records from record 101 on)"
    assert decision.said == "29 of 100 found"
    assert [choice.command for choice in decision.choices] == [
        f"bulkops jobs resolve {JOB} 2 --as accepted --reason TEXT",
        f"bulkops jobs resolve {JOB} 2 --as resend --reason TEXT",
        f"bulkops jobs resolve {JOB} 2 --as partly --reason TEXT",
    ]


def test_chunk_that_may_be_in_the_target_twice_can_only_be_accepted() -> None:
    facts = job_facts(state="in_doubt", chunks=(chunk(1, undecided=True),))
    assert commands(facts) == [f"bulkops jobs resolve {JOB} 1 --as accepted --reason TEXT"]


def test_many_chunks_in_doubt_are_counted_not_listed() -> None:
    chunks = tuple(chunk(n, 1, state="in doubt", undecided=True, sent=None) for n in range(1, 31))
    decisions = open_decisions(job_facts({"in_doubt": 30}, state="in_doubt", chunks=chunks))
    assert len(decisions) == SHOWN_CHUNKS + 1
    assert decisions[-1].what == "10 more chunks in doubt"


def test_unfinished_job_names_target_and_ledger() -> None:
    facts = job_facts(
        {"accepted": 1, "pending": 2}, state="unfinished", settings={"target_name": "my live"},
        ledger="postgresql://u:secret@db/bulkops",
    )  # fmt: skip
    assert commands(facts) == [
        f"bulkops jobs resume {JOB} --reconcile --target 'my live' --ledger 'postgresql://u:***@db/bulkops'",
        f"bulkops jobs cancel {JOB} --ledger 'postgresql://u:***@db/bulkops'",
    ]


def test_rejected_records_have_a_command_to_import_them_from_their_file_with_the_same_options() -> None:
    facts = job_facts(
        {"accepted": 298, "rejected": 2}, state="refused", reconciliation=result(),
        rejected_file="/state/re jected.csv", document={"options": {"skip-duplicates": "false"}},
    )  # fmt: skip
    (command,) = commands(facts)
    assert command == (
        "bulkops import coupons '/state/re jected.csv' --application 1 --campaign 2 --no-skip-duplicates --reconcile "
        "--base-url https://acme.talon.one"
    )
    replaced = job_facts({"rejected": 2}, state="refused", mode="replace", rejected_file="/state/rejected.csv")
    assert "/data/codes.csv" in commands(replaced)[0]


def test_unproved_and_different_jobs_have_a_reconcile_command() -> None:
    assert commands(job_facts()) == [f"bulkops reconcile --job {JOB}"]
    outdated = job_facts(reconciliation=result(), outdated=True)
    assert commands(outdated) == [f"bulkops reconcile --job {JOB}"]
    different = job_facts(reconciliation=result("mismatch", missing=3))
    assert [c.rpartition(JOB)[2] for c in commands(different)] == [" --into differences", " --repair missing.csv"]
    replaced = job_facts(reconciliation=result("mismatch", missing=3), mode="replace")
    assert [c.rpartition(JOB)[2] for c in commands(replaced)] == [" --into differences"]


def test_cancelled_job_has_no_decision_to_resume_it() -> None:
    assert commands(job_facts({"accepted": 100, "pending": 200}, state="cancelled")) == []


def test_every_command_is_one_that_the_command_line_has() -> None:
    doubtful = chunk(2, state="in doubt", undecided=True)
    found = [
        *commands(job_facts({"in_doubt": 100, "pending": 5}, state="in_doubt", chunks=(doubtful,), ledger="x.db")),
        *commands(job_facts({"accepted": 298, "rejected": 2}, settings={"target_name": "sandbox"})),
        *commands(job_facts(reconciliation=result("mismatch", missing=3))),
    ]
    assert len(found) > 7
    for line in found:
        name, *words = shlex.split(line)[1:]
        command = cli.get_command(cli.make_context("bulkops", ["--help"], resilient_parsing=True), name)
        if name == "jobs":
            command, words = command.commands[words[0]], words[1:]  # type: ignore[union-attr]
        assert command is not None
        command.make_context(name, list(words))
