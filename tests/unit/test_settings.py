"""Targets, keys and configuration: options over environment over file, and the key never shows."""

from pathlib import Path

import pytest

from bulkops.configuration import profile_authorization, read_config, target_profile
from bulkops.errors import InputUnreadable, UsageError
from bulkops.settings import Secret, Target, authorization_from_environment, checked_base_url

KEY = "8a7f-very-secret"


def test_a_secret_shows_itself_in_no_text() -> None:
    secret = Secret(f"ManagementKey-v1 {KEY}")
    target = Target(base_url="https://acme.talon.one", ids={"pool": 1}, authorization=secret)
    for text in (str(secret), repr(secret), f"{secret}", repr(target), str(target.identity())):
        assert KEY not in text
    assert secret.reveal().endswith(KEY)


def test_the_management_key_is_preferred_to_the_token() -> None:
    environ = {"BULKOPS_MANAGEMENT_KEY": f" {KEY}\n", "BULKOPS_BEARER_TOKEN": "token"}
    assert authorization_from_environment(environ).reveal() == f"ManagementKey-v1 {KEY}"
    assert authorization_from_environment({"BULKOPS_BEARER_TOKEN": "token"}).reveal() == "Bearer token"


@pytest.mark.parametrize("key", ["", "   ", "two words", "line\nbreak", "schlüssel"])
def test_a_key_no_header_can_carry_is_refused_without_showing_it(key: str) -> None:
    with pytest.raises(UsageError) as caught:
        authorization_from_environment({"BULKOPS_MANAGEMENT_KEY": key})
    assert not key.strip() or key not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8080/", "http://localhost:1", "http://[::1]:9", "https://a.talon.one"]
)
def test_loopback_and_https_are_accepted(url: str) -> None:
    assert checked_base_url(url) == url.rstrip("/")


@pytest.mark.parametrize(
    "url", ["http://acme.talon.one", "http://10.0.0.5", "http://127.0.0.1.evil.example", "acme", "ftp://a", "https://"]
)
def test_a_key_is_never_sent_in_the_clear(url: str) -> None:
    with pytest.raises(UsageError):
        checked_base_url(url)


@pytest.mark.parametrize(
    "spelling",
    ["HTTPS://Acme.Talon.One", "https://acme.talon.one/", "https://acme.talon.one:443", " https://acme.talon.one// "],
)
def test_every_spelling_of_an_address_is_one_target(spelling: str) -> None:
    assert checked_base_url(spelling) == "https://acme.talon.one"


@pytest.mark.parametrize("url", ["https://a.talon.one/?x=1", "https://a.talon.one/#x", "https://a.talon.one:99999"])
def test_an_address_with_more_than_an_address_is_refused(url: str) -> None:
    with pytest.raises(UsageError):
        checked_base_url(url)


def test_a_user_and_password_in_the_address_are_refused() -> None:
    with pytest.raises(UsageError, match="environment"):
        checked_base_url("https://user:pass@acme.talon.one")


CONFIG = """
[targets.live]
base_url = "https://acme.talon.one"
key = {command = "printf from-a-command"}
application = 42

[targets.test]
base_url = "https://acme-test.talon.one"
key = {env = "TEST_KEY"}

[targets.odd]
base_url = "https://acme.talon.one"
aplication = 1
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "bulkops.toml"
    path.write_text(CONFIG)
    return path


def test_a_target_of_the_file_has_its_ids_and_its_key(config: Path) -> None:
    live = target_profile(read_config(config), "live")
    assert live.ids == {"application": 42}
    assert profile_authorization(live, {}).reveal() == "ManagementKey-v1 from-a-command"
    test = target_profile(read_config(config), "test")
    assert profile_authorization(test, {"TEST_KEY": KEY}).reveal().endswith(KEY)
    with pytest.raises(UsageError, match="TEST_KEY"):
        profile_authorization(test, {})


def test_a_mistyped_id_of_a_target_is_named(config: Path) -> None:
    with pytest.raises(UsageError, match="aplication"):
        target_profile(read_config(config), "odd")


def test_an_unknown_target_is_answered_with_the_known_ones(config: Path) -> None:
    with pytest.raises(UsageError, match="live, odd, sandbox, test"):
        target_profile(read_config(config), "prod")


def test_the_nearest_configuration_file_is_found(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    below = config.parent / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert "live" in read_config(None)["targets"]


def test_a_broken_or_missing_configuration_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputUnreadable, match=r"nowhere\.toml"):
        read_config(tmp_path / "nowhere.toml")
    (tmp_path / "bulkops.toml").write_text("[targets")
    with pytest.raises(UsageError, match="not valid TOML"):
        read_config(tmp_path / "bulkops.toml")
