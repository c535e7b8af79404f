"""All that is done for one Bridge while this process leads it: hold it, serve it, say in its status how it goes."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog

from scriptrun import metrics
from scriptrun.bridges.bridge_context import BridgeContext, Totals, wait_until
from scriptrun.bridges.claim_loop import ClaimLoop
from scriptrun.bridges.connection import AdapterFactory, OrchestratorConnection
from scriptrun.bridges.open_runs import OpenRuns, observe_open_run
from scriptrun.desired.bridge import Work, build_bridge_status, build_hold
from scriptrun.desired.names import BRIDGE_LABEL, OPEN_LABEL, REPORT_FINALIZER
from scriptrun.errors import Conflict, KubeError, NotFound
from scriptrun.kube.client import APPLY, Client
from scriptrun.kube.resources import BRIDGES, SCRIPTRUNS
from scriptrun.models.bridge import BridgeSpec
from scriptrun.models.facts import BridgeFacts, Key

__all__ = ["BridgeController", "Tools", "observe_bridge"]

_log = structlog.get_logger(__name__)
_LEAST_SECONDS = 0.5
_COUNTS_SECONDS = 10.0
_POLLED_SECONDS = 60.0


def observe_bridge(body: dict[str, Any]) -> BridgeFacts:
    """Observe a Bridge as the API server shows it.

    Raises:
        pydantic.ValidationError: its spec is not what the CRD promises (an older CRD is installed).
    """
    meta = body["metadata"]
    return BridgeFacts(
        key=(meta["namespace"], meta["name"]),
        uid=meta["uid"],
        version=int(meta["resourceVersion"]),
        generation=meta["generation"],
        spec=BridgeSpec.model_validate(body["spec"]),
        deleting="deletionTimestamp" in meta,
        finalizers=tuple(meta.get("finalizers") or ()),
        status=body.get("status") or {},
    )


@dataclass(frozen=True, slots=True)
class Tools:
    """What all controllers of a process share.

    Attributes:
        client: to the API server.
        open_runs: of all Bridges, by key.
        build: makes adapters.
        clock: aware UTC.
    """

    client: Client
    open_runs: OpenRuns
    build: AdapterFactory
    clock: Callable[[], datetime]


class BridgeController:
    """Works for one Bridge."""

    def __init__(self, tools: Tools, bridge: BridgeFacts) -> None:
        self._tools = tools
        self._bridge = bridge
        self._change = asyncio.Event()
        connection = OrchestratorConnection(tools.client, bridge.key, bridge.spec, tools.build, self._change.set)
        counted = {name: int(bridge.status.get(name) or 0) for name in ("claimed", "completed", "failed")}
        self._context = BridgeContext(
            bridge.key, bridge.spec, tools.client, connection, tools.open_runs, tools.clock, Totals(**counted)
        )
        self._claim_loop = ClaimLoop(self._context, self._change.set)
        self._written: dict[str, Any] = {}
        self._written_at = float("-inf")

    @property
    def key(self) -> Key:
        """Namespace and name of the Bridge."""
        return self._bridge.key

    def tell(self, bridge: BridgeFacts) -> None:
        """Take news of the Bridge."""
        if bridge.version >= self._bridge.version:
            self._bridge = bridge
            self._change.set()

    def note_run(self, run: Key) -> None:
        """Take news of one of its runs."""
        self._claim_loop.note_run(run)

    def resync(self) -> None:
        """Look at every open run again."""
        self._claim_loop.resync()

    def stop(self) -> None:
        """Claim no more, and end once what was claimed has its run."""
        self._claim_loop.stop()

    async def run(self) -> None:
        """Work until stopped; may be cancelled at any moment."""
        keeping = asyncio.create_task(self._keep())
        try:
            await self._claim_loop.run()
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)
            for gauge in (metrics.BRIDGE_CONNECTED, metrics.BRIDGE_OPEN_RUNS):
                gauge.remove(*self.key)
        if self._bridge.uid:
            await self._attempt(self._write_status)

    async def _keep(self) -> None:
        while True:
            self._apply_spec()
            if not self._bridge.uid and not self._has_open_runs():
                self.stop()
                return
            await self._attempt(self._hold_or_let_go)
            self._claim_loop.configure(claims=self._may_claim())
            connected = self._context.connection.standing.connected
            metrics.BRIDGE_CONNECTED.labels(*self.key).set(bool(connected))
            metrics.BRIDGE_OPEN_RUNS.labels(*self.key).set(self._claim_loop.load)
            if self._is_due():
                await self._attempt(self._write_status)
            await asyncio.sleep(_LEAST_SECONDS)
            await wait_until(self._change, _COUNTS_SECONDS)

    async def _attempt(self, act: Callable[[], Any]) -> None:
        """Do what is done again anyway when it fails."""
        try:
            await act()
        except (NotFound, Conflict):
            return  # news of it are on their way
        except KubeError as error:
            _log.warning("Bridge not written", namespace=self.key[0], bridge=self.key[1], error=str(error))

    def _apply_spec(self) -> None:
        if self._context.spec != self._bridge.spec:
            self._context.spec = self._bridge.spec
            self._context.connection.configure(self._bridge.spec)

    def _may_claim(self) -> bool:
        """Not before it is held: a Bridge that goes while runs are open would leave nobody to report them."""
        bridge = self._bridge
        return REPORT_FINALIZER in bridge.finalizers and not bridge.deleting and not bridge.spec.suspend

    async def _hold_or_let_go(self) -> None:
        bridge = self._bridge
        held = REPORT_FINALIZER in bridge.finalizers
        if held != bridge.deleting or (held and self._has_open_runs()):
            return
        if held and await self._find_open_runs():
            return
        body = build_hold(bridge, hold=not held)
        self.tell(observe_bridge(await self._tools.client.patch(BRIDGES, self.key, body)))

    def _has_open_runs(self) -> bool:
        return self._claim_loop.busy or any(True for _ in self._tools.open_runs.of_bridge(self.key))

    async def _find_open_runs(self) -> bool:
        """Ask the API server for open runs before the Bridge goes: a watch may be behind."""
        selector = f"{BRIDGE_LABEL}={self.key[1]},{OPEN_LABEL}"
        listed = await self._tools.client.list(SCRIPTRUNS, self.key[0], labelSelector=selector)
        for body in listed.get("items") or ():
            open_run = observe_open_run(body)
            if self._tools.open_runs.put(open_run):
                self._claim_loop.note_run(open_run.key)
        return self._has_open_runs()

    def _is_due(self) -> bool:
        """Whether the status is to be written: news at once, counts now and then."""
        if not self._bridge.uid:
            return False  # it is gone, only its runs are left
        now, status = asyncio.get_running_loop().time(), self._build_status()["status"]
        quiet = now - self._written_at
        if quiet >= _POLLED_SECONDS and status != self._written:
            return True
        words = [(item["status"], item["reason"]) for item in status["conditions"]]
        known = [(item["status"], item["reason"]) for item in self._written.get("conditions", ())]
        if words != known or status["observedGeneration"] != self._written.get("observedGeneration"):
            return True
        counts = ("activeRuns", "claimed", "completed", "failed")
        return quiet >= _COUNTS_SECONDS and any(status[name] != self._written.get(name) for name in counts)

    def _build_status(self) -> dict[str, Any]:
        polled, totals = self._claim_loop.last_poll_at, self._context.totals
        work = Work(self._claim_loop.load, totals.claimed, totals.completed, totals.failed, polled)
        return build_bridge_status(self._bridge, self._context.connection.standing, work, self._tools.clock())

    async def _write_status(self) -> None:
        try:
            await self._apply_status()
        except Conflict:
            if await self._look_again():
                await self._apply_status()

    async def _look_again(self) -> bool:
        """Ask for the Bridge as it is; says whether it is still the same one, not another that was given its name."""
        listed = await self._tools.client.list(BRIDGES, self.key[0], fieldSelector=f"metadata.name={self.key[1]}")
        found = next(map(observe_bridge, listed.get("items") or ()), None)
        if found is None or found.uid != self._bridge.uid:
            return False
        self.tell(found)
        return True

    async def _apply_status(self) -> None:
        body = self._build_status()
        answer = await self._tools.client.patch(BRIDGES, self.key, body, kind=APPLY, subresource="status")
        self._written, self._written_at = body["status"], asyncio.get_running_loop().time()
        self.tell(observe_bridge(answer))
