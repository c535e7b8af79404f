"""A front of the API server on loopback that changes what its caller sees: an old version, a kind less."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import urllib3
from kubernetes import client, config

Rewrite = Callable[[str], str]
"""Makes another path of a path; or, of an answer's text, another text."""


def _as_it_is(text: str) -> str:
    return text


@contextmanager
def serve_front(kubeconfig: Path, path: Rewrite = _as_it_is, text: Rewrite = _as_it_is) -> Iterator[str]:
    """Serve, as the administrator to those behind it; yields the address.

    Args:
        kubeconfig: The real server's.
        path: Changes the path that is asked for.
        text: Changes the answer.
    """
    configuration = client.Configuration()
    config.load_kube_config(str(kubeconfig), client_configuration=configuration)
    with client.ApiClient(configuration) as api:
        pool: urllib3.PoolManager = api.rest_client.pool_manager

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                answer = pool.request("GET", configuration.host + path(self.path))
                body = text(answer.data.decode()).encode()
                self.send_response(answer.status)
                self.send_header("Content-Type", answer.headers.get("Content-Type", "application/json"))
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            server.server_close()
            thread.join(5)
