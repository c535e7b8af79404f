"""Where a Bridge may lead: not into its own pod, not to a cloud's metadata, and no further than the chart says."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from clusterlab.bridgespace import BridgeSpace
from clusterlab.process import BridgeProcess

pytestmark = pytest.mark.cluster
pytest_plugins = ["clusterlab.fixtures", "clusterlab.bridgefixtures"]

TOKEN_URL = "http://127.0.0.1:9/token"


class Internal:
    """A server that was not made for tenants: what it says, and who asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        internal = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                internal.asked.append(self.path)
                self.send_response(403)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(json.dumps({"SecretAccessKey": "t0p-s3cret"}).encode())

            def log_message(self, *_: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def internal() -> Iterator[Internal]:
    """A server on loopback."""
    server = Internal()
    yield server
    server.close()


def test_loopback_is_not_connected_to(idle: BridgeSpace, process: BridgeProcess, internal: Internal) -> None:
    """There are the bridge's own metrics, and whatever a sidecar serves its pod."""
    idle.add_bridge(zeebe={"address": internal.address})
    process.start_and_serve(ALLOWED_ADDRESSES="")
    message = idle.wait_condition("False", "Refused")
    assert "leads to a loopback address, which is not allowed" in message
    assert "bridge.settings.allowedAddresses of the chart" in message
    assert internal.asked == []


@pytest.mark.parametrize("address", ["http://169.254.169.254/latest/meta-data", "http://[fd00:ec2::254]"])
def test_metadata_services_are_never_connected_to(idle: BridgeSpace, process: BridgeProcess, address: str) -> None:
    idle.add_bridge(zeebe={"address": address})
    process.start_and_serve(ALLOWED_ADDRESSES="0.0.0.0/0,::/0")
    assert "which is never allowed" in idle.wait_condition("False", "Refused")


def test_tokens_are_asked_for_at_allowed_addresses_only(idle: BridgeSpace, process: BridgeProcess) -> None:
    idle.space.create(
        idle.space.path("secrets"),
        {"metadata": {"name": "camunda"}, "stringData": {"clientId": "me", "clientSecret": "t0p-s3cret"}},
    )
    idle.allow_secret("camunda")
    idle.add_bridge(
        zeebe={"address": "http://10.255.255.1:8080"},
        credentialsSecret={"name": "camunda"},
        oauth2={"tokenUrl": TOKEN_URL},
    )
    process.start_and_serve(ALLOWED_ADDRESSES="10.0.0.0/8")
    assert "127.0.0.1:9 leads to a loopback address" in idle.wait_condition("False", "Refused", 60)


def test_what_another_server_says_is_not_shown(idle: BridgeSpace, process: BridgeProcess, internal: Internal) -> None:
    idle.add_bridge(zeebe={"address": internal.address})
    process.start_and_serve()
    message = idle.wait_condition("False", "Refused")
    assert "answered 403: no explanation" in message
    assert internal.asked
    assert "t0p-s3cret" not in json.dumps(idle.bridge().body) + "\n".join(process.log)
