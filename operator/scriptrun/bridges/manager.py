"""All Bridges that this process may see: one Lease each, and a controller for each that it leads."""

import asyncio
import random
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import structlog
from pydantic import ValidationError

from scriptrun.bridges.bridge_controller import BridgeController, Tools, observe_bridge
from scriptrun.bridges.open_runs import observe_open_run
from scriptrun.desired.names import BRIDGE_LABEL, OPEN_LABEL
from scriptrun.errors import Gone, KubeError
from scriptrun.kube.reflector import Selection
from scriptrun.kube.resources import BRIDGES
from scriptrun.models.bridge import BridgeSpec
from scriptrun.models.facts import BridgeFacts, Key
from scriptrun.orchestrators.adapter import Handle, Outcome, Task

__all__ = ["OPEN_RUNS", "Lead", "Manager"]

_log = structlog.get_logger(__name__)
_SHARE_SECONDS = 1.0  # replicas that start together get about as many Bridges each
_AGAIN_SECONDS = 2.0

OPEN_RUNS = Selection(f"{BRIDGE_LABEL},{OPEN_LABEL}")

Work = Callable[[], Coroutine[Any, Any, None]]
Lead = Callable[[str, Work], Coroutine[Any, Any, None]]
"""Waits to be the leader by a Lease of this name, then works until the work ends or the Lease is lost."""


class _Nobody:
    """Stands in for the orchestrator of a Bridge that is gone, although there are open runs of it."""

    async def claim(self, limit: int) -> list[Task]:
        """Claim nothing."""
        return []

    async def extend(self, handle: Handle) -> None:
        """Say that nobody waits for it."""
        raise Gone("its Bridge is gone")

    async def report(self, handle: Handle, outcome: Outcome) -> str:
        """Say that nobody waits for it."""
        raise Gone("its Bridge is gone")

    async def close(self) -> None:
        """Do nothing."""


class Manager:
    """Works for every Bridge that it gets to lead.

    Args:
        tools: what the controllers need.
        lead: takes part in the election for one Bridge.
    """

    def __init__(self, tools: Tools, lead: Lead) -> None:
        self._tools = tools
        self._lead = lead
        self._bridges: dict[Key, BridgeFacts] = {}
        self._controllers: dict[Key, BridgeController] = {}
        self._minders: dict[Key, asyncio.Task[None]] = {}
        self._leaving: set[asyncio.Task[None]] = set()  # dismissed, and about to give up their leases
        self._working = False

    def on_bridge(self, event: str, body: dict[str, Any]) -> None:
        """Take an event of the Bridges' reflector."""
        key: Key = (body["metadata"]["namespace"], body["metadata"]["name"])
        if event == "DELETED":
            self._forget_bridge(key)
            return
        try:
            bridge = observe_bridge(body)
        except ValidationError as error:
            _log.error("Bridge can't be read: are the CRDs of this version installed?", bridge=key, error=str(error))
            return
        known = self._bridges.get(key)
        if known is not None and known.version > bridge.version:
            return
        self._bridges[key] = bridge
        if known is None or known.uid != bridge.uid:
            self._dismiss(key)
        elif controller := self._controllers.get(key):
            controller.tell(bridge)
        self._mind(key)

    def on_bridges_listed(self, namespace: str, listed: set[Key], _version: int) -> None:
        """Forget Bridges that vanished unseen."""
        for key in [key for key in self._bridges if namespace in ("", key[0]) and key not in listed]:
            self._forget_bridge(key)

    def on_run(self, event: str, body: dict[str, Any]) -> None:
        """Take an event of the open runs' reflector."""
        open_run = observe_open_run(body)
        if event == "DELETED":
            self._tools.open_runs.drop(open_run.key, open_run.uid, open_run.version)
        else:
            self._tools.open_runs.put(open_run)
        if controller := self._controllers.get(open_run.bridge_key):
            controller.note_run(open_run.key)

    def on_runs_listed(self, namespace: str, listed: set[Key], version: int) -> None:
        """Forget runs that vanished unseen."""
        records = self._tools.open_runs
        for key in records.keys() - listed:
            open_run = records.get(key)
            if open_run is not None and namespace in ("", key[0]) and open_run.version <= version:
                records.drop(key, open_run.uid, version)
                if controller := self._controllers.get(open_run.bridge_key):
                    controller.note_run(key)

    def resync(self) -> None:
        """Look at everything again; open runs whose Bridge is gone get somebody who lets them go."""
        for key in self._bridges.keys() | self._tools.open_runs.bridges():
            self._mind(key)
        for controller in self._controllers.values():
            controller.resync()

    async def run(self, stop: asyncio.Event) -> None:
        """Work until told to stop. The caches must be filled."""
        self._working = True
        for key in self._bridges:
            self._mind(key)
        try:
            await stop.wait()
            self._working = False
            for controller in self._controllers.values():
                controller.stop()
            for key in self._minders.keys() - self._controllers.keys():
                self._dismiss(key)  # waits to be leader, nothing is under way
            await asyncio.gather(*self._minders.values(), return_exceptions=True)
        finally:
            self._working = False
            for key in list(self._minders):
                self._dismiss(key)
            await asyncio.gather(*self._leaving, return_exceptions=True)

    def _forget_bridge(self, key: Key) -> None:
        if self._bridges.pop(key, None) is not None:
            self._dismiss(key)

    def _mind(self, key: Key) -> None:
        """See to it that somebody is there for a Bridge."""
        if self._working and key not in self._minders:
            task = asyncio.get_running_loop().create_task(self._mind_forever(key))
            self._minders[key] = task

    def _dismiss(self, key: Key) -> None:
        if task := self._minders.pop(key, None):
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)
            task.cancel()

    async def _mind_forever(self, key: Key) -> None:
        await asyncio.sleep(random.uniform(0, _SHARE_SECONDS))  # noqa: S311 - no secret
        while self._working and (key in self._bridges or key in self._tools.open_runs.bridges()):
            try:
                await self._lead(f"scriptrun-bridge.{key[0]}.{key[1]}", lambda: self._work(key))
            except KubeError as error:
                _log.warning("Bridge not read, will be tried again", namespace=key[0], bridge=key[1], error=str(error))
            except Exception:
                _log.exception("Bridge not served, will be tried again", namespace=key[0], bridge=key[1])
            if self._working:
                await asyncio.sleep(_AGAIN_SECONDS)
        if self._minders.get(key) is asyncio.current_task():
            del self._minders[key]

    async def _refresh(self, key: Key) -> None:
        """Ask for a Bridge anew: whoever led before may have let it go a moment ago."""
        listed = await self._tools.client.list(BRIDGES, key[0], fieldSelector=f"metadata.name={key[1]}")
        for body in listed.get("items") or ():
            self.on_bridge("MODIFIED", body)
        if not listed.get("items"):
            self._bridges.pop(key, None)

    async def _work(self, key: Key) -> None:
        """Serve a Bridge as its leader."""
        await self._refresh(key)
        bridge, tools = self._bridges.get(key), self._tools
        if bridge is None and key not in tools.open_runs.bridges():
            return
        if bridge is None:
            bridge = BridgeFacts(key, "", 0, 0, BridgeSpec(), deleting=True)
            tools = replace(tools, build=lambda *_: _Nobody())
        controller = BridgeController(tools, bridge)
        self._controllers[key] = controller
        _log.info("serving", namespace=key[0], bridge=key[1])
        try:
            await controller.run()
        finally:
            if self._controllers.get(key) is controller:
                del self._controllers[key]
