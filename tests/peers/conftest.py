"""The servers, each started once, when the first test asks for it. Tests share them and keep to names of their own."""

from collections.abc import Iterator

import pytest

from peers.servers.conductor import Conductor


@pytest.fixture(scope="session")
def conductor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Conductor]:
    """A Conductor server."""
    with Conductor(tmp_path_factory.mktemp("conductor")) as server:
        yield server
