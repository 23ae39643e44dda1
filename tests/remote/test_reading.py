"""Commands read remote files once, in the version that they began with, and explain what prevents it."""

import gzip
import io
import json
import os
import ssl
import zipfile
from pathlib import Path

import asyncssh
import pytest
import trustme
import zstandard

from bulkops.remote import copies
from bulkops.remote.versions import Version, etag_of
from tests.network.relays import connect_proxy, tls_front
from tests.remote import servers
from tests.remote.conftest import SECRET, Bucket, run
from tests.remote.servers import HttpsPlace, Page, SftpPlace

SAMPLES = Path(__file__).parents[2] / "sample_data"
COUPONS = (SAMPLES / "coupons.csv").read_bytes()
CLEAN = "clean in 320 records (39,160 bytes)"


def zipped(**members: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.csv", content)
    return out.getvalue()


def nothing_is_left(state: Path) -> bool:
    return not [path for path in (state / "remote").rglob("*") if path.is_file()]


def test_validate_reads_an_object_and_names_its_address_and_size(bucket: Bucket, alone: Path) -> None:
    address = bucket.put("in/coupons.csv", COUPONS)
    ended = run("validate", "coupons", address)
    assert (ended.code, ended.out) == (0, f"{address}: {CLEAN}\n")
    assert f"{address}: copying 39,160 bytes to the state folder." in ended.err
    assert nothing_is_left(alone)


@pytest.mark.parametrize("packed", ["gz", "zst", "zip"])
def test_validate_reads_compressed_objects_and_archives(bucket: Bucket, packed: str) -> None:
    content = {
        "gz": gzip.compress(COUPONS),
        "zst": zstandard.ZstdCompressor().compress(COUPONS),
        "zip": zipped(coupons=COUPONS),
    }[packed]
    address = bucket.put(f"in/coupons.{'' if packed == 'zip' else 'csv.'}{packed}", content)
    ended = run("validate", "coupons", address)
    assert ended.out == f"{address}{'/coupons.csv' if packed == 'zip' else ''}: {CLEAN}\n"


def test_validate_with_a_pattern_reads_the_matching_objects_in_order(bucket: Bucket) -> None:
    rows = COUPONS.decode().splitlines(keepends=True)
    for name, row in (("b", rows[1]), ("a", rows[2]), ("other", rows[3])):
        bucket.put(f"in/{'x' if name == 'other' else 'points-'}{name}.csv", (rows[0] + row).encode())
    found = json.loads(run("validate", "coupons", bucket.address("in/points-*.csv"), "--json").out)
    assert [file["path"] for file in found["files"]] == [bucket.address(f"in/points-{n}.csv") for n in "ab"]
    everything = run("validate", "coupons", bucket.address("in/"), "--recursive", "--json")
    assert len(json.loads(everything.out)["files"]) == 3


def test_validate_shows_excerpts_of_a_remote_file(bucket: Bucket) -> None:
    address = bucket.put("bad.csv", b"value,expirydate\nAB\x01C,2030-13-01T00:00:00Z\n")
    ended = run("validate", "coupons", address)
    assert ended.code == 1
    assert "     2 | AB" in ended.out


@pytest.mark.parametrize("command", [("validate", "coupons"), ("plan", "coupons"), ("split", "coupons", "--into", "x")])
def test_commands_read_an_sftp_file(sftp: SftpPlace, command: tuple[str, ...], tmp_path: Path) -> None:
    (sftp.root / "coupons.csv").write_bytes(COUPONS)
    words = [str(tmp_path / "parts") if word == "x" else word for word in command]
    ended = run(*words[:2], sftp.address("coupons.csv"), *words[2:])
    assert ended.code == 0
    assert "320 records" in ended.out


def test_validate_finds_sftp_files_by_pattern_and_follows_links(sftp: SftpPlace) -> None:
    (sftp.root / "in").mkdir()
    (sftp.root / "in" / "a b.csv").write_bytes(COUPONS)
    (sftp.root / "in" / "link.csv").symlink_to("a b.csv")
    found = json.loads(run("validate", "coupons", sftp.address("in/*.csv"), "--json").out)
    assert [file["path"] for file in found["files"]] == [sftp.address("in/a b.csv"), sftp.address("in/link.csv")]


def test_https_transfer_that_breaks_off_continues_where_it_stopped(https: HttpsPlace) -> None:
    https.pages["coupons.csv"] = page = Page(COUPONS, cut=10_000, cuts=2)
    ended = run("validate", "coupons", https.address("coupons.csv"))
    assert CLEAN in ended.out
    assert page.requests == ["HEAD", "GET", "GET bytes=10000-", "GET bytes=20000-", "HEAD"]
    assert ended.err.count("the connection broke off. Trying again") == 2


def test_an_https_transfer_without_ranges_restarts_and_skips_received_bytes(https: HttpsPlace) -> None:
    https.pages["coupons.csv"] = Page(COUPONS, cut=10_000, cuts=1, ranges=False)
    assert CLEAN in run("validate", "coupons", https.address("coupons.csv")).out


def test_https_transfer_that_never_completes_ends_with_3_after_announced_retries(https: HttpsPlace) -> None:
    https.pages["coupons.csv"] = Page(COUPONS, cut=0, cuts=99)
    ended = run("validate", "coupons", https.address("coupons.csv"))
    assert ended.code == 3
    assert ended.err.count("Trying again in 0.05 s.") == 3
    assert ended.err.endswith("Check the network, and run the command again.")


def replace_content(page: Page) -> None:
    page.content = page.content[:-1] + b"X"


def test_file_that_is_replaced_while_it_is_read_ends_with_5_and_both_versions(https: HttpsPlace, alone: Path) -> None:
    https.pages["coupons.csv"] = page = Page(COUPONS, after=replace_content)
    before = page.tag.strip('"')
    ended = run("validate", "coupons", https.address("coupons.csv"))
    assert ended.code == 5
    assert f"was replaced: it was 39,160 bytes, ETag {before}; it is now 39,160 bytes, ETag " in ended.err
    assert nothing_is_left(alone)


def test_https_proxy_with_a_certificate_of_the_named_file_is_trusted(
    https: HttpsPlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    https.pages["coupons.csv"] = Page(COUPONS)
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    trusted = tmp_path / "both.pem"
    trusted.write_bytes(https.authority.read_bytes() + authority.cert_pem.bytes())
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):  # OpenSSL reads these by itself
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(trusted))
    asked: list[str] = []
    with connect_proxy(https.port, asked) as plain, tls_front(context, plain) as port:
        monkeypatch.setenv("HTTPS_PROXY", f"https://127.0.0.1:{port}")
        assert CLEAN in run("validate", "coupons", https.address("coupons.csv")).out
    assert set(asked) == {f"127.0.0.1:{https.port}"}


