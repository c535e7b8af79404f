"""The real orchestrators."""

from peers.serverfixtures import conductor, zeebe

__all__ = ["conductor", "zeebe"]
