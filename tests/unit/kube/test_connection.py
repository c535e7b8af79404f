"""How the API server is reached: straight, or through the proxy that kubeconfig or environment name."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest
from aiohttp import web

from scriptrun.kube.client import Client
from scriptrun.kube.connection import open_connection
from scriptrun.kube.resources import JOBS

HOST = "kubernetes.example"


@dataclass
class Proxy:
    """Answers whatever it is asked for others, and keeps whose it was.

    Attributes:
        address: its URL.
        asked: hosts.
    """

    address: str
    asked: list[str] = field(default_factory=list)


@pytest.fixture
async def proxy() -> AsyncIterator[Proxy]:
    """A proxy."""
    asked: list[str] = []

    async def note(request: web.Request) -> web.Response:
        asked.append(request.host)
        return web.json_response({"kind": "Job"})

    runner = web.ServerRunner(web.Server(note))  # type: ignore[arg-type]
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = cast("tuple[str, int]", runner.addresses[0])[1]
    yield Proxy(f"http://127.0.0.1:{port}", asked)
    await runner.cleanup()


def write_kubeconfig(folder: Path, **cluster: str) -> str:
    """A kubeconfig of a server that is reached without TLS."""
    path = folder / "kubeconfig"
    document = {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": f"http://{HOST}", **cluster}}],
        "users": [{"name": "u", "user": {}}],
    }
    path.write_text(json.dumps(document))
    return str(path)


async def ask(kubeconfig: str) -> None:
    """Ask the API server, and once more by a session such as kopf gets."""
    async with open_connection(kubeconfig) as connection:
        assert await Client(connection).get(JOBS, "team", "x") == {"kind": "Job"}
        async with connection.open_session() as session, session.get(f"{connection.server}/version") as answer:
            assert answer.status == 200


async def test_the_environments_proxy_is_used(proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", proxy.address)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    await ask(write_kubeconfig(tmp_path))
    assert proxy.asked == [HOST, HOST]


async def test_kubeconfigs_proxy_comes_first(proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    await ask(write_kubeconfig(tmp_path, **{"proxy-url": proxy.address}))
    assert proxy.asked == [HOST, HOST]


@pytest.mark.parametrize("excepted", ["127.0.0.1", "localhost,127.0.0.1", "*"])
async def test_a_host_that_is_excepted_is_asked_itself(
    proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, excepted: str
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", excepted)
    await ask(write_kubeconfig(tmp_path, server=proxy.address))
    assert proxy.asked == [proxy.address.removeprefix("http://")] * 2
