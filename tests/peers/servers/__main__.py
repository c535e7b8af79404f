"""``python3 tests/peers/servers``: fetch every server ahead of time, with its progress on the terminal."""

import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from localcluster.driver.errors import LocalClusterError
from localcluster.driver.progress import say
from localcluster.driver.settings import Settings, read_settings
from peers.servers.conductor import ensure_conductor
from peers.servers.java import ensure_java
from peers.servers.zeebe import ensure_zeebe

PARTS: dict[str, Callable[[Settings], Path]] = {
    "java": ensure_java,
    "zeebe": ensure_zeebe,
    "conductor": ensure_conductor,
}


def main(names: list[str]) -> int:
    """Fetch the parts named, or all; prints where each is."""
    settings = read_settings()
    if unknown := set(names) - PARTS.keys():
        say(f"error: no such server: {', '.join(sorted(unknown))}. There are: {', '.join(PARTS)}")
        return 2
    try:
        for name in names or PARTS:
            say(f"{name}: {PARTS[name](settings)}")
    except LocalClusterError as error:
        say(f"error: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
