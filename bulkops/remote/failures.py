"""Explain why a remote file could not be read or written, and whether a retry can succeed.

Each library raises exceptions of its own, so they are recognised by the names of their classes and by statuses: no
library is imported for this. Their texts are not shown, because they may contain an address or a key.
"""

import errno
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

from bulkops.errors import BulkopsError, FileChanged, InputUnreadable, Unfinished, Unreachable, UsageError
from bulkops.remote.addresses import Address


class Cause(Enum):
    """The cause of a failure."""

    NO_CREDENTIALS = "no credentials"
    FORBIDDEN = "forbidden"
    NO_PLACE = "no place"
    MISSING = "missing"
    EXISTS = "exists"
    FOLDER = "folder"
    REPLACED = "replaced"
    UNKNOWN_HOST_KEY = "unknown host key"
    UNKNOWN_NAME = "unknown name"
    CERTIFICATE = "certificate"
    NO_TLS = "no TLS"
    TIMEOUT = "timeout"
    BROKEN = "broken"
    REFUSED = "refused"
    BUSY = "busy"
    OTHER = "other"


TRANSIENT = frozenset({Cause.TIMEOUT, Cause.BROKEN, Cause.REFUSED, Cause.BUSY})
"""Causes that a retry can remove."""

_CLASSES = {
    Cause.NO_CREDENTIALS: (
        "NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError", "NoAuthTokenError",
        "ProfileNotFound", "DefaultCredentialsError", "RefreshError", "ClientAuthenticationError",
        "TokenRetrievalError", "CredentialsMissing",
    ),
    Cause.UNKNOWN_HOST_KEY: ("HostKeyNotVerifiable",),
    Cause.FORBIDDEN: ("PermissionDenied", "SFTPPermissionDenied", "PermissionError"),
    Cause.MISSING: ("SFTPNoSuchFile", "SFTPNoSuchPath", "ResourceNotFoundError", "FileNotFoundError"),
    Cause.EXISTS: ("SFTPFileAlreadyExists", "ResourceExistsError", "FileExistsError"),
    Cause.FOLDER: ("IsADirectoryError", "SFTPFileIsADirectory"),
    Cause.REPLACED: ("FileExpired",),
    Cause.TIMEOUT: (
        "ConnectTimeoutError", "ReadTimeoutError", "FSTimeoutError", "ConnectTimeout", "ReadTimeout", "WriteTimeout",
        "ServiceRequestTimeoutError", "ServiceResponseTimeoutError", "ServerTimeoutError", "TimeoutError",
    ),
    Cause.BROKEN: (
        "EndpointConnectionError", "ConnectionClosedError", "IncompleteRead", "ResponseStreamingError",
        "ClientPayloadError", "HTTPClientError", "ConnectionLost", "SFTPConnectionLost", "DisconnectError",
        "RemoteProtocolError", "ReadError", "WriteError", "ConnectError", "ProxyError", "ServiceResponseError",
        "ServiceRequestError", "IncompleteReadError", "ClientConnectionError", "ConnectionError", "PartialRead",
        "ResponseParserError", "ClientOSError", "SFTPNoConnection", "BrokenPipeError", "EOFError",
    ),
}  # fmt: skip
"""The classes of libraries by cause; an earlier cause has priority."""
_BY_NAME = {name: cause for cause, names in _CLASSES.items() for name in names}

_STATUSES = {
    401: Cause.NO_CREDENTIALS, 403: Cause.FORBIDDEN, 404: Cause.MISSING, 410: Cause.MISSING, 408: Cause.TIMEOUT,
    412: Cause.REPLACED, 429: Cause.BUSY, 500: Cause.BUSY, 502: Cause.BUSY, 503: Cause.BUSY, 504: Cause.BUSY,
}  # fmt: skip
_CODES = {
    "NoSuchBucket": Cause.NO_PLACE, "ContainerNotFound": Cause.NO_PLACE, "NoSuchKey": Cause.MISSING,
    "InvalidAccessKeyId": Cause.FORBIDDEN, "SignatureDoesNotMatch": Cause.FORBIDDEN, "ExpiredToken": Cause.FORBIDDEN,
    "AccessDenied": Cause.FORBIDDEN, "PreconditionFailed": Cause.REPLACED, "SlowDown": Cause.BUSY,
    "ServiceUnavailable": Cause.BUSY, "InternalError": Cause.BUSY, "RequestTimeout": Cause.TIMEOUT,
}  # fmt: skip
"""Error codes of S3 and Azure."""
_UNKNOWN_NAME = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)})

