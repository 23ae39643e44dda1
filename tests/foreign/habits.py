"""What a server may do that no documentation rules out, to be chosen by tests."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

BAD = "BAD"


@dataclass
class Habits:
    """All defaults are those of a server without surprises.

    `ahead` is what its clock is ahead of ours, `rows_ahead` what the clock that dates rows is ahead of that one.
    `ids_again` lets import ids begin anew after so many imports. `lag` is after how many seconds reads show a row.
    A file with a record that starts with BAD is refused: `keeps` says which of the others are taken in all the same,
    `line` how the refusal counts. `largest_page` is what it cuts pages to without a word. `refuses` are the titles of
    the errors that every import gets, with NUL between them, `moved_to` the address that every import is sent on to.
    `largest_body` is the size of a request that a proxy in front of it lets through at most, and `blocks` a text that
    a firewall lets no request with through; both send a page.
    """

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
        """Return the id of the import of that count, from 0."""
        return 901 + (count % self.ids_again if self.ids_again else count)

    def kept(self, rows: list[dict[str, str]]) -> list[dict[str, str]]:
        """Return what is taken in of a refused file."""
        bad = [is_bad(row) for row in rows]
        if self.keeps == "others":
            return [row for row, is_one in zip(rows, bad, strict=True) if not is_one]
        return rows[: bad.index(True)] if self.keeps == "before" and True in bad else []

    def line_of(self, place: int, rows: list[dict[str, str]]) -> int | None:
        """Return the line it tells for the record at a place; cells may hold line ends, the header none."""
        physical = place + sum(value.count("\n") for row in rows[:place] for value in row.values())
        lines = {"line": physical + 2, "line of body": physical + 1, "record": place + 2, "record of body": place + 1}
        return lines.get(self.line)


def is_bad(row: dict[str, str]) -> bool:
    """Tell whether a record is one that the server refuses."""
    return any(value.startswith(BAD) for name, value in row.items() if name not in "#@!")
