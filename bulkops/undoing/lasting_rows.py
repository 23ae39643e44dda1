"""List the rows of an import that the API cannot remove."""

from pathlib import Path

import polars as pl

from bulkops.errors import UsageError
from bulkops.exporting.import_form import write_csv
from bulkops.ledger.models import JobEntry
from bulkops.ledger.store import Ledger
from bulkops.readback.compare.canonical import by_lower, canonical_ids, cells_named
from bulkops.readback.fetch.rows import read_back
from bulkops.readback.parse.tables import LINE, RECORD
from bulkops.transport.client import ApiClient
from bulkops.upload.start import contract_of
from bulkops.writing import whole_file
from bulkops_validators.model.contract import Readback


def listable(job: JobEntry) -> Readback:
    """Return the read-back that lists the rows of a job; UsageError if they can be removed, or cannot be listed."""
    contract = contract_of(job)
    readback = contract.route(job.target["ids"]).readback
    if not contract.no_undo or readback is None or readback.import_id is None:
        raise UsageError(
            f"-o lists rows that cannot be undone; an import of {contract.name} has none.", hint="Leave out -o."
        )
    return readback


def write_lasting_rows(job: JobEntry, ledger: Ledger, client: ApiClient, out: Path) -> int:
    """Write the rows of the target with an import id of a job to a CSV file; return their number."""
    readback, count = listable(job), 0
    own = [str(number) for number in ledger.imports_of(job.id)]
    with whole_file(out) as file:
        for number, frame in enumerate(read_back(client, readback, job.target["ids"], job.options)):
            ids = canonical_ids(cells_named(frame, by_lower(frame.columns), readback.import_id))
            rows = frame.filter(ids.is_in(pl.Series(own, dtype=pl.String).implode())).drop(RECORD, LINE, strict=False)
            write_csv(rows, file, header=number == 0)
            count += rows.height
    return count
