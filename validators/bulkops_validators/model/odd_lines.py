"""Find lines that are not records: comments, rules, footers and messages of programs, conflict markers.

A line with another number of fields than the header is matched as a whole, a record by its first cell. Some words, such
as Total, count only in the last record; in other records they may be a code.
"""

from collections.abc import Mapping, Sequence

import polars as pl

COMMENT, PROGRAM, CONFLICT = "STR117", "STR118", "STR119"
_LEVEL = "(?:TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|FATAL|CRITICAL)"
_DONE = "(?:selected|affected|returned|exported|written|fetched|found|in set)"
RULE = r"^[-=_+|*, ;\t]*[-=_]{3}[-=_+|*, ;\t]*$"
_REMARK = r"^(?:#+|//|--)[ \t]+[^ \t]|^(?:`{3,}|~{3,})[a-z]*$"
"""A comment, or a fence of Markdown."""
MARKER = r"^(?:<{7}|>{7}|\|{7})(?: [^ ].*)?$|^={7}$"
_ROWS = (
    rf"(?i:^(?:-- )?\(?(?:[0-9][0-9,.']*|no) (?:rows?|records?|lines?)(?: {_DONE})?"
    r"(?: \([0-9.]+ ?(?:ms|s|sec)\))?[.)]*$"
    r"|^query ok\b|^(?:rows?|records?)(?: count| affected)?: ?[0-9]+$)"
)
_MESSAGE = (
    r"(?i:^(?:exported|generated|created|printed|downloaded|exportiert|erstellt|erzeugt|gedruckt|généré|exporté|créé"
    r"|imprimé|exportado|generado|creado)[^0-9]{1,30}[0-9]{1,4}[./-][0-9]{1,2}[./-][0-9]{1,4}\b"
    r"|^(?:page|seite|página|pagina) [0-9]+ (?:of|von|de|sur|/) ?[0-9]+$"
    r"|^[*=# -]*end of (?:file|report|list|export|data)[*=# .-]*$)"
    r"|^\[?[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}"
    r"(?:[.,][0-9]+)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?\]?:? .*[A-Za-z]{3}"
    rf"|^\[{_LEVEL}\] |^{_LEVEL}: |^Traceback \(most recent"
    r"|^(?:PHP )?(?:<b>)?(?:Warning|Notice|Deprecated|Fatal error|Parse error)(?:</b>)?: "
    r"|^<[A-Za-z/!][^<>]*>$|^<(?:br|BR)\b"
)
TOTAL = (
    r"(?i:^(?:(?:grand|sub|overall)[ -]?)?"
    r"(?:totals?|summary|gesamt|gesamtsumme|summe|insgesamt|totale|total g[eé]n[eé]ral)"
    r" ?:?[ ,;\t|]*[0-9]*(?:[.,' ][0-9]+)*[,;\t| ]*$)"
)
OF_LINES: Mapping[str, str] = {
    CONFLICT: MARKER,
    COMMENT: f"{RULE}|{_REMARK}",
    PROGRAM: f"{_ROWS}|{_MESSAGE}|{TOTAL}",
}
OF_RECORDS: Mapping[str, str] = {CONFLICT: MARKER, COMMENT: _REMARK, PROGRAM: f"{_ROWS}|{_MESSAGE}"}


def odd_record(code: str, names: Sequence[str]) -> pl.Expr:
    """Return where a record with the columns `names`, in file order, is not a record but an odd line; never null."""
    holds = pl.col(names[0]).str.contains(OF_RECORDS[code])
    if code == COMMENT:
        holds |= _is_rule(names)
        holds &= ~pl.col(names[0]).str.contains(MARKER)
    return holds.fill_null(value=False)


def _is_rule(names: Sequence[str]) -> pl.Expr:
    """Return where the first cell, and each other filled cell, consists of rule signs."""
    first, *others = (pl.col(name).str.contains(RULE) for name in names)
    blank = (pl.col(name).fill_null("") == "" for name in names[1:])
    return pl.all_horizontal(first, *(rule | empty for rule, empty in zip(others, blank, strict=True)))


def sum_behind(names: Sequence[str]) -> pl.Expr:
    """Return where a record is the last filled one and begins like a total; never null."""
    filled = pl.any_horizontal(pl.col(name).fill_null("").str.strip_chars() != "" for name in names)
    place = pl.int_range(pl.len())
    last = place == place.filter(filled).max()
    return (last & pl.col(names[0]).str.contains(TOTAL)).fill_null(value=False)
