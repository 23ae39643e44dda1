"""Compare a target and the names in a file's cells with what is known of the account. Pure."""

import difflib
import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from bulkops.account.model import Account, Application, Attribute, Audience, Campaign, Program, by_id
from bulkops.account.model import Collection as HeldCollection
from bulkops.validation.named_things import Fault
from bulkops_validators.model.cells import JsonObject
from bulkops_validators.model.contract import Column, Contract, Reference
from bulkops_validators.model.json_cells import MAX_JSON_LENGTH
from bulkops_validators.model.rules import Severity
from bulkops_validators.model.rules_registry import RULES

REMEMBERED = 65_536
"""Distinct cells whose verdict is remembered."""
LONGEST_REMEMBERED = 4_096
"""Characters up to which a cell's verdict is remembered."""
MOST_GUESSES = 50
"""Unknown names for which the nearest known one is looked up: in a long list that takes milliseconds each."""
LISTED = 8
"""Known names up to which a message lists them all."""

Held = Application | Campaign | Program | Attribute | HeldCollection | Audience
Judge = Callable[[str], Sequence[Fault]]


class KnownNames:
    """What an account knows of the cells of one contract's files; `ids` are those of the target, all or some.

    If the target itself does not fit, no cell is judged. A name counts as unknown only where the list that would
    contain it was read to its end. `missing_profiles` are profiles that a search did not find.
    """

    def __init__(
        self,
        account: Account,
        contract: Contract,
        ids: Mapping[str, int],
        *,
        missing_profiles: Collection[str] = frozenset(),
    ) -> None:
        self._account = account
        self._contract = contract
        self._ids = ids
        self._program = by_id(account.programs, ids.get("program"))
        self._application = by_id(account.applications, ids.get("application"))
        self._missing_profiles = missing_profiles
        self._target = target_faults(account, contract, ids)
        # In a target that is not the one that is meant, the names of the file mean nothing.
        self.fits = all(RULES[fault.code].severity is not Severity.ERROR for fault in self._target)
        columns = contract.columns if self.fits else ()
        self._judges = {column.name: judges for column in columns if (judges := self._judges_of(column))}
        self._remembered = lru_cache(REMEMBERED)(self._judged)

    @property
    def columns(self) -> Collection[str]:
        """The columns whose cells can be judged."""
        return self._judges.keys()

    def faults(self, column: str, value: str) -> Sequence[Fault]:
        """Return what is wrong with a cell; a blank one is empty."""
        judge = self._remembered if len(value) <= LONGEST_REMEMBERED else self._judged
        return judge(column, value)

    def of_file(self, present: Collection[str]) -> Sequence[Fault]:
        """Return what is wrong with the target, and with a file for not having a column."""
        faults = list(self._target)
        for column in self._contract.columns:
            names = self._mandatory(column.cell) if isinstance(column.cell, JsonObject) else ()
            if names and column.name not in present:
                listed = ", ".join(map(repr, names))
                missing = f"the file has no column {column.name}; the application requires {listed}"
                faults.append(Fault("ACC124", missing))
        return faults

    def _judged(self, column: str, value: str) -> Sequence[Fault]:
        return tuple(fault for judge in self._judges[column] for fault in judge(value))

    def _judges_of(self, column: Column) -> list[Judge]:
        judges = [self._other_kind(column), self._named(column)]
        if isinstance(column.cell, JsonObject):
            judges.append(self._attributes(column.cell))
        return [judge for judge in judges if judge is not None]

    def _other_kind(self, column: Column) -> Judge | None:
        program = self._program
        if column.program is None or program is None or program.kind in (None, column.program):
            return None
        fault = Fault("ACC114", f"fills {column.name}, but {called('program', program)} is {program.kind}")
        return lambda value: (fault,) if value else ()

    def _named(self, column: Column) -> Judge | None:
        match column.names:
            case Reference.TIER:
                return self._tiers()
            case Reference.STORE:
                return self._stores()
            case Reference.SUBLEDGER:
                return self._subledgers()
            case Reference.PROFILE if self._missing_profiles:
                fault = Fault("ACC131", "is no customer profile that the search finds")
                return lambda value: (fault,) if value in self._missing_profiles else ()
        return None

    def _tiers(self) -> Judge | None:
        if "program" in self._ids:
            programs = [self._program] if self._program else []
            of = called("program", self._program) if self._program else ""
        else:
            programs = list(self._account.programs) if self._account.knows("programs") else []
            of = "any program of the account"
        if not programs or any(program.tiers is None for program in programs):
            return None
        known = tuple(dict.fromkeys(tier for program in programs for tier in program.tiers or ()))
        return _unknown("ACC111", known, f"is not a tier of {of}")

    def _stores(self) -> Judge | None:
        wanted = self._ids.get("application")
        held = [each for each in self._account.stores if wanted in (None, each.application)]
        if not held or not all(self._account.knows("stores", each.application) for each in held):
            return None
        if wanted is None and not self._account.knows("applications"):
            return None
        known = tuple(dict.fromkeys(name for each in held for name in each.integration_ids))
        of = f"application {wanted}" if wanted is not None else "any application of the account"
        return _unknown("ACC112", known, f"is not a store of {of}")

    def _subledgers(self) -> Judge | None:
        program = self._program
        if program is None or program.allow_subledger is not False:
            return None
        fault = Fault("ACC113", f"names a subledger, but {called('program', program)} has a main ledger only")
        return lambda value: (fault,) if value else ()

    def _mandatory(self, cell: JsonObject) -> tuple[str, ...]:
        """Return the attributes that the application requires; the API says so of coupons only."""
        return self._application.mandatory_coupon_attributes if self._application and cell.entity == "Coupon" else ()

    def _attributes(self, cell: JsonObject) -> Judge | None:
        known, mandatory = self._account.knows("attributes"), self._mandatory(cell)
        if not known and not mandatory:
            return None
        judge = AttributeJudge(
            cell.entity, self._account.attributes if known else None, self._ids.get("application"), mandatory
        )
        return judge.faults


