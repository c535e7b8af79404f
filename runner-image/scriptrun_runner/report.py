"""Writing the output ConfigMap.

One request is all the runner ever sends, so it speaks HTTP/1.1 itself: `http.client` would take longer to import than
the request takes. Everything slow (imports, TLS) happens in the background while the script runs.
"""

from __future__ import annotations

import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ssl import SSLSocket
    from threading import Thread
    from typing import Any, BinaryIO, Callable

    from scriptrun_runner.result import Result
    from scriptrun_runner.spec import RunSpec

__all__ = ["ApiAccess", "OutputWriter", "build_output_config_map"]

_CONNECT_SECONDS = 5.0
_REQUEST_SECONDS = 10.0
_FIRST_DELAY_SECONDS = 0.05
_LONGEST_DELAY_SECONDS = 2.0
_REFUSAL_SECONDS = 3.0
_IDLE_SECONDS = 25.0  # the API server closes a connection on which no request comes for 32 s
_ANSWER_BYTES = 16_384
# Rights, tokens and namespaces reach all API servers a moment after they were made; the rest of 4xx stays.
_REFUSALS = (401, 403, 404)
_FINAL = (400, 405, 413, 415, 422)
_DONE = (200, 201, 409)  # 409: written by an earlier try whose answer was lost


class ApiAccess:
    """Where the API server is and how to be known there.

    Attributes:
        host: name or address.
        port: of HTTPS.
        token_path: file with the bearer token; read at each try, since the kubelet renews it.
        ca_path: file with the certificates it must be signed by.
    """

    __slots__ = ("ca_path", "host", "port", "token_path")

    def __init__(self, host: str, port: int, token_path: str, ca_path: str) -> None:
        self.host = host
        self.port = port
        self.token_path = token_path
        self.ca_path = ca_path


class _Answer:
    """An HTTP answer; the body is read for errors only."""

    __slots__ = ("message", "retry_after_seconds", "status")

    def __init__(self, status: int, message: str = "", retry_after_seconds: float = 0.0) -> None:
        self.status = status
        self.message = message
        self.retry_after_seconds = retry_after_seconds


def build_output_config_map(spec: RunSpec, pod: str, result: Result) -> dict[str, Any]:
    """Build the ConfigMap `<pod>-output`, the one object that the admission policy lets this pod make."""
    import json

    data = {"result.json": json.dumps(result.document(), ensure_ascii=False), "log": result.log}
    if result.output is not None:
        data["output.json"] = result.output.decode()
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": f"{pod}-output",
            "namespace": spec.namespace,
            "labels": {"scriptrun.dev/output": "true", "app.kubernetes.io/managed-by": "scriptrun"},
            "ownerReferences": [
                {"apiVersion": "scriptrun.dev/v1alpha1", "kind": "ScriptRun", "name": spec.name, "uid": spec.uid}
            ],
        },
        "immutable": True,
        "data": data,
    }


