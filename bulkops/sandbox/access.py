"""Check the access of a request: its key or session token, and three requests a second for each endpoint."""

import hmac
import re
import secrets
from collections import deque
from collections.abc import Callable
from datetime import timedelta
from email.utils import format_datetime
from threading import Lock
from typing import Any

from bulkops.sandbox.responses import ApiError, bad_field
from bulkops.sandbox.state import USER, SandboxState
from bulkops.sandbox.times import iso, iso_micro

EMAIL = re.compile(r"[^@\s]+@[^@\s]+")


def authorise(state: SandboxState, key: str | None, header: str | None) -> str:
    """Return the credential of an `Authorization` header, or refuse with 401.

    Without a key every well-formed header will do; with one, that key or a token of `POST /v1/sessions`.
    """
    scheme, _, credential = (header or "").partition(" ")
    if scheme not in ("ManagementKey-v1", "Bearer") or not credential.strip():
        raise ApiError(401, "Unauthorized: send `Authorization: ManagementKey-v1 KEY` or `Bearer TOKEN`")
    if key is None:
        return credential
    known = hmac.compare_digest(credential.encode(), key.encode()) if scheme == "ManagementKey-v1" else False
    if scheme == "Bearer":
        known = state.count("session", token=credential) > 0
    if not known:
        raise ApiError(401, "Unauthorized: the key or token is not valid")
    return credential


def open_session(state: SandboxState, credentials: Any, key: str | None) -> dict[str, Any]:
    """Store and return a new session; the password must be the key, if there is one."""
    given = credentials if isinstance(credentials, dict) else {}
    email, password = given.get("email"), given.get("password")
    if not isinstance(email, str) or not isinstance(password, str):
        raise ApiError(400, "The submitted data was invalid: email and password are needed")
    if EMAIL.fullmatch(email) is None:
        raise bad_field("/email", "it is not an e-mail address")
    if key is not None and not hmac.compare_digest(password.encode(), key.encode()):
        raise ApiError(401, "Unauthorized: the e-mail address or the password is wrong")
    token, now = secrets.token_hex(20), state.now()
    with state.database.writing() as connection:
        connection.execute("INSERT INTO session (token, created) VALUES (?, ?)", (token, iso_micro(now)))
    return {"userId": USER, "token": token, "created": iso(now)}


def close_session(state: SandboxState, credential: str) -> None:
    """Forget a session's token."""
    with state.database.writing() as connection:
        connection.execute("DELETE FROM session WHERE token = ?", (credential,))


class RateLimit:
    """Counts requests within one second; `limit` 0 counts nothing."""

    def __init__(self, limit: int, state: SandboxState, monotonic: Callable[[], float]) -> None:
        self.limit = limit
        self._state = state
        self._monotonic = monotonic
        self._seen: dict[str, deque[float]] = {}
        self._lock = Lock()

    def check(self, endpoint: str, credential: str) -> None:
        """Count a request to an endpoint, or refuse it with 429."""
        if not self.limit:
            return
        settings = self._state.assumptions
        unit = credential if settings.rate_unit == "key" else endpoint
        with self._lock:
            now = self._monotonic()
            start = float(int(now)) if settings.rate_window == "fixed" else now - 1.0
            seen = self._seen.setdefault(unit, deque())
            while seen and seen[0] <= start:
                seen.popleft()
            if len(seen) >= self.limit:
                wait = start + 1.0 - now if settings.rate_window == "fixed" else seen[0] - start
                raise too_many(self._state, settings.retry_after, max(1, round(wait + 0.5)))
            seen.append(now)


def too_many(state: SandboxState, form: str, wait: int) -> ApiError:
    """Return the 429, with `Retry-After` in the given form: none, seconds or date."""
    headers: dict[str, str] = {}
    if form == "seconds":
        headers["retry-after"] = str(wait)
    elif form == "date":
        headers["retry-after"] = format_datetime(state.now() + timedelta(seconds=wait), usegmt=True)
    return ApiError(429, "Too many requests", headers=headers)
