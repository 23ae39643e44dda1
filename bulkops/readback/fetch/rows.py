"""Read rows back from the deployment, with the endpoint, window and form of a contract's read-back."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl

from bulkops.disk import temporary_file
from bulkops.errors import BulkopsError, InputUnreadable, LimitExceeded
from bulkops.limits import TooLarge
from bulkops.private import private
from bulkops.readback.compare.canonical import Fold
from bulkops.readback.fetch.download import GetRequest, download
from bulkops.readback.fetch.pages import read_pages
from bulkops.readback.fetch.times import rfc3339
from bulkops.readback.parse.tables import read_frames
from bulkops.readback.parse.warnings import Notes
from bulkops.reading.sources import DAMAGED, file_source
from bulkops.transport.client import ApiClient, path_of
from bulkops_validators.model.contract import Comparison, Form, Readback

BLOCK = 1 << 20
# Whether the bounds of a window are inclusive is not documented, and the server may ignore fractions of a second.
WINDOW_MARGIN = timedelta(seconds=2)
# A list without an end may be truncated, and the clock that dates rows may be far ahead of all others.
OPEN_END = timedelta(days=366)


def read_back(
    client: ApiClient,
    readback: Readback,
    ids: Mapping[str, int],
    options: Mapping[str, str],
    *,
    after: datetime | None = None,
    before: datetime | None = None,
    notes: Notes | None = None,
    keep: Path | None = None,
) -> Iterator[pl.DataFrame]:
    """Yield the rows of the read-back as frames of text columns with the server's names; at least one frame.

    `after` and `before` limit the creation time of rows, by the server's clock. bulkops widens them by 2 seconds and
    omits them if the endpoint has no such parameter. Without `before`, pages get an end one year ahead, because the
    clock that dates rows is unknown here. A CSV is downloaded completely before its first row is yielded, into the new
    file `keep` if it is given.
    """
    params = query(readback, ids, options)
    if after and readback.after:
        params[readback.after] = rfc3339(after - WINDOW_MARGIN)
    if before and readback.before:
        params[readback.before] = rfc3339(before + WINDOW_MARGIN)
    if readback.form is Form.PAGES:
        if readback.before and before is None:
            params[readback.before] = rfc3339(client.clock.now() + OPEN_END)
        yield from read_pages(client, readback.path, ids, params, page_size=readback.page_size, notes=notes)
        return
    with temporary_file() if keep is None else open(keep, "w+b", opener=private) as spool:
        known = frozenset(name.lower() for column in readback.columns for name in column.found)
        download(client, GetRequest(path=readback.path, ids=ids, params=params, columns=known), spool)
        spool.seek(0)
        blocks = iter(lambda: spool.read(BLOCK), b"")
        yield from read_frames(blocks, name=f"The response to GET {path_of(readback.path, ids)}", notes=notes)


def read_file(path: Path, *, notes: Notes | None = None) -> Iterator[pl.DataFrame]:
    """Yield the records of a local CSV file, compressed or not, as `read_frames` does.

    InputUnreadable if it cannot be read to its end.
    """
    source = file_source(path)  # keep the reference: it owns the copy of a pipe
    try:
        with source.open() as file:
            yield from read_frames(iter(lambda: file.read(BLOCK), b""), name=str(path), notes=notes)
    except DAMAGED as error:
        raise InputUnreadable(f"{path} is damaged: {error}.") from None
    except TooLarge as error:
        raise LimitExceeded(f"{path}: {error}.", hint=error.hint) from None


def query(readback: Readback, ids: Mapping[str, int], options: Mapping[str, str]) -> dict[str, str]:
    """Return the read-back's query parameters, without those of options that were not chosen."""
    values = {**ids, **options}
    result = {}
    for name, template in readback.query.items():
        try:
            result[name] = template.format_map(values)
        except KeyError:
            continue
    return result


def minimal_query(
    readback: Readback, ids: Mapping[str, int], options: Mapping[str, str], *, now: datetime
) -> dict[str, str]:
    """Return a query with few or no result rows, for a request that needs only the status and headers."""
    params = query(readback, ids, options)
    if readback.after:
        params[readback.after] = rfc3339(now + OPEN_END)
    if readback.form is Form.PAGES:
        params["pageSize"] = "1"
    return params


def fold_of(client: ApiClient, readback: Readback, ids: Mapping[str, int]) -> tuple[Fold, str | None]:
    """Return how the application folds codes, and a note if that could not be read."""
    if readback.case_setting is None or all(c.compare is not Comparison.CODE for c in readback.columns):
        return Fold.SENSITIVE, None
    path, field = readback.case_setting
    try:
        document = client.get_json(path, ids)
    except BulkopsError as error:
        return Fold.SENSITIVE, f"How codes are folded could not be read ({error.message}); case was compared exactly."
    value = document.get(field) if isinstance(document, dict) else None
    try:
        return Fold(str(value)), None
    except ValueError:
        return Fold.SENSITIVE, f"The application does not say how codes are folded ({field} is {value!r})."
