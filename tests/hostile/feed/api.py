"""Feeds the REST API, byte by byte."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPException, HTTPResponse

from hostile.corpus.case import RequestCase
from hostile.feed.finding import Finding
from hostile.lab import Lab

_ANSWER_SECONDS = 30.0
_ENDLESS_PIECES = 2000
_SLOW_SECONDS = 0.5


def feed_request(lab: Lab, case: RequestCase) -> Finding:
    """Send a request and read the answer, even if not all of the request was read."""
    with socket.create_connection(("127.0.0.1", lab.api.port), _ANSWER_SECONDS) as connection:
        with suppress(OSError):  # the server may answer and close before it has read everything
            for piece in _build_pieces(lab, case):
                connection.sendall(piece)
        answer = HTTPResponse(connection, method=case.method)
        try:
            answer.begin()
            text = answer.read().decode(errors="replace")
        except (OSError, HTTPException):
            return Finding("closed")
    kind, detail = _read_problem(text)
    return Finding(f"{answer.status} {kind}".rstrip(), detail)


def _read_problem(text: str) -> tuple[str, str]:
    try:
        body = json.loads(text)
        return str(body["type"]).removeprefix("urn:scriptrun:problem:"), str(body["detail"])
    except (ValueError, KeyError, TypeError):
        return "", ""


def _build_pieces(lab: Lab, case: RequestCase) -> Iterator[bytes]:
    token = lab.tokens.get(case.name, lab.caller.token)
    path = case.path if case.path.startswith("/") else lab.caller.path(case.path)
    body = case.body() if case.body else b""
    if case.framing == "raw":
        yield body.replace(b"{path}", path.encode()).replace(b"{token}", token.encode())
        return
    given: dict[str, str | None] = {
        "Host": "localhost",
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/json",
        **{name.replace("_", "-"): value for name, value in case.headers.items()},
    }
    if case.framing in ("chunked", "endless"):
        given["Transfer-Encoding"] = "chunked"
    elif case.body:
        given["Content-Length"] = str(len(body) + 10 * (case.framing == "short"))
    lines = "".join(f"{name}: {value}\r\n" for name, value in given.items() if value is not None)
    yield f"{case.method} {path} HTTP/1.1\r\n{lines}\r\n".encode("latin-1")
    match case.framing:
        case "chunked":
            yield b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"
        case "endless":
            yield from (b"%x\r\n%s\r\n" % (len(body), body) for _ in range(_ENDLESS_PIECES))
        case "slow":
            for byte in body:
                yield bytes([byte])
                time.sleep(_SLOW_SECONDS)
        case _:
            yield body
