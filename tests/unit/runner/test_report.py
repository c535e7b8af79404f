"""Writing the output ConfigMap, against a TLS server on loopback."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from scriptrun_runner import report
from scriptrun_runner.report import ApiAccess, OutputWriter
from unit.runner.api_server import CREATED, HANG_UP, Answer, ApiServer

_DOCUMENT = {"kind": "ConfigMap", "data": {"log": "é" * 10}}


class Writing:
    """A writer, its token, and what it said."""

    def __init__(self, api: ApiServer, folder: Path, ca: Path) -> None:
        host, _, port = api.address.partition(":")
        self.token = folder / "token"
        self.token.write_text("token-1\n")
        self.said: list[str] = []
        self.writer = OutputWriter(ApiAccess(host, int(port), str(self.token), str(ca)), "team")

    def write(self, seconds: float = 10) -> str:
        until = time.monotonic() + seconds
        return self.writer.write(_DOCUMENT, lambda: until - time.monotonic(), self.said.append)


@pytest.fixture
def writing(api: ApiServer, tmp_path: Path, certificate: tuple[Path, Path]) -> Writing:
    return Writing(api, tmp_path, certificate[0])


def test_the_request(api: ApiServer, writing: Writing) -> None:
    assert writing.write() == ""
    request = api.requests[0]
    assert request.path == "/api/v1/namespaces/team/configmaps"
    assert request.document == _DOCUMENT
    assert request.headers["authorization"] == "Bearer token-1"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["host"] == api.address
    assert writing.said == []


def test_the_connection_is_made_beforehand(api: ApiServer, writing: Writing) -> None:
    writing.writer.prepare()
    until = time.monotonic() + 5
    while not api.connections:
        assert time.monotonic() < until
        time.sleep(0.01)
    assert writing.write() == ""
    assert (api.connections, len(api.requests)) == (1, 1)


def test_a_connection_made_beforehand_may_be_gone(api: ApiServer, writing: Writing) -> None:
    api.drop_connections(1)
    writing.writer.prepare()
    assert writing.write() == ""
    assert (api.connections, len(api.requests)) == (2, 1)
    assert writing.said == []


def test_a_connection_too_old_is_not_used(api: ApiServer, writing: Writing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "_IDLE_SECONDS", 0.0)
    writing.writer.prepare()
    assert writing.write() == ""
    assert api.connections == 2


def test_already_written_is_written(api: ApiServer, writing: Writing) -> None:
    api.answers.append(Answer(409, 'configmaps "p-output" already exists'))
    assert writing.write() == ""
    assert len(api.requests) == 1


def test_trouble_passes(api: ApiServer, writing: Writing) -> None:
    api.answers += [
        Answer(500, "etcd"),
        HANG_UP,
        Answer(503, "later"),
        Answer(401, "who?"),
        Answer(403, "not yet"),
        CREATED,
    ]
    assert writing.write() == ""
    assert len(api.requests) == 6
    assert writing.said == ["the API server does not take the output, trying again: 500 etcd"]


def test_retry_after_is_waited_for(api: ApiServer, writing: Writing) -> None:
    api.answers.append(Answer(429, "busy", headers={"Retry-After": "1"}))
    assert writing.write() == ""
    assert 0.5 <= api.requests[1].at - api.requests[0].at < 2


@pytest.mark.parametrize(
    "answer",
    [
        Answer(422, "data: Too long: may not be more than 1048576 bytes"),
        Answer(422, "data: Too long: may not be more than 1048576 bytes", chunked=True),
    ],
)
def test_what_is_wrong_stays_wrong(api: ApiServer, writing: Writing, answer: Answer) -> None:
    api.answers.append(answer)
    assert writing.write() == "422 data: Too long: may not be more than 1048576 bytes"
    assert len(api.requests) == 1


def test_a_refusal_is_believed_after_a_while(api: ApiServer, writing: Writing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "_REFUSAL_SECONDS", 0.3)
    api.answers += [Answer(403, "configmaps is forbidden")] * 50
    began = time.monotonic()
    assert writing.write() == "403 configmaps is forbidden"
    assert 0.3 < time.monotonic() - began < 2
    assert len(api.requests) > 2


def test_the_server_is_away_for_a_while(api: ApiServer, writing: Writing) -> None:
    api.stop()
    timer = threading.Timer(1.0, api.start)
    timer.start()
    began = time.monotonic()
    assert writing.write() == ""
    assert 1.0 < time.monotonic() - began < 4
    assert "ConnectionRefusedError" in writing.said[0]
    timer.join()


def test_giving_up_says_why_and_when(api: ApiServer, writing: Writing) -> None:
    api.stop()
    began = time.monotonic()
    problem = writing.write(seconds=0.8)
    assert "Connection refused" in problem
    assert "(gave up after " in problem
    assert time.monotonic() - began < 1
    api.start()


def test_the_token_is_read_at_each_try(api: ApiServer, writing: Writing) -> None:
    api.answers.append(Answer(401, "Unauthorized"))

    def renew() -> None:
        _wait_for(api, 1)
        writing.token.write_text("token-2")

    renewal = threading.Thread(target=renew)
    renewal.start()
    assert writing.write() == ""
    renewal.join()
    assert api.requests[0].headers["authorization"] == "Bearer token-1"
    assert api.requests[-1].headers["authorization"] == "Bearer token-2"


def test_a_stranger_gets_no_token(api: ApiServer, writing: Writing, tmp_path: Path) -> None:
    from unit.runner.api_server import make_certificate

    other = tmp_path / "other"
    other.mkdir()
    host, _, port = api.address.partition(":")
    access = ApiAccess(host, int(port), str(writing.token), str(make_certificate(other)[0]))
    writing.writer = OutputWriter(access, "team")
    assert "CERTIFICATE_VERIFY_FAILED" in writing.write(seconds=0.3)
    assert api.requests == []


def test_a_missing_token_is_waited_for(api: ApiServer, writing: Writing) -> None:
    writing.token.unlink()
    assert "FileNotFoundError" in writing.write(seconds=0.3)
    assert api.requests == []


def _wait_for(api: ApiServer, count: int) -> None:
    until = time.monotonic() + 5
    while len(api.requests) < count and time.monotonic() < until:
        time.sleep(0.002)
