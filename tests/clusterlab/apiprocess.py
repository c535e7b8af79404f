"""The REST API as a local process with the rights of the chart's own account, and callers of it."""

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import urllib3

from clusterlab.chart import NAMESPACE
from clusterlab.process import OperatorProcess, find_free_port
from clusterlab.space import Space
from kubeapi import wait_for
from scriptrun.api.auth.tokens import create_token, hash_token

API = (NAMESPACE, "scriptrun-api")
SECONDS = 60.0
_NUMBERS = itertools.count()

HELLO = """
import json, sys
variables = json.load(open(sys.argv[1]))
print("greeting", variables.get("name"))
json.dump({"greeting": "Hello " + variables.get("name", "you")}, open(sys.argv[2], "w"))
"""


class ApiProcess(OperatorProcess):
    """An API process on a port of its own, which stays the same through all its lives.

    Attributes:
        folder: Where it finds API tokens, and may keep its history.
        history_url: Where it keeps that.
    """

    command = "api"

    def __init__(
        self, kubeconfig: Path, settings: Mapping[str, str], folder: Path, others: Sequence["ApiProcess"] = ()
    ) -> None:
        self.folder = folder
        self._others = others
        self.history_url = settings["HISTORY_URL"]
        self.port = find_free_port()
        super().__init__(kubeconfig, {**settings, "HTTP_HOST": "127.0.0.1", "HTTP_PORT": str(self.port)})

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    def start_and_serve(self, **settings: str) -> "ApiProcess":
        """Start it and wait until it is ready."""
        for other in self._others if self.history_url else ():
            # Whoever marks a run as stored first keeps it: two histories would share the runs between them.
            if other.running and other.history_url not in ("", self.history_url):
                assert other.stop() == 0, other.tail()
        self.start(**settings)
        pool = urllib3.PoolManager(retries=False)

        def look() -> bool:
            assert self.running, self.tail()
            try:
                return pool.request("GET", f"{self.url}/readyz", timeout=5).status == 200
            except urllib3.exceptions.HTTPError:
                return False

        wait_for("the API to be ready", look, SECONDS)
        if self.history_url:
            self.wait_for_log("history ready")
        return self


@dataclass(frozen=True)
class Reply:
    """What the API said.

    Attributes:
        status: HTTP status.
        headers: Of the answer.
        text: The body.
    """

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def body(self) -> Any:
        """The body, which is JSON."""
        return json.loads(self.text)

    @property
    def problem(self) -> str:
        """The kind of problem it tells of; "" for none."""
        if self.headers.get("Content-Type") != "application/problem+json":
            return ""
        assert self.body["status"] == self.status
        return str(self.body["type"]).removeprefix("urn:scriptrun:problem:")


@dataclass
class Caller:
    """Who calls the API, in one namespace.

    Attributes:
        url: Of the API.
        namespace: Where.
        token: Shown with each request; "" for none.
    """

    url: str
    namespace: str
    token: str = ""
    pool: urllib3.PoolManager = field(default_factory=lambda: urllib3.PoolManager(maxsize=64, retries=False))

    def path(self, rest: str) -> str:
        """A path below the namespace."""
        return f"/api/v1/namespaces/{self.namespace}/{rest}"

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> Reply:
        """Ask; paths without a leading / are below the namespace. Underscores in names of headers become dashes."""
        answer = self.pool.request(
            method,
            self.url + (path if path.startswith("/") else self.path(path)),
            body=None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode(),
            headers=self._build_headers(headers, has_body=body is not None),
            timeout=SECONDS,
        )
        return Reply(answer.status, answer.headers, answer.data.decode())

    def get(self, path: str, **headers: str) -> Reply:
        """GET."""
        return self.ask("GET", path, **headers)

    def post(self, path: str, body: object = None, **headers: str) -> Reply:
        """POST."""
        return self.ask("POST", path, body, **headers)

    def create(self, script: str, wait: float = 0, key: str = "", **more: Any) -> Reply:
        """Create a run."""
        headers = {"Idempotency_Key": key} if key else {}
        return self.post(f"runs?wait={wait:g}", {"script": script, **more}, **headers)

    def follow(self, name: str, last_id: str = "") -> Iterator[dict[str, str]]:
        """Follow a run's log: yields events as dictionaries of their fields, until the server closes."""
        headers = self._build_headers({"Last_Event_ID": last_id} if last_id else {}, has_body=False)
        url = self.url + self.path(f"runs/{name}/logs?follow=true")
        answer = self.pool.request("GET", url, headers=headers, preload_content=False, timeout=SECONDS)
        assert answer.status == 200, answer.read()
        event: dict[str, str] = {}
        rest = b""
        for chunk in answer.stream(None):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                key, _, value = line.decode().partition(": ")
                if key:
                    event[key] = value
                elif event:
                    yield event
                    event = {}
                elif value:
                    event[""] = value
        answer.release_conn()

    def _build_headers(self, given: Mapping[str, str], *, has_body: bool) -> dict[str, str]:
        headers = {name.replace("_", "-"): value for name, value in given.items()}
        if self.token:
            headers.setdefault("Authorization", f"Bearer {self.token}")
        if has_body:
            headers.setdefault("Content-Type", "application/json")
        return headers


def log_in(space: Space, role: str, name: str = "") -> str:
    """Make an account that has one of Kubernetes' own roles in a namespace; returns a token of it."""
    name = name or f"{role or 'nobody'}-{next(_NUMBERS)}"
    account = {"kind": "ServiceAccount", "name": name, "namespace": space.name}
    assert (
        space.api.post(f"/api/v1/namespaces/{space.name}/serviceaccounts", {"metadata": {"name": name}}).status == 201
    )
    if role:
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role}
        binding = {"metadata": {"name": name}, "roleRef": reference, "subjects": [account]}
        path = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{space.name}/rolebindings"
        assert space.api.post(path, binding).status == 201
    answer = space.api.post(f"/api/v1/namespaces/{space.name}/serviceaccounts/{name}/token", {"spec": {}})
    assert answer.status == 201, answer
    return str(answer.body["status"]["token"])


def write_token(folder: Path, name: str, namespace: str, *scripts: str, days: float = 1) -> str:
    """Make an API token as its Secret would hold it; returns it."""
    token = create_token(name)
    expires = datetime.now(UTC) + timedelta(days=days)
    kept = {"sha256": hash_token(token), "namespace": namespace, "scripts": scripts, "expires": expires.isoformat()}
    (folder / name).write_text(json.dumps(kept))
    return token