class OutputWriter:
    """Creates ConfigMaps in one namespace."""

    def __init__(self, access: ApiAccess, namespace: str) -> None:
        self._access = access
        self._namespace = namespace
        self._ready: tuple[float, SSLSocket] | None = None
        self._preparation: Thread | None = None

    def prepare(self) -> None:
        """Begin to connect, in the background."""
        from threading import Thread

        self._preparation = Thread(target=self._prepare, daemon=True)
        self._preparation.start()

    def write(self, config_map: dict[str, Any], left_seconds: Callable[[], float], say: Callable[[str], object]) -> str:
        """Create it, trying again while there is time.

        Args:
            config_map: the manifest.
            left_seconds: how much time is left now.
            say: told of the first failure, so that a waiting pod's log says what it waits for.

        Returns:
            "" when it is there; else why not.
        """
        import json

        body = json.dumps(config_map, ensure_ascii=False).encode("utf-8", "replace")
        delay, began, said = _FIRST_DELAY_SECONDS, time.monotonic(), False
        while True:
            wait = delay
            try:
                answer = self._post(body, left_seconds())
            except (OSError, ValueError) as error:
                problem = f"{type(error).__name__}: {error}"
            else:
                if answer.status in _DONE:
                    return ""
                problem = f"{answer.status} {answer.message}"
                refused = answer.status in _REFUSALS and time.monotonic() - began > _REFUSAL_SECONDS
                if refused or answer.status in _FINAL:
                    return problem
                wait = max(delay, answer.retry_after_seconds)
            if not said:
                say(f"the API server does not take the output, trying again: {problem}")
                said = True
            if left_seconds() <= wait:
                return f"{problem} (gave up after {time.monotonic() - began:.0f} s)"
            # A random share, lest a thousand pods come back all at once after the API server was away.
            time.sleep(wait * (0.5 + os.urandom(1)[0] / 512))
            delay = min(delay * 2, _LONGEST_DELAY_SECONDS)

    def _prepare(self) -> None:
        try:
            self._ready = (time.monotonic(), self._connect(_CONNECT_SECONDS))
        except OSError:
            pass  # `write` will say it, if it is still so then

    def _connect(self, seconds: float) -> SSLSocket:
        import socket
        import ssl

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_verify_locations(self._access.ca_path)
        host = self._access.host.encode("ascii")  # bytes: for a str Python would load all alphabets' tables (IDNA)
        connection = socket.create_connection((host, self._access.port), seconds)  # type: ignore[arg-type]
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return context.wrap_socket(connection, server_hostname=host)
        except BaseException:
            connection.close()
            raise

    def _post(self, body: bytes, seconds: float) -> _Answer:
        """Send the request, on the prepared connection if that is still good."""
        seconds = min(max(seconds, 0.1), _REQUEST_SECONDS)
        if self._preparation is not None:
            self._preparation.join(_CONNECT_SECONDS)
        with open(self._access.token_path, encoding="ascii") as file:
            token = file.read().strip()
        prepared, self._ready = self._ready, None
        if prepared is not None:
            since, connection = prepared
            try:
                if time.monotonic() - since < _IDLE_SECONDS:
                    return self._exchange(connection, token, body, seconds)
            except (OSError, ValueError):
                pass  # it may have been closed while the script ran; a fresh one decides
            finally:
                connection.close()
        with self._connect(min(seconds, _CONNECT_SECONDS)) as connection:
            return self._exchange(connection, token, body, seconds)

    def _exchange(self, connection: SSLSocket, token: str, body: bytes, seconds: float) -> _Answer:
        host = f"[{self._access.host}]" if ":" in self._access.host else self._access.host
        head = (
            f"POST /api/v1/namespaces/{self._namespace}/configmaps HTTP/1.1\r\n"
            f"Host: {host}:{self._access.port}\r\n"
            f"Authorization: Bearer {token}\r\n"
            "User-Agent: scriptrun-runner\r\n"
            "Accept: application/json\r\n"
            "Content-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n"
            "Connection: close\r\n\r\n"
        )
        connection.settimeout(seconds)
        connection.sendall(head.encode() + body)
        with connection.makefile("rb") as reader:
            return _read_answer(reader)


def _read_answer(reader: BinaryIO) -> _Answer:
    words = reader.readline(_ANSWER_BYTES).split(None, 2)
    if len(words) < 2 or not words[0].startswith(b"HTTP/1."):
        raise ConnectionError("the API server closed the connection without an answer")
    status = int(words[1])
    if status in _DONE:
        return _Answer(status)
    headers = {}
    while line := reader.readline(_ANSWER_BYTES).strip():
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.lower()] = value.strip()
    retry_after = headers.get("retry-after", "")
    return _Answer(status, _read_message(reader, headers), float(retry_after) if retry_after.isdigit() else 0.0)


def _read_message(reader: BinaryIO, headers: dict[str, str]) -> str:
    """Read why, out of a Status object or any other body."""
    import json

    if headers.get("transfer-encoding", "").lower() == "chunked":
        body = b""
        while (size := int(reader.readline(_ANSWER_BYTES).split(b";")[0] or b"0", 16)) and len(body) < _ANSWER_BYTES:
            body += reader.read(min(size, _ANSWER_BYTES))
            reader.readline(_ANSWER_BYTES)
    else:
        body = reader.read(min(int(headers.get("content-length", _ANSWER_BYTES)), _ANSWER_BYTES))
    try:
        return str(json.loads(body)["message"])
    except (ValueError, LookupError, TypeError):
        return body.decode("utf-8", "replace").strip()
