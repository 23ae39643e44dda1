"""Cases of slow tests that run in `make test`: every n-th of a function; `make soak` runs the others."""

from collections import Counter
from collections.abc import Iterable

import pytest

STRIDES = {
    "tests/cli/test_changed_file.py": 3,
    "tests/cli/test_limits.py": 3,
    "tests/cli/test_misread_values.py": 5,
    "tests/cli/test_own_files.py": 4,
    "tests/cli/test_preflight.py": 3,
    "tests/cli/test_sent_before.py": 6,
    "tests/cli/test_unfinished_jobs.py": 6,
    "tests/cluster/test_documents.py": 4,
    "tests/cluster/test_mapped_recipes.py": 4,
    "tests/docs/test_examples.py": 2,
    "tests/flow/test_amounts.py": 4,
    "tests/flow/test_blocked_requests.py": 4,
    "tests/flow/test_clock_set.py": 4,
    "tests/flow/test_column_names.py": 3,
    "tests/flow/test_crash.py": 3,
    "tests/flow/test_crash_habits.py": 3,
    "tests/flow/test_export_refusals.py": 3,
    "tests/flow/test_faults_evidence.py": 3,
    "tests/flow/test_foreign_server.py": 7,
    "tests/flow/test_key_permissions.py": 3,
    "tests/flow/test_ledger_gone.py": 6,
    "tests/flow/test_postgres_away.py": 3,
    "tests/flow/test_reconcile_certainty.py": 3,
    "tests/flow/test_reconcile_claims.py": 3,
    "tests/flow/test_reconcile_saved.py": 4,
    "tests/flow/test_refused_throughout.py": 4,
    "tests/flow/test_report_in_browser.py": 3,
    "tests/flow/test_resolve_partly.py": 3,
    "tests/flow/test_shipped_recipes.py": 6,
    "tests/flow/test_two_create_jobs.py": 4,
    "tests/flow/test_two_jobs.py": 6,
    "tests/flow/test_undo_crash.py": 4,
    "tests/flow/test_unread_target.py": 3,
    "tests/flow/test_version_3_jobs.py": 3,
    "tests/inbox/test_kills.py": 24,
    "tests/network/test_unreachable.py": 3,
    "tests/properties/test_reconcile_truncation.py": 3,
    "tests/remote/test_jobs.py": 2,
    "tests/remote/test_reading.py": 2,
}
"""Files of slow tests; one of so many cases of each function runs in `make test`."""


def leave_to_soak(items: Iterable[pytest.Item]) -> None:
    """Mark the cases that `make test` leaves out as `soak`."""
    seen: Counter[str] = Counter()
    for item in items:
        path, _, rest = item.nodeid.partition("::")
        stride = STRIDES.get(path)
        if stride is None or "[" not in rest:
            continue
        function = f"{path}::{rest.partition('[')[0]}"
        if seen[function] % stride:
            item.add_marker(pytest.mark.soak)
        seen[function] += 1
