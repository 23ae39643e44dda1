"""Read an account through the Management API: the parts that an import needs, or all parts of a snapshot."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from bulkops.account import parsing
from bulkops.account.model import Account, AccountPart, Stores, Unread, by_id
from bulkops.account.needs import Needs
from bulkops.errors import AccessRefused, Unfinished, UsageError
from bulkops.transport.client import ApiClient, Ids, Params
from bulkops.version import __version__
from bulkops_validators.model.contract import KeySearch

MAX_REQUESTS = 10
"""Maximum number of requests of one preflight, without searches."""
MAX_PAGES = 5
"""Maximum number of pages of a list that a preflight reads."""
PAGE = 1000
KEYS_PAGE = 50
"""Items of a page of the search for one key; the filter of some lists also finds longer keys."""
ATTEMPTS = 3
APPLICATION = "/v1/applications/{application}"
CAMPAIGN = APPLICATION + "/campaigns/{campaign}"
SEARCH = "/v1/customer_search/no_total"


class Listing(NamedTuple):
    """A list of the API: its operation and path, its name in messages, and its name among the complete lists."""

    operation: str
    path: str
    what: str
    name: str
    part: str
    paged: bool = True


LISTS = {
    "application": Listing("getApplications", "/v1/applications", "the applications", "applications", "applications"),
    "campaign": Listing(
        "getCampaigns",
        APPLICATION + "/campaigns",
        "the campaigns of application {application}",
        "campaigns/{application}",
        "campaigns",
    ),
    "program": Listing(
        "getLoyaltyPrograms", "/v1/loyalty_programs", "the loyalty programs", "programs", "programs", paged=False
    ),
    "attribute": Listing("getAttributes", "/v1/attributes", "the attributes", "attributes", "attributes"),
    "collection": Listing(
        "listAccountCollections",
        "/v1/collections",
        "the collections of the account",
        "account-collections",
        "collections",
    ),
    "campaign collection": Listing(
        "listCollections",
        CAMPAIGN + "/collections",
        "the collections of campaign {campaign}",
        "collections/{application}/{campaign}",
        "collections",
    ),
    "application collections": Listing(
        "listCollectionsInApplication",
        APPLICATION + "/collections",
        "the collections of application {application}",
        "collections/{application}",
        "collections",
    ),
    "audience": Listing("getAudiences", "/v1/audiences", "the audiences", "audiences", "audiences"),
    "stores": Listing(
        "listStores",
        APPLICATION + "/stores",
        "the stores of application {application}",
        "stores/{application}",
        "stores",
    ),
}
SINGLES = {
    "application": ("getApplication", APPLICATION),
    "campaign": ("getCampaign", CAMPAIGN),
    "program": ("getLoyaltyProgram", "/v1/loyalty_programs/{program}"),
    "attribute": ("getAttribute", "/v1/attributes/{attribute}"),
    "collection": ("getAccountCollection", "/v1/collections/{collection}"),
    "campaign collection": ("getCollection", CAMPAIGN + "/collections/{collection}"),
}
PARSERS: dict[str, Callable[..., AccountPart | None]] = {
    "applications": parsing.application,
    "campaigns": parsing.campaign,
    "programs": parsing.program,
    "attributes": parsing.attribute,
    "collections": parsing.collection,
    "audiences": parsing.audience,
}
ORDER = ("application", "campaign", "program", "collection", "audience", "attribute")


class _Missing:
    """The type of the marker for an item that the server does not know (status 404)."""


MISSING = _Missing()


@dataclass
class _Draft:
    """An unfinished account; `left` is the number of requests that may still be sent, None without a limit."""

    left: int | None
    pages: int
    parts: dict[str, list[Any]] = field(default_factory=dict)
    complete: set[str] = field(default_factory=set)
    unread: list[Unread] = field(default_factory=list)

    def add(self, part: str, found: Iterable[Any]) -> None:
        kept = self.parts.setdefault(part, [])
        kept.extend(each for each in found if each is not None and each not in kept)

    def skip(self, what: str, why: str) -> None:
        if (unread := Unread(what=what, why=why)) not in self.unread:
            self.unread.append(unread)

    def account(self, base_url: str, client: ApiClient) -> Account:
        found: dict[str, Any] = {name: tuple(parts) for name, parts in self.parts.items()}
        return Account(
            base_url=base_url,
            read_at=client.clock.now(),
            bulkops=__version__,
            complete=frozenset(self.complete),
            unread=tuple(self.unread),
            **found,
        )


class AccountReader:
    """Read accounts of one target. Each response is cached; `requests` counts the requests.

    AccessRefused if the key itself is not accepted (401). Items that the key may not read, or that the server does not
    show, are in the account's `unread`. After any other failure of the server, no more requests are sent for it.
    """

    def __init__(self, client: ApiClient) -> None:
        self.requests = 0
        self._client = client
        self._known: dict[tuple[str, tuple[tuple[str, str | tuple[str, ...]], ...]], Any] = {}
        self._broken = ""
        self._failure = ""

    def needed(self, needs: Needs) -> Account:
        """Return the account with the parts that an import needs, with at most MAX_REQUESTS requests."""
        draft = _Draft(left=MAX_REQUESTS, pages=MAX_PAGES)
        self._broken = ""
        for name in (each for each in ORDER if each in needs.ids):
            kind = "campaign collection" if name == "collection" and "campaign" in needs.ids else name
            self._one(draft, kind, needs.ids, name)
        program = by_id(draft.parts.get("programs", []), needs.ids.get("program"))
        if program is not None and needs.program is not None and program.kind not in (None, needs.program):
            self._list(draft, LISTS["program"], needs.ids)  # to suggest programs of the right kind
        if needs.entities:
            self._list(draft, LISTS["attribute"], needs.ids)
        if needs.stores:
            self._stores(draft, needs.ids)
        for name in needs.unreadable:
            draft.skip(f"{name} {needs.ids[name]}", "the API has no operation that shows it")
        return draft.account(self._base_url, self._client)

    def whole(self, ids: Mapping[str, int]) -> Account:
        """Return the account with all parts of a snapshot; `ids` limit it to one application, campaign or program.

        Unfinished if the server failed: a part would be missing for no lasting reason. UsageError if the key may read
        nothing.
        """
        draft = _Draft(left=None, pages=PAGE)
        for name in ("application", "program"):
            if name in ids:
                self._one(draft, name, ids, name)
            else:
                self._list(draft, LISTS[name], {})
        for name in ("attribute", "collection", "audience"):
            self._list(draft, LISTS[name], {})
        for application in draft.parts.get("applications", []):
            inside = {"application": application.id}
            if "campaign" in ids:
                self._one(draft, "campaign", {**inside, "campaign": ids["campaign"]}, "campaign")
            else:
                self._list(draft, LISTS["campaign"], inside)
            self._list(draft, LISTS["application collections"], inside)
            self._stores(draft, inside)
        if self._broken:
            reason = self._failure.removesuffix(".")
            raise Unfinished(f"The account was not read completely: {reason}.", hint="Run the command again.")
        if not draft.complete and not any(draft.parts.values()):
            reasons = "; ".join(f"{unread.what}: {unread.why.removesuffix('.')}" for unread in draft.unread)
            raise UsageError(f"No part of the account could be read: {reasons}.", hint="Run: bulkops doctor")
        return draft.account(self._base_url, self._client)

    def search_profiles(self, names: list[str], *, sandbox: bool) -> set[str] | None:
        """Return the integration ids (at most PAGE) that exist as customer profiles; None if the search fails.

        After a request without a response of the API, nothing is searched.
        """
        if self._broken:
            return None
        params = {"sandbox": str(sandbox).lower(), "pageSize": str(PAGE)}
        try:
            self.requests += 1
            found = self._client.search_json(SEARCH, params, {"integrationIDs": names}, attempts=ATTEMPTS)
        except (AccessRefused, Unfinished):
            return None
        items = found.get("data") if isinstance(found, dict) else None
        return (
            {str(each.get("integrationId")) for each in items if isinstance(each, dict)} if items is not None else None
        )

    def key_exists(self, search: KeySearch, ids: Ids, value: str, *, folded: bool) -> bool | None:
        """Return whether a code or a card exists; with `folded` in any case of letters. None if the search fails."""
        try:
            self.requests += 1
            params = {search.column: value, "pageSize": str(KEYS_PAGE)}
            found = self._client.get_json(search.path, ids, params, attempts=ATTEMPTS)
        except (AccessRefused, Unfinished):
            return None
        items = parsing.items_of(found) if isinstance(found, dict) else None
        if items is None:
            return None
        names = {parsing.text(item, search.column) for item in items}
        return value in names or (folded and value.casefold() in {name.casefold() for name in names})

    @property
    def broken(self) -> bool:
        """Whether the server failed, so that no more requests are sent for this account."""
        return bool(self._broken)

    @property
    def _base_url(self) -> str:
        return str(self._client.target.identity()["base_url"])

    def _one(self, draft: _Draft, kind: str, ids: Mapping[str, int], name: str) -> None:
        """Read one item by its id; if the server does not know it, read its list, to suggest existing ids."""
        listing = LISTS[kind]
        document: Any = MISSING
        if kind in SINGLES:
            operation, path = SINGLES[kind]
            document = self._get(draft, f"{name} {ids[name]}", operation, path, ids)
        if document is None:
            return
        if document is MISSING:
            self._list(draft, listing, ids)
            return
        draft.add(listing.part, [PARSERS[listing.part](document, ids, number=ids[name])])

    def _list(self, draft: _Draft, listing: Listing, ids: Mapping[str, int]) -> None:
        """Read a list completely, or up to the limits of the draft."""
        for item in self._items(draft, listing, ids):
            draft.add(listing.part, [PARSERS[listing.part](item, ids)])

    def _stores(self, draft: _Draft, ids: Mapping[str, int]) -> None:
        items = self._items(draft, LISTS["stores"], ids)
        names = [parsing.text(item, "integrationId") for item in items]
        found = tuple(dict.fromkeys(name for name in names if name))
        draft.add("stores", [Stores(application=ids["application"], integration_ids=found)])

    def _items(self, draft: _Draft, listing: Listing, ids: Mapping[str, int]) -> Iterator[Any]:
        what, skip = listing.what.format_map(ids), 0
        for _ in range(draft.pages):
            paging = {"pageSize": str(PAGE), "skip": str(skip)} if listing.paged else {}
            document = self._get(draft, what, listing.operation, listing.path, ids, paging)
            if document is None:
                return
            items = parsing.items_of(document)
            if items is None:
                draft.skip(what, "the response is not a list")
                return
            yield from items
            skip += len(items)
            if not parsing.has_more(document, skip=skip, size=len(items), page=PAGE if listing.paged else None):
                draft.complete.add(listing.name.format_map(ids))
                return
        draft.skip(what, f"there are more than {draft.pages * PAGE:,}")

    def _get(
        self, draft: _Draft, what: str, operation: str, path: str, ids: Ids, params: Params | None = None
    ) -> Any | None:
        """Return a document, MISSING for status 404, or None; then `draft.unread` contains the reason."""
        key = (path.format_map(ids), tuple(sorted((params or {}).items())))
        if key not in self._known:
            if self._broken:
                draft.skip(what, self._broken)
                return None
            if draft.left == 0:
                draft.skip(what, f"more than {MAX_REQUESTS} requests would be necessary")
                return None
            draft.left = None if draft.left is None else draft.left - 1
            found = self._fetch(operation, path, ids, params)
            if not self._broken:
                self._known[key] = found
        else:
            found = self._known[key]
        if isinstance(found, str):  # the reason why it could not be read
            draft.skip(what, found)
            return None
        if found is MISSING and path not in {path for _, path in SINGLES.values()}:
            draft.skip(what, f"the server does not know {operation} (404)")
            return None
        return found

    def _fetch(self, operation: str, path: str, ids: Ids, params: Params | None) -> Any:
        self.requests += 1
        try:
            document = self._client.get_json(path, ids, params, attempts=ATTEMPTS)
        except AccessRefused as error:
            if error.status == 401:
                raise
            if error.status == 404:
                return MISSING
            if error.status == 403:
                return f"the key does not grant {operation} (403)"
            return str(error.message)
        except Unfinished as error:
            self._broken = f"the server did not respond to {operation}"
            self._failure = str(error.message)
            return self._failure
        return document if isinstance(document, dict) else f"the response to {operation} is not an object"
