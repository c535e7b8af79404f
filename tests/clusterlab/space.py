"""A namespace with the restricted Pod Security Standard, and what a test does in it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from clusterlab.watch import WAIT_SECONDS, Manifest, Watch
from kubeapi import Answer, Api, wait_for

T = TypeVar("T")

GROUP = "scriptrun.dev/v1alpha1"
ENDINGS = {"python": ".py", "shell": ".sh", "node": ".js", "exec": ""}
RESTRICTED = {
    "pod-security.kubernetes.io/enforce": "restricted",
    "pod-security.kubernetes.io/enforce-version": "latest",
}


@dataclass(frozen=True)
class Watches:
    """The kinds that tests follow."""

    runs: Watch
    scripts: Watch
    jobs: Watch
    pods: Watch

    @classmethod
    @contextmanager
    def open(cls, kubeconfig: Path) -> "Iterator[Watches]":
        """Follow them while this is open."""
        paths = (f"/apis/{GROUP}/scriptruns", f"/apis/{GROUP}/scripts", "/apis/batch/v1/jobs", "/api/v1/pods")
        followed = [Watch(kubeconfig, path) for path in paths]
        try:
            yield cls(*followed)
        finally:
            for watch in followed:
                watch.close()


class Run:
    """A ScriptRun as last seen."""

    def __init__(self, body: Manifest) -> None:
        self.body = body
        self.name: str = body["metadata"]["name"]
        self.uid: str = body["metadata"]["uid"]
        self.status: Manifest = body.get("status") or {}
        self.phase: str = self.status.get("phase", "")
        self.reason: str = self.status.get("reason", "")
        self.message: str = self.status.get("message", "")
        self.output: Any = self.status.get("output")
        self.attempts: list[Manifest] = self.status.get("attempts") or []
        self.conditions = {item["type"]: item for item in self.status.get("conditions") or ()}

    @property
    def ended(self) -> bool:
        """Whether it reached its end."""
        return "finishedAt" in self.status

    @property
    def end(self) -> tuple[str, str]:
        """Phase and reason."""
        return self.phase, self.reason

    def __repr__(self) -> str:
        return f"<{self.name} {self.phase}/{self.reason}: {self.message!r} output={self.output!r} {self.attempts}>"


class Space:
    """One namespace of a test or of a module's tests."""

    def __init__(self, api: Api, watches: Watches, name: str) -> None:
        self.api = api
        self.watches = watches
        self.name = name

    def path(self, plural: str, name: str = "", group: str = "") -> str:
        """URL path of a collection or an object; ``group`` is ``group/version``, empty for the core."""
        root = f"/apis/{group}" if group else "/api/v1"
        return f"{root}/namespaces/{self.name}/{plural}" + (f"/{name}" if name else "")

    def run_path(self, name: str = "") -> str:
        """URL path of the runs, or of one."""
        return self.path("scriptruns", name, GROUP)

    def script_path(self, name: str = "") -> str:
        """URL path of the Scripts, or of one."""
        return self.path("scripts", name, GROUP)

    def job_path(self, name: str = "") -> str:
        """URL path of the Jobs, or of one."""
        return self.path("jobs", name, "batch/v1")

    def create(self, path: str, body: Manifest) -> Manifest:
        """Create an object as the administrator."""
        answer = self.api.post(path, body)
        assert answer.status == 201, answer
        return answer.body

    def add_config_map(self, name: str, data: Mapping[str, str] | None = None, **fields: Any) -> Manifest:
        """Create a ConfigMap."""
        return self.create(self.path("configmaps"), {"metadata": {"name": name}, "data": dict(data or {}), **fields})

    def get_config_map(self, name: str) -> Manifest:
        """Read a ConfigMap."""
        answer = self.api.get(self.path("configmaps", name))
        assert answer.status == 200, answer
        return answer.body

    def add_script(self, name: str, inline: str = "", **spec: Any) -> Manifest:
        """Create a Script with an inline source, unless its spec says where that is."""
        return self.create(self.script_path(), build_script(name, inline, **spec))

    def add_run(self, name: str, script: str, **spec: Any) -> Run:
        """Create a run."""
        return Run(self.create(self.run_path(), build_run(name, script, **spec)))

    def start(self, name: str, inline: str = "", script: Manifest | None = None, **spec: Any) -> Run:
        """Create a Script and one run of it, both of one name; ``spec`` is the run's."""
        self.add_script(name, inline, **{"handler": "python", **(script or {})})
        return self.add_run(name, name, **spec)

    def patch_run(self, name: str, **spec: Any) -> Answer:
        """Patch a run's spec."""
        return self.api.patch(self.run_path(name), {"spec": spec})

    def cancel(self, name: str) -> None:
        """Ask for a run's end."""
        answer = self.patch_run(name, cancel=True)
        assert answer.status == 200, answer

    def run(self, name: str) -> Run | None:
        """A run as last seen; None when it is not there."""
        body = self.watches.runs.get((self.name, name))
        return Run(body) if body else None

    def wait_run(self, name: str, what: str, look: Callable[[Run], T], seconds: float = WAIT_SECONDS) -> T:
        """Wait for something to be true of a run; returns what looking returned."""

        def find() -> T | None:
            run = self.run(name)
            return look(run) if run else None

        try:
            return self.watches.runs.wait(f"run {name}: {what}", find, seconds)
        except TimeoutError as error:
            raise AssertionError(f"{error}; it is {self.run(name)}") from None

    def wait_phase(self, name: str, phase: str, reason: str | None = None, seconds: float = WAIT_SECONDS) -> Run:
        """Wait for a phase, and for a reason where one is given."""

        def look(run: Run) -> Run | None:
            return run if run.phase == phase and reason in (None, run.reason) else None

        found = self.wait_run(name, f"phase {phase} {reason or ''}", look, seconds)
        assert found is not None
        return found

    def end_of(self, name: str, seconds: float = WAIT_SECONDS) -> Run:
        """Wait for a run's end."""
        found = self.wait_run(name, "its end", lambda run: run if run.ended else None, seconds)
        assert found is not None
        return found

    def history(self, name: str) -> list[Run]:
        """Each version of a run that was seen."""
        return [Run(body) for body in self.watches.runs.history((self.name, name))]

    def pods_of(self, run: str) -> list[Manifest]:
        """The run's pods that are there, oldest first."""
        found = self.watches.pods.select(self.name, f"scriptrun.dev/run={run}")
        return sorted(found, key=lambda pod: (pod["metadata"]["creationTimestamp"], pod["metadata"]["name"]))

    def working_pods(self, run: str) -> list[Manifest]:
        """The run's pods that have not ended."""
        return [pod for pod in self.pods_of(run) if pod["status"].get("phase") not in ("Succeeded", "Failed")]

    def pods_seen(self, run: str) -> set[str]:
        """Names of every pod the run ever had."""
        return self.watches.pods.names_seen(self.name, f"{run}-0-")

    def wait_pod(self, run: str, what: str, look: Callable[[Manifest], object], seconds: float = WAIT_SECONDS) -> str:
        """Wait for a pod of a run of which something is true; returns its name."""

        def find() -> str | None:
            return next((pod["metadata"]["name"] for pod in self.pods_of(run) if look(pod)), None)

        return self.watches.pods.wait(f"pod of run {run}: {what}", find, seconds)

    def wait_started(self, run: str, seconds: float = WAIT_SECONDS) -> str:
        """Wait until the script's container in a pod of a run runs; returns the pod's name."""
        return self.wait_pod(run, "running", _is_running, seconds)

    def wait_log(self, pod: str, text: str, seconds: float = 30) -> None:
        """Wait until the log of the script in a pod says something."""
        log = self.path("pods", pod) + "/log?container=script"

        def look() -> bool:
            answer = self.api.get(log)
            return text in str(answer.body)

        wait_for(f"{text!r} in the log of {pod}", look, seconds)

    def owned_by(self, run: Run) -> set[str]:
        """What the API server has that belongs to a run: ``kind/name``."""
        found = set()
        for kind, path in (
            ("job", self.job_path()),
            ("configmap", self.path("configmaps")),
            ("pod", self.path("pods")),
        ):
            for item in self.api.get(path).body.get("items") or ():
                owners = item["metadata"].get("ownerReferences") or ()
                labels = item["metadata"].get("labels") or {}
                if any(owner["uid"] == run.uid for owner in owners) or labels.get("scriptrun.dev/run") == run.name:
                    found.add(f"{kind}/{item['metadata']['name']}")
        return found

    def describe(self) -> str:
        """Everything that helps to see what went wrong here."""
        runs = [repr(Run(body)) for body in self.watches.runs.select(self.name)]
        pods = [
            f"{body['metadata']['name']} {body['status'].get('phase')} {_state_of(body)}"
            for body in self.watches.pods.select(self.name)
        ]
        warnings = self.api.get(self.path("events?fieldSelector=type=Warning")).body.get("items") or ()
        events = [
            f"{item['involvedObject'].get('name')}: {item['reason']}: {item['message']}" for item in warnings[-20:]
        ]
        return "\n".join(["runs:", *runs, "pods:", *pods, "warnings:", *events])


