"""Check a target, and the names in the cells of a file, against an account. Pure functions."""

import difflib
import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache, partial
from typing import Any

from bulkops.account.model import Account, Application, Attribute, Audience, Campaign, Program, by_id
from bulkops.account.model import Collection as AccountCollection
from bulkops.validation.named_things import NameFault
from bulkops_validators.model.cells import JsonObject
from bulkops_validators.model.contract import Column, Contract, Reference
from bulkops_validators.model.json_cells import MAX_JSON_LENGTH
from bulkops_validators.model.rules import Severity
from bulkops_validators.model.rules_registry import RULES

CACHED_CELLS = 65_536
"""Maximum number of distinct cells with a cached result."""
LONGEST_CACHED = 4_096
"""Maximum number of characters of a cell with a cached result."""
LISTED = 8
"""A message lists all known names if there are at most this many."""

AccountItem = Application | Campaign | Program | Attribute | AccountCollection | Audience
NameCheck = Callable[[str], Sequence[NameFault]]


@dataclass(frozen=True, kw_only=True)
class WrongValues:
    """Values of a column with the same fault, as a search or an earlier step shows.

    `values` is None if there are too many to keep; then the fault is that of the whole file.
    """

    column: str
    values: Collection[str] | None
    fault: NameFault


class KnownNames:
    """Check the cells of one contract's files against an account; `ids` are all or some ids of the target.

    If the target itself does not fit the contract, no cell is checked. A name counts as unknown only if its list was
    read completely. `wrong` are values with a fault that a search or an earlier step shows.
    """

    def __init__(
        self,
        account: Account,
        contract: Contract,
        ids: Mapping[str, int],
        *,
        wrong: Sequence[WrongValues] = (),
    ) -> None:
        self._account = account
        self._contract = contract
        self._ids = ids
        self._program = by_id(account.programs, ids.get("program"))
        self._application = by_id(account.applications, ids.get("application"))
        self._wrong = wrong
        self._target = target_faults(account, contract, ids)
        # If the target is wrong, its names say nothing about the file.
        self.fits = all(RULES[fault.code].severity is not Severity.ERROR for fault in self._target)
        columns = contract.columns if self.fits else ()
        self._known: dict[str, tuple[str, ...]] = {}
        self._checks = {column.name: checks for column in columns if (checks := self._checks_of(column))}
        self._cached = lru_cache(CACHED_CELLS)(self._checked)

    def __reduce__(self) -> tuple[object, ...]:
        """Return how a copy in another process is made."""
        return partial(KnownNames, wrong=tuple(self._wrong)), (self._account, self._contract, dict(self._ids))

    @property
    def columns(self) -> Collection[str]:
        """The columns that can be checked."""
        return self._checks.keys()

    def faults(self, column: str, value: str) -> Sequence[NameFault]:
        """Return the faults of a cell; `value` is empty for a blank cell."""
        check = self._cached if len(value) <= LONGEST_CACHED else self._checked
        return check(column, value)

    def suggestion(self, code: str, unknown: str, *, searched: bool) -> str:
        """Return a sentence with the nearest known name, or with all names if there are few."""
        known = self._known[code]
        near = difflib.get_close_matches(unknown, known, n=1) if searched else []
        if near:
            return f" Did you mean {near[0]!r}?"
        return f" Known: {', '.join(map(repr, known))}." if 0 < len(known) <= LISTED else ""

    def of_file(self, present: Collection[str]) -> Sequence[NameFault]:
        """Return the faults of the target, and of a file that lacks a required column or has too many wrong values."""
        faults = [*self._target, *(each.fault for each in self._wrong if each.values is None)]
        for column in self._contract.columns:
            names = self._mandatory(column.cell) if isinstance(column.cell, JsonObject) else ()
            if names and column.name not in present:
                listed = ", ".join(map(repr, names))
                missing = f"the file has no column {column.name}; the application requires {listed}"
                faults.append(NameFault("ACC124", missing))
        return faults

    def _checked(self, column: str, value: str) -> Sequence[NameFault]:
        return tuple(fault for check in self._checks[column] for fault in check(value))

    def _checks_of(self, column: Column) -> list[NameCheck]:
        checks = [self._other_kind(column), self._named(column)]
        wrong = (each for each in self._wrong if each.column == column.name)
        checks += [_among(each.values, each.fault) for each in wrong if each.values]
        if isinstance(column.cell, JsonObject):
            checks.append(self._attributes(column.cell))
        return [check for check in checks if check is not None]

    def _other_kind(self, column: Column) -> NameCheck | None:
        program = self._program
        if column.program is None or program is None or program.kind in (None, column.program):
            return None
        text = f"fills {column.name}, but {called('program', program)} is {program.kind}"
        fault = NameFault("ACC114", text, any_value=True)
        return lambda value: (fault,) if value else ()

    def _named(self, column: Column) -> NameCheck | None:
        match column.names:
            case Reference.TIER:
                return self._tiers()
            case Reference.STORE:
                return self._stores()
            case Reference.SUBLEDGER:
                return self._subledgers()
        return None

    def _tiers(self) -> NameCheck | None:
        if "program" in self._ids:
            programs = [self._program] if self._program else []
            of = called("program", self._program) if self._program else ""
        else:
            programs = list(self._account.programs) if self._account.knows("programs") else []
            of = "any program of the account"
        if not programs or any(program.tiers is None for program in programs):
            return None
        known = tuple(dict.fromkeys(tier for program in programs for tier in program.tiers or ()))
        return self._unknown("ACC111", known, f"is not a tier of {of}")

    def _stores(self) -> NameCheck | None:
        wanted = self._ids.get("application")
        stores = [each for each in self._account.stores if wanted in (None, each.application)]
        if not stores or not all(self._account.knows("stores", each.application) for each in stores):
            return None
        if wanted is None and not self._account.knows("applications"):
            return None
        known = tuple(dict.fromkeys(name for each in stores for name in each.integration_ids))
        of = f"application {wanted}" if wanted is not None else "any application of the account"
        return self._unknown("ACC112", known, f"is not a store of {of}")

    def _unknown(self, code: str, known: tuple[str, ...], text: str) -> NameCheck:
        """Return a check that reports unknown names."""
        names, self._known[code] = frozenset(known), known
        return lambda value: (NameFault(code, f"{text}.", unknown=value),) if value and value not in names else ()

    def _subledgers(self) -> NameCheck | None:
        program = self._program
        if program is None or program.allow_subledger is not False:
            return None
        text = f"names a subledger, but {called('program', program)} has a main ledger only"
        fault = NameFault("ACC113", text, any_value=True)
        return lambda value: (fault,) if value else ()

    def _mandatory(self, cell: JsonObject) -> tuple[str, ...]:
        """Return the attributes that the application requires; the API states them only for coupons."""
        return self._application.mandatory_coupon_attributes if self._application and cell.entity == "Coupon" else ()

    def _attributes(self, cell: JsonObject) -> NameCheck | None:
        known, mandatory = self._account.knows("attributes"), self._mandatory(cell)
        if not known and not mandatory:
            return None
        check = AttributeCheck(
            cell.entity, self._account.attributes if known else None, self._ids.get("application"), mandatory
        )
        self._known["ACC121"] = check.names
        return check.faults