def test_server_that_refuses_head_is_read_by_get(https: HttpsPlace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers._Handler, "do_HEAD", lambda self: self._end(405))
    https.pages["coupons.csv"] = Page(COUPONS)
    assert CLEAN in run("validate", "coupons", https.address("coupons.csv")).out


def test_redirect_to_https_is_followed_and_one_to_http_is_refused(https: HttpsPlace) -> None:
    https.pages["coupons.csv"] = Page(COUPONS)
    https.pages["moved.csv"] = Page(b"", status=302, location=https.address("coupons.csv"))
    https.pages["plain.csv"] = Page(b"", status=302, location="http://127.0.0.1/coupons.csv")
    https.pages["loop.csv"] = Page(b"", status=302, location=https.address("loop.csv"))
    assert CLEAN in run("validate", "coupons", https.address("moved.csv")).out
    refused = run("validate", "coupons", https.address("plain.csv"))
    assert (refused.code, "redirects to http://127.0.0.1, which is not encrypted" in refused.err) == (2, True)
    assert "redirects more than 5 times" in run("validate", "coupons", https.address("loop.csv")).err


def test_https_password_comes_from_netrc_and_is_never_shown(https: HttpsPlace, tmp_path: Path) -> None:
    https.pages["coupons.csv"] = Page(COUPONS, login="Basic cGFydG5lcjpwYXNzd29yZC0xMjM0NQ==")
    refused = run("validate", "coupons", https.address("coupons.csv"))
    assert (refused.code, "valid credentials are missing (401)" in refused.err) == (2, True)
    (tmp_path / "home" / ".netrc").write_text("machine 127.0.0.1 login partner password password-12345\n")
    (tmp_path / "home" / ".netrc").chmod(0o600)
    assert CLEAN in run("validate", "coupons", https.address("coupons.csv")).out


