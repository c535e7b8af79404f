"""A scheduler without a cluster: its database is SQLite, its server is on loopback, its clock is the test's."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp

from scriptrun.api.pipeline_mount import mount_pipeline
from scriptrun.api.settings import ApiSettings
from scriptrun.history.settings import HistorySettings
from scriptrun.history.store import Store
from scriptrun.kube.client import Client
from scriptrun.pipeline.clients import PipelineClients
from scriptrun.pipeline.download import Downloader
from scriptrun.pipeline.reconciler import OrderReconciler
from scriptrun.pipeline.script_delivery import ScriptDelivery
from scriptrun.pipeline.service import OrderService
from scriptrun.pipeline.settings import PipelineSettings
from scriptserver import ScriptServer, serve_scripts
from unit.pipeline.asgi import Reply, ask
from unit.pipeline.cluster import FakeCluster

TOKEN = "0123456789abcdef"
NOON = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)


@dataclass
class Desk:
    """One scheduler process.

    Attributes:
        cluster: What it makes things in.
        server: Scripts' own.
        app: What it serves.
        now: Its clock.
    """

    cluster: FakeCluster
    server: ScriptServer
    settings: PipelineSettings
    reconciler: OrderReconciler
    app: ASGIApp
    now: list[datetime] = field(default_factory=lambda: [NOON])

    def pass_time(self, **span: float) -> None:
        """Let time pass."""
        self.now[0] += timedelta(**span)

    async def ask(self, method: str, target: str, body: object = None, authorization: str | None = None) -> Reply:
        """Ask, with the secret unless another header is given."""
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        shown = f"Token {TOKEN}" if authorization is None else authorization
        headers = ((b"authorization", shown.encode("latin-1")),) if shown else ()
        return await ask(self.app, method, target, data, headers)

    async def start(self, **changes: Any) -> int:
        """Have a script run; returns its id."""
        reply = await self.ask("POST", "/run-script/", self.build_call(**changes))
        assert reply.status == 200, reply
        return int(reply.body["script_id"])

    def build_call(self, **changes: Any) -> dict[str, Any]:
        """A request to run a script."""
        call = {"dtable_uuid": "base", "script_name": "a.py", "owner": "ada", "temp_api_token": "s3cret"}
        return {**call, "script_url": self.server.add("/ticket/a.py", "print('hi')"), **changes}

    async def look(self, script_id: int) -> dict[str, Any]:
        """Look how far a script is."""
        reply = await self.ask("GET", f"/run-script/{script_id}/?dtable_uuid=base&script_name=a.py")
        assert reply.status == 200, reply
        found: dict[str, Any] = reply.body["script"]
        return found

    async def work(self) -> None:
        """Do everything that is to be done now."""
        for _ in range(3):
            await self.reconciler.sweep()
            for order_id in await self.reconciler.orders.list_open(0, 1000):
                await self.reconciler.reconcile(order_id)
            await self.reconciler.wait_for_supplies()


MakeDesk = Callable[..., Awaitable[Desk]]


@pytest.fixture
def server() -> Iterator[ScriptServer]:
    """Where scripts come from."""
    with serve_scripts() as server:
        yield server


@pytest.fixture
async def make_desk(tmp_path: Path, server: ScriptServer) -> AsyncIterator[MakeDesk]:
    """Makes scheduler processes, all with one database and one cluster."""
    opened: list[Any] = []
    cluster, now = FakeCluster(), [NOON]

    async def make(**changes: Any) -> Desk:
        common = {
            "token": TOKEN,
            "namespace": "pipeline",
            "server_url": server.url,
            "allowed_networks": "127.0.0.0/8",
            "download_seconds": 5,
        }
        settings = PipelineSettings(**{**common, **changes})
        store = Store(HistorySettings(url=f"sqlite:///{tmp_path / 'history.db'}"))  # type: ignore[arg-type]
        await store.prepare()
        clients, downloader = PipelineClients(settings), Downloader(settings)
        await clients.__aenter__()
        await downloader.__aenter__()
        opened.extend((clients, downloader, store))
        client = cast(Client, cluster)
        delivery = ScriptDelivery(client, downloader, clients, settings, pause_seconds=0.01)
        reconciler = OrderReconciler(client, store, delivery, clients, settings, lambda: now[0])
        service = OrderService(client, reconciler, delivery, clients, settings, lambda: now[0])
        app = mount_pipeline(PlainTextResponse("the API"), service, ApiSettings())
        return Desk(cluster, server, settings, reconciler, app, now)

    yield make
    for item in opened:
        await (item.close() if isinstance(item, Store) else item.__aexit__(None, None, None))


@pytest.fixture
async def desk(make_desk: MakeDesk) -> Desk:
    """A scheduler process."""
    return await make_desk()