CREDENTIALS = {
    "s3": "Set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give this machine a role.",
    "gs": "Set GOOGLE_APPLICATION_CREDENTIALS, or run `gcloud auth application-default login`.",
    "az": "Set AZURE_STORAGE_ACCOUNT_NAME and a key, or AZURE_STORAGE_CONNECTION_STRING, or log in with `az login`.",
    "sftp": "Use a key that the server accepts: an SSH agent, or IdentityFile in ~/.ssh/config.",
    "https": "Put user name and password for the host in ~/.netrc, or in the file that NETRC names.",
}
CREDENTIALS["abfs"] = CREDENTIALS["az"]


class PartialRead(OSError):
    """The server ended the content before its announced length."""


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A cause, and the detail that a message adds: a reason of TLS, or a code of the server."""

    cause: Cause
    detail: str = ""

    @property
    def transient(self) -> bool:
        """Whether a retry can succeed."""
        return self.cause in TRANSIENT


def failure_of(error: BaseException) -> Failure:
    """Return the cause of an exception: the first one that is recognised in it or in its causes."""
    if isinstance(error, FileExistsError):
        return Failure(cause=Cause.EXISTS)  # a library found that the condition "the name is free" is not met
    chain = list(_chain(error))
    for recognise in (_of_network, _of_code, _of_class, _of_status):
        for found in chain:
            if (failure := recognise(found)) is not None:
                return failure
    return Failure(cause=Cause.OTHER, detail=type(error).__name__)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and its causes."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        found = waiting.pop(0)
        if id(found) in seen:
            continue
        seen.add(id(found))
        yield found
        kept = getattr(found, "kwargs", {})
        inner = (
            found.__cause__,
            found.__context__,
            kept.get("error") if isinstance(kept, dict) else None,
            getattr(found, "os_error", None),
            getattr(found, "certificate_error", None),
        )
        waiting += [each for each in inner if isinstance(each, BaseException)]


def _of_network(error: BaseException) -> Failure | None:
    """Return the cause of a failure to look up a name or to prove a certificate."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return Failure(cause=Cause.CERTIFICATE, detail=error.verify_message.rstrip("."))
    reason = getattr(error, "reason", "") if isinstance(error, ssl.SSLError) else ""
    if isinstance(reason, str) and reason not in ("UNEXPECTED_EOF_WHILE_READING", ""):
        return Failure(cause=Cause.NO_TLS, detail=reason.replace("_", " ").lower())
    if isinstance(error, socket.gaierror):
        return Failure(cause=Cause.UNKNOWN_NAME if error.errno in _UNKNOWN_NAME else Cause.BROKEN)
    if isinstance(error, ConnectionRefusedError) or getattr(error, "errno", None) == errno.ECONNREFUSED:
        return Failure(cause=Cause.REFUSED)
    return None


def _of_code(error: BaseException) -> Failure | None:
    """Return the cause that the error code of an S3 or Azure response names."""
    response = getattr(error, "response", None)
    found: Any = response.get("Error", {}).get("Code") if isinstance(response, dict) else None
    code = str(found or getattr(error, "error_code", None) or "")
    if code.isdecimal():
        return _with_status(int(code))
    return Failure(cause=_CODES[code], detail=code) if code in _CODES else None


def _of_class(error: BaseException) -> Failure | None:
    names = {kind.__name__ for kind in type(error).__mro__}
    found = [_BY_NAME[name] for name in names if name in _BY_NAME]
    order = list(_CLASSES)
    return Failure(cause=min(found, key=order.index), detail=type(error).__name__) if found else None


def _of_status(error: BaseException) -> Failure | None:
    for name in ("status_code", "status", "code"):
        status = getattr(error, name, None)
        if isinstance(status, int) and (failure := _with_status(status)) is not None:
            return failure
    return None