def test_certificate_that_is_not_trusted_names_the_variable(https: HttpsPlace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    ended = run("validate", "coupons", https.address("coupons.csv"))
    assert (ended.code, "set SSL_CERT_FILE" in ended.err) == (2, True)


def test_unknown_host_key_is_refused_with_the_command_that_shows_it(sftp: SftpPlace) -> None:
    (sftp.root / "coupons.csv").write_bytes(COUPONS)
    for known in (
        "",
        f"[127.0.0.1]:{sftp.port} ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAabcdefghijklmnopqrstuvwxyzabcdefghijklmnopq\n",
    ):
        sftp.known_hosts.write_text(known)
        ended = run("validate", "coupons", sftp.address("coupons.csv"))
        assert ended.code == 2
        assert "is not in the file of known hosts" in ended.err
        assert f"ssh-keyscan -p {sftp.port} 127.0.0.1" in ended.err
        assert sftp.known_hosts.read_text() == known


def test_an_sftp_login_without_an_accepted_key_is_an_error_that_names_identityfile(sftp: SftpPlace) -> None:
    (sftp.home / ".ssh" / "id_ed25519").unlink()
    ended = run("validate", "coupons", sftp.address("coupons.csv"))
    assert (ended.code, "IdentityFile" in ended.err) == (2, True)


def test_unreadable_sftp_file_is_forbidden(sftp: SftpPlace, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise asyncssh.SFTPPermissionDenied("no")

    monkeypatch.setattr(asyncssh.SFTPServer, "open", refused)
    (sftp.root / "coupons.csv").write_bytes(COUPONS)
    ended = run("validate", "coupons", sftp.address("coupons.csv"))
    assert (ended.code, "the server does not permit it" in ended.err) == (2, True)


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("in/none.csv", "in/none.csv does not exist. Check the address; case matters."),
        ("in", "in is a folder. Name a file"),
        ("in/none*.csv", "No file matches s3://"),
    ],
)
def test_missing_objects_and_folders_are_named(bucket: Bucket, key: str, said: str) -> None:
    bucket.put("in/coupons.csv", COUPONS)
    ended = run("validate", "coupons", bucket.address(key))
    assert (ended.code, said in ended.err) == (2, True)


def test_missing_bucket_is_named(bucket: Bucket) -> None:
    ended = run("plan", "coupons", "s3://no-such-bucket-here/in/coupons.csv")
    assert (ended.code, "the bucket no-such-bucket-here does not exist" in ended.err) == (2, True)