class AttributeJudge:
    """Compares JSON cells with the custom attributes of one entity. `attributes` is None where they are not known."""

    def __init__(
        self, entity: str, attributes: Iterable[Attribute] | None, application: int | None, mandatory: tuple[str, ...]
    ) -> None:
        self._entity = entity
        self._known = None if attributes is None else tuple(attributes)
        self._own = {each.name: each for each in self._known or () if each.entity == entity}
        self._application = application
        self._mandatory = mandatory
        self._nearest = _nearest(tuple(self._own))

    def faults(self, text: str) -> Sequence[Fault]:
        """Return what is wrong with a cell; one that is not a JSON object is for other rules."""
        value = _object_in(text)
        if value is None:
            return ()
        faults = {
            fault.code: fault
            for name, held in value.items()
            for fault in (self._fault(name, held) if self._known is not None else None,)
            if fault is not None
        }
        missing = next((name for name in self._mandatory if name not in value), None)
        if missing is not None:
            faults["ACC124"] = Fault("ACC124", "is missing; the application requires it", of=missing)
        return tuple(faults.values())

    def _fault(self, name: str, held: Any) -> Fault | None:
        attribute = self._own.get(name)
        if attribute is None:
            return self._unknown(name)
        if self._application and attribute.applications and self._application not in attribute.applications:
            return Fault("ACC122", f"is not available in application {self._application}", of=name)
        if held is None:
            return None
        if not fits(attribute.type, held):
            return Fault("ACC123", f"must be {_article(attribute.type)}; it is {_kind_of_value(held)}", of=name)
        return self._not_allowed(attribute, held)

    def _unknown(self, name: str) -> Fault:
        others = sorted({each.entity for each in self._known or () if each.name == name})
        if others:
            return Fault("ACC122", f"is an attribute of {' and '.join(others)}, not of {self._entity}", of=name)
        return Fault("ACC121", f"is not an attribute of {self._entity}.{self._nearest(name)}", of=name)

    def _not_allowed(self, attribute: Attribute, held: Any) -> Fault | None:
        # The API shows suggestions, but never an allowed list: values of such an attribute cannot be judged.
        if not attribute.restricted or attribute.allowed_list or not attribute.suggestions:
            return None
        values = held if isinstance(held, list) else [held]
        if all(_as_text(value) in attribute.suggestions for value in values):
            return None
        listed = ", ".join(map(repr, attribute.suggestions[:LISTED]))
        more = ", …" if len(attribute.suggestions) > LISTED else ""
        return Fault("ACC125", f"accepts only its suggested values: {listed}{more}", of=attribute.name)


