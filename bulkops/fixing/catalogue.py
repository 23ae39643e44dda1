"""List every repair of `bulkops fix` by its rule; docs/reference/fix.md gives the condition and the reason of each."""

from collections.abc import Collection, Mapping
from enum import StrEnum
from types import MappingProxyType


class Kind(StrEnum):
    """What a repair needs: one reading of the file, an option that decides, or permission to guess."""

    SAFE = "safe"
    OPTION = "option"
    UNSAFE = "unsafe"


REPAIRS: Mapping[str, frozenset[Kind]] = MappingProxyType(
    {
        code: frozenset(kinds)
        for code, *kinds in (
            ("FIL102", Kind.OPTION, Kind.UNSAFE),
            ("FIL103", Kind.SAFE, Kind.OPTION),
            ("FIL104", Kind.OPTION, Kind.UNSAFE),
            ("FIL105", Kind.SAFE),
            ("FIL106", Kind.SAFE, Kind.UNSAFE),
            ("FIL107", Kind.SAFE, Kind.UNSAFE),
            ("FIL108", Kind.SAFE, Kind.UNSAFE),
            ("FIL109", Kind.SAFE),
            ("FIL112", Kind.OPTION, Kind.UNSAFE),
            ("STR101", Kind.UNSAFE),
            ("STR102", Kind.SAFE),
            ("STR103", Kind.SAFE),
            ("STR104", Kind.SAFE),
            ("STR105", Kind.UNSAFE),
            ("STR106", Kind.SAFE),
            ("STR107", Kind.SAFE),
            ("STR108", Kind.SAFE),
            ("STR116", Kind.SAFE, Kind.UNSAFE),
            ("STR117", Kind.SAFE, Kind.UNSAFE),
            ("STR118", Kind.UNSAFE),
            ("HDR102", Kind.OPTION),
            ("HDR104", Kind.SAFE),
            ("HDR105", Kind.SAFE),
            ("HDR106", Kind.SAFE),
            ("HDR108", Kind.SAFE),
            ("HDR109", Kind.SAFE),
            ("HDR110", Kind.SAFE),
            ("HDR111", Kind.SAFE, Kind.UNSAFE),
            ("HDR112", Kind.UNSAFE),
            ("HDR115", Kind.OPTION, Kind.UNSAFE),
            ("HDR116", Kind.OPTION),
            ("TYP103", Kind.SAFE),
            ("TYP107", Kind.SAFE),
            ("TYP109", Kind.UNSAFE),
            ("VAL109", Kind.SAFE),
            ("VAL110", Kind.UNSAFE),
            ("VAL111", Kind.UNSAFE),
            ("VAL113", Kind.SAFE),
            ("UNQ101", Kind.UNSAFE),
            ("ATR103", Kind.SAFE),
            ("DAT102", Kind.OPTION),
            ("DAT103", Kind.OPTION, Kind.UNSAFE),
            ("DAT104", Kind.SAFE, Kind.UNSAFE),
            ("DAT106", Kind.OPTION, Kind.UNSAFE),
            ("DAT107", Kind.UNSAFE),
            ("DAT108", Kind.SAFE),
            ("DAT110", Kind.OPTION),
            ("XLS103", Kind.UNSAFE),
            ("XLS107", Kind.SAFE),
            ("XLS108", Kind.UNSAFE),
            ("XLS109", Kind.SAFE, Kind.UNSAFE),
            ("XLS110", Kind.SAFE),
            ("XLS111", Kind.UNSAFE),
            ("XLS113", Kind.UNSAFE),
            ("XLS115", Kind.UNSAFE),
            ("COD101", Kind.SAFE),
            ("COD102", Kind.SAFE, Kind.UNSAFE),
            ("COD103", Kind.UNSAFE),
            ("COD105", Kind.UNSAFE),
            ("COD108", Kind.UNSAFE),
        )
    }
)
"""The kinds of repair of each rule. With several, the file decides which of them a finding needs."""

_ORDER = ("--date-order day-first", "--date-order month-first")
_MOMENT = ("--end-of-day", "--start-of-day")
OPTIONS: Mapping[str, tuple[tuple[str, ...], ...]] = MappingProxyType(
    {
        "FIL102": (("--encoding NAME",),),
        "FIL104": (("--encoding NAME",),),
        "FIL112": (("--encoding NAME",),),
        "HDR102": (("--rename OLD=NEW",),),
        "HDR115": (("--rename OLD=NEW",),),
        "HDR116": (("--rename OLD=NEW",),),
        "DAT102": (("--time-zone ZONE",),),
        "DAT103": (("--time-zone ZONE",), _ORDER, _MOMENT),
        "DAT106": (("--time-zone ZONE",), _MOMENT),
        "DAT110": (_ORDER,),
    }
)
"""The options that settle a finding with several readings, in the order of need, each with its choices."""
_REPEATED = frozenset({"--rename"})


def next_step(code: str, given: Collection[str]) -> tuple[str, ...]:
    """Return the option that settles a remaining finding, or its choices; an empty tuple if all were given.

    `given` are the names of the options of the run, such as `--unsafe`.
    """
    for choices in OPTIONS.get(code, ()):
        names = {choice.partition(" ")[0] for choice in choices}
        if names <= _REPEATED or not names.intersection(given):
            return choices
    return ("--unsafe",) if Kind.UNSAFE in REPAIRS.get(code, ()) and "--unsafe" not in given else ()
