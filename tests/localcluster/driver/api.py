"""Asks the API server the few things the driver wants to know."""

import http.client
import json
import ssl
import time
from collections.abc import Callable
from typing import Any

from .errors import LocalClusterError
from .settings import API_PORT, NODE_IP, NODE_NAME, Settings

_POLL_SECONDS = 0.1


class Api:
    """A read-only client with the administrator's certificate."""

    def __init__(self, settings: Settings, timeout_seconds: float = 5.0) -> None:
        self._tls = ssl.create_default_context(cafile=str(settings.pki / "ca.crt"))
        self._tls.load_cert_chain(settings.pki / "admin.crt", settings.pki / "admin.key")
        self._timeout_seconds = timeout_seconds

    def get(self, path: str) -> tuple[int, bytes]:
        """Returns the status code and body of a GET.

        Raises:
            OSError: When nobody answers.
        """
        connection = http.client.HTTPSConnection(NODE_IP, API_PORT, timeout=self._timeout_seconds, context=self._tls)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def is_ready(self) -> bool:
        """Tells whether the API server serves."""
        return self._answers("/readyz")

    def is_node_ready(self) -> bool:
        """Tells whether the node takes pods: Ready, and without a taint."""
        node = self._read_object(f"/api/v1/nodes/{NODE_NAME}")
        return node is not None and decide_node_ready(node)

    def can_start_pods(self) -> bool:
        """Tells whether a pod made now would be let in: its ServiceAccount and the authority's ConfigMap exist."""
        return self._answers("/api/v1/namespaces/default/serviceaccounts/default") and self._answers(
            "/api/v1/namespaces/default/configmaps/kube-root-ca.crt"
        )

    def _answers(self, path: str) -> bool:
        try:
            return self.get(path)[0] == http.client.OK
        except (OSError, http.client.HTTPException):
            return False

    def _read_object(self, path: str) -> dict[str, Any] | None:
        try:
            status, body = self.get(path)
        except (OSError, http.client.HTTPException):
            return None
        if status != http.client.OK:
            return None
        document: dict[str, Any] = json.loads(body)
        return document


def decide_node_ready(node: dict[str, Any]) -> bool:
    """Tells whether a Node object takes ordinary pods. A cordoned node counts: somebody wanted it so."""
    conditions = {c["type"]: c["status"] for c in node.get("status", {}).get("conditions", [])}
    taints = {taint["key"] for taint in node.get("spec", {}).get("taints", [])}
    return conditions.get("Ready") == "True" and not any(key.startswith("node.kubernetes.io/not-") for key in taints)


def wait_until(what: str, condition: Callable[[], bool], alive: Callable[[], bool], seconds: float) -> None:
    """Waits for ``condition()``; gives up at once when ``alive()`` is no longer true.

    Raises:
        LocalClusterError: Names ``what`` never came about.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if not alive():
            raise LocalClusterError(f"A component ended while waiting for: {what}.")
        if time.monotonic() > deadline:
            raise LocalClusterError(f"Waited {seconds:.0f} s in vain for: {what}.")
        time.sleep(_POLL_SECONDS)
