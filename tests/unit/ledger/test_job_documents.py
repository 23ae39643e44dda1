"""The state of a job and the exit code of its run agree."""

from dataclasses import replace

import pytest

from bulkops.cli.output.job_summary import summary_lines
from bulkops.errors import (
    AccessRefused,
    BulkopsError,
    DataError,
    GuardRefused,
    InDoubt,
    Interrupted,
    OutcomeUnknown,
    Unfinished,
)
from bulkops.ledger.job_documents import exit_code, job_state
from bulkops.ledger.states import ChunkState, JobState, chunk_word
from tests.unit.ledger.test_store import CHUNK, JOB


@pytest.mark.parametrize(
    ("state", "code"),
    [
        (JobState.DONE, 0),
        (JobState.REFUSED, 1),
        (JobState.UNFINISHED, 3),
        (JobState.IN_DOUBT, 4),
        (JobState.CANCELLED, 0),
    ],
)
def test_a_run_that_nothing_ended_early_has_the_code_of_its_state(state: JobState, code: int) -> None:
    assert exit_code(state) == code


@pytest.mark.parametrize("error", [Unfinished("x"), OutcomeUnknown("x"), InDoubt("x")])
def test_exit_code_3_or_4_follows_from_the_state(error: BulkopsError) -> None:
    assert exit_code(JobState.UNFINISHED, error) == 3
    assert exit_code(JobState.IN_DOUBT, error) == 4
    assert exit_code(JobState.REFUSED, error) == 1
    assert exit_code(JobState.DONE, error) == error.exit_code


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (AccessRefused("x", status=403), 2),
        (GuardRefused("x"), 5),
        (Interrupted("x"), 130),
        (DataError("more were refused than --max-errors allows"), 1),
    ],
)
def test_exit_code_of_another_error_has_priority_over_the_state(error: BulkopsError, code: int) -> None:
    assert exit_code(JobState.UNFINISHED, error) == code


def test_job_with_a_resent_chunk_is_unfinished() -> None:
    resent = replace(CHUNK, state=ChunkState.RESENT)
    assert job_state(JOB, [resent]) is JobState.UNFINISHED
    assert job_state(JOB, [replace(resent, undecided=True)]) is JobState.IN_DOUBT
    assert job_state(JOB, [replace(resent, state=ChunkState.ACCEPTED)]) is JobState.DONE
    assert job_state(replace(JOB, cancelled=True), [resent]) is JobState.CANCELLED


@pytest.mark.parametrize(
    ("state", "rejected", "said"),
    [("refused", 3, "done with 3 rejected"), ("done", 0, "done"), ("in_doubt", 0, "in doubt")],
)
def test_text_calls_a_job_with_rejected_records_done(state: str, rejected: int, said: str) -> None:
    document = {
        "job": "j",
        "state": state,
        "records": {"input": 280, "accepted": 280 - rejected, "rejected": rejected},
        "reconciliation": None,
    }
    assert next(iter(summary_lines(document))).startswith(f"j: {said}. 280 records: ")


def test_text_names_each_state_of_a_chunk_with_a_word_of_its_own() -> None:
    words = [chunk_word(state) for state in ChunkState]
    assert len(set(words)) == len(words)
    assert "refused" not in words  # this word means the refusal of a guard
