"""Which addresses a script may be downloaded from: callers name them, and could name what only this side reaches."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from yarl import URL

from scriptrun.errors import Rejected

__all__ = ["check_address", "check_url", "parse_ip"]

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_LONGEST_URL = 8192
_DEFAULT_PORTS = (80, 443)
_NAT64 = ip_network("64:ff9b::/96")
_NEVER: tuple[Network, ...] = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",
        "169.254.0.0/16",  # link-local; where clouds keep their credentials
        "224.0.0.0/4",
        "255.255.255.255/32",
        "::/128",
        "fe80::/10",
        "ff00::/8",
        "fd00:ec2::254/128",  # the same of one cloud, in IPv6
    )
)


def check_url(text: str | URL, hosts: Sequence[str]) -> URL:
    """Check an address against the hosts that are allowed.

    Args:
        text: the URL.
        hosts: as ``host`` (with the usual ports), ``host:port`` or ``*.domain``.

    Raises:
        Rejected: it is none of those; the message does not repeat its path, which may hold a ticket.
    """
    try:
        url = URL(text)
        if len(str(text)) > _LONGEST_URL:
            raise ValueError("it is too long")
        host, port = (url.raw_host or "").rstrip(".").lower(), url.port
    except (ValueError, TypeError) as error:
        raise Rejected("the script's address (script_url) is no URL") from error
    if url.scheme not in ("http", "https"):
        raise Rejected("the script's address (script_url) must begin with http:// or https://")
    if url.user or url.password:
        raise Rejected("the script's address (script_url) must not hold a user or a password")
    if not host or port is None or not any(_matches(pattern.lower(), host, port) for pattern in hosts):
        raise Rejected(f"scripts may not be downloaded from {host}:{port}: see SCRIPTRUN_SCHEDULER_ALLOWED_HOSTS")
    return url.with_fragment(None)


def _matches(pattern: str, host: str, port: int) -> bool:
    name, colon, number = pattern.rpartition(":")
    if colon and number.isdigit() and not (":" in name and not name.endswith("]")):
        ports: tuple[int, ...] = (int(number),)
    else:
        name, ports = pattern, _DEFAULT_PORTS
    name = name.strip("[]")
    same = host.endswith(name[1:]) and len(host) > len(name) - 1 if name.startswith("*.") else host == name
    return same and port in ports


def parse_ip(host: str) -> Address | None:
    """Read an address that is written as one; None: it is a name."""
    try:
        return ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return None


def check_address(address: Address, networks: Sequence[Network]) -> None:
    """Check an address that is about to be connected to.

    Args:
        address: what a name stands for.
        networks: those that are not public and allowed all the same.

    Raises:
        Rejected: it is not public, and not allowed.
    """
    inner = _unwrap(address)
    if any(inner.version == network.version and inner in network for network in _NEVER):
        raise Rejected("the script's address leads to a link-local or multicast address, which is never allowed")
    if any(inner.version == network.version and inner in network for network in networks):
        return
    if not inner.is_global or inner.is_reserved or getattr(inner, "is_site_local", False):
        raise Rejected(
            "the script's address leads to one that is not public; where that is meant to be so, name its network in "
            "SCRIPTRUN_SCHEDULER_ALLOWED_NETWORKS"
        )


def _unwrap(address: Address) -> Address:
    """Find the IPv4 address that an IPv6 address stands for."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped:
        return address.ipv4_mapped
    if address.sixtofour:
        return address.sixtofour
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address