def target_faults(account: Account, contract: Contract, ids: Mapping[str, int]) -> list[Fault]:
    """Return what is wrong with the ids of a target: unknown ones first, and only these if there are any."""
    if unknown := [fault for name in ids if (fault := _unknown_id(account, ids, name)) is not None]:
        return unknown[:1]  # what is inside an unknown application or campaign is unknown for that reason
    faults = []
    requires = contract.requires
    campaign = _campaign(account, ids)
    if campaign and requires.feature and campaign.features is not None and requires.feature not in campaign.features:
        has = ", ".join(campaign.features) or "none"
        missing = f"{called('campaign', campaign)} does not have the feature {requires.feature}; it has {has}"
        faults.append(Fault("ACC103", missing))
    if campaign and campaign.state == "archived":
        faults.append(Fault("ACC104", f"{called('campaign', campaign)} is archived"))
    return faults + _program_faults(account, contract, by_id(account.programs, ids.get("program")))


def _program_faults(account: Account, contract: Contract, program: Program | None) -> list[Fault]:
    if program is None:
        return []
    wanted, kind = contract.requires.program, program.kind
    if wanted is not None and kind is not None and kind is not wanted:
        others = [each for each in account.programs if each.kind is wanted]
        hint = f" Known {wanted} programs: {_listed(others)}." if others else ""
        return [Fault("ACC102", f"{called('program', program)} is {kind}, but {contract.name} needs {wanted}.{hint}")]
    names_tiers = any(column.names is Reference.TIER for column in contract.columns)
    if names_tiers and program.tiers is not None and not (program.tiers and program.tiers_expire):
        return [Fault("ACC105", f"{called('program', program)} does not use advanced tiers")]
    return []


def _unknown_id(account: Account, ids: Mapping[str, int], name: str) -> Fault | None:
    """Return the fault of an id that its list, read to the end, does not contain."""
    parts, known, where = _list_of(account, ids, name)
    if not known or by_id(parts, ids[name]) is not None:
        return None
    return Fault("ACC101", f"there is no {name} {ids[name]} in {where}.{_nearest_id(parts, ids[name])}")


def _list_of(account: Account, ids: Mapping[str, int], name: str) -> tuple[tuple[Any, ...], bool, str]:
    """Return what is known of the kind of an id, whether that is all there is, and where it is."""
    application, campaign = ids.get("application"), ids.get("campaign")
    match name:
        case "application":
            return account.applications, account.knows("applications"), "the account"
        case "campaign":
            held = tuple(each for each in account.campaigns if each.application == application)
            return held, account.knows("campaigns", application), f"application {application}"
        case "program":
            return account.programs, account.knows("programs"), "the account"
        case "collection" if campaign is not None:
            own = tuple(each for each in account.collections if each.campaign == campaign)
            return own, account.knows("collections", application, campaign), f"campaign {campaign}"
        case "collection":
            shared = tuple(each for each in account.collections if each.campaign is None)
            return shared, account.knows("account-collections"), "the account"
        case "audience":
            return account.audiences, account.knows("audiences"), "the account"
        case "attribute":
            return account.attributes, account.knows("attributes"), "the account"
    return (), False, "the account"


