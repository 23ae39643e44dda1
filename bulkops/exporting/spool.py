"""Fetch a complete export as one CSV into an open file."""

from typing import BinaryIO

from bulkops.exporting.request import Request
from bulkops.readback.fetch.download import Downloaded, Progress, digest, download
from bulkops.readback.parse.warnings import Notes
from bulkops.transport.client import ApiClient
from bulkops_validators.model.contract import Form


def spool(
    client: ApiClient,
    request: Request,
    out: BinaryIO,
    *,
    settle: float = 0.0,
    progress: Progress | None = None,
    notes: Notes | None = None,
) -> Downloaded:
    """Fill `out` with a whole response.

    With `settle`, repeat the request until two responses that many seconds apart are equal. `notes` collects remarks
    about unusual records.
    """
    question = request.question()
    notes = notes if notes is not None else Notes()
    earlier, attempts = "", 0
    while True:
        own = Notes()
        if request.export.form is Form.PAGES:
            from bulkops.exporting.paged import write_pages  # with polars, which most exports do without

            done = write_pages(client, question, out, own)
        else:
            done = download(client, question, out, progress=progress, notes=own)
        attempts += done.attempts
        found = digest(out) if settle else ""
        if found == earlier:
            notes.merge(own)
            return Downloaded(bytes=done.bytes, attempts=attempts)
        text = f"Exporting again in {settle:,.0f} s, until two results are equal."
        if earlier:
            text = f"The export has changed. {text}"
        earlier = found
        client.notifier.wait(settle, text)
