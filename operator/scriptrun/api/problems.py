"""What goes wrong, as ``application/problem+json`` (RFC 9457): one list of kinds, one way out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from scriptrun.api.docs.openapi import MEDIA_TYPE, find_methods
from scriptrun.errors import (
    AlreadyExists,
    Conflict,
    Forbidden,
    HistoryUnavailable,
    IdempotencyKeyReused,
    Invalid,
    InvalidRequest,
    KubeError,
    NotFound,
    NotPermitted,
    QuotaExceeded,
    RunFinished,
    RunForgotten,
    RunNameTaken,
    RunNotFound,
    RunRequestError,
    ScriptNotFound,
    SecretsMissing,
    Unavailable,
    WorkersBusy,
    WorkTooLarge,
)
from scriptrun.policies.text import escape_controls, escape_json

__all__ = [
    "KINDS",
    "MEDIA_TYPE",
    "Kind",
    "Problem",
    "ProblemBody",
    "Wrong",
    "build_response",
    "describe",
    "problem_of",
    "register",
]

_log = structlog.get_logger(__name__)

_RETRY_SECONDS = 2


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of problem: its status, and what it means."""

    status: int
    title: str


KINDS: Mapping[str, Kind] = {
    "bad-request": Kind(400, "The request can't be understood"),
    "unauthorized": Kind(401, "No valid token"),
    "forbidden": Kind(403, "Not allowed"),
    "quota-exceeded": Kind(403, "A quota of the namespace is used up"),
    "not-found": Kind(404, "There is nothing of that name"),
    "no-output": Kind(404, "The run has no output"),
    "no-log": Kind(404, "The run has no log"),
    "method-not-allowed": Kind(405, "Not what can be done here"),
    "request-timeout": Kind(408, "The request came too slowly"),
    "already-exists": Kind(409, "There is a run of that name"),
    "conflict": Kind(409, "Someone changed it at the same time"),
    "run-finished": Kind(409, "The run is over"),
    "run-forgotten": Kind(409, "Only the history knows the run"),
    "run-has-secrets": Kind(409, "The run can't be repeated without its secrets"),
    "too-large": Kind(413, "The request is too large"),
    "unsupported-media-type": Kind(415, "The body is not JSON"),
    "invalid": Kind(422, "Some of the request is not as it has to be"),
    "script-not-found": Kind(422, "There is no such Script"),
    "idempotency-key-reused": Kind(422, "The Idempotency-Key was used for another request"),
    "work-too-large": Kind(422, "It takes more CPU or memory than it may"),
    "too-many-requests": Kind(429, "Too many requests"),
    "internal": Kind(500, "A defect of this server"),
    "unavailable": Kind(503, "The cluster does not answer"),
    "history-unavailable": Kind(503, "The history does not answer"),
    "busy": Kind(503, "Too much is being computed"),
    "too-many-streams": Kind(503, "Too many logs are being followed"),
}
"""Every kind. Their names are stable: they are the last part of a problem's ``type``."""


_OF_REQUESTS: Mapping[type[RunRequestError], str] = {
    NotPermitted: "forbidden",
    InvalidRequest: "invalid",
    ScriptNotFound: "script-not-found",
    RunNotFound: "not-found",
    RunNameTaken: "already-exists",
    IdempotencyKeyReused: "idempotency-key-reused",
    RunFinished: "run-finished",
    RunForgotten: "run-forgotten",
    SecretsMissing: "run-has-secrets",
}
"""The kind of problem that each refusal of ``RunService`` is."""


class Wrong(BaseModel):
    """One thing that is wrong with a request."""

    pointer: str = Field(description="Where: a JSON pointer into the body, or the name of a parameter.")
    detail: str = Field(description="What.")


