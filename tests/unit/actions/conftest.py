"""A client of a test's own, with a clock and dice that tests turn."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from scriptrun_actions.client import Client, Outside
from scriptrun_actions.model import Auth, Connection, NoAuth
from scriptrun_actions.oauth2 import TokenStore

_NO_AUTH = NoAuth()
Open = Callable[..., AbstractAsyncContextManager[Client]]


def check_value(schema: Any, value: Any, where: str) -> str | None:
    """Check a value against a schema, as the process does."""
    for error in jsonschema_rs.validator_for(dict(schema)).iter_errors(value):
        return ".".join([where, *(str(part) for part in error.instance_path)]) + f": {error.message}"
    return None


class Clock:
    """A time that passes only where somebody waits.

    Attributes:
        waits: seconds of each wait.
    """

    def __init__(self) -> None:
        self.time = 1_800_000_000.0
        self.waits: list[float] = []

    def now(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.time += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def open_client(clock: Clock) -> Open:
    """Opens a client that may connect to loopback."""

    def allow(host: str, port: int, address: IPv4Address | IPv6Address) -> str | None:
        return None if address.is_loopback else f"{host}:{port} leads to {address}, which is not allowed"

    def open_(
        base_url: str, auth: Auth = _NO_AUTH, store: TokenStore | None = None, **fields: Any
    ) -> AbstractAsyncContextManager[Client]:
        own = {name: fields.pop(name) for name in ("check_address", "resolve") if name in fields}
        outside = Outside(
            **{
                "check_value": check_value,
                "check_address": allow,
                "sleep": clock.sleep,
                "now": clock.now,
                "chance": lambda: 0.5,
                **own,
            }
        )
        return Client(Connection("shop", base_url, auth, **fields), outside, store)

    return open_


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an authority, and certificates of a server on 127.0.0.1 and of a client."""
    assert shutil.which("openssl"), "install openssl: these tests make certificates with it"
    folder = tmp_path_factory.mktemp("certificates")

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")
    openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=authority")
    for name in ("server", "client"):
        (folder / f"{name}.ext").write_text("subjectAltName=IP:127.0.0.1")
        openssl("req", *key[:-2], "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        openssl(
            *("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"),
            *("-days", "2", "-extfile", f"{name}.ext", "-out", f"{name}.pem"),
        )
    return folder