class AttributeCheck:
    """Check JSON cells against the custom attributes of one entity; `attributes` is None if they are unknown."""

    def __init__(
        self, entity: str, attributes: Iterable[Attribute] | None, application: int | None, mandatory: tuple[str, ...]
    ) -> None:
        self._entity = entity
        self._known = None if attributes is None else tuple(attributes)
        self._own = {each.name: each for each in self._known or () if each.entity == entity}
        self._application = application
        self._mandatory = mandatory

    @property
    def names(self) -> tuple[str, ...]:
        """The known attributes of the entity."""
        return tuple(self._own)

    def faults(self, text: str) -> Sequence[NameFault]:
        """Return the faults of a cell; other rules report a cell that is not a JSON object."""
        value = _object_in(text)
        if value is None:
            return ()
        faults = {
            fault.code: fault
            for name, member in value.items()
            for fault in (self._fault(name, member) if self._known is not None else None,)
            if fault is not None
        }
        missing = next((name for name in self._mandatory if name not in value), None)
        if missing is not None:
            faults["ACC124"] = NameFault("ACC124", "is missing; the application requires it", of=missing)
        return tuple(faults.values())

    def _fault(self, name: str, value: Any) -> NameFault | None:
        attribute = self._own.get(name)
        if attribute is None:
            return self._unknown(name)
        if self._application and attribute.applications and self._application not in attribute.applications:
            return NameFault("ACC122", f"is not available in application {self._application}", of=name)
        if value is None:
            return None
        if not fits(attribute.type, value):
            return NameFault("ACC123", f"must be {_article(attribute.type)}; it is {_kind_of_value(value)}", of=name)
        return self._not_allowed(attribute, value)

    def _unknown(self, name: str) -> NameFault:
        others = sorted({each.entity for each in self._known or () if each.name == name})
        if others:
            return NameFault("ACC122", f"is an attribute of {' and '.join(others)}, not of {self._entity}", of=name)
        return NameFault("ACC121", f"is not an attribute of {self._entity}.", of=name, unknown=name)

    def _not_allowed(self, attribute: Attribute, value: Any) -> NameFault | None:
        # The API shows suggestions but never an allowed list, so values of such an attribute cannot be checked.
        if not attribute.restricted or attribute.allowed_list or not attribute.suggestions:
            return None
        values = value if isinstance(value, list) else [value]
        if all(_as_text(value) in attribute.suggestions for value in values):
            return None
        listed = ", ".join(map(repr, attribute.suggestions[:LISTED]))
        more = ", …" if len(attribute.suggestions) > LISTED else ""
        return NameFault("ACC125", f"accepts only its suggested values: {listed}{more}", of=attribute.name)


