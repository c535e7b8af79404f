"""Every error ends as a problem of a known kind, and says no more than callers need to know."""

import json

import pytest

from scriptrun.api.problems import KINDS, Problem, build_response, problem_of
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


@pytest.mark.parametrize(
    ("error", "kind", "status"),
    [
        (NotFound("no run"), "not-found", 404),
        (AlreadyExists("there"), "already-exists", 409),
        (Conflict("changed"), "conflict", 409),
        (Forbidden("no"), "forbidden", 403),
        (QuotaExceeded("full"), "quota-exceeded", 403),
        (Invalid("spec.x"), "invalid", 422),
        (Unavailable("connect to 10.0.0.1:6443"), "unavailable", 503),
        (KubeError("teapot", 418), "unavailable", 503),
        (HistoryUnavailable("connect to db.internal:5432 as root"), "history-unavailable", 503),
        (NotPermitted("no"), "forbidden", 403),
        (InvalidRequest("x"), "invalid", 422),
        (ScriptNotFound("x"), "script-not-found", 422),
        (RunNotFound("x"), "not-found", 404),
        (RunNameTaken("x"), "already-exists", 409),
        (IdempotencyKeyReused("x"), "idempotency-key-reused", 422),
        (RunFinished("x"), "run-finished", 409),
        (RunForgotten("x"), "run-forgotten", 409),
        (SecretsMissing("x"), "run-has-secrets", 409),
        (WorkTooLarge("took more than 2 s of CPU"), "work-too-large", 422),
        (WorkersBusy("64 computations of namespace team wait already"), "busy", 503),
        (RuntimeError("secret detail"), "internal", 500),
        (Problem("too-large", "x"), "too-large", 413),
    ],
)
def test_every_error_has_its_kind(error: Exception, kind: str, status: int) -> None:
    problem = problem_of(error)
    assert problem.kind == kind
    answer = build_response(problem, "/here")
    body = json.loads(bytes(answer.body))
    assert (answer.status_code, body["status"], body["instance"]) == (status, status, "/here")
    assert body["type"] == f"urn:scriptrun:problem:{kind}"
    assert body["title"] == KINDS[kind].title
    assert answer.headers["Content-Type"] == "application/problem+json"
    for hidden in ("10.0.0.1", "db.internal", "secret detail"):
        assert hidden not in json.dumps(body)
    assert ("Retry-After" in answer.headers) == (status == 503)


def test_every_refusal_of_a_request_has_its_kind() -> None:
    for class_ in RunRequestError.__subclasses__():
        assert problem_of(class_("x", [("/script", "y")])).errors[0].pointer == "/script"


def test_who_is_not_known_is_told_how_to_be() -> None:
    assert build_response(Problem("unauthorized", "x"), "/").headers["WWW-Authenticate"].startswith("Bearer")