class ProblemBody(BaseModel):
    """A problem, as RFC 9457 has it."""

    type: str = Field(description="`urn:scriptrun:problem:` and the kind, which is stable.")
    title: str = Field(description="The kind in words.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="What is wrong here, and what to do.")
    instance: str = Field(description="The path that was asked for.")
    errors: list[Wrong] = Field(default_factory=list, description="Each thing that is wrong with the request.")


class Problem(Exception):  # noqa: N818 - the word of RFC 9457
    """Ends a request.

    Args:
        kind: one of ``KINDS``.
        detail: what is wrong here, and what to do.
        errors: each thing that is wrong with the request.
        headers: for the answer.
    """

    def __init__(
        self, kind: str, detail: str, errors: Sequence[Wrong] = (), headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.errors = list(errors)
        self.headers = dict(headers or {})


class _ProblemResponse(JSONResponse):
    """Goes to terminals as it is (``curl``), and pointers and paths in it are the caller's own."""

    def render(self, content: Any) -> bytes:
        return escape_json(super().render(content).decode()).encode()


def build_response(problem: Problem, path: str) -> JSONResponse:
    """Build the answer that tells of a problem."""
    kind = KINDS[problem.kind]
    body = ProblemBody(
        type=f"urn:scriptrun:problem:{problem.kind}",
        title=kind.title,
        status=kind.status,
        detail=escape_controls(problem.detail),
        instance=path,
        errors=[Wrong(pointer=wrong.pointer, detail=escape_controls(wrong.detail)) for wrong in problem.errors],
    )
    headers = dict(problem.headers)
    if kind.status == HTTPStatus.UNAUTHORIZED:
        headers.setdefault("WWW-Authenticate", 'Bearer realm="scriptrun"')
    if kind.status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers.setdefault("Retry-After", str(_RETRY_SECONDS))
    document = body.model_dump(exclude=set() if body.errors else {"errors"})
    return _ProblemResponse(document, kind.status, headers, MEDIA_TYPE)


def problem_of(error: Exception) -> Problem:
    """Say of any error which problem it is."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, RequestValidationError):
        return _problem_of_validation(error)
    if isinstance(error, HTTPException):
        return _problem_of_http(error)
    if isinstance(error, RunRequestError):
        wrongs = [Wrong(pointer=pointer, detail=detail) for pointer, detail in error.wrong]
        return Problem(_OF_REQUESTS[type(error)], str(error), wrongs)
    if isinstance(error, HistoryUnavailable):
        _log.warning("the history does not answer", error=str(error))  # with addresses, which callers need not know
        return Problem("history-unavailable", "the history's database does not answer: try again")
    if isinstance(error, KubeError):
        return _problem_of_kube(error)
    if isinstance(error, WorkTooLarge):
        return Problem("work-too-large", f"to hide what is secret of the run {error}: simplify its Script's schemas")
    if isinstance(error, WorkersBusy):
        return Problem("busy", f"{error}: try again later")
    return Problem("internal", "this server failed; its log says why")


def _problem_of_kube(error: KubeError) -> Problem:
    by_class: tuple[tuple[type[KubeError], str], ...] = (
        (NotFound, "not-found"),
        (AlreadyExists, "already-exists"),
        (Conflict, "conflict"),
        (QuotaExceeded, "quota-exceeded"),
        (Forbidden, "forbidden"),
        (Invalid, "invalid"),
        (Unavailable, "unavailable"),
    )
    kind = next((kind for class_, kind in by_class if isinstance(error, class_)), "unavailable")
    if kind == "unavailable":
        _log.warning("the API server does not answer", error=str(error))
        return Problem(kind, "the cluster's API server does not answer: try again")
    return Problem(kind, str(error))


def _problem_of_validation(error: RequestValidationError) -> Problem:
    wrongs = [
        Wrong(pointer=_point(item["loc"]), detail=item["msg"].replace("Value error, ", "")) for item in error.errors()
    ]
    broken = next((item for item in error.errors() if item["type"] == "json_invalid"), None)
    if broken is not None:
        return Problem("bad-request", f"the body is no JSON: {broken.get('ctx', {}).get('error', broken['msg'])}")
    return Problem("invalid", "; ".join(f"{wrong.pointer}: {wrong.detail}" for wrong in wrongs[:5]), wrongs)


def _point(location: Sequence[str | int]) -> str:
    where, *rest = location
    if where != "body":
        return str(rest[-1]) if rest else str(where)
    return "/" + "/".join(str(part).replace("~", "~0").replace("/", "~1") for part in rest)


def _problem_of_http(error: HTTPException) -> Problem:
    by_status = {404: "not-found", 405: "method-not-allowed", 413: "too-large", 415: "unsupported-media-type"}
    kind = by_status.get(error.status_code, "bad-request" if error.status_code < 500 else "internal")
    detail = "there is no such path; see /docs" if kind == "not-found" else str(error.detail)
    return Problem(kind, detail, headers=error.headers)


def register(app: FastAPI) -> None:
    """Let every error of an application end as a problem."""

    async def answer(request: Request, error: Exception) -> JSONResponse:
        problem = problem_of(error)
        if problem.kind == "internal":
            _log.error("request failed", method=request.method, path=request.url.path, exc_info=error)
        if problem.kind == "method-not-allowed":
            # Starlette names those of one route, and a path has a route for each method.
            problem.headers = {"Allow": ", ".join(find_methods(request.app.openapi(), request.url.path))}
        return build_response(problem, request.url.path)

    for class_ in (
        Problem,
        RunRequestError,
        KubeError,
        HistoryUnavailable,
        WorkTooLarge,
        WorkersBusy,
        HTTPException,
        RequestValidationError,
        Exception,
    ):
        app.add_exception_handler(class_, answer)


def describe(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describe, for OpenAPI, problems an operation may end in."""
    return {
        status: {
            "model": ProblemBody,
            "description": " / ".join(kind.title for kind in KINDS.values() if kind.status == status),
        }
        for status in statuses
    }
