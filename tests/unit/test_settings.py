"""Targets, keys and configuration: options over environment over file, and the key never shows."""

import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest

import bulkops
from bulkops.configuration import TargetProfile, profile_authorization, read_config, target_profile
from bulkops.errors import InputUnreadable, UsageError
from bulkops.settings import Secret, Target, authorization_from_environment, checked_base_url, server_name

KEY = "8a7f-very-secret"


def test_a_secret_is_hidden_in_every_text_form() -> None:
    secret = Secret(f"ManagementKey-v1 {KEY}")
    target = Target(base_url="https://acme.talon.one", ids={"pool": 1}, authorization=secret)
    for text in (str(secret), repr(secret), f"{secret}", repr(target), str(target.identity())):
        assert KEY not in text
    assert secret.reveal().endswith(KEY)


def test_the_management_key_is_preferred_to_the_token() -> None:
    environ = {"BULKOPS_MANAGEMENT_KEY": f" {KEY}\n", "BULKOPS_BEARER_TOKEN": "token"}
    assert authorization_from_environment(environ).reveal() == f"ManagementKey-v1 {KEY}"
    assert authorization_from_environment({"BULKOPS_BEARER_TOKEN": "token"}).reveal() == "Bearer token"


BAD_KEYS = [
    "",
    "   ",
    "two words",
    "line\nbreak",
    "schlüssel",
    f"ManagementKey-v1 {KEY}",
    f"managementkey-v1\t{KEY}",
    f"Bearer {KEY}",
    f"Authorization: ManagementKey-v1 {KEY}",
]


@pytest.mark.parametrize("key", BAD_KEYS)
def test_a_key_no_header_can_carry_is_refused_without_showing_it(key: str) -> None:
    with pytest.raises(UsageError) as caught:
        authorization_from_environment({"BULKOPS_MANAGEMENT_KEY": key})
    assert not key.strip() or key not in str(caught.value)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("key", BAD_KEYS)
def test_target_with_invalid_key_is_refused_at_once(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BULKOPS_MANAGEMENT_KEY", "the-key-of-the-environment")
    with pytest.raises(UsageError) as caught:
        bulkops.target("https://acme.talon.one", key=key, pool=1)
    assert KEY not in str(caught.value)


def test_target_with_key_that_is_not_text_is_refused() -> None:
    with pytest.raises(UsageError, match="must be text"):
        bulkops.target("https://acme.talon.one", key=b"8a7f")  # type: ignore[arg-type] # a caller without types


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
    [
        "HTTPS://Acme.Talon.One",
        "https://acme.talon.one/",
        "https://acme.talon.one:443",
        " https://acme.talon.one// ",
        "https://acme.talon.one.",
        "https://acme.talon.one:",
        "https://acme.talon.one:0443/",
        "https://acme.talon.one/.",
        "https://acme.talon.one/./",
        "https://acme.talon.one/a/..",
        "https://acme.talon.one/../..",
        "https://acme.talon.one/%2e",
        "https://acme.talon.one/a/%2E%2e",
        "https://acme%2Etalon%2eone",
        "https://acme.talon\u3002one",
        "https://\uff41cme.talon.one",
        "https://acme.talon.one?",
        "https://acme.talon.one/#",
    ],
)
def test_every_spelling_of_an_address_is_one_target(spelling: str) -> None:
    assert checked_base_url(spelling) == "https://acme.talon.one"
    assert Target(base_url=spelling, ids={}, authorization=Secret("Bearer x")).server == "https://acme.talon.one"


@pytest.mark.parametrize(
    ("spelling", "canonical"),
    [
        ("https://a.example/%7Euser//x/./y/../z/", "https://a.example/~user/x/z"),
        ("https://a.example/%2f/%c3%a9", "https://a.example/%2F/%C3%A9"),
        ("https://a.example/\u00e9", "https://a.example/%C3%A9"),
        ("https://a.example/100%", "https://a.example/100%25"),
        ("https://B\u00dcCHER.example", "https://xn--bcher-kva.example"),
        ("https://XN--bcher-kva.example.", "https://xn--bcher-kva.example"),
        ("https://0xA.1", "https://10.0.0.1"),
        ("https://[2001:DB8:0::1]:443", "https://[2001:db8::1]"),
        ("https://a.example:8443", "https://a.example:8443"),
    ],
)
def test_address_is_written_as_the_standards_have_it(spelling: str, canonical: str) -> None:
    assert checked_base_url(spelling) == canonical
    assert checked_base_url(canonical) == canonical


@pytest.mark.parametrize(
    "spelling",
    [
        "http://127.0.0.1:80",
        "http://localhost",
        "http://LOCALHOST.",
        "http://127.1",
        "http://0x7f.1",
        "http://2130706433",
        "http://[::1]",
        "http://[0:0:0:0:0:0:0:1]:80/",
        "http://[::ffff:127.0.0.1]",
    ],
)
def test_every_name_of_loopback_is_one_server(spelling: str) -> None:
    assert server_name(spelling) == "http://127.0.0.1"
    assert Target(base_url=spelling, ids={}, authorization=Secret("Bearer x")).server == "http://127.0.0.1"


