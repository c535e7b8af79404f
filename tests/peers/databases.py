"""The databases a history can be kept in."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from peers.servers.mariadb import MariaDb
from peers.servers.postgres import Postgres
from scriptrun.history.settings import HistorySettings

KINDS = ("sqlite", "postgresql", "mariadb")


@dataclass(frozen=True)
class Database:
    """An empty database.

    Attributes:
        kind: Which of the three.
        url: For ``SCRIPTRUN_HISTORY_URL``.
        server: What serves it; None for SQLite.
    """

    kind: str
    url: str
    server: Postgres | MariaDb | None = None

    def settings(self, **more: object) -> HistorySettings:
        """Settings of a history in it."""
        return HistorySettings(**{"url": self.url, "timeout_seconds": 10, **more})


@contextmanager
def open_folder() -> Iterator[Path]:
    """A folder that other users can reach: a server may run as one of its own."""
    folder = Path(tempfile.mkdtemp(prefix="scriptrun-database-"))
    os.chmod(folder, 0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)