def _with_status(status: int) -> Failure | None:
    return Failure(cause=_STATUSES[status], detail=str(status)) if status in _STATUSES else None


def described(failure: Failure, address: Address) -> str:
    """Return the cause as the end of a sentence."""
    place = f"{address.kind.place} {address.place.rpartition('@')[2]}"
    detail = f" ({failure.detail})" if failure.detail else ""
    texts = {
        Cause.NO_CREDENTIALS: "valid credentials are missing" + detail,
        Cause.FORBIDDEN: "the server does not permit it" + detail,
        Cause.NO_PLACE: f"the {place} does not exist",
        Cause.MISSING: "it does not exist",
        Cause.EXISTS: "it exists",
        Cause.FOLDER: "it is a folder",
        Cause.REPLACED: "it was replaced meanwhile",
        Cause.UNKNOWN_HOST_KEY: f"the key of the {place} is not in the file of known hosts",
        Cause.UNKNOWN_NAME: f"the host name is unknown ({address.place.rpartition('@')[2]}, or that of its service)",
        Cause.CERTIFICATE: f"the connection is not trusted: {failure.detail}",
        Cause.NO_TLS: f"TLS failed: {failure.detail}",
        Cause.TIMEOUT: "there was no response in time",
        Cause.BROKEN: "the connection broke off",
        Cause.REFUSED: "the connection was refused",
        Cause.BUSY: "the server is overloaded or failed" + detail,
        Cause.OTHER: f"the library reported {failure.detail}",
    }
    return texts[failure.cause]


def explained(error: BaseException, address: Address, doing: str) -> BulkopsError:
    """Return the error for a failed operation; `doing` is a participle such as `read`."""
    if isinstance(error, BulkopsError):
        return error
    failure = failure_of(error)
    message = f"{address} cannot be {doing}: {described(failure, address)}."
    if failure.transient:
        return Unfinished(message, hint="Check the network, and run the command again.")
    match failure.cause:
        case Cause.REPLACED:
            return FileChanged(message, hint="Run the command again when the file is complete.")
        case Cause.UNKNOWN_NAME | Cause.CERTIFICATE | Cause.NO_TLS | Cause.UNKNOWN_HOST_KEY:
            return Unreachable(message, hint=_network_hint(failure, address))
        case Cause.NO_CREDENTIALS | Cause.FORBIDDEN:
            return UsageError(message, hint=_access_hint(failure, address))
        case Cause.FOLDER:
            return InputUnreadable(f"{address} is a folder.", hint="Name a file, or a pattern such as FOLDER/*.csv.")
        case Cause.MISSING if doing == "read":
            return InputUnreadable(f"{address} does not exist.", hint="Check the address; case matters.")
        case Cause.EXISTS:
            return UsageError(message, hint="Choose another name, or add --overwrite.")
        case _:
            return UsageError(message, hint="Check the address, and the configuration of the library that reads it.")


def _network_hint(failure: Failure, address: Address) -> str:
    host = address.place.rpartition("@")[2]
    match failure.cause:
        case Cause.UNKNOWN_HOST_KEY:
            name, _, port = host.partition(":")
            scan = f"ssh-keyscan {f'-p {port} ' if port else ''}{name}"
            return f"Compare the output of `{scan}` with the operator's fingerprint, then add it to ~/.ssh/known_hosts."
        case Cause.CERTIFICATE:
            variable = {"s3": "AWS_CA_BUNDLE", "https": "SSL_CERT_FILE"}.get(address.scheme, "REQUESTS_CA_BUNDLE")
            return f"If your network signs certificates itself, set {variable} to the file of its certificates."
        case Cause.NO_TLS:
            return "Check the port, and that the server speaks TLS there."
        case _:
            return "Check the spelling of the address, and that this machine can look up names (DNS)."


def _access_hint(failure: Failure, address: Address) -> str:
    if failure.cause is Cause.FORBIDDEN and address.scheme != "sftp":
        return f"The credentials were not accepted, or do not permit this. {CREDENTIALS[address.scheme]}"
    return CREDENTIALS[address.scheme]
