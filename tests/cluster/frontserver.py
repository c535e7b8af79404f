"""A front of the API server on loopback that changes what its caller sees: an old version, a kind less."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import urllib3
from kubernetes import client, config

import loopback

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

        class Handler(loopback.Handler):
            def respond(self) -> None:
                answer = pool.request("GET", configuration.host + path(self.path))
                kind = answer.headers.get("Content-Type", "application/json")
                self.answer(answer.status, text(answer.data.decode()).encode(), {"Content-Type": kind})

        with loopback.serve(Handler) as port:
            yield f"http://127.0.0.1:{port}"