def test_missing_credentials_name_the_variables(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    address = bucket.put("coupons.csv", COUPONS)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    ended = run("validate", "coupons", address)
    assert (ended.code, "Set AWS_PROFILE, or AWS_ACCESS_KEY_ID" in ended.err) == (2, True)


@pytest.mark.parametrize(
    ("endpoint", "code", "said"),
    [
        ("http://127.0.0.1:9", 3, "the connection was refused"),
        ("https://storage.invalid", 2, "the host name is unknown"),
    ],
)
def test_storage_that_cannot_be_reached_is_explained(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch, endpoint: str, code: int, said: str
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    ended = run("validate", "coupons", bucket.address("coupons.csv"))
    assert (ended.code, said in ended.err) == (code, True)


def test_unreachable_sftp_server_is_explained() -> None:
    refused = run("validate", "coupons", "sftp://partner@127.0.0.1:9/coupons.csv")
    assert (refused.code, "the connection was refused" in refused.err) == (3, True)
    unknown = run("validate", "coupons", "sftp://partner@sftp.invalid/coupons.csv")
    assert (unknown.code, "the host name is unknown" in unknown.err) == (2, True)


def test_copy_that_does_not_fit_on_the_disk_is_refused_with_the_sizes(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = bucket.put("coupons.csv", COUPONS)
    monkeypatch.setattr(copies, "SPARE_BYTES", 10**18)
    ended = run("validate", "coupons", address)
    assert (ended.code, "its copy needs 39,160 bytes" in ended.err, "BULKOPS_STATE" in ended.err) == (2, True, True)


def test_copies_of_killed_processes_are_removed_unless_a_job_needs_them(bucket: Bucket, alone: Path) -> None:
    address = bucket.put("coupons.csv", COUPONS)
    for name, held in (("orphan", False), ("needed", True), ("forgotten", True)):
        folder = alone / "remote" / name
        folder.mkdir(parents=True)
        folder.with_name(f"{name}.lock").touch()
        (folder / "part").write_bytes(b"x")
        if held:
            (folder / copies.HELD).write_text("job-1")
    os.utime(alone / "remote" / "forgotten" / copies.HELD, (0, 0))
    assert run("validate", "coupons", address).code == 0
    assert sorted(path.name for path in (alone / "remote").iterdir()) == ["needed", "needed.lock"]
    copies.release("job-1")
    assert run("validate", "coupons", address).code == 0
    assert nothing_is_left(alone)


@pytest.mark.parametrize("scheme", ["gs", "az", "abfs"])
def test_missing_extra_gives_the_command_that_installs_it(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bulkops.remote.opening.find_spec", lambda _: None)
    extra = "gcs" if scheme == "gs" else "azure"
    ended = run("validate", "coupons", f"{scheme}://place/coupons.csv")
    assert (ended.code, ended.err) == (2, f"{scheme}:// addresses need an extra: pip install 'bulkops[{extra}]'")


def test_check_and_log_files_refuse_addresses_with_the_reason(bucket: Bucket) -> None:
    address = bucket.put("coupons.csv", COUPONS)
    refused = run("check", address)
    assert (refused.code, "`bulkops validate` reads addresses" in refused.err) == (2, True)
    for option, why in (
        ("--log-file", "cannot append"),
        ("--metrics", "on this machine"),
        ("--baseline", "repository"),
    ):
        ended = run("validate", "coupons", SAMPLES / "coupons.csv", option, bucket.address("x"))
        assert (ended.code, why in ended.err) == (2, True)


def test_doctor_names_the_installed_extras() -> None:
    checks = {check["name"]: check for check in json.loads(run("doctor", "--json").out)["checks"]}
    assert "s3 (s3fs 20" in checks["remote files"]["message"]
    assert "sftp (sshfs 20" in checks["remote files"]["message"]


def test_secret_of_the_environment_is_hidden_in_every_message(bucket: Bucket) -> None:
    ended = run("validate", "coupons", bucket.address(f"{SECRET}.csv"))
    assert ended.code == 2


@pytest.mark.parametrize("etag", ['W/"one"', '"one"'])
def test_https_transfer_with_a_weak_etag_continues_without_a_condition(etag: str, https: HttpsPlace) -> None:
    page = https.pages["coupons.csv"] = Page(COUPONS, cut=10_000, cuts=1, etag=etag)
    assert run("validate", "coupons", https.address("coupons.csv")).code == 0
    assert page.requests == ["HEAD", "GET", "GET bytes=10000-", "HEAD"]
    assert page.conditions == ([] if etag.startswith("W/") else ['"one"'])


def test_https_file_that_is_replaced_between_two_parts_is_noticed_by_a_weak_etag(https: HttpsPlace) -> None:
    def replaced(page: Page) -> None:
        page.etag, page.content = 'W/"two"', COUPONS.replace(b"1", b"2")

    https.pages["coupons.csv"] = Page(COUPONS, cut=10_000, cuts=1, etag='W/"one"', after=replaced)
    ended = run("validate", "coupons", https.address("coupons.csv"))
    assert ended.code == 5
    assert "replaced meanwhile" in ended.err


def test_weak_etags_are_equal_to_those_that_an_earlier_release_stored() -> None:
    weak = Version(size=3, etag=etag_of('W/"abc"'))
    assert weak.is_weak
    assert weak.is_same(Version(size=3, etag="abc"))
    assert not weak.is_same(Version(size=3, etag="W/abd"))
    assert not Version(size=3, etag=etag_of('"abc"')).is_weak