def facts_of(account: Account, ids: Mapping[str, int]) -> dict[str, str]:
    """Return for each id what is known of it, as a person reads it: `18 'Autumn', enabled`."""
    facts = {}
    for name, number in ids.items():
        held = _campaign(account, ids) if name == "campaign" else by_id(_list_of(account, ids, name)[0], number)
        facts[name] = f"{number}{_about(held) if held is not None else ''}"
    return facts


def _about(held: Held) -> str:
    more: tuple[str | None, ...] = ()
    match held:
        case Campaign(state=state):
            more = (state,)
        case Program():
            more = (held.kind, "sandbox" if held.sandbox else None)
        case Application(sandbox=True):
            more = ("sandbox",)
        case Attribute():
            more = (held.entity, held.type)
    name = f" {held.name!r}" if held.name else ""
    details = ", ".join(part for part in more if part)
    return f"{name} ({details})" if details else name


def _campaign(account: Account, ids: Mapping[str, int]) -> Campaign | None:
    own = (each for each in account.campaigns if each.application == ids.get("application"))
    return by_id(own, ids.get("campaign"))


def called(what: str, held: Held) -> str:
    """Return how a message calls a thing: `program 3 'Points club'`."""
    return f"{what} {held.id}" + (f" {held.name!r}" if held.name else "")


def _unknown(code: str, known: tuple[str, ...], text: str) -> Judge:
    """Return the judge that refuses names other than the known ones, and suggests the nearest."""
    names, nearest = frozenset(known), _nearest(known)
    return lambda value: (Fault(code, f"{text}.{nearest(value)}"),) if value and value not in names else ()


def _nearest(known: Sequence[str]) -> Callable[[str], str]:
    """Return what suggests the nearest known name, or all if they are few; after MOST_GUESSES it suggests nothing."""
    asked = 0

    def suggest(name: str) -> str:
        nonlocal asked
        asked += 1
        near = difflib.get_close_matches(name, known, n=1) if asked <= MOST_GUESSES else []
        if near:
            return f" Did you mean {near[0]!r}?"
        return f" Known: {', '.join(map(repr, known))}." if 0 < len(known) <= LISTED else ""

    return suggest


def _nearest_id(held: Sequence[Held], number: int) -> str:
    """Return the ids that exist if they are few, or the nearest ones."""
    if len(held) <= LISTED:
        return f" Known: {_listed(held)}." if held else ""
    near = difflib.get_close_matches(str(number), [str(each.id) for each in held], n=3, cutoff=0.5)
    return f" Did you mean {_listed(each for each in held if str(each.id) in near)}?" if near else ""


def _listed(held: Iterable[Held]) -> str:
    return ", ".join(f"{each.id} {each.name!r}" if each.name else str(each.id) for each in held)


def _object_in(text: str) -> dict[str, Any] | None:
    """Return the JSON object in a cell; blank is an empty one, None what is no object."""
    if len(text) > MAX_JSON_LENGTH:
        return None
    try:
        value = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def fits(kind: str, value: Any) -> bool:
    """Return whether a JSON value is of an attribute's type; an unknown type fits everything.

    How a location is written is not documented: objects, lists and texts are accepted.
    """
    if kind.startswith("(list "):
        return isinstance(value, list) and all(fits(kind[6:-1], each) for each in value)
    match kind:
        case "number":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "boolean":
            return isinstance(value, bool)
        case "string":
            return isinstance(value, str)
        case "time":
            return isinstance(value, str) and _is_time(value)
        case "location":
            return isinstance(value, dict | list | str)
    return True


def _is_time(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _article(kind: str) -> str:
    return f"a list of {kind[6:-1]} values" if kind.startswith("(list ") else f"a {kind}"


def _kind_of_value(value: Any) -> str:
    kinds = {str: "a text", bool: "a boolean", int: "a number", float: "a number", list: "a list", dict: "an object"}
    return kinds.get(type(value), "another value")


def _as_text(value: Any) -> str:
    """Return a value as suggestions, which are texts, would show it."""
    return value if isinstance(value, str) else json.dumps(value)
