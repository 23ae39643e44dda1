"""Behaviour of a server that the documentation does not exclude; tests choose it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

BAD = "BAD"


@dataclass
class Habits:
    """The habits of a server; the defaults are those of an ordinary one.

    Clocks: `ahead` is the lead of its clock over ours, `rows_ahead` the lead of the clock of rows over its clock.
    Ids: import ids start again after `ids_again` imports. Reads: rows appear after `lag` seconds, and pages are
    silently cut to `largest_page` rows. Refusals: a file with a record that starts with BAD is refused; `keeps` names
    the records that are imported nevertheless, `line` the way in which the refusal counts lines, and `says_more` adds
    details. `refuses` are the titles of the errors for every import, separated by NUL; `moved_to` is the address of a
    redirect of every import. Proxies: requests of more than `largest_body` bytes, or with the text `blocks`, get a page
    instead."""

    ahead: timedelta = timedelta()
    rows_ahead: timedelta = timedelta()
    ids_again: int = 0
    lag: float = 0.0
    keeps: str = "none"  # or "before", "others"
    line: str = "line"  # or "line of body", "record", "record of body", "none"
    largest_page: int = 1000
    says_more: bool = True
    refuses: str = ""
    moved_to: str = ""
    largest_body: int = 0
    blocks: str = ""

    def page_for(self, body: bytes) -> tuple[int, bytes] | None:
        """Return the status and the page that keep a request from the server; None if it passes."""
        if self.largest_body and len(body) > self.largest_body:
            return 413, b"<html><head><title>413 Request Entity Too Large</title></head></html>"
        if self.blocks and self.blocks.encode() in body:
            return 403, b"<!DOCTYPE html>\n<html><head><title>Request blocked &amp; logged</title></head></html>"
        return None

    def now(self) -> datetime:
        """Return the time of its `Date` headers."""
        return datetime.now(UTC) + self.ahead

    def rows_now(self) -> str:
        """Return the time that rows are dated with."""
        return (self.now() + self.rows_ahead).isoformat().replace("+00:00", "Z")

    def number(self, count: int) -> int:
        """Return the id of an import by its number, from 0."""
        return 901 + (count % self.ids_again if self.ids_again else count)

    def kept(self, rows: list[dict[str, str]]) -> list[dict[str, str]]:
        """Return the rows of a refused file that are imported."""
        bad = [is_bad(row) for row in rows]
        if self.keeps == "others":
            return [row for row, is_one in zip(rows, bad, strict=True) if not is_one]
        return rows[: bad.index(True)] if self.keeps == "before" and True in bad else []

    def line_of(self, place: int, rows: list[dict[str, str]]) -> int | None:
        """Return the line that a refusal names for the record at an index; cells may contain line ends."""
        physical = place + sum(value.count("\n") for row in rows[:place] for value in row.values())
        lines = {"line": physical + 2, "line of body": physical + 1, "record": place + 2, "record of body": place + 1}
        return lines.get(self.line)


def is_bad(row: dict[str, str]) -> bool:
    """Return whether the server refuses a record."""
    return any(value.startswith(BAD) for name, value in row.items() if name not in "#@!")
