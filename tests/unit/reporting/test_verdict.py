"""One sentence says whether a job may be signed, and why; each objection alone forbids it."""

from dataclasses import replace
from typing import Any

import pytest

from bulkops.reporting.facts import JobFacts
from bulkops.reporting.verdict import Sign, verdict_of, verdict_of_all
from tests.unit.reporting.made import chunk, job_facts, result

PROVED = job_facts(reconciliation=result())


def test_proved_job_has_the_verdict_sign() -> None:
    verdict = verdict_of(PROVED)
    assert verdict.sign is Sign.YES
    assert verdict.sentence == "Sign: all 300 records of the file are in the target as sent."


MISSING = result("mismatch", matched=297, missing=3, reason="Of 300 records: 3 missing.")
UNBALANCED = job_facts(document={"records": {**PROVED.records, "input": 301}}, reconciliation=result())
DOUBTFUL = (chunk(1), chunk(2, state="in doubt", undecided=True), chunk(3))


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (job_facts(), "no record was read back"),
        (UNBALANCED, "the books do not balance: the input has 301 records, but all states have 300"),
        (job_facts({"accepted": 200, "pending": 100}, state="unfinished"), "100 of 300 records were not sent"),
        (job_facts({"accepted": 299, "pending": 1}, state="unfinished"), "1 of 300 records was not sent"),
        (job_facts({"accepted": 200, "in_doubt": 100}, state="unfinished"), "not yet known"),
        (job_facts({"accepted": 200, "in_doubt": 100}, state="in_doubt", chunks=DOUBTFUL), "a person must decide"),
        (job_facts(state="in_doubt", chunks=(chunk(1, undecided=True),)), "100 records may be in the target twice"),
        (job_facts({"accepted": 200, "pending": 100}, state="cancelled"), "after the server accepted 200 of 300"),
        (job_facts({"pending": 300}, state="cancelled"), "cancelled before the server accepted any record"),
        (
            job_facts({"accepted": 297, "rejected": 3}, state="refused", reconciliation=MISSING),
            "Do not sign yet: the server rejected 3 of 300 records.",
        ),
        (
            job_facts({"accepted": 298, "rejected": 2}, state="refused", reconciliation=MISSING),
            "rejected 2 of 300 records; the target differs from the file (3 missing)",
        ),
        (job_facts(reconciliation=MISSING), "the target differs from the file (3 missing)"),
        (job_facts(reconciliation=result("mismatch", unexpected=4, unexpected_counts=True)), "(4 unexpected)"),
        (job_facts(reconciliation={**MISSING, "doubt": "no zeros"}), "is itself the likely cause"),
        (job_facts(reconciliation=result(balances=[{"agrees": True}, {"agrees": False}])), "1 balance did not grow"),
        (replace(PROVED, outdated=True), "the job has changed since its rows were read back"),
    ],
)  # fmt: skip
def test_job_with_an_open_point_has_the_verdict_do_not_sign(facts: JobFacts, said: str) -> None:
    verdict = verdict_of(facts)
    assert verdict.sign is Sign.NO
    assert verdict.sentence.startswith("Do not sign yet: ")
    assert said in verdict.sentence
    assert verdict.sentence.count(". ") == 0


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (job_facts(reconciliation=result("unprovable", readings=0)), "not proved one by one"),
        (job_facts(reconciliation=result("unprovable")), "does not show every column"),
        (job_facts(reconciliation=result(unchecked={"campaign": "no row shows it"})), "does not show the campaign"),
        (job_facts(reconciliation=result(), base_url="sandbox://embedded"), "this is a rehearsal"),
        (job_facts(reconciliation=result(), base_url="http://127.0.0.1:9"), "as in a rehearsal"),
        (
            job_facts({"accepted": 40, "skipped": 300}, reconciliation=result(), document={
                "source": {"path": "/data/all.csv", "records": 340, "sent_before": 300},
                "file": {"path": "new.csv", "sha256": "ef" * 32, "bytes": 9, "records": 40},
            }),
            "all 40 new records of the file are in the target as sent, but 300 records of the file were sent by",
        ),
    ],
)  # fmt: skip
def test_job_with_a_limited_proof_has_a_reservation(facts: JobFacts, said: str) -> None:
    verdict = verdict_of(facts)
    assert verdict.sign is Sign.RESERVED
    assert verdict.sentence.startswith("Sign with 1 reservation: ")
    assert said in verdict.sentence


def test_several_jobs_have_the_worst_verdict() -> None:
    rehearsal = job_facts(reconciliation=result(), base_url="sandbox://embedded")
    unread: Any = job_facts(job="points-1")
    assert verdict_of_all([PROVED, PROVED]).sentence == (
        "Sign: all 2 jobs are complete, with 600 records; each record was read back as it was sent."
    )
    reserved = verdict_of_all([PROVED, rehearsal])
    assert reserved.sign is Sign.RESERVED
    assert "but for 1 of 2 jobs the target is a sandbox" in reserved.sentence
    forbidden = verdict_of_all([PROVED, rehearsal, unread])
    assert forbidden.sign is Sign.NO
    assert "1 of 3 jobs has open points (points-1: no record was read back" in forbidden.sentence
    many = verdict_of_all([job_facts(job=f"j-{n}") for n in range(5)])
    assert "; and 2 more)." in many.sentence
