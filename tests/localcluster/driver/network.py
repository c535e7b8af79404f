"""The bridge pods hang on, and the way out of it."""

import subprocess
from pathlib import Path

from .errors import LocalClusterError
from .packages import find_program
from .settings import BRIDGE, NFT_TABLE, NODE_IP, POD_CIDR, SERVICE_CIDR, Settings
from .shell import succeeds

FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")
KUBE_PROXY_TABLES = (("ip", "kube-proxy"), ("ip6", "kube-proxy"))

MASQUERADE = f"""\
table ip {NFT_TABLE} {{
  chain postrouting {{
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr {POD_CIDR} ip daddr != {{ {POD_CIDR}, {SERVICE_CIDR} }} masquerade
  }}
}}
"""


def create_network(settings: Settings) -> None:
    """Makes the bridge with the node's address and lets pods out through it.

    Remembers whether the machine forwarded packets before, so that :func:`remove_network` leaves it as it was.
    """
    remembered = settings.state / "ip_forward"
    if not remembered.exists():
        remembered.write_text(FORWARDING.read_text())
    FORWARDING.write_text("1\n")
    prefix = POD_CIDR.rpartition("/")[2]
    _ip("link", "add", BRIDGE, "type", "bridge")
    _ip("address", "add", f"{NODE_IP}/{prefix}", "dev", BRIDGE)
    _ip("link", "set", BRIDGE, "up")
    done = subprocess.run(
        [find_program("nft") or "nft", "-f", "-"], input=MASQUERADE.encode(), capture_output=True, check=False
    )
    if done.returncode != 0:
        raise LocalClusterError(f"nft refused the pod network's table: {done.stderr.decode(errors='replace').strip()}")


def remove_network(settings: Settings) -> None:
    """Takes the bridge, our table and kube-proxy's away; what is not there is fine."""
    succeeds(find_program("ip") or "ip", "link", "delete", BRIDGE)
    for family, table in (("ip", NFT_TABLE), *KUBE_PROXY_TABLES):
        succeeds(find_program("nft") or "nft", "delete", "table", family, table)
    remembered = settings.state / "ip_forward"
    if remembered.exists():
        FORWARDING.write_text(remembered.read_text())


def _ip(*arguments: str) -> None:
    done = subprocess.run([find_program("ip") or "ip", *arguments], capture_output=True, check=False)
    if done.returncode != 0:
        raise LocalClusterError(
            f"`ip {' '.join(arguments)}` failed: {done.stderr.decode(errors='replace').strip()}. "
            "The local cluster needs root and the right to make network devices."
        )
