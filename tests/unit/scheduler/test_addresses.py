"""From where scripts may be downloaded: what a caller may name, and what a name may stand for."""

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scriptrun.errors import Rejected
from scriptrun.scheduler.addresses import check_address, check_url

HOSTS = ("tables.example", "scripts.example:8443", "*.cdn.example", "10.0.0.7:80", "[2001:db8::7]:8080")


@pytest.mark.parametrize(
    "url",
    [
        "https://tables.example/seafhttp/files/ticket/a.py?x=1#fragment",
        "http://TABLES.example./a",
        "https://scripts.example:8443/",
        "https://a.b.cdn.example/",
        "http://10.0.0.7/a",
        "http://[2001:db8::7]:8080/a",
    ],
)
def test_an_allowed_host(url: str) -> None:
    assert "#" not in str(check_url(url, HOSTS))


@pytest.mark.parametrize(
    "url",
    [
        "ftp://tables.example/a",
        "file:///etc/passwd",
        "gopher://tables.example/",
        "//tables.example/a",
        "tables.example/a",
        "",
        "http://",
        "http:///a",
        "https://tables.example:8443/a",
        "https://scripts.example/a",
        "https://tables.example.evil.example/",
        "https://eviltables.example/",
        "https://cdn.example/",
        "https://evilcdn.example/",
        "https://tables.example@evil.example/",
        "https://user@tables.example/",
        "https://user:password@tables.example/",
        "https://evil.example/#tables.example",
        "https://evil.example?tables.example",
        "https://evil.example\\@tables.example/",
        "https://tables.example:99999/",
        "https://tables.example:x/",
        "http://10.0.0.7:81/a",
        "http://[2001:db8::8]:8080/a",
        "http://localhost/a",
        "https://tables.example/" + "a" * 9000,
    ],
)
def test_any_other(url: str) -> None:
    with pytest.raises(Rejected) as refusal:
        check_url(url, HOSTS)
    assert "/etc/passwd" not in str(refusal.value)


@given(st.text(max_size=60))
def test_no_text_is_allowed_by_accident(text: str) -> None:
    for url in (text, f"http://{text}", f"https://{text}/a", f"https://{text}@evil.example/"):
        try:
            checked = check_url(url, ("tables.example",))
        except Rejected:
            continue
        assert (checked.raw_host or "").rstrip(".").lower() == "tables.example"


PRIVATE = (
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "127.0.0.1",
    "127.9.9.9",
    "198.18.0.1",
    "240.0.0.1",
    "::1",
    "fc00::1",
    "fd12::1",
    "fec0::1",
    "2001:db8::1",
    "::ffff:10.0.0.1",
    "2002:0a00:0001::1",
    "64:ff9b::7f00:1",
)
NEVER = (
    "169.254.169.254",
    "169.254.0.1",
    "fe80::1",
    "fd00:ec2::254",
    "0.0.0.0",
    "0.1.2.3",
    "::",
    "224.0.0.1",
    "ff02::1",
    "255.255.255.255",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
)
EVERYTHING = (ip_network("0.0.0.0/0"), ip_network("::/0"))


@pytest.mark.parametrize("address", ["8.8.8.8", "93.184.216.34", "2606:4700::1", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_what_is_public(address: str) -> None:
    check_address(ip_address(address), ())


@pytest.mark.parametrize("address", PRIVATE)
def test_what_is_not_public_has_to_be_allowed(address: str) -> None:
    with pytest.raises(Rejected, match="SCRIPTRUN_SCHEDULER_ALLOWED_NETWORKS"):
        check_address(ip_address(address), ())
    check_address(ip_address(address), EVERYTHING)


@pytest.mark.parametrize("address", NEVER)
def test_what_is_never_allowed(address: str) -> None:
    with pytest.raises(Rejected):
        check_address(ip_address(address), ())
    with pytest.raises(Rejected, match="never allowed"):
        check_address(ip_address(address), EVERYTHING)


def test_another_network_allows_nothing() -> None:
    with pytest.raises(Rejected):
        check_address(ip_address("10.1.2.3"), (ip_network("10.2.0.0/16"), ip_network("::/0")))
