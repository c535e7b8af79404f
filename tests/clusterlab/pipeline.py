"""A script pipeline's server as a client of the scheduler, which polls every two seconds as the original does."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

import urllib3

from clusterlab.apiprocess import API, Reply
from clusterlab.space import Space
from scriptrun.kube.access import PIPELINE_VERBS

SECRET = "the-secret-of-server-and-scheduler"
BASE = "0d2f3c1e-6a52-4a6e-9d0b-6c8f0f6b1d11"
SCRIPT = "script-pipeline"
POLL_SECONDS = 2.0
PATIENCE_SECONDS = 90.0


@dataclass
class Pipeline:
    """Who calls the scheduler.

    Attributes:
        url: Of the scheduler.
        secret: Shown with each request; "" for none.
        base: The base that scripts belong to.
    """

    url: str
    secret: str = SECRET
    base: str = BASE
    pool: urllib3.PoolManager = field(default_factory=lambda: urllib3.PoolManager(maxsize=32, retries=False))

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> Reply:
        """Ask."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.secret:
            given.setdefault("Authorization", f"Token {self.secret}")
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        answer = self.pool.request(method, self.url + path, body=data, headers=given, timeout=60)
        return Reply(answer.status, answer.headers, answer.data.decode())

    def get(self, path: str, query: Mapping[str, object] | None = None, **headers: str) -> Reply:
        """GET."""
        return self.ask("GET", f"{path}?{urlencode(query)}" if query else path, **headers)

    def run(self, script_url: str, name: str = "hello.py", **more: Any) -> Reply:
        """Ask for a script to be run."""
        common = {"dtable_uuid": self.base, "script_name": name, "owner": "ada@example.com", "org_id": -1}
        token = {"temp_api_token": "a-token-for-one-run"}
        return self.ask("POST", "/run-script/", {**common, **token, "script_url": script_url, **more})

    def start(self, script_url: str, name: str = "hello.py", **more: Any) -> int:
        """Have a script run; returns its id."""
        reply = self.run(script_url, name, **more)
        assert reply.status == 200, reply
        return int(reply.body["script_id"])

    def look(self, script_id: int, name: str = "hello.py") -> dict[str, Any]:
        """Look once how far it is."""
        query = urlencode({"dtable_uuid": self.base, "script_name": name})
        reply = self.get(f"/run-script/{script_id}/?{query}")
        assert reply.status == 200, reply
        found: dict[str, Any] = reply.body["script"]
        return found

    def wait(self, script_id: int, name: str = "hello.py", seconds: float = PATIENCE_SECONDS) -> dict[str, Any]:
        """Look every two seconds until it ended."""
        until = time.monotonic() + seconds
        while True:
            script = self.look(script_id, name)
            if script["success"] is not None:
                return script
            assert time.monotonic() < until, f"script {script_id} did not end: {script}"
            time.sleep(POLL_SECONDS)

    def logs(self, name: str = "hello.py", rest: str = "", **query: object) -> Reply:
        """Ask for the logs of a script."""
        return self.get(f"/tasks/{self.base}/{quote(name)}/logs/{rest}", query)


def prepare_pipeline(space: Space, **spec: Any) -> None:
    """Make what a namespace of the scheduler holds: its Script, and the rights that the chart gives the API in it."""
    rules = [
        {"apiGroups": [group], "resources": [resource], "verbs": sorted(verbs)}
        for (group, resource), verbs in PIPELINE_VERBS.items()
    ]
    group = "rbac.authorization.k8s.io"
    space.create(space.path("roles", group=f"{group}/v1"), {"metadata": {"name": "scheduler"}, "rules": rules})
    binding = {
        "metadata": {"name": "scheduler"},
        "roleRef": {"apiGroup": group, "kind": "Role", "name": "scheduler"},
        "subjects": [{"kind": "ServiceAccount", "namespace": API[0], "name": API[1]}],
    }
    space.create(space.path("rolebindings", group=f"{group}/v1"), binding)
    space.add_script(SCRIPT, source={"fromRun": {}}, contract="stream", **spec)


def build_settings(space: Space, server_port: int) -> dict[str, str]:
    """Build the scheduler's settings, with a server on loopback, and sweeps that tests need not wait for."""
    return {
        "HISTORY_URL": "sqlite:///FOLDER/history.db",
        "SCHEDULER_TOKEN": SECRET,
        "SCHEDULER_NAMESPACE": space.name,
        "SCHEDULER_SCRIPT": SCRIPT,
        "SCHEDULER_SERVER_URL": f"http://127.0.0.1:{server_port}",
        "SCHEDULER_ALLOWED_NETWORKS": "127.0.0.0/8",
        "SCHEDULER_SWEEP_SECONDS": "1",
    }