@pytest.mark.parametrize(
    "other", ["http://127.0.0.2", "https://127.0.0.1", "http://127.0.0.1:81", "http://127.0.0.1/a"]
)
def test_another_port_scheme_path_or_loopback_address_is_another_server(other: str) -> None:
    assert server_name(other) == other


def test_name_of_an_embedded_sandbox_stays_as_it_is() -> None:
    assert server_name("sandbox://embedded") == "sandbox://embedded"


@pytest.mark.parametrize(
    "address",
    [
        f"https://acme.talon.one/?key={KEY}",
        f"https://acme.talon.one#{KEY}",
        f"acme.talon.one?key={KEY}",
        f"https://user:{KEY}@acme.talon.one",
        f"https://{KEY}@acme.talon.one",
        "https://@acme.talon.one",
        f"https://acme.talon.one\\{KEY}",
        f"https://acme.talon.one/\n{KEY}",
        f"https://acme.talon.one/{KEY}",
        f"https://acme.talon.one/{KEY.upper()}",
        f"https://acme.talon.one/\ud800{KEY}",
        f"https://acme%00{KEY}",
        f"https://%ff{KEY}",
        f"ftp://{KEY}",
        KEY,
    ],
)
def test_address_with_a_key_is_refused_and_the_key_is_hidden(address: str) -> None:
    with pytest.raises(UsageError) as caught:
        bulkops.target(address, key=KEY)
    assert KEY not in str(caught.value).lower()


@pytest.mark.parametrize(
    "key",
    ['{env = "8a7f3c91d2e4b6f0"}', '{command = "8a7f3c91d2e4b6f0"}', '{keyring = "8a7f3c91d2e4b6f0"}'],
)
def test_key_in_place_of_its_source_is_not_shown(key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keyring = ModuleType("keyring")
    keyring.get_password = lambda *_: None  # type: ignore[attr-defined] # a keyring that is empty
    keyring.errors = ModuleType("keyring.errors")  # type: ignore[attr-defined] # as the library has it
    keyring.errors.KeyringError = OSError
    monkeypatch.setitem(sys.modules, "keyring", keyring)
    monkeypatch.setitem(sys.modules, "keyring.errors", keyring.errors)
    (tmp_path / "bulkops.toml").write_text(f'[targets.live]\nbase_url = "https://acme.talon.one"\nkey = {key}\n')
    with pytest.raises(UsageError) as caught:
        profile_authorization(target_profile(read_config(tmp_path / "bulkops.toml"), "live"), {})
    assert "8a7f3c91" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["https://a.talon.one/?x=1", "https://a.talon.one/#x", "https://a.talon.one:99999", "http://[::1"]
)
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


def test_an_unknown_target_is_an_error_that_lists_the_known_targets(config: Path) -> None:
    with pytest.raises(UsageError, match="live, odd, sandbox, test"):
        target_profile(read_config(config), "prod")


