"""Which proxy leads to a server: the usual variables, and every form of NO_PROXY."""

import pytest

from bulkops.errors import UsageError
from bulkops.proxies import proxy_for

PASSWORD = "not-to-be-shown"


@pytest.mark.parametrize(
    ("environ", "shown"),
    [
        ({"HTTPS_PROXY": "http://proxy:3128"}, "proxy:3128"),
        ({"https_proxy": "proxy"}, "proxy:80"),
        ({"HTTPS_PROXY": "http://upper", "https_proxy": "http://lower:1"}, "lower:1"),
        ({"ALL_PROXY": "https://user:p%40ss@proxy"}, "proxy:443"),
        ({"HTTPS_PROXY": "http://[::1]:3128"}, "[::1]:3128"),
        ({"HTTP_PROXY": "http://proxy"}, None),
        ({"HTTPS_PROXY": "  "}, None),
        ({}, None),
    ],
)
def test_the_proxy_of_an_https_server_comes_from_its_variables(environ: dict[str, str], shown: str | None) -> None:
    proxy = proxy_for("https://one.example.com", environ)
    assert (proxy and proxy.shown) == shown


@pytest.mark.parametrize(
    ("address", "listed", "direct"),
    [
        ("https://one.example.com", "*", True),
        ("https://one.example.com", "example.com", True),
        ("https://one.example.com", ".example.com", True),
        ("https://one.example.com", "*.example.com", True),
        ("https://one.example.com", "other.test, ONE.example.com", True),
        ("https://one.example.com", "ample.com", False),
        ("https://one.example.com", "example.com:443", True),
        ("https://one.example.com", "example.com:8443", False),
        ("https://one.example.com", "https://one.example.com", True),
        ("https://one.example.com", "[::1]", False),
        ("https://one.example.com", ",, ,", False),
        ("https://10.1.2.3", "10.0.0.0/8", True),
        ("https://10.1.2.3", "192.168.0.0/16", False),
        ("https://[2001:db8::1]", "[2001:db8::1]", True),
        ("https://[2001:db8::1]:8443", "[2001:db8::1]:8443", True),
        ("https://[2001:db8::1]", "2001:db8::/32", True),
        ("https://[2001:db8::1]", "[::1]", False),
    ],
)
def test_no_proxy_lists_names_domains_addresses_and_networks(address: str, listed: str, direct: bool) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        assert (proxy_for(address, {"HTTPS_PROXY": "http://proxy:1", name: listed}) is None) is direct


@pytest.mark.parametrize("value", [f"ftp://u:{PASSWORD}@p", f"http://u:{PASSWORD}@p:port", f"http://u {PASSWORD}@p:1"])
def test_an_invalid_proxy_names_its_variable_but_not_its_value(value: str) -> None:
    with pytest.raises(UsageError, match="HTTPS_PROXY") as refused:
        proxy_for("https://one.example.com", {"HTTPS_PROXY": value})
    assert PASSWORD not in str(refused.value)
