"""Check everything that commands depend on, with a result and advice for each check: `bulkops doctor`."""

import os
import shutil
import ssl
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from bulkops.account.rights import DENIED, FAILED, GRANTED, UNKNOWN_ID, UNTESTED, Right, rights_of
from bulkops.configuration import end_hooks, read_config
from bulkops.errors import AccessRefused, BulkopsError, Unfinished, UsageError
from bulkops.ledger.paths import ledger_exists, plain_path, without_password
from bulkops.ledger.reader import LedgerReader
from bulkops.ledger.states import ChunkState
from bulkops.remote.opening import installed_extras
from bulkops.settings import Target, state_folder
from bulkops.transport.client import ApiClient
from bulkops.transport.reach import addresses_of, host_and_port, missing_certificates, proxy_of, shake_hands
from bulkops.wording import counted

if TYPE_CHECKING:
    from bulkops.json_documents.accounts import CheckDocument, DoctorDocument

LOW_DISK, FULL_DISK = 1_000_000_000, 50_000_000
SOON = timedelta(days=14)
LARGEST_OFFSET = 5.0
"""Maximum seconds between this machine's clock and the server's without a warning."""
KEY_PATH = "/v1/applications"


class State(StrEnum):
    """The result of a check."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, kw_only=True)
class Check:
    """One check: the result, and what to do about it. `exit_code` is that of a failed check."""

    name: str
    state: State
    message: str
    help: str = ""
    exit_code: int = UsageError.exit_code

    def to_json(self) -> "CheckDocument":
        """Return the check as the documented JSON object."""
        return {"name": self.name, "state": self.state.value, "message": self.message, "help": self.help}


def exit_code(checks: list[Check]) -> int:
    """Return 2 if the configuration, the machine or the key must be corrected, 3 if only the network failed, else 0."""
    failed = {check.exit_code for check in checks if check.state is State.FAILED}
    return min(failed, default=0)


def check_machine(config: Path | None) -> Iterator[Check]:
    """Check the configuration, the state folder and the disks."""
    yield _tried("configuration", lambda: _configuration(config))
    yield _tried("state folder", _state_folder)
    for name, folder in (("disk of the state folder", _known_state), ("disk of temporary files", tempfile.gettempdir)):
        yield _tried(name, lambda name=name, folder=folder: _disk(name, Path(folder())))  # type: ignore[misc] # defaults
    yield check_extras()


def check_extras() -> Check:
    """Return the installed extras for remote files; a missing one matters only to those who use its addresses."""
    found = installed_extras()
    installed = [f"{extra} ({library})" for extra, library in found.items() if library]
    missing = [extra for extra, library in found.items() if not library]
    texts = [f"{', '.join(installed) or 'only https:// addresses'}"]
    if missing:
        texts.append(f"not installed: {', '.join(missing)}")
    return _ok("remote files", f"{'; '.join(texts)}.")


def check_ledger(url: str, look: Callable[[], AbstractContextManager[LedgerReader]]) -> Check:
    """Check that a ledger can be read, and count its unfinished jobs; `look` opens it."""
    return _tried("ledger", lambda: _ledger(url, look))


def check_way(base_url: str, *, now: datetime) -> Iterator[Check]:
    """Check the route to a server: proxy, host name, connection and certificate."""
    host, port = host_and_port(base_url)
    missing = missing_certificates()
    for name in missing:
        wrong = f"{name} names {os.environ[name]}, which does not exist."
        yield _failed("certificates", wrong, "Correct the variable, or unset it.")
    if missing:
        return  # every connection would fail for this reason
    if (proxy := proxy_of(base_url)) is not None:
        yield _ok("proxy", f"Requests go through {proxy}; DNS and TLS behind it are not checked.")
        return
    yield _ok("proxy", "none")
    try:
        addresses = addresses_of(host, port)
    except OSError as error:
        message = f"The name {host} is unknown ({error.strerror or error})."
        yield _failed("DNS", message, "Check the spelling of the address, and this machine's DNS settings.")
        return
    yield _ok("DNS", f"{host} is {', '.join(addresses[:3])}")
    yield _connection(base_url, now)


def check_access(client: ApiClient, ids: Mapping[str, int]) -> tuple[list[Check], list[Right]]:
    """Check the key and the clock, and which operations the key permits."""
    try:
        listed = client.get_json(KEY_PATH, {}, {"pageSize": "1"}, attempts=2)
        if not isinstance(listed, dict) or "data" not in listed:
            wrong = f"The response to GET {KEY_PATH} is not a list of applications."
            return [_failed("key", wrong, "Check that the base address is that of a deployment.")], []
        key = _ok("key", "The server accepts the key.")
    except AccessRefused as error:
        if error.status != 403:
            return [_failed("key", error.message, error.hint or "")], []
        key = _ok("key", "The key is valid; it does not permit the list of applications.")
    except Unfinished as error:
        failed = Check(name="key", state=State.FAILED, message=error.message, help=WAIT, exit_code=Unfinished.exit_code)
        return [failed], []
    rights = list(rights_of(client, ids))
    return [key, _clock(client), _rights(rights)], rights


WAIT = "Try again later, or ask the operators of the server or the network."


def _tried(name: str, check: Callable[[], Check]) -> Check:
    """Return the result of a check; a failed one if it raises."""
    try:
        return check()
    except BulkopsError as error:
        return _failed(name, error.message, error.hint or "")
    except OSError as error:
        return _failed(name, f"{error.filename or name}: {error.strerror or error}.", "Check its permissions.")


def _configuration(path: Path | None) -> Check:
    config = read_config(path)
    if config.path is None:
        return _ok("configuration", "No configuration file; options and variables are used.")
    end_hooks(config, os.environ)
    tables = ", ".join(config.tables) or "no tables"
    return _ok("configuration", f"{config.path}: {tables}")


def _state_folder() -> Check:
    folder = state_folder()
    with tempfile.TemporaryFile(dir=folder):
        return _ok("state folder", f"{folder} can be written.")


def _known_state() -> str:
    return str(state_folder())


def _disk(name: str, folder: Path) -> Check:
    free = shutil.disk_usage(folder).free
    message = f"{folder}: {free / 1e9:,.1f} GB free"
    if free < FULL_DISK:
        return _failed(name, message, "Free disk space for the ledger, saved targets and downloads.")
    if free < LOW_DISK:
        help_text = "Free disk space before a large import or export."
        return Check(name=name, state=State.WARNING, message=message, help=help_text)
    return _ok(name, message)


def _ledger(url: str, look: Callable[[], AbstractContextManager[LedgerReader]]) -> Check:
    path = plain_path(url)
    if path is not None and not ledger_exists(path):
        return _ok("ledger", f"{path} does not exist yet; the first import creates it.")
    with look() as ledger:
        jobs, sums = ledger.jobs(), ledger.sums()
    final = {ChunkState.ACCEPTED, ChunkState.REJECTED, ChunkState.SKIPPED}
    left = [job.id for job in jobs if not job.cancelled and sums.get(job.id, {}).keys() - final]
    message = f"{without_password(url)}: {counted(len(jobs), 'job')}"
    if not left:
        return _ok("ledger", message)
    return Check(
        name="ledger",
        state=State.WARNING,
        message=f"{message}, {len(left):,} unfinished: {', '.join(left[-3:])}",
        help="Resume them with bulkops jobs resume JOB, or cancel them with bulkops jobs cancel JOB.",
    )


def _connection(base_url: str, now: datetime) -> Check:
    try:
        made = shake_hands(base_url)
    except ssl.SSLError as error:
        reason = getattr(error, "verify_message", "") or error.reason or str(error)
        help_text = "Set SSL_CERT_FILE to the certificates of your proxy or company, or check the address."
        return _failed("TLS", f"The certificate is not accepted: {reason.removesuffix('.')}.", help_text)
    except OSError as error:
        message = f"The server cannot be reached: {error.strerror or error}."
        return Check(name="connection", state=State.FAILED, message=message, help=WAIT, exit_code=Unfinished.exit_code)
    if made.version is None:
        return _ok("connection", "The server accepts connections. Plain HTTP, on this machine only.")
    if made.expires is not None and made.expires - now < SOON:
        message = f"{made.version}; the certificate ends on {made.expires:%Y-%m-%d}"
        return Check(
            name="TLS", state=State.WARNING, message=message, help="Ask the operators of the server to renew it."
        )
    until = f"; the certificate is valid until {made.expires:%Y-%m-%d}" if made.expires else ""
    return _ok("TLS", f"{made.version}{until}")


def _clock(client: ApiClient) -> Check:
    offset = client.server_offset
    if offset is None:
        message = "The responses contain no Date header."
        return Check(
            name="clock",
            state=State.WARNING,
            message=message,
            help="Settling requests in doubt needs the server's time.",
        )
    seconds = offset.total_seconds()
    message = f"The server's clock differs by {abs(seconds):.0f} s."
    if abs(seconds) > LARGEST_OFFSET:
        return Check(name="clock", state=State.WARNING, message=message, help="Set this machine's clock (NTP).")
    return _ok("clock", message)


def _rights(rights: list[Right]) -> Check:
    """Return one check that sums up the permitted operations."""
    by_state = {state: [r for r in rights if r.state == state] for state in (GRANTED, DENIED, UNTESTED)}
    figures = [f"{len(found)} {state}" for state, found in by_state.items()]
    wrong = [right for right in rights if right.state in (UNKNOWN_ID, FAILED)]
    message = f"{', '.join(figures)}"
    if by_state[DENIED]:
        names = ", ".join(right.operation for right in by_state[DENIED])
        help_text = f"Select these in the key's endpoint list if you need the commands: {names}."
        return Check(name="operations", state=State.WARNING, message=message, help=help_text)
    if wrong:
        help_text = "; ".join(f"{right.operation}: {right.why}" for right in wrong)
        return Check(name="operations", state=State.WARNING, message=message, help=help_text)
    return _ok("operations", message)


def _ok(name: str, message: str) -> Check:
    return Check(name=name, state=State.OK, message=message)


def _failed(name: str, message: str, help_text: str) -> Check:
    return Check(name=name, state=State.FAILED, message=message, help=help_text)


def skipped(name: str, message: str) -> Check:
    """Return a check that was skipped, and the reason."""
    return Check(name=name, state=State.SKIPPED, message=message)


def target_check(error: BulkopsError) -> Check:
    """Return the failed check of a target that cannot be used."""
    return _failed("target", error.message, error.hint or "")


def target_found(target: Target) -> Check:
    """Return the check of a target that can be used."""
    named = f" ({target.name})" if target.name else ""
    return _ok("target", f"{target.identity()['base_url']}{named}; a key is configured.")


def document_of(checks: list[Check], rights: list[Right]) -> "DoctorDocument":
    """Return the document of `doctor --json`."""
    code = exit_code(checks)
    states = {check.state for check in checks}
    worst: Literal["ok", "warning", "failed"] = "warning" if State.WARNING in states else "ok"
    if State.FAILED in states:
        worst = "failed"
    return {
        "state": worst,
        "exit": code,
        "checks": [check.to_json() for check in checks],
        "operations": [right.to_json() for right in rights],
    }
