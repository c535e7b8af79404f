"""The servers as fixtures, each started once, when the first test asks for it."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TypeVar, cast

import pytest

from peers.servers.conductor import Conductor
from peers.servers.process import Server
from peers.servers.zeebe import Zeebe

__all__ = ["conductor", "zeebe"]

S = TypeVar("S", bound=Server)


def _prepare(request: pytest.FixtureRequest, build: Callable[[Path], S], name: str) -> S:
    """Build a server; the first time it is fetched, and whoever waits for that is shown how it goes."""
    folder = request.getfixturevalue("tmp_path_factory").mktemp(name)
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with cast(AbstractContextManager[None], capture.global_and_fixture_disabled()):
        return build(folder)


@pytest.fixture(scope="session")
def conductor(request: pytest.FixtureRequest) -> Iterator[Conductor]:
    """A Conductor server."""
    with _prepare(request, Conductor, "conductor") as server:
        yield server


@pytest.fixture(scope="session")
def zeebe(request: pytest.FixtureRequest) -> Iterator[Zeebe]:
    """A Zeebe broker with its gateway."""
    with _prepare(request, Zeebe, "zeebe") as server:
        yield server
