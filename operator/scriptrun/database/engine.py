"""The database: how it is reached, what is special about each kind, and how its tables come to be."""

import ssl
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import URL, Connection, event, make_url, text
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from scriptrun.database.settings import DatabaseSettings
from scriptrun.errors import UsageError

__all__ = ["migrate", "open_engine", "parse_url"]

_DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "postgresql": "postgresql+asyncpg",
    "postgres": "postgresql+asyncpg",
    "mysql": "mysql+asyncmy",
    "mariadb": "mariadb+asyncmy",
}
_LOCK = 7_227_101_133  # any number nobody else locks by
_LOCK_SECONDS = 600
_RECYCLE_SECONDS = 1800  # shorter than what firewalls and MariaDB's wait_timeout leave to an idle connection


def parse_url(text_: str) -> URL:
    """Parse a database's URL and choose its driver.

    Raises:
        UsageError: it is none; the message does not repeat it, for it holds a password.
    """
    try:
        url = make_url(text_)
    except ArgumentError:
        url = None
    family = url.drivername.split("+")[0] if url is not None else ""
    if url is None or family not in _DRIVERS:
        raise UsageError(
            "SCRIPTRUN_HISTORY_URL is no URL of a database: write sqlite:///PATH, postgresql://USER:PASSWORD@HOST/NAME "
            "or mariadb://USER:PASSWORD@HOST/NAME, with special characters of the password percent-encoded"
        )
    if not url.database:
        raise UsageError("SCRIPTRUN_HISTORY_URL names no database: write its name, or the file's path, at the end")
    url = url.set(drivername=_DRIVERS[family])
    return url.update_query_dict({"charset": "utf8mb4"}) if family in ("mysql", "mariadb") else url


def _build_tls(settings: DatabaseSettings) -> ssl.SSLContext | None:
    if settings.tls == "off":
        return None
    context = ssl.create_default_context(cafile=settings.tls_ca_file or None)
    if settings.tls == "require":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def open_engine(settings: DatabaseSettings) -> AsyncEngine:
    """Open a pool of connections; none is made before the first statement.

    Raises:
        UsageError: the URL is none.
    """
    url = parse_url(settings.url.get_secret_value())
    seconds = settings.timeout_seconds
    arguments: dict[str, Any] = {"pool_pre_ping": True, "pool_recycle": _RECYCLE_SECONDS, "hide_parameters": True}
    if url.get_backend_name() == "sqlite":
        engine = create_async_engine(url, connect_args={"timeout": seconds}, pool_size=settings.pool_size, **arguments)
        event.listen(engine.sync_engine, "connect", _prepare_sqlite)
        return engine
    connect: dict[str, Any] = {"connect_timeout": int(seconds), "read_timeout": int(seconds)}
    if url.get_backend_name() == "postgresql":
        connect = {"timeout": seconds, "command_timeout": seconds}
    if context := _build_tls(settings):
        connect["ssl"] = context
    return create_async_engine(
        url, connect_args=connect, pool_size=settings.pool_size, pool_timeout=seconds, max_overflow=0, **arguments
    )


def _prepare_sqlite(connection: Any, _record: object) -> None:
    """Let readers and the writer not wait for each other, and let a commit be on the disk when it is told."""
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


async def migrate(engine: AsyncEngine, revision: str = "head") -> None:
    """Bring the tables to a revision; processes that start at once take turns.

    Raises:
        SQLAlchemyError: the database is away or refused.
    """
    async with engine.connect() as connection:
        await connection.run_sync(_migrate, revision)


def _migrate(connection: Connection, revision: str) -> None:
    kind = connection.dialect.name
    if kind == "postgresql":
        connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": _LOCK})
    elif kind in ("mysql", "mariadb"):
        connection.execute(text("SELECT GET_LOCK(:lock, :seconds)"), {"lock": str(_LOCK), "seconds": _LOCK_SECONDS})
    try:
        command.upgrade(build_config(connection), revision)
        connection.commit()
    finally:
        if not connection.closed and not connection.invalidated:
            connection.rollback()
            if kind == "postgresql":
                connection.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": _LOCK})
            elif kind in ("mysql", "mariadb"):
                connection.execute(text("SELECT RELEASE_LOCK(:lock)"), {"lock": str(_LOCK)})


def build_config(connection: Connection | None = None) -> Config:
    """Build what alembic wants to know; ``connection`` is the one it is to work on."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    config.attributes["connection"] = connection
    return config
