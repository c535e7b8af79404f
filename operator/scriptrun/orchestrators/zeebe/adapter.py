"""The adapter for Zeebe and Camunda 8, by the REST API v2 that every version from 8.6 on has.

At least once is all that Zeebe promises: a job whose activation was lost on the way comes again when its lease has run
out. What it refuses is told apart by the titles of its problem documents (RFC 9457), so that a proxy's 404 never counts
as a job that is gone.
"""

import json
from collections.abc import Mapping
from typing import Any

from scriptrun.errors import Gone, Refused, Rejected, TaskError, TryLater
from scriptrun.models.bridge import BridgeSpec, ZeebeSpec
from scriptrun.net.tls import build_tls
from scriptrun.orchestrators.adapter import Handle, Orchestrator, Outcome, Task
from scriptrun.orchestrators.credentials import build_credentials
from scriptrun.orchestrators.delivery import read_tasks
from scriptrun.orchestrators.http_client import Answer, Http, build_error
from scriptrun.orchestrators.zeebe.job import (
    JobCommand,
    build_activation,
    build_extension,
    build_job_commands,
    read_job,
    read_key,
)
from scriptrun.policies.address_policy import AddressPolicy

__all__ = ["OUTPUT_LIMIT_BYTES", "ZEEBE", "Zeebe", "build_zeebe"]

OUTPUT_LIMIT_BYTES = 1_000_000
"""Longest output that is sent, as JSON. The engine takes about twice that (its record batch is 4 MiB, and the output is
in it more than once), answers 500 to more, and keeps the job active for ever."""

_POLL_GRACE_SECONDS = 10.0
_TOO_LARGE = {"EXCEEDED_BATCH_RECORD_SIZE", "MALFORMED_REQUEST"}
_NOT_ACTIVE = "is not active"


class Zeebe:
    """Claims jobs of one type; an ``Adapter``.

    Args:
        http: to the cluster's REST address.
        spec: of the Bridge.
        worker: name of this worker.
    """

    def __init__(self, http: Http, spec: BridgeSpec, worker: str) -> None:
        assert spec.zeebe is not None  # noqa: S101 - whoever builds this has looked
        self._http = http
        self._spec = spec
        self._zeebe: ZeebeSpec = spec.zeebe
        self._worker = worker

    async def claim(self, limit: int) -> list[Task]:
        """Activate jobs by one long poll."""
        poll = self._spec.long_poll_seconds
        ask = build_activation(self._zeebe, self._worker, limit, self._spec.lease_seconds, poll)
        answer = await self._http.ask("POST", "/v2/jobs/activation", ask, seconds=poll + _POLL_GRACE_SECONDS)
        if not answer.ok:
            raise _explain_claim(answer)
        jobs = answer.document.get("jobs") if isinstance(answer.document, dict) else None
        if not isinstance(jobs, list):
            raise Refused(f"{answer.where} answered with what are no jobs: is this Zeebe's REST API?")
        tasks = read_tasks(jobs, limit, lambda job: read_job(job, self._spec.script_header))
        if jobs and not tasks:
            raise Refused(f"{answer.where} answered with what are no jobs: is this Zeebe's REST API?")
        return tasks

    async def extend(self, handle: Handle) -> None:
        """Make the lease last from now (``PATCH`` sets, it does not add)."""
        path = f"/v2/jobs/{_find_key(handle)}"
        answer = await self._http.ask("PATCH", path, build_extension(handle, self._spec.lease_seconds))
        if answer.status == 204:
            return
        if answer.status in (400, 409) and _NOT_ACTIVE in answer.message:
            # Its lease ran out, or it failed: either way it is handed out again, and if it is this attempt then this
            # run is taken up again. To cancel it now would throw away what it has done.
            raise TryLater(f"job {handle['key']} is not ours at the moment: {answer.message}")
        error = _explain_command(answer)
        raise TryLater(str(error)) if isinstance(error, Rejected) else error

    async def report(self, handle: Handle, outcome: Outcome) -> str:
        """Complete the job, fail it, or throw a BPMN error; returns what Zeebe has confirmed.

        After a lost answer the same report is refused as ``Gone``: a completed job is no more, and a failed one is in
        a state that can't fail again.
        """
        refused: Rejected | None = None
        for report in build_job_commands(handle, outcome):
            try:
                await self._send(_find_key(handle), report)
            except Rejected as error:
                refused = refused or error
            else:
                return f"{report.says} (without its output: {refused})" if refused else report.says
        assert refused is not None  # noqa: S101 - there is at least one way to report anything
        raise refused

    async def close(self) -> None:
        """Close connections."""
        await self._http.close()

    async def _send(self, key: str, report: JobCommand) -> None:
        size = _measure(report.body.get("variables", {}))
        if size > OUTPUT_LIMIT_BYTES:
            raise Rejected(
                f"the output is {size} bytes, and Zeebe is sent at most {OUTPUT_LIMIT_BYTES}: "
                "pass large data by reference"
            )
        answer = await self._http.ask("POST", f"/v2/jobs/{key}/{report.command}", report.body)
        if answer.status == 204:
            return
        if answer.reason in _TOO_LARGE or answer.status == 413:
            raise Rejected(
                f"the output is {size} bytes, which is more than this Zeebe or a proxy before it takes "
                f"({answer.status} {answer.reason}): pass large data by reference"
            )
        raise _explain_command(answer)


