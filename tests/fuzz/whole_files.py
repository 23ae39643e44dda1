"""Damage of whole files by editors, transfers and other programs; the repair of each is known in advance."""

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from random import Random

from bulkops_validators.model.contract import Contract
from tests.fuzz.planted import planted


class Outcome(Enum):
    """The result of a safe repair: the records of the original, the damaged file itself, or no file."""

    REPAIRED = auto()
    SAME = auto()
    REFUSED = auto()


@dataclass(frozen=True)
class Damage:
    """One kind of damage: the change, all codes that a report may have, and the outcome.

    The report has at least one code. Only records without a unique key may validly be `repeated`.

    `one_column` is the outcome in a file of one column, in which any text may be a record. `after` is the repaired
    file, made of the file before.
    """

    done: Callable[[bytes], bytes]
    codes: frozenset[str]
    outcome: Outcome
    one_column: Outcome
    after: Callable[[bytes], bytes]
    repeated: bool = False


@dataclass(frozen=True)
class DamagedFile:
    """A file after damage, its contract, the file that a repair returns, and the damage."""

    contract: Contract
    data: bytes
    repaired: bytes
    damage: Damage

    @property
    def outcome(self) -> Outcome:
        """The planned result of a safe repair."""
        return self.damage.outcome if len(self.contract.columns) > 1 else self.damage.one_column


def damaged(random: Random, name: str) -> DamagedFile:
    """Return a valid file with line feeds after one kind of damage."""
    file = planted(random, defects=0)
    before = file.data.replace(b"\r\n", b"\n")
    damage = DAMAGE[name]
    return DamagedFile(file.contract, damage.done(before), damage.after(before), damage)


def rows(data: bytes) -> list[list[str]]:
    """Return the records of a file as another reader of CSV reads them."""
    return list(csv.reader(io.StringIO(data.decode(), newline="")))


def _other(data: bytes) -> bytes:
    """Return a file of the same kind with other keys."""
    return data.replace(b"KEY-", b"NEW-").replace(b"customer-", b"person-")


def _each_line(data: bytes, before: bytes, after: bytes) -> bytes:
    return b"".join(before + line + after + b"\n" for line in data.removesuffix(b"\n").split(b"\n"))


def _damage(
    done: Callable[[bytes], bytes],
    outcome: Outcome,
    *codes: str,
    one_column: Outcome | None = None,
    after: Callable[[bytes], bytes] = bytes,
    repeated: bool = False,
) -> Damage:
    return Damage(done, frozenset(codes), outcome, one_column or outcome, after, repeated)


_QUOTES, _CELLS = ("STR104", "STR106"), ("COD101", "TYP107", "HDR105", "VAL107")
_ODD = ("STR101", "STR116")

DAMAGE = {
    "text mode writes CR CR LF": _damage(
        lambda data: data.replace(b"\n", b"\r\r\n"), Outcome.REPAIRED, "FIL108", "HDR105"
    ),
    "text mode writes CR": _damage(lambda data: data.replace(b"\n", b"\r"), Outcome.REPAIRED, "FIL108"),
    "an editor saves UTF-16": _damage(lambda data: data.decode().encode("utf-16"), Outcome.REPAIRED, "FIL103"),
    "two programs write a byte order mark": _damage(
        lambda data: b"\xef\xbb\xbf\xef\xbb\xbf" + data, Outcome.REPAIRED, "FIL105"
    ),
    "a spreadsheet names the separator": _damage(lambda data: b"sep=,\n" + data, Outcome.REPAIRED, "HDR109"),
    "a separator ends each line": _damage(lambda data: _each_line(data, b"", b","), Outcome.REPAIRED, "HDR104"),
    "blanks begin each line": _damage(lambda data: _each_line(data, b"  ", b""), Outcome.REPAIRED, *_QUOTES, *_CELLS),
    "blanks end each line": _damage(lambda data: _each_line(data, b"", b"  "), Outcome.REPAIRED, *_QUOTES, *_CELLS),
    "a blank line follows each line": _damage(
        lambda data: data.replace(b"\n", b"\n\n"), Outcome.REPAIRED, "STR103", "STR108"
    ),
    "DOS ends the file with a sign": _damage(lambda data: data + b"\x1a", Outcome.SAME, "FIL107", *_ODD),
    "a crash fills the end with NUL": _damage(lambda data: data + bytes(64), Outcome.SAME, "FIL106", *_ODD),
    "a client of a database counts rows": _damage(
        lambda data: data + b"9 rows in set (0.01 sec)\n", Outcome.SAME, "STR118"
    ),
    "a web server adds a warning": _damage(
        lambda data: data + b"<b>Warning</b>:  Undefined variable $x in <b>/srv/x.php</b> on line <b>7</b><br />\n",
        Outcome.SAME,
        "STR118",
        *_ODD,
    ),
    "a fence of Markdown encloses the file": _damage(
        lambda data: b"```csv\n" + data + b"```\n", Outcome.REPAIRED, "HDR111", "STR117", one_column=Outcome.SAME
    ),
    "a file begins with HTML": _damage(lambda data: b"<br />\n" + data, Outcome.REFUSED, "FIL111"),
    "files are concatenated": _damage(
        lambda data: data + b"\xef\xbb\xbf" + _other(data),
        Outcome.REPAIRED,
        "HDR110",
        after=lambda data: data + _other(data).partition(b"\n")[2],
    ),
    "an upload is repeated": _damage(
        lambda data: data + data[data.find(b"\n") + 1 :], Outcome.SAME, "UNQ101", "UNQ102", repeated=True
    ),
}
"""All kinds of damage by name."""
