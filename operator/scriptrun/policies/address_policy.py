"""Which addresses may be connected to: others choose them, and could choose what only this process reaches. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Literal

__all__ = [
    "Address",
    "AddressPolicy",
    "Kind",
    "Network",
    "Refusal",
    "classify",
    "matches_host",
    "parse_ip",
    "split_allowed",
]

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Kind = Literal["public", "private", "loopback", "forbidden"]

_DEFAULT_PORTS = (80, 443)
_NAT64 = ip_network("64:ff9b::/96")
_FORBIDDEN: tuple[Network, ...] = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",  # this host, on Linux
        "169.254.0.0/16",  # link-local: metadata and credentials of most clouds
        "224.0.0.0/4",
        "255.255.255.255/32",
        "::/128",
        "fe80::/10",
        "ff00::/8",
        # Metadata and credentials of clouds at other addresses.
        "100.100.100.200/32",  # Alibaba
        "168.63.129.16/32",  # Azure's WireServer, which is a public address
        "192.0.0.192/32",  # Oracle, classic
        "fd00:ec2::/32",  # AWS: metadata, and the EKS Pod Identity agent
        "fd00:c1::/32",  # Oracle
        "fd00:42::/32",  # Scaleway
        "fd20:ce::/32",  # Google
    )
)


def parse_ip(host: str) -> Address | None:
    """Read an address that is written as one; None: it is a name."""
    try:
        return ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return None


def classify(address: Address) -> Kind:
    """Classify an address; ``forbidden`` ones lead to metadata services, to everybody, or to nobody."""
    inner = _unwrap(address)
    if _is_in(inner, _FORBIDDEN):
        return "forbidden"
    if inner.is_loopback:
        return "loopback"
    if not inner.is_global or inner.is_reserved or getattr(inner, "is_site_local", False):
        return "private"
    return "public"


def matches_host(pattern: str, host: str, port: int) -> bool:
    """Whether a host and port are what a pattern stands for.

    Args:
        pattern: ``host`` (ports 80 and 443), ``host:port``, ``*.domain`` or ``*.domain:port``.
        host: in lower case, without a dot at its end.
        port: of the URL.
    """
    name, colon, number = pattern.lower().rpartition(":")
    if colon and number.isdigit() and not (":" in name and not name.endswith("]")):
        ports: tuple[int, ...] = (int(number),)
    else:
        name, ports = pattern.lower(), _DEFAULT_PORTS
    name = name.strip("[]")
    same = host.endswith(name[1:]) and len(host) > len(name) - 1 if name.startswith("*.") else host == name
    return same and port in ports


def split_allowed(entries: Sequence[str]) -> tuple[tuple[str, ...], tuple[Network, ...]]:
    """Split a list into patterns of hosts and networks; an address alone is a network of one.

    Raises:
        ValueError: an entry has a slash and is no network.
    """
    networks = [ip_network(entry) for entry in entries if "/" in entry or parse_ip(entry) is not None]
    return tuple(entry for entry in entries if "/" not in entry and parse_ip(entry) is None), tuple(networks)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an address may not be connected to.

    Attributes:
        message: for people. The address itself is not named: what a name stands for within the cluster is not for
            everybody.
        final: whether no setting can allow it.
    """

    message: str
    final: bool = False


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """Which addresses may be connected to.

    Attributes:
        kinds: of addresses that any host may have.
        networks: whose addresses any host may have, but for those that are ``forbidden``.
        hosts: patterns of hosts whose addresses may be public or private.
    """

    kinds: frozenset[Kind] = frozenset()
    networks: tuple[Network, ...] = ()
    hosts: tuple[str, ...] = ()

    def check(self, host: str, port: int, address: Address) -> Refusal | None:
        """Check an address that is about to be connected to; None when it may be.

        Args:
            host: as in the URL.
            port: as in the URL.
            address: of the host, the very one that would be connected to.
        """
        kind = classify(address)
        if kind == "forbidden":
            why = "a link-local, multicast or cloud metadata address, which is never allowed"
            return Refusal(f"{host}:{port} leads to {why}", final=True)
        if kind in self.kinds or _is_in(_unwrap(address), self.networks):
            return None
        name = host.strip("[]").rstrip(".").lower()
        if kind != "loopback" and any(matches_host(pattern, name, port) for pattern in self.hosts):
            return None
        return Refusal(f"{host}:{port} leads to a {kind} address, which is not allowed")


def _is_in(address: Address, networks: Sequence[Network]) -> bool:
    return any(address.version == network.version and address in network for network in networks)


def _unwrap(address: Address) -> Address:
    """Find the IPv4 address that an IPv6 address stands for."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped:
        return address.ipv4_mapped
    if address.sixtofour:
        return address.sixtofour
    if address in _NAT64 or (int(address) >> 32 == 0 and int(address) > 1):  # ::a.b.c.d, deprecated
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address