def build_zeebe(
    spec: BridgeSpec, name: str, secret: Mapping[str, str], certificates: str, policy: AddressPolicy | None = None
) -> Zeebe:
    """Build the adapter of a Bridge.

    Args:
        spec: of the Bridge; has ``zeebe``.
        name: of the Bridge.
        secret: data of its Secret, decoded.
        certificates: PEM to trust; "" for the system's.
        policy: which addresses may be connected to; None for any.

    Raises:
        Refused: address, credentials or certificates can't be used.
    """
    assert spec.zeebe is not None  # noqa: S101 - whoever builds this has looked
    tls = build_tls(certificates)
    address = spec.zeebe.address
    credentials = build_credentials(secret, address=address, oauth2=spec.oauth2, tls=tls, policy=policy)
    http = Http(address, tls, credentials, secret.values(), policy)
    return Zeebe(http, spec, spec.worker_id or f"scriptrun/{name}")


ZEEBE = Orchestrator(source="zeebe", wants_logs=False, build=build_zeebe)


def _find_key(handle: Handle) -> str:
    try:
        return read_key(handle)
    except ValueError as error:
        raise Gone("what was kept of the job names no job") from error


def _measure(variables: Mapping[str, Any]) -> int:
    try:
        return len(json.dumps(variables, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode())
    except (ValueError, RecursionError) as error:
        raise Rejected(f"the output can't be sent as JSON: {error}") from error


def _explain_claim(answer: Answer) -> TaskError:
    if answer.status in (404, 405):
        return Refused(
            f"{answer.where} answered {answer.status}: there is no REST API v2. "
            "Zeebe has it from 8.6 on, by default at port 8080 (not 26500, which is gRPC)"
        )
    error = build_error(answer)
    return error if isinstance(error, TryLater) else Refused(str(error))


def _explain_command(answer: Answer) -> TaskError:
    """Explain why a command was not carried out; what only looks like an answer of Zeebe's decides nothing."""
    if answer.status == 404 and answer.reason == "NOT_FOUND":
        return Gone(f"there is no such job any more; it was completed or canceled: {answer.message}")
    if answer.status == 409 and answer.reason == "INVALID_STATE":
        return Gone(f"the job can't be reported any more; that was done before: {answer.message}")
    if answer.status == 400 and answer.reason:
        return Rejected(f"Zeebe does not accept it: {answer.message}")
    error = build_error(answer)
    if isinstance(error, TryLater):
        return error
    return Refused(f"{answer.where} answered {answer.status}: is this Zeebe's REST API? {answer.message}")