def test_the_nearest_configuration_file_is_found(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    below = config.parent / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert "live" in read_config(None).tables["targets"]


def test_a_broken_or_missing_configuration_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputUnreadable, match=r"nowhere\.toml"):
        read_config(tmp_path / "nowhere.toml")
    (tmp_path / "bulkops.toml").write_text("[targets")
    with pytest.raises(UsageError, match="not valid TOML"):
        read_config(tmp_path / "bulkops.toml")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[targets]\nlive = "x"', r"bulkops\.toml: \[targets\.live\] must be a table"),
        ('targets = "live"', r"bulkops\.toml: \[targets\] must be a table"),
        ("[target.live]", r"\[target\] is not a table of bulkops\.\n  Did you mean 'targets'"),
        ("[chek]", r"\[chek\] is not a table of bulkops\.\n  Did you mean 'check'"),
        ("[targets.live]\nkey = {}", r"\[targets\.live\] has no base_url"),
        ('[targets.live]\nbase_url = "https://a.b"\napplication = -1', "application must be a whole number, 1 or more"),
        ('[targets.live]\nbase_url = "https://a.b"\nkey = {env = "A", command = "b"}', "and only one"),
        ('[targets.live]\nbase_url = "https://a.b"\nkey = {}', "and only one"),
        ('[targets.live]\nbase_url = "https://a.b"\nkey = {enf = "A"}', "Did you mean 'env'"),
        ('[targets.live]\nbase_url = "https://a.b"\nkey = {command = ""}', r"key\.command must be text, and not blank"),
        ('[targets.live]\nbase_url = "https://a.b"\nkey = {keyring = 3}', r"key\.keyring must be text"),
        ("[targets.live]\nbase_url = 3", "base_url must be text"),
        ('[targets.sandbox]\nbase_url = "https://a.b"', "a name that is taken"),
    ],
)
def test_an_odd_configuration_is_refused_by_file_and_key(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "bulkops.toml").write_text(text)
    with pytest.raises(UsageError, match=told):
        target_profile(read_config(tmp_path / "bulkops.toml"), "live")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[targets.live]\nbase_url = "https://a.b"\n# a note\naplication = 1', "toml:4: [targets.live] does not know"),
        ('[targets.live]\nkey = {env = "A"}', "toml:1: [targets.live] has no base_url"),
        (
            '[targets.live]\nbase_url = "https://a.b"\nkey = {enf = "A"}',
            "toml:3: [targets.live] key does not know 'enf'",
        ),
        ('[targets]\nlive.base_url = "https://a.b"\nlive."pool" = 0', "toml:3: [targets.live] pool must be a whole"),
        ('[targets]\nlive = {base_url = "https://a.b", pol = 1}', "toml:2: [targets.live] does not know 'pol'"),
        (
            '[check]\ncoupons = """\n[targets.live]\npol = 1\n"""\n[targets.live]\npol = 1',
            "toml:7: [targets.live] does",
        ),
        ('[check]\ncoupons = "a"\n\n[chek]\n[targets.live]\nbase_url = "https://a.b"', "toml:4: [chek] is not a table"),
    ],
)
def test_a_mistake_in_the_configuration_names_its_line(text: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "bulkops.toml"
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        target_profile(read_config(path), "live")
    assert told in str(caught.value)


def test_a_mistake_in_pyproject_names_its_line(tmp_path: Path) -> None:
    path = tmp_path / "pyproject.toml"
    path.write_text('[project]\nname = "a"\n\n[tool.bulkops.targets.live]\nbase_url = 3\n')
    with pytest.raises(UsageError, match=r"pyproject\.toml:5: \[tool\.bulkops\.targets\.live\] base_url must be text"):
        target_profile(read_config(path), "live")


@pytest.mark.parametrize("text", ["tool = 3", "[tool]\nbulkops = 3"])
def test_an_odd_pyproject_is_refused_by_name(tmp_path: Path, text: str) -> None:
    (tmp_path / "pyproject.toml").write_text(text)
    with pytest.raises(UsageError, match=r"pyproject\.toml: \[tool"):
        read_config(tmp_path / "pyproject.toml")


def test_a_key_in_the_file_is_refused_and_never_shown(tmp_path: Path) -> None:
    (tmp_path / "bulkops.toml").write_text(f'[targets.live]\nbase_url = "https://a.b"\nkey = "{KEY}"')
    with pytest.raises(UsageError, match="env = …") as caught:
        target_profile(read_config(tmp_path / "bulkops.toml"), "live")
    assert KEY not in str(caught.value)


def test_a_key_command_that_cannot_be_read_or_fails_is_explained() -> None:
    for command, told in (("echo 'x", "cannot be read"), ("/no/such/program", "failed"), ("  ", "empty")):
        profile = TargetProfile(name="live", base_url="https://a.b", key={"command": command})
        with pytest.raises(UsageError, match=told):
            profile_authorization(profile, {})


KEY_COMMANDS = {
    "prints without end": ("yes", "printed more than 65,536 bytes"),
    "hangs": ("sleep 1000", "did not end within 1 s"),
    "leaves a child that hangs": ("sh -c 'sleep 1000; true'", "did not end within 1 s"),
    "hangs once it has printed": ("sh -c 'echo key; exec >&-; sleep 1000'", "failed"),
}


@pytest.mark.parametrize("kind", KEY_COMMANDS)
def test_a_key_command_without_an_end_is_ended(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bulkops.configuration.KEY_SECONDS", 1.0, raising=False)
    command, message = KEY_COMMANDS[kind]
    started = time.monotonic()
    with pytest.raises(UsageError, match=f"The key command of target 'live' {message}"):
        profile_authorization(TargetProfile(name="live", base_url="https://a.b", key={"command": command}), {})
    assert time.monotonic() - started < 10


def test_a_missing_home_folder_is_an_error_that_names_bulkops_state() -> None:
    script = (
        "import os, platformdirs, pwd, bulkops.settings as settings; "
        "os.getuid() and exit(77); "
        "os.setuid(54_321); os.environ.pop('HOME', None); "
        "[os.environ.pop(n, None) for n in ('XDG_STATE_HOME', 'BULKOPS_STATE')]; "
        "print(settings.default_ledger_url())"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    if done.returncode == 77:
        pytest.skip("only root can become a user without a home folder")
    assert "UsageError: No folder can be used for the ledger: this user has no home folder." in done.stderr
    assert "Set BULKOPS_STATE to a folder that can be written" in done.stderr