def create_space(api: Api, watches: Watches) -> Space:
    """Create a namespace; whoever asks for it deletes it."""
    answer = api.post("/api/v1/namespaces", {"metadata": {"generateName": "test-", "labels": RESTRICTED}})
    assert answer.status == 201, answer
    name = str(answer.body["metadata"]["name"])
    trust = f"/api/v1/namespaces/{name}/configmaps/kube-root-ca.crt"
    wait_for("the namespace's certificates", lambda: api.get(trust).status == 200)
    return Space(api, watches, name)


def build_script(name: str, inline: str = "", **spec: Any) -> Manifest:
    """Build a Script with an inline source, unless its spec says where that is."""
    source = {"source": {"inline": inline}} if inline else {}
    return {"apiVersion": GROUP, "kind": "Script", "metadata": {"name": name}, "spec": {**source, **spec}}


def build_run(name: str, script: str, **spec: Any) -> Manifest:
    """Build a run."""
    return {
        "apiVersion": GROUP,
        "kind": "ScriptRun",
        "metadata": {"name": name},
        "spec": {"scriptRef": {"name": script}, **spec},
    }


def _state_of(pod: Manifest) -> Any:
    return [item.get("state") for item in pod["status"].get("containerStatuses") or ()]


def _is_running(pod: Manifest) -> bool:
    statuses = pod["status"].get("containerStatuses") or ()
    return any(item["name"] == "script" and "running" in (item.get("state") or {}) for item in statuses)
