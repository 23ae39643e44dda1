"""Addresses of remote files are parsed strictly, and never contain or show a secret."""

import pickle
from pathlib import Path

import pytest

from bulkops.errors import UsageError
from bulkops.redaction import redacted
from bulkops.remote.addresses import is_remote, parsed
from bulkops.remote.failures import Cause, explained, failure_of
from bulkops.remote.paths import RemotePath, path_of
from bulkops.remote.versions import Version


@pytest.mark.parametrize(
    "text",
    [
        "s3://bucket/in/a b?.csv",
        "gs://bucket/ä.csv",
        "az://container/in/*.csv",
        "abfs://container@account.dfs.core.windows.net/in/a.csv",
        "sftp://partner@host:2222/in/a#1.csv",
        "https://host:8443/in/a.csv",
    ],
)
def test_valid_address_keeps_its_text(text: str) -> None:
    assert str(parsed(text)) == text


@pytest.mark.parametrize("text", ["in/a.csv", "/in/a.csv", "-", "C:\\in\\a.csv", "s3:/bucket/a.csv", "a:b.csv"])
def test_a_local_path_is_not_an_address(text: str) -> None:
    assert not is_remote(text)
    assert path_of(text) == Path(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("http://host/a.csv", "Use https://."),
        ("ftp://host/a.csv", "ftp:// is not a scheme"),
        ("file:///a.csv", "file:// is not a scheme"),
        ("s3:///a.csv", "has no bucket"),
        ("sftp:///a.csv", "has no host"),
        ("sftp://host:x/a.csv", "invalid host or port"),
        ("s3://bucket/in/../a.csv", "contains . or .."),
        ("s3://bucket/a\n.csv", "control character"),
    ],
)
def test_invalid_address_is_refused_with_the_reason(text: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        parsed(text)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "sftp://partner:very-secret-password@host/a.csv",
        "sftp://partner:very%2Dsecret%2Dpassword@host/a.csv",
        "s3://AKIA:very-secret-password@bucket/a.csv",
        "s3://very-secret-password@bucket/a.csv",
        "abfs://account:very-secret-password@host/a.csv",
        "ftp://user:very-secret-password@host/a.csv",
        "https://very-secret-password@host/a.csv",
        "https://host/a.csv?sig=very-secret-password",
        "https://host/a.csv#very-secret-password",
        "az://container/a.csv?sv=1&sig=very-secret-password",
        "s3://bucket/a.csv?X-Amz-Signature=very-secret-password",
        "gs://bucket/a.csv?X-Goog-Signature=very-secret-password",
    ],
)
def test_address_with_a_secret_is_refused_and_the_secret_is_hidden_from_then_on(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parsed(text)
    assert "secret-password" not in str(caught.value)
    assert "very-secret-password" not in redacted(f"argument {text}")


def test_remote_path_is_shown_as_its_address_and_keeps_it_in_copies(tmp_path: Path) -> None:
    path = path_of("s3://bucket/in/points.csv.gz")
    assert isinstance(path, RemotePath)
    assert f"{path}" == str(path.absolute()) == str(path.resolve()) == "s3://bucket/in/points.csv.gz"
    assert (path.name, path.suffix, path.stem) == ("points.csv.gz", ".gz", "points.csv")
    assert str(path.with_name("other.csv")) == "s3://bucket/in/other.csv"
    assert str(path.with_suffix(".md")) == "s3://bucket/in/points.csv.md"
    assert [str(each) for each in path.parents] == ["s3://bucket/in/", "s3://bucket/"]
    assert str(path.parent) == "s3://bucket/in/"
    assert str(path.parent / "x.csv") == str(path_of("s3://bucket/in") / "x.csv") == "s3://bucket/in/x.csv"
    assert path_of("s3://bucket/").name == ""
    assert path == path_of("s3://bucket/in/points.csv.gz") != path.with_name("other.csv")
    assert pickle.loads(pickle.dumps(path)) == path
    assert not path.exists()


def test_versions_are_compared_by_the_strongest_fact_that_both_have() -> None:
    listed = Version(size=3, modified="2026-11-30T10:00:00.123Z", etag="a")
    assert listed.is_same(Version(size=3, modified="2026-11-30T10:00:00Z", etag="a"))
    assert not listed.is_same(Version(size=3, modified=listed.modified, etag="b"))
    assert not listed.is_same(Version(size=4, etag="a"))
    assert not Version(size=3, id="1", etag="a").is_same(Version(size=3, id="2", etag="a"))
    assert not Version(size=3, modified="x").is_same(Version(size=3, modified="y"))
    assert Version.of_json(listed.to_json()) == listed


class HttpError(Exception):
    """An error as the libraries for Google and Azure raise it."""

    def __init__(self, code: int) -> None:
        super().__init__("https://storage/o?key=very-secret-password")
        self.code = code


class DefaultCredentialsError(Exception):
    """The error of the library for Google without credentials."""


@pytest.mark.parametrize(
    ("error", "cause", "code"),
    [
        (HttpError(401), Cause.NO_CREDENTIALS, 2),
        (HttpError(403), Cause.FORBIDDEN, 2),
        (HttpError(404), Cause.MISSING, 2),
        (HttpError(412), Cause.REPLACED, 5),
        (HttpError(503), Cause.BUSY, 3),
        (DefaultCredentialsError("very-secret-password"), Cause.NO_CREDENTIALS, 2),
        (TimeoutError("very-secret-password"), Cause.TIMEOUT, 3),
        (ConnectionResetError("very-secret-password"), Cause.BROKEN, 3),
        (ValueError("very-secret-password"), Cause.OTHER, 2),
    ],
)
def test_failure_of_a_library_is_explained_without_its_text(error: Exception, cause: Cause, code: int) -> None:
    assert failure_of(error).cause is cause
    told = explained(error, parsed("gs://bucket/a.csv"), "read")
    assert told.exit_code == code
    assert "gs://bucket/a.csv" in told.message
    assert "password" not in str(told)
