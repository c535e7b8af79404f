"""The Job controller, the kubelet, the runner and the garbage collector, as far as a run can tell them apart.

What becomes of each attempt is written beforehand (`Fate`). Steps take as long as on a real cluster, more or less.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from builders import instant, output_body, result_document
from scriptrun.desired.input import hash_input
from scriptrun.desired.names import input_name
from scriptrun.errors import KubeError, NotFound
from unit.controller.plans import DISRUPTIONS, Beside, Fate, Plan
from unit.controller.server import Body, Server

__all__ = ["Cluster"]

_BIG = json.dumps({"rows": ["x" * 100] * 100})


class Cluster:
    """Plays every part but the operator's."""

    def __init__(self, server: Server, noise: random.Random, plans: Mapping[str, Plan]) -> None:
        self.server = server
        self.executions: defaultdict[str, list[str]] = defaultdict(list)
        """Pods whose script was started, by the uid of their run."""
        self._noise = noise
        self._plans = plans
        self._tasks: dict[asyncio.Task[None], None] = {}  # in the order of their start
        self._kills: dict[str, asyncio.Event] = {}
        self.deletions: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        """Set once somebody asked for a pod's deletion, by its name."""
        server.watchers.append(self._watch)

    async def stop(self) -> None:
        """Freeze the world; raises what went wrong in it."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        for error in results:
            if isinstance(error, BaseException) and not isinstance(error, asyncio.CancelledError):
                raise error

    def _spawn(self, work: Any) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks[task] = None
        return task

    async def _pause(self, least: float, most: float) -> None:
        await asyncio.sleep(self._noise.uniform(least, most))

    def _watch(self, plural: str, event: str, body: Body) -> None:
        if plural == "jobs" and event == "ADDED":
            self._kills[body["metadata"]["uid"]] = asyncio.Event()
            self._spawn(self._control_job(body))
        elif plural == "jobs" and (event == "DELETED" or body["spec"].get("suspend")):
            self._kills[body["metadata"]["uid"]].set()
        elif plural == "pods" and "deletionTimestamp" in body["metadata"]:
            self.deletions[body["metadata"]["name"]].set()
        if plural in ("scriptruns", "jobs") and event == "DELETED":
            self._spawn(self._collect_garbage(body["metadata"]["uid"]))
        owners = body["metadata"].get("ownerReferences") or ()
        if event == "ADDED" and owners and owners[0]["kind"] == "ScriptRun":
            alive = self.server.find("scriptruns", owners[0]["name"])
            if alive is None or alive["metadata"]["uid"] != owners[0]["uid"]:
                self._spawn(self._collect_garbage(owners[0]["uid"]))

    async def _collect_garbage(self, uid: str) -> None:
        await self._pause(0.1, 3)
        for (plural, name), body in list(self.server.objects.items()):
            if any(owner["uid"] == uid for owner in body["metadata"].get("ownerReferences") or ()):
                with suppress(NotFound):
                    self.server.remove(plural, name)

    # The Job controller.

    async def _control_job(self, job: Body) -> None:
        name, uid = job["metadata"]["name"], job["metadata"]["uid"]
        kill = self._kills[uid]
        self._report_job(name, uid, {"startTime": instant(int(self.server.now()))})
        try:
            async with asyncio.timeout(job["spec"]["activeDeadlineSeconds"]):
                ended = await self._run_pods(job, kill)
        except TimeoutError:
            ended = {"type": "Failed", "reason": "DeadlineExceeded", "message": "too late"}
            kill.set()
            await self._pause(0, 1)
            self._report_job(name, uid, {"conditions": [{**ended, "type": "FailureTarget", "status": "True"}]})
            await self._pause(1, 2)
        await self._pause(0.5, 1.5)
        if ended is None:
            return
        status: Body = {"conditions": [{**ended, "status": "True"}]}
        if ended["type"] == "Complete":
            status["succeeded"] = 1
        self._report_job(name, uid, status)

    def _report_job(self, name: str, uid: str, status: Body) -> None:
        current = self.server.find("jobs", name)
        if current is not None and current["metadata"]["uid"] == uid:
            self.server.change("jobs", name, {"status": status})

    async def _run_pods(self, job: Body, kill: asyncio.Event) -> Body | None:
        """Make pods until one ends well, or no more may be made; None when the Job was stopped."""
        retry_disrupted = job["spec"]["podFailurePolicy"]["rules"][0]["action"] == "Ignore"
        number, failures = 0, 0
        while True:
            number += 1
            await self._pause(0.02, 0.3)
            if kill.is_set():
                return None
            pod = _Pod(self, job, number, self._noise)
            self.server.create("pods", pod.body)
            # A pod outlives the Job's deadline by its own shutdown, so it has a task of its own.
            await asyncio.shield(self._spawn(pod.live(kill)))
            if kill.is_set():
                return None
            await self._pause(0.5, 1.5)
            if pod.ended_well:
                return {"type": "Complete"}
            if pod.disrupted and not retry_disrupted:
                return {"type": "Failed", "reason": "PodFailurePolicy", "message": "disrupted"}
            failures += not pod.disrupted
            if failures > job["spec"]["backoffLimitPerIndex"]:
                return {"type": "Failed", "reason": "FailedIndexes", "message": "too many failures"}

    def plan_of(self, run_uid: str) -> Plan:
        """The plan of a run; one that nobody planned goes well."""
        return self._plans.get(run_uid, Plan())


class _Pod:
    """One pod: scheduled, started, executed, ended, or killed in between."""

    def __init__(self, cluster: Cluster, job: Body, number: int, noise: random.Random) -> None:
        self._cluster = cluster
        self._server = cluster.server
        self._noise = noise
        owner, job_name = job["metadata"]["ownerReferences"][0], job["metadata"]["name"]
        self.run_name, self.run_uid = owner["name"], owner["uid"]
        suffix = "".join(noise.choices("bcdfghjklmnpqrstvwxz2456789", k=5))
        self.name = f"{job_name}-0-{suffix}"
        plan = cluster.plan_of(self.run_uid)
        self.fate, self._beside = plan.fate(number), plan.beside
        self.ended_well = False
        self.disrupted = False
        env = {item["name"]: item.get("value") for item in job["spec"]["template"]["spec"]["containers"][0]["env"]}
        self._input_sha256 = env["SCRIPTRUN_INPUT_SHA256"]
        self._executes = False
        self._script_ended = False
        self.body: Body = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": self.name,
                "labels": {
                    **job["spec"]["template"]["metadata"]["labels"],
                    "batch.kubernetes.io/job-name": job_name,
                },
                "ownerReferences": [
                    {"kind": "Job", "name": job_name, "uid": job["metadata"]["uid"], "controller": True}
                ],
            },
            "spec": _build_pod_spec(self._beside),
            "status": {"phase": "Pending", "conditions": []},
        }

    def _now(self) -> str:
        return instant(int(self._server.now()))

    def _report(self, status: Body) -> None:
        with suppress(NotFound):
            self._server.change("pods", self.name, {"status": status})

    def _report_state(self, state: Body, phase: str = "") -> None:
        proxy = {"name": "aaa-proxy", "state": {"running": {"startedAt": self._now()}}, "started": True}
        others = [proxy] if self._beside not in ("nothing", "native") else []
        status: Body = {"containerStatuses": [*others, {"name": "script", "state": state}]}
        if self._beside == "native":
            status["initContainerStatuses"] = [proxy]
        self._report(status | ({"phase": phase} if phase else {}))

    def _write_output(self, result: object, output: str | None = None) -> None:
        body = output_body(self.name, result, output)
        body["metadata"]["ownerReferences"][0] |= {"name": self.run_name, "uid": self.run_uid}
        with suppress(KubeError):
            self._server.create("configmaps", body)

    async def live(self, kill: asyncio.Event) -> None:
        """Live until the end, or until killed or deleted; then be gone."""
        loop = asyncio.get_running_loop()
        life = loop.create_task(self._live())
        ends = [loop.create_task(event.wait()) for event in (kill, self._cluster.deletions[self.name])]
        try:
            await asyncio.wait({life, *ends}, return_when=asyncio.FIRST_COMPLETED)
            if life.done():
                life.result()
                return
        finally:
            for task in (life, *ends):
                task.cancel()
            await asyncio.gather(life, *ends, return_exceptions=True)
        await self._die()

    async def _live(self) -> None:
        await self._cluster._pause(0.05, 0.3)
        if self.fate == "unschedulable":
            condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}
            self._report({"conditions": [{**condition, "message": "no node fits"}]})
            await asyncio.Event().wait()
        if self.fate == "no-image":
            waiting = {"reason": "ImagePullBackOff", "message": "no such image"}
            self._report_state({"waiting": waiting})
            await asyncio.Event().wait()
        config_map = await self._mount()
        if self.fate == "broken":
            await self._end(128, "StartError", "exec format error", started=False)
            return
        started = self._now()
        self._report_state({"running": {"startedAt": started}}, "Running")
        if hash_input(config_map) != self._input_sha256:
            self._write_output(result_document("FAILED", reason="DigestMismatch"))
            await self._end(1)
            return
        self._executes = True
        self._cluster.executions[self.run_uid].append(self.name)
        await self._cluster._pause(0.1, 2)
        await self._finish()

    async def _mount(self) -> Body:
        while True:
            # It takes what has the name, whoever made it; an immutable ConfigMap is not looked at twice.
            if found := self._server.find("configmaps", input_name(self.run_name)):
                return found
            await asyncio.sleep(0.3)

    async def _finish(self) -> None:
        finishes: dict[Fate, Callable[[], Any]] = {
            "good": lambda: self._succeed('{"answer": 42}'),
            "big": lambda: self._succeed(_BIG),
            "bad": lambda: self._fail(result_document("FAILED", message="boom")),
            "invalid": lambda: self._fail(result_document("FAILED", reason="InvalidOutput", message="not JSON")),
            "silent": lambda: self._end(5),
            "forged": self._forge,
            "oom": lambda: self._end(137, "OOMKilled"),
            "drained": self._be_disrupted,
            "lost": self._be_disrupted,
            "deleted": self._be_deleted,
        }
        if self.fate == "hangs":
            await asyncio.Event().wait()
        await finishes[self.fate]()

    async def _succeed(self, output: str) -> None:
        result = result_document(outputBytes=len(output))
        self._write_output(result, output)
        small = {**result, "output": json.loads(output)} if len(output) < 3000 else result
        await self._end(0, "Completed", json.dumps(small))

    async def _fail(self, result: Body) -> None:
        self._write_output(result)
        await self._end(1, "Error", json.dumps(result))

    async def _forge(self) -> None:
        self._write_output('{"status": ["COMPLETED"], "exitCode": true}', "[NaN]")
        await self._end(0, "Completed", "[" * 3000)

    async def _be_disrupted(self) -> None:
        self.disrupted = True
        condition = {"type": "DisruptionTarget", "status": "True", "reason": DISRUPTIONS[self.fate]}
        self._report({"conditions": [{**condition, "message": "drain"}]})
        if self.fate == "drained":
            await self._cluster._pause(0.1, 1)
            self._write_output(result_document("FAILED", reason="Terminated", exitCode=143))
            self._beside = "nothing"  # told to stop together with the script
            await self._end(143, "Error")
        else:
            await self._cluster._pause(0.1, 1)
            self._report({"phase": "Failed"})

    async def _end(self, code: int, reason: str = "Error", message: str = "", started: bool = True) -> None:
        """Containers are seen to have ended before their pod is."""
        await self._cluster._pause(0.2, 1.3)
        times = {"startedAt": self._now() if started else "1970-01-01T00:00:00Z", "finishedAt": self._now()}
        self._report_state({"terminated": {"exitCode": code, "reason": reason, "message": message, **times}})
        self._script_ended = True
        await self._cluster._pause(0.5, 1.5)
        if self._beside == "stays":
            await asyncio.Event().wait()
        if self._beside in ("leaves", "breaks"):
            await self._cluster._pause(0, 1.5)
        failed = code != 0 or self._beside == "breaks"
        self.ended_well = not failed
        self._report({"phase": "Failed" if failed else "Succeeded"})

    async def _be_deleted(self) -> None:
        """Be deleted by hand."""
        with suppress(NotFound):
            self._server.change("pods", self.name, {"metadata": {"deletionTimestamp": self._now()}})
        await asyncio.Event().wait()

    async def _die(self) -> None:
        """Be deleted: with a grace period in which the runner says that it was told to stop."""
        with suppress(NotFound):
            self._server.change("pods", self.name, {"metadata": {"deletionTimestamp": self._now()}})
            await self._cluster._pause(0.1, 1)
            if self._script_ended:
                self._report({"phase": "Failed"})
                await self._cluster._pause(0.1, 1)
            elif self._executes:
                self._write_output(result_document("FAILED", reason="Terminated", exitCode=143))
                state = {"terminated": {"exitCode": 143, "reason": "Error", "message": "", "finishedAt": self._now()}}
                self._report_state(state, "Failed")
                await self._cluster._pause(0.1, 1)
            self._server.remove("pods", self.name)


def _build_pod_spec(beside: Beside) -> Body:
    script, proxy = {"name": "script"}, {"name": "aaa-proxy"}
    if beside == "native":
        return {"initContainers": [proxy | {"restartPolicy": "Always"}], "containers": [script]}
    return {"containers": [script] if beside == "nothing" else [proxy, script]}
