"""A journal out of the operator's sight: scripts tell a pod in the cluster when they start and when they end."""

import textwrap
from dataclasses import dataclass
from typing import Any

from clusterlab.space import Space
from kubeapi import wait_for

PORT = 8080
SERVER = """
import http.server, json

lines = []

class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        lines.append(self.path)
        self.send_response(204)
        self.end_headers()

    def do_GET(self):
        body = json.dumps({"lines": lines}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

http.server.ThreadingHTTPServer(("", 8080), Handler).serve_forever()
"""


@dataclass(frozen=True)
class Entry:
    """One line: which attempt of which run said which word."""

    run: str
    attempt: int
    word: str


class Journal:
    """The journal's pod, in a namespace of its own."""

    def __init__(self, space: Space, image: str) -> None:
        self._space = space
        self._path = space.path("pods", "journal")
        space.create(space.path("pods"), _build_pod(image))
        wait_for("the journal", lambda: self._space.api.get(f"{self._path}:{PORT}/proxy/").status == 200, 60)
        self.address: str = space.api.get(self._path).body["status"]["podIP"]

    def note(self, word: str) -> None:
        """Write a line oneself, for scripts to read."""
        answer = self._space.api.post(f"{self._path}:{PORT}/proxy/test/0/{word}", None)
        assert answer.status == 204, answer

    def read(self) -> list[Entry]:
        """Every line, in the order in which they were written."""
        answer = self._space.api.get(f"{self._path}:{PORT}/proxy/")
        assert answer.status == 200, answer
        entries = (line.strip("/").split("/") for line in answer.body["lines"])
        return [Entry(run, int(attempt), word) for run, attempt, word in entries]


def _build_pod(image: str) -> dict[str, Any]:
    container = {
        "name": "journal",
        "image": image,
        "command": ["python3", "-c", textwrap.dedent(SERVER)],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    spec = {
        "containers": [container],
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 0,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }
    return {"metadata": {"name": "journal"}, "spec": spec}
