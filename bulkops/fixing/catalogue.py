"""List every repair of `bulkops fix` by its rule; docs/reference/fix.md gives the condition and the reason of each."""

from collections.abc import Collection, Mapping
from enum import StrEnum
from types import MappingProxyType


class RepairKind(StrEnum):
    """The condition of a repair: none, an option that decides, or permission to guess."""

    SAFE = "safe"
    OPTION = "option"
    UNSAFE = "unsafe"


REPAIRS: Mapping[str, frozenset[RepairKind]] = MappingProxyType(
    {
        code: frozenset(kinds)
        for code, *kinds in (
            ("FIL102", RepairKind.OPTION, RepairKind.UNSAFE),
            ("FIL103", RepairKind.SAFE, RepairKind.OPTION),
            ("FIL104", RepairKind.OPTION, RepairKind.UNSAFE),
            ("FIL105", RepairKind.SAFE),
            ("FIL106", RepairKind.SAFE, RepairKind.UNSAFE),
            ("FIL107", RepairKind.SAFE, RepairKind.UNSAFE),
            ("FIL108", RepairKind.SAFE, RepairKind.UNSAFE),
            ("FIL109", RepairKind.SAFE),
            ("FIL112", RepairKind.OPTION, RepairKind.UNSAFE),
            ("STR101", RepairKind.UNSAFE),
            ("STR102", RepairKind.SAFE),
            ("STR103", RepairKind.SAFE),
            ("STR104", RepairKind.SAFE),
            ("STR105", RepairKind.UNSAFE),
            ("STR106", RepairKind.SAFE),
            ("STR107", RepairKind.SAFE),
            ("STR108", RepairKind.SAFE),
            ("STR116", RepairKind.SAFE, RepairKind.UNSAFE),
            ("STR117", RepairKind.SAFE, RepairKind.UNSAFE),
            ("STR118", RepairKind.UNSAFE),
            ("HDR102", RepairKind.OPTION),
            ("HDR104", RepairKind.SAFE),
            ("HDR105", RepairKind.SAFE),
            ("HDR106", RepairKind.SAFE),
            ("HDR108", RepairKind.SAFE),
            ("HDR109", RepairKind.SAFE),
            ("HDR110", RepairKind.SAFE),
            ("HDR111", RepairKind.SAFE, RepairKind.UNSAFE),
            ("HDR112", RepairKind.UNSAFE),
            ("HDR115", RepairKind.OPTION, RepairKind.UNSAFE),
            ("HDR116", RepairKind.OPTION),
            ("TYP103", RepairKind.SAFE),
            ("TYP107", RepairKind.SAFE),
            ("TYP109", RepairKind.UNSAFE),
            ("VAL109", RepairKind.SAFE),
            ("VAL110", RepairKind.UNSAFE),
            ("VAL111", RepairKind.UNSAFE),
            ("VAL113", RepairKind.SAFE),
            ("UNQ101", RepairKind.UNSAFE),
            ("ATR103", RepairKind.SAFE),
            ("DAT102", RepairKind.OPTION),
            ("DAT103", RepairKind.OPTION, RepairKind.UNSAFE),
            ("DAT104", RepairKind.SAFE, RepairKind.UNSAFE),
            ("DAT106", RepairKind.OPTION, RepairKind.UNSAFE),
            ("DAT107", RepairKind.UNSAFE),
            ("DAT108", RepairKind.SAFE),
            ("DAT110", RepairKind.OPTION),
            ("XLS103", RepairKind.UNSAFE),
            ("XLS107", RepairKind.SAFE),
            ("XLS108", RepairKind.UNSAFE),
            ("XLS109", RepairKind.SAFE, RepairKind.UNSAFE),
            ("XLS110", RepairKind.SAFE),
            ("XLS111", RepairKind.UNSAFE),
            ("XLS113", RepairKind.UNSAFE),
            ("XLS115", RepairKind.UNSAFE),
            ("COD101", RepairKind.SAFE),
            ("COD102", RepairKind.SAFE, RepairKind.UNSAFE),
            ("COD103", RepairKind.UNSAFE),
            ("COD105", RepairKind.UNSAFE),
            ("COD108", RepairKind.UNSAFE),
        )
    }
)
"""The kinds of repair of each rule. If there are several, the file decides which one a finding needs."""

DIVIDING = frozenset({"FIL108", "STR104", "STR105", "STR106", "STR107", "STR116"})
"""Rules with a repair that may divide a record or join several."""

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
"""The options that decide an ambiguous finding, in the order of need, each with its choices."""
_REPEATED = frozenset({"--rename"})


def may_repair(code: str, given: Collection[str]) -> bool:
    """Return whether a run may repair a finding of a rule; `given` are the names of its options, as `--unsafe`."""
    kinds = REPAIRS.get(code, frozenset())
    decided = any(choice.partition(" ")[0] in given for choices in OPTIONS.get(code, ()) for choice in choices)
    unsafe = RepairKind.UNSAFE in kinds and "--unsafe" in given
    return RepairKind.SAFE in kinds or decided or unsafe


def next_step(code: str, given: Collection[str]) -> tuple[str, ...]:
    """Return the option, or the choices of one, that fixes a remaining finding; an empty tuple if all were given.

    `given` are the names of the options of the run, such as `--unsafe`.
    """
    for choices in OPTIONS.get(code, ()):
        names = {choice.partition(" ")[0] for choice in choices}
        if names <= _REPEATED or not names.intersection(given):
            return choices
    return ("--unsafe",) if RepairKind.UNSAFE in REPAIRS.get(code, ()) and "--unsafe" not in given else ()