def target_faults(account: Account, contract: Contract, ids: Mapping[str, int]) -> list[NameFault]:
    """Return the faults of the ids of a target; if an id is unknown, return only its fault."""
    if unknown := [fault for name in ids if (fault := _unknown_id(account, ids, name)) is not None]:
        return unknown[:1]  # an id inside an unknown application or campaign is unknown for the same reason
    faults = []
    requires = contract.requires
    campaign = _campaign(account, ids)
    if campaign and requires.feature and campaign.features is not None and requires.feature not in campaign.features:
        has = ", ".join(campaign.features) or "none"
        missing = f"{called('campaign', campaign)} does not have the feature {requires.feature}; it has {has}"
        faults.append(NameFault("ACC103", missing))
    if campaign and campaign.state == "archived":
        faults.append(NameFault("ACC104", f"{called('campaign', campaign)} is archived"))
    return faults + _program_faults(account, contract, by_id(account.programs, ids.get("program")))


def _program_faults(account: Account, contract: Contract, program: Program | None) -> list[NameFault]:
    if program is None:
        return []
    wanted, kind = contract.requires.program, program.kind
    if wanted is not None and kind is not None and kind is not wanted:
        others = [each for each in account.programs if each.kind is wanted]
        hint = f" Known {wanted} programs: {_listed(others)}." if others else ""
        return [
            NameFault("ACC102", f"{called('program', program)} is {kind}, but {contract.name} needs {wanted}.{hint}")
        ]
    names_tiers = any(column.names is Reference.TIER for column in contract.columns)
    if names_tiers and program.tiers is not None and not (program.tiers and program.tiers_expire):
        return [NameFault("ACC105", f"{called('program', program)} does not use advanced tiers")]
    return []


def _unknown_id(account: Account, ids: Mapping[str, int], name: str) -> NameFault | None:
    """Return the fault of an id that its complete list does not contain; None if it is known or cannot be checked."""
    parts, known, where = _list_of(account, ids, name)
    if not known or by_id(parts, ids[name]) is not None:
        return None
    return NameFault("ACC101", f"there is no {name} {ids[name]} in {where}.{_nearest_id(parts, ids[name])}")


def _list_of(account: Account, ids: Mapping[str, int], name: str) -> tuple[tuple[Any, ...], bool, str]:
    """Return the known items of an id's kind, whether this list is complete, and the place of the list as text."""
    application, campaign = ids.get("application"), ids.get("campaign")
    match name:
        case "application":
            return account.applications, account.knows("applications"), "the account"
        case "campaign":
            campaigns = tuple(each for each in account.campaigns if each.application == application)
            return campaigns, account.knows("campaigns", application), f"application {application}"
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
    """Return a short description of each id for people, such as `18 'Autumn' (enabled)`."""
    facts = {}
    for name, number in ids.items():
        item = _campaign(account, ids) if name == "campaign" else by_id(_list_of(account, ids, name)[0], number)
        facts[name] = f"{number}{_about(item) if item is not None else ''}"
    return facts


def _about(item: AccountItem) -> str:
    more: tuple[str | None, ...] = ()
    match item:
        case Campaign(state=state):
            more = (state,)
        case Program():
            more = (item.kind, "sandbox" if item.sandbox else None)
        case Application(sandbox=True):
            more = ("sandbox",)
        case Attribute():
            more = (item.entity, item.type)
    name = f" {item.name!r}" if item.name else ""
    details = ", ".join(part for part in more if part)
    return f"{name} ({details})" if details else name


def _campaign(account: Account, ids: Mapping[str, int]) -> Campaign | None:
    own = (each for each in account.campaigns if each.application == ids.get("application"))
    return by_id(own, ids.get("campaign"))


def called(what: str, item: AccountItem) -> str:
    """Return the name of an item in messages, such as `program 3 'Points club'`."""
    return f"{what} {item.id}" + (f" {item.name!r}" if item.name else "")


def _among(values: Collection[str], fault: NameFault) -> NameCheck:
    return lambda value: (fault,) if value in values else ()


def _nearest_id(items: Sequence[AccountItem], number: int) -> str:
    """Return a sentence with the existing ids if there are few, or with the nearest ids."""
    if len(items) <= LISTED:
        return f" Known: {_listed(items)}." if items else ""
    near = difflib.get_close_matches(str(number), [str(each.id) for each in items], n=3, cutoff=0.5)
    return f" Did you mean {_listed(each for each in items if str(each.id) in near)}?" if near else ""


def _listed(items: Iterable[AccountItem]) -> str:
    return ", ".join(f"{each.id} {each.name!r}" if each.name else str(each.id) for each in items)


def _object_in(text: str) -> dict[str, Any] | None:
    """Return the JSON object in a cell: an empty object for a blank cell, None for any other text."""
    if len(text) > MAX_JSON_LENGTH:
        return None
    try:
        value = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def fits(kind: str, value: Any) -> bool:
    """Return whether a JSON value has an attribute's type; an unknown type accepts every value.

    The form of a location is not documented: objects, lists and texts are accepted.
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
    """Return a value as text, to compare it with suggestions, which are texts."""
    return value if isinstance(value, str) else json.dumps(value)
