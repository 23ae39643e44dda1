"""Choose the trusted certificates: those that a variable names, or Mozilla's, which are installed with bulkops."""

import ssl
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import certifi

from bulkops.errors import UsageError

FILES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""Variables that other programs also read; the first one that is set is used."""


def trust_variable(environ: Mapping[str, str]) -> str | None:
    """Return the variable that names the trusted certificates; None if none is set."""
    return next((name for name in FILES if environ.get(name)), None)


def trusted_context(environ: Mapping[str, str]) -> ssl.SSLContext:
    """Return a TLS context; UsageError names a variable if its file or folder is missing or contains no certificate.

    Connections to many targets share a context, because loading certificates takes longer than a request.
    """
    variable = trust_variable(environ)
    if variable is None:
        return _default_context()
    path = Path(environ[variable])
    if not path.exists():
        raise _refusal(variable, f"{path}, which does not exist")
    try:
        if path.is_dir():
            _refuse_empty(variable, path)
            return ssl.create_default_context(capath=str(path))
        return ssl.create_default_context(cafile=str(path))
    except ssl.SSLError:
        raise _refusal(variable, f"{path}, which contains no certificate in PEM form") from None
    except OSError as error:
        raise _refusal(variable, f"{path}, which cannot be read: {error.strerror}") from None


@lru_cache(maxsize=1)
def _default_context() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=certifi.where())


def _refuse_empty(variable: str, folder: Path) -> None:
    """Raise UsageError for a folder in which OpenSSL finds no certificate: it requires names made by c_rehash."""
    if not any(file.suffix[1:].isdecimal() for file in folder.iterdir()):
        raise _refusal(variable, f"{folder}, a folder without certificates named by their hash (see `openssl rehash`)")


def _refusal(variable: str, what: str) -> UsageError:
    return UsageError(
        f"{variable} names {what}.",
        hint=f"Name a file of trusted certificates, such as /etc/ssl/certs/ca-certificates.crt, or unset {variable}.",
    )
