"""Compare a file with the target before the upload, to send only the records that an import changes."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bulkops.clock import Clock
from bulkops.errors import DataError, ServerRefused, UsageError
from bulkops.ledger.store import Ledger
from bulkops.pipeline.running import NewJob
from bulkops.reconciling.run import compare_records
from bulkops.reconciling.sides import EvidenceSource
from bulkops.settings import Target
from bulkops.transport.notices import Notify
from bulkops.upload.sent_before import Mask
from bulkops.upload.workflow import open_client
from bulkops.wording import counted
from bulkops_validators.model.contract import Contract, Mode

OPTION = "--only-changed"


@dataclass(frozen=True, kw_only=True)
class RecordsAtTarget:
    """Which records of a file the target has with equal values (`same`), and with other values (`different`).

    `overwrites`: an import changes existing rows, so the different records are sent.
    """

    same: Mask
    different: Mask
    overwrites: bool

    @property
    def left_out(self) -> Mask:
        """The records that the import would not change."""
        return self.same if self.overwrites else self.same | self.different

    def summary(self, contract: Contract) -> str:
        """Return the counts as a sentence."""
        same, different, whole = int(self.same.sum()), int(self.different.sum()), len(self.same)
        verb = "is" if same == 1 else "are"
        text = f"{same:,} of {counted(whole, 'record')} {verb} at the target with equal values"
        if different:
            text += f", {different:,} with other values"
            text += "" if self.overwrites else f" ({contract.name} changes no existing row, so they are not sent)"
        return f"{text}; {whole - int(self.left_out.sum()):,} to send."


def refuse_incomparable(contract: Contract) -> None:
    """Raise UsageError if the records of a contract cannot be compared with the target before the upload."""
    if contract.mode is Mode.REPLACE:
        raise UsageError(f"{OPTION}: an import of {contract.name} replaces all rows, so the whole file must be sent.")
    if contract.mode is Mode.APPEND:
        raise UsageError(
            f"{OPTION}: an equal row may belong to another import, so records of {contract.name} cannot be recognised "
            "at the target.",
            hint="--only-new leaves out the records that were sent before.",
        )


def records_at_target(
    new: NewJob, target: Target, ledger: Ledger, *, clock: Clock, notify: Notify, keep: Path | None = None
) -> RecordsAtTarget:
    """Read the target once, and return which records of a file it contains. `keep` is a new file for its export.

    UsageError if the server does not return the rows; DataError if the file cannot be compared record by record.
    """
    contract, path = new.contract, new.plan.path
    notify(f"{path.name}: reading the target, to compare {counted(new.plan.records, 'record')}.")
    with open_client(target, ledger, clock=clock, notify=notify) as client:
        ids = {name: target.ids[name] for name in contract.route(target.ids).ids}
        evidence = EvidenceSource(client=client, ids=ids, options=new.job.options, keep=keep)
        try:
            found = compare_records(contract, path, evidence, accept=new.guards.accept)
        except ServerRefused as error:
            raise UsageError(
                f"{error.message} Nothing was sent.", hint=f"Check the ids, or leave out {OPTION}."
            ) from None
    if found.records != new.plan.records:
        raise DataError(f"The records of {path} cannot be compared. Nothing was sent.", hint=f"Leave out {OPTION}.")
    overwrites = contract.mode is Mode.UPSERT
    if found.unseen and overwrites:
        notify(f"The read-back has no column for {', '.join(found.unseen)}, so existing rows count as different.")
    missing, different = (_mask(numbers, found.records) for numbers in (found.missing, found.different))
    same = ~missing & ~different
    if found.unseen and overwrites:
        same, different = np.zeros_like(same), same | different
    return RecordsAtTarget(same=same, different=different, overwrites=overwrites)


def _mask(numbers: np.ndarray, records: int) -> Mask:
    """Return a mask of records from their numbers, which begin at 1."""
    mask = np.zeros(records, dtype=bool)
    mask[numbers - 1] = True
    return mask
