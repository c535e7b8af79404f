"""A namespace with a Bridge in it, and what a test does there."""

from dataclasses import dataclass
from typing import Any

from clusterlab.space import GROUP, Run, Space
from clusterlab.zeebe import FakeZeebe, Job
from kubeapi import Answer, wait_for

NAME = "camunda"
LEASE_SECONDS = 10


@dataclass
class BridgeSpace:
    """A namespace with one Bridge."""

    space: Space
    zeebe: FakeZeebe

    @property
    def path(self) -> str:
        """URL path of the Bridge."""
        return self.space.path("bridges", NAME, GROUP)

    def add_bridge(self, **spec: Any) -> None:
        """Create the Bridge."""
        fast = {"leaseSeconds": LEASE_SECONDS, "longPollSeconds": 2, "retryBackOffSeconds": 0}
        body = {
            "apiVersion": GROUP,
            "kind": "Bridge",
            "metadata": {"name": NAME},
            "spec": {"zeebe": {"address": self.zeebe.address}, **fast, **spec},
        }
        self.space.create(self.space.path("bridges", group=GROUP), body)

    def allow_secret(self, name: str) -> None:
        """Let the bridge read a Secret, as the chart's bridge.credentialsSecrets does."""
        space, group = self.space, "rbac.authorization.k8s.io/v1"
        rules = [{"apiGroups": [""], "resources": ["secrets"], "resourceNames": [name], "verbs": ["get"]}]
        space.create(space.path("roles", group=group), {"metadata": {"name": "credentials"}, "rules": rules})
        subject = {"kind": "ServiceAccount", "name": "scriptrun-bridge", "namespace": "scriptrun-system"}
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "credentials"}
        binding = {"metadata": {"name": "credentials"}, "roleRef": reference, "subjects": [subject]}
        space.create(space.path("rolebindings", group=group), binding)

    def bridge(self) -> Answer:
        """The Bridge as it is."""
        return self.space.api.get(self.path)

    def wait_condition(self, status: str, reason: str, seconds: float = 30) -> str:
        """Wait for what the Bridge says of its connection; returns the message."""

        def look() -> str | None:
            for item in (self.bridge().body.get("status") or {}).get("conditions") or ():
                if (item["status"], item["reason"]) == (status, reason):
                    return str(item["message"]) or "-"
            return None

        return wait_for(f"Connected={status}, {reason}", look, seconds)

    def run_of(self, job: Job, seconds: float = 30) -> Run:
        """Wait for the run of a job; of several the newest."""

        def look() -> Run | None:
            runs = self.runs_of(job)
            return runs[-1] if runs else None

        return wait_for(f"the run of job {job.key}", look, seconds)

    def runs_of(self, job: Job) -> list[Run]:
        """The runs of a job, oldest first."""
        items = self.space.api.get(self.space.run_path()).body["items"]
        items.sort(key=lambda item: item["metadata"]["creationTimestamp"])
        return [Run(item) for item in items if item["spec"]["task"]["id"] == str(job.key)]

    def wait_released(self, run: Run, seconds: float = 30) -> Run:
        """Wait until a run was reported and let go."""

        def look(seen: Run) -> Run | None:
            return seen if "Reported" in seen.conditions and not seen.body["metadata"].get("finalizers") else None

        found = self.space.wait_run(run.name, "to be let go", look, seconds)
        assert found is not None
        return found

    def delete(self) -> None:
        """Delete the Bridge and wait until it is gone."""
        self.space.api.delete(self.path)
        wait_for("the Bridge to be gone", lambda: self.bridge().status == 404, 60)
