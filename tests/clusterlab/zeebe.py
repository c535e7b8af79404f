"""A gateway that answers as Zeebe's REST API does, on loopback, and keeps a journal.

Not Zeebe: that is in tests/peers. This one loses answers and goes away when it is told to.
"""

import itertools
import json
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar

T = TypeVar("T")

_FIRST_KEY = 2251799813685249


@dataclass
class Job:
    """A job, and what was said of it.

    Attributes:
        state: open, completed, incident or canceled.
        lease_until: on the monotonic clock; None while nobody has it.
        completions: how often a completion was accepted.
        failures: retries of each failure that was accepted.
        message: of the last failure.
    """

    key: int
    headers: dict[str, str]
    variables: dict[str, Any]
    retries: int
    state: str = "open"
    ready_at: float = 0.0
    lease_until: float | None = None
    deliveries: int = 0
    extensions: int = 0
    completions: int = 0
    failures: list[int] = field(default_factory=list)
    output: Any = None
    message: str = ""


class FakeZeebe:
    """Serves until closed.

    Attributes:
        jobs: by their keys.
        lost: answers that are to be lost after the command was carried out, by the last part of the path
            (activation, completion, failure).
        away: whether it answers nothing but 503.
        token: bearer token that callers must show; "" lets everybody in.
    """

    def __init__(self) -> None:
        self.jobs: dict[int, Job] = {}
        self.lost: dict[str, int] = {}
        self.away = False
        self.token = ""
        self._keys = itertools.count(_FIRST_KEY)
        self._news = threading.Condition()
        handler = type("Handler", (_Handler,), {"zeebe": self})
        self._server = _Server(("127.0.0.1", 0), handler)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def address(self) -> str:
        """Base URL."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        """Stop serving."""
        self.away = True
        self._server.shutdown()
        self._server.server_close()

    def add(self, script: str = "", retries: int = 3, **variables: Any) -> Job:
        """Make a job."""
        job = Job(next(self._keys), {"script": script} if script else {}, variables, retries)
        with self._news:
            self.jobs[job.key] = job
            self._news.notify_all()
        return job

    def cancel(self, job: Job) -> None:
        """End a job's process from outside."""
        with self._news:
            job.state = "canceled"
            self._news.notify_all()

    def wait(self, what: str, look: Callable[[], T], seconds: float = 60) -> T:
        """Wait until there is something to see; returns it."""
        with self._news:
            found = self._news.wait_for(look, seconds)
        assert found, f"waited {seconds:g} s for {what}; there is {list(self.jobs.values())}"
        return found

    def wait_state(self, job: Job, state: str, seconds: float = 60) -> Job:
        """Wait until a job is in a state."""
        self.wait(f"job {job.key} to be {state}", lambda: job.state == state, seconds)
        return job

    # The API.

    def answer(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any] | None]:
        """Carry out a command; returns status and document."""
        parts = path.strip("/").split("/")
        if (method, parts) == ("POST", ["v2", "jobs", "activation"]):
            return 200, {"jobs": self._activate(body)}
        with self._news:
            job = self.jobs.get(int(parts[2]))
            if job is None or job.state in ("completed", "canceled"):
                return self._problem(404, "NOT_FOUND", f"Command rejected, no such job was found: {parts[2]}")
            if job.state == "incident":
                return self._problem(409, "INVALID_STATE", "the job is in state 'FAILED'")
            if method == "PATCH":
                if job.lease_until is None or job.lease_until < time.monotonic():
                    return self._problem(409, "INVALID_STATE", "it is not active")
                job.lease_until = time.monotonic() + body["changeset"]["timeout"] / 1000
                job.extensions += 1
            elif parts[3] == "completion":
                job.state, job.output = "completed", body["variables"]
                job.completions += 1
            else:
                self._fail(job, body)
            self._news.notify_all()
        return 204, None

    def _activate(self, body: dict[str, Any]) -> list[dict[str, Any]]:
        until = time.monotonic() + body["requestTimeout"] / 1000
        with self._news:
            while not self.away:
                now = time.monotonic()
                free = [
                    job
                    for job in self.jobs.values()
                    if job.state == "open" and job.ready_at <= now and (job.lease_until or 0) <= now
                ]
                if free or now >= until:
                    break
                self._news.wait(min(0.2, until - now))
            else:
                return []
            for job in free[: body["maxJobsToActivate"]]:
                job.lease_until = time.monotonic() + body["timeout"] / 1000
                job.deliveries += 1
            self._news.notify_all()
            return [self._show(job, body["type"]) for job in free[: body["maxJobsToActivate"]]]

    def _fail(self, job: Job, body: dict[str, Any]) -> None:
        job.failures.append(body["retries"])
        job.retries, job.message = body["retries"], body["errorMessage"]
        job.ready_at, job.lease_until = time.monotonic() + body.get("retryBackOff", 0) / 1000, None
        if not job.retries:
            job.state = "incident"

    def _show(self, job: Job, type_: str) -> dict[str, Any]:
        return {
            "key": job.key,
            "type": type_,
            "processInstanceKey": job.key + 1,
            "customHeaders": job.headers,
            "variables": job.variables,
            "retries": job.retries,
        }

    def _problem(self, status: int, title: str, detail: str) -> tuple[int, dict[str, Any]]:
        return status, {"type": "about:blank", "title": title, "status": status, "detail": detail}


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of callers that were killed in the middle of a question."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    zeebe: FakeZeebe
    protocol_version = "HTTP/1.1"

    def _serve(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
        if self.zeebe.away:
            self._send(503, {"title": "UNAVAILABLE", "status": 503, "detail": "starting"})
            return
        if self.zeebe.token and self.headers.get("Authorization") != f"Bearer {self.zeebe.token}":
            self._send(401, {"title": "UNAUTHORIZED", "status": 401, "detail": "who are you?"})
            return
        status, document = self.zeebe.answer(self.command, self.path, body)
        last = self.path.rsplit("/", 1)[-1]
        carried_out = bool(document["jobs"]) if document and "jobs" in document else status == 204
        if carried_out and self.zeebe.lost.get(last, 0) > 0:
            self.zeebe.lost[last] -= 1
            self.close_connection = True
            return
        self._send(status, document)

    do_POST = do_PATCH = _serve  # noqa: N815 - names of http.server

    def _send(self, status: int, document: dict[str, Any] | None) -> None:
        payload = b"" if document is None else json.dumps(document).encode()
        self.send_response(status)
        kind = "application/problem+json" if status >= 400 else "application/json"
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - http.server's name
        """Say nothing."""
