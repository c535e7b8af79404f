"""Which addresses may be connected to: what is public, what has to be allowed, and what never is."""

from ipaddress import ip_address, ip_network

import pytest

from scriptrun.policies.address_policy import AddressPolicy, Kind, Refusal, classify, matches_host, split_allowed

KINDS: dict[Kind, tuple[str, ...]] = {
    "public": ("8.8.8.8", "93.184.216.34", "2606:4700::1", "::ffff:8.8.8.8", "64:ff9b::808:808"),
    "loopback": ("127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:0001::1"),
    "private": (
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "198.18.0.1",
        "240.0.0.1",
        "fc00::1",
        "fd12::1",
        "fec0::1",
        "2001:db8::1",
        "::ffff:10.0.0.1",
        "::10.0.0.1",
        "2002:0a00:0001::1",
    ),
    "forbidden": (
        "169.254.169.254",
        "169.254.170.23",
        "169.254.0.1",
        "fe80::1",
        "fe80::a9fe:a9fe",
        "fd00:ec2::254",
        "fd00:ec2::23",
        "fd20:ce::254",
        "fd00:c1::a9fe:a9fe",
        "fd00:42::42",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "0.0.0.0",
        "0.1.2.3",
        "::",
        "224.0.0.1",
        "ff02::1",
        "255.255.255.255",
        "::ffff:169.254.169.254",
        "::169.254.169.254",
        "::ffff:0.0.0.0",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
    ),
}
EVERYTHING = (ip_network("0.0.0.0/0"), ip_network("::/0"))
ONLY_PUBLIC = AddressPolicy(frozenset({"public"}))
OPEN = AddressPolicy(frozenset({"public", "private"}))


def check(policy: AddressPolicy, address: str, host: str = "tables.example", port: int = 80) -> Refusal | None:
    return policy.check(host, port, ip_address(address))


@pytest.mark.parametrize(("kind", "address"), [(kind, address) for kind, all_ in KINDS.items() for address in all_])
def test_each_address_is_of_a_kind(kind: Kind, address: str) -> None:
    assert classify(ip_address(address)) == kind


@pytest.mark.parametrize("address", KINDS["private"] + KINDS["loopback"])
def test_what_is_not_public_can_be_allowed_by_its_network(address: str) -> None:
    refusal = check(ONLY_PUBLIC, address)
    assert refusal is not None
    assert "tables.example:80 leads to a " in refusal.message
    assert address not in refusal.message
    assert not refusal.final
    assert check(AddressPolicy(networks=EVERYTHING), address) is None


@pytest.mark.parametrize("address", KINDS["forbidden"])
@pytest.mark.parametrize("policy", [OPEN, AddressPolicy(networks=EVERYTHING, hosts=("tables.example",))])
def test_what_is_never_allowed(policy: AddressPolicy, address: str) -> None:
    refusal = check(policy, address)
    assert refusal is not None
    assert refusal.final
    assert "never allowed" in refusal.message


def test_another_network_allows_nothing() -> None:
    policy = AddressPolicy(networks=(ip_network("10.2.0.0/16"), ip_network("::/0")))
    assert check(policy, "10.1.2.3")
    assert check(policy, "8.8.8.8")
    assert check(policy, "10.2.2.3") is None
    assert check(policy, "::ffff:10.1.2.3")  # not in ::/0: it is an IPv4 address


def test_a_host_may_be_anywhere_but_on_loopback() -> None:
    """Whoever has the name in hand must not reach what listens beside this process."""
    policy = AddressPolicy(hosts=("zeebe.camunda:8080", "*.example"))
    assert check(policy, "10.1.2.3", "zeebe.camunda", 8080) is None
    assert check(policy, "8.8.8.8", "Zeebe.Camunda.", 8080) is None
    assert check(policy, "10.1.2.3", "a.example", 443) is None
    assert check(policy, "10.1.2.3", "zeebe.camunda", 9090)
    assert check(policy, "10.1.2.3", "zeebe.other", 8080)
    assert check(policy, "127.0.0.1", "zeebe.camunda", 8080)
    assert check(policy, "169.254.169.254", "a.example", 443)


@pytest.mark.parametrize(
    ("pattern", "host", "port", "same"),
    [
        ("tables.example", "tables.example", 443, True),
        ("tables.example", "tables.example", 8080, False),
        ("tables.example:8080", "tables.example", 8080, True),
        ("Tables.Example:8080", "tables.example", 8080, True),
        ("*.example", "a.b.example", 80, True),
        ("*.example", "example", 80, False),
        ("*.example", "evilexample", 80, False),
        ("*.example:9", "a.example", 9, True),
        ("[2001:db8::7]:8080", "2001:db8::7", 8080, True),
        ("[2001:db8::7]", "2001:db8::7", 443, True),
        ("2001:db8::7", "2001:db8::7", 443, True),
    ],
)
def test_what_a_pattern_stands_for(pattern: str, host: str, port: int, same: bool) -> None:
    assert matches_host(pattern, host, port) is same


def test_a_list_is_split_into_hosts_and_networks() -> None:
    hosts, networks = split_allowed(["zeebe.camunda:8080", "10.0.0.0/8", "*.example", "10.1.2.3", "fd12::/16"])
    assert hosts == ("zeebe.camunda:8080", "*.example")
    assert networks == tuple(map(ip_network, ("10.0.0.0/8", "10.1.2.3/32", "fd12::/16")))
    with pytest.raises(ValueError, match="host bits set"):
        split_allowed(["10.1.2.3/8"])
