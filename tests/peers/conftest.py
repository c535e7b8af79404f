"""The servers, each started once, when the first test asks for it. Tests share them and keep to names of their own."""

from collections.abc import AsyncIterator

import pytest

from peers.conductor_desk import Desk
from peers.serverfixtures import conductor, zeebe
from peers.servers.conductor import Conductor
from peers.servers.zeebe import Zeebe
from peers.zeebe_engine import NUMBERS, Engine

__all__ = ["conductor", "conductor_desk", "zeebe", "zeebe_engine"]


@pytest.fixture
async def zeebe_engine(zeebe: Zeebe, request: pytest.FixtureRequest) -> AsyncIterator[Engine]:
    """A process of the test's own on it."""
    engine = Engine(zeebe, f"{request.node.originalname}-{next(NUMBERS)}")
    engine.deploy()
    yield engine
    await engine.close()


@pytest.fixture
async def conductor_desk(conductor: Conductor, request: pytest.FixtureRequest) -> AsyncIterator[Desk]:
    """A task type of the test's own on it."""
    desk = Desk(conductor, request.node.originalname)
    desk.define()
    yield desk
    await desk.close()
