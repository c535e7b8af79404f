"""Fixtures: the databases a history can be kept in, each server started once when the first test asks for it."""

import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from peers.databases import KINDS, Database, open_folder
from peers.servers.mariadb import MariaDb
from peers.servers.postgres import Postgres
from scriptrun.history.store import Store

_NUMBERS = itertools.count()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """PostgreSQL."""
    with open_folder() as folder, Postgres(folder) as server:
        yield server


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaDb]:
    """MariaDB."""
    with open_folder() as folder, MariaDb(folder) as server:
        yield server


@pytest.fixture
def make_database(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], Database]:
    """Makes an empty database of a kind."""

    def make(kind: str) -> Database:
        name = f"history{next(_NUMBERS)}"
        if kind == "sqlite":
            return Database(kind, f"sqlite:///{tmp_path / name}.db")
        server: Postgres | MariaDb = request.getfixturevalue("postgres" if kind == "postgresql" else kind)
        server.execute(f"CREATE DATABASE {name}")
        return Database(kind, server.url(name), server)

    return make


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest, make_database: Callable[[str], Database]) -> Database:
    """An empty database, of each kind in turn."""
    return make_database(request.param)


@pytest.fixture
async def store(database: Database) -> AsyncIterator[Store]:
    """A history in it."""
    store = Store(database.settings())
    await store.prepare()
    yield store
    await store.close()
