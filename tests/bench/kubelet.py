"""A kubelet without containers: what a real one and the runner would write for each pod, and when.

The instants are those measured on the local cluster: container running after 0.3 s, output after 0.6 s, pod Succeeded
after 1.3 s (the kubelet looks once a second).
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any

from scriptrun.errors import NotFound
from scriptrun.kube.client import Client
from scriptrun.kube.resources import CONFIGMAPS, PODS, Resource

Manifest = dict[str, Any]

NODE_LABEL = "scriptrun.dev/bench"
NODES = Resource("", "v1", "nodes")
_NODE = "fake-node"
_RUNNING_AFTER, _OUTPUT_AFTER, _SUCCEEDED_AFTER = 0.3, 0.6, 1.3
"""Seconds from the pod's binding."""


class FakeKubelet:
    """Plays the pods of one node."""

    def __init__(self, client: Client, build_output: Callable[[Manifest], Manifest]) -> None:
        """Take what builds the output ConfigMap of a pod."""
        self._client = client
        self._build_output = build_output
        self._playing: dict[str, asyncio.Task[None]] = {}

    @asynccontextmanager
    async def run(self) -> AsyncIterator[None]:
        """Register the node, then play every pod that is bound to it."""
        await self._register()
        listed = await self._client.list(PODS, fieldSelector=f"spec.nodeName={_NODE}")
        task = asyncio.create_task(self._watch(listed["metadata"]["resourceVersion"]))
        try:
            yield
        finally:
            for playing in (task, *self._playing.values()):
                playing.cancel()
            await asyncio.gather(task, *self._playing.values(), return_exceptions=True)

    async def _register(self) -> None:
        room = {"cpu": "10000", "memory": "10000Gi", "pods": "100000", "ephemeral-storage": "10000Gi"}
        node = {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": _NODE, "labels": {NODE_LABEL: "true"}},
            "status": {"capacity": room, "allocatable": room, "conditions": [{"type": "Ready", "status": "True"}]},
        }
        await self._client.create(NODES, "", node)
        await self._client.patch(NODES, ("", _NODE), {"status": node["status"]}, subresource="status")
        # Each new node is tainted as not ready; the controller that takes the taint off does not run here.
        await self._client.patch(NODES, ("", _NODE), {"spec": {"taints": None}})

    async def _watch(self, version: str) -> None:
        query = {"fieldSelector": f"spec.nodeName={_NODE}", "resourceVersion": version, "timeoutSeconds": "3600"}
        async for event in self._client.watch(PODS, **query):
            name = event["object"]["metadata"]["name"]
            if event["type"] == "ADDED" and name not in self._playing:
                self._playing[name] = asyncio.create_task(self._play(event["object"]))
                self._playing[name].add_done_callback(partial(self._forget, name))

    def _forget(self, name: str, task: asyncio.Task[None]) -> None:
        del self._playing[name]
        if not task.cancelled():
            task.result()

    async def _play(self, pod: Manifest) -> None:
        with suppress(NotFound):  # deleted meanwhile
            key, started = (pod["metadata"]["namespace"], pod["metadata"]["name"]), _now()
            container = {"name": "script", "image": "fake", "imageID": "fake", "restartCount": 0}
            await asyncio.sleep(_RUNNING_AFTER)
            state = {"state": {"running": {"startedAt": started}}, "ready": True, "started": True}
            await self._set_status(key, "Running", {**container, **state})
            await asyncio.sleep(_OUTPUT_AFTER - _RUNNING_AFTER)
            await self._client.create(CONFIGMAPS, key[0], self._build_output(pod))
            await asyncio.sleep(_SUCCEEDED_AFTER - _OUTPUT_AFTER)
            ended = {"exitCode": 0, "reason": "Completed", "startedAt": started, "finishedAt": _now()}
            state = {"state": {"terminated": ended}, "ready": False, "started": False}
            await self._set_status(key, "Succeeded", {**container, **state})

    async def _set_status(self, key: tuple[str, str], phase: str, container: Manifest) -> None:
        running = "True" if phase == "Running" else "False"
        conditions = [{"type": kind, "status": running} for kind in ("Ready", "ContainersReady")]
        body = {"status": {"phase": phase, "conditions": conditions, "containerStatuses": [container]}}
        await self._client.patch(PODS, key, body, kind="application/strategic-merge-patch+json", subresource="status")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
