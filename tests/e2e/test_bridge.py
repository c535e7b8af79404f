"""The bridge as the chart runs it: its image, its rights, its Secrets and no others."""

import pytest

from clusterlab.space import GROUP, Space
from e2e.release import NAMESPACE, SETTINGS, Release
from kubeapi import wait_for

pytestmark = pytest.mark.e2e
pytest_plugins = ["e2e.fixtures"]

DEPLOYMENT = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/scriptrun-bridge"
NOBODY = "127.0.0.1:9"  # in the bridge's own pod
SECONDS = 180


def _add_bridge(space: Space, name: str, secret: str) -> None:
    spec = {"zeebe": {"address": f"http://{NOBODY}"}, "credentialsSecret": {"name": secret}}
    body = {"apiVersion": GROUP, "kind": "Bridge", "metadata": {"name": name}, "spec": spec}
    space.create(space.path("bridges", group=GROUP), body)


def _wait_disconnected(space: Space, name: str, reason: str) -> str:
    """Wait for a Bridge to say that it is not connected, and for this reason; returns the message."""

    def look() -> str | None:
        status = space.api.get(space.path("bridges", name, GROUP)).body.get("status") or {}
        for item in status.get("conditions") or ():
            if (item["status"], item["reason"]) == ("False", reason):
                return str(item["message"])
        return None

    return wait_for(f"Bridge {name} to say {reason}", look, SECONDS)


def test_the_bridge_gets_ready_and_reads_the_secrets_it_was_given(installed: Release, space: Space) -> None:
    allowed = [{"namespace": space.name, "name": "camunda"}]
    loopback = {"allowedAddresses": ["127.0.0.0/8"]}
    installed.apply({**SETTINGS, "bridge": {"create": True, "credentialsSecrets": allowed, "settings": loopback}})
    try:
        for secret in ("camunda", "other"):
            space.create(space.path("secrets"), {"metadata": {"name": secret}, "stringData": {"token": "t"}})
        _add_bridge(space, "good", "camunda")
        _add_bridge(space, "bad", "other")
        assert f"{NOBODY} can't be reached" in _wait_disconnected(space, "good", "Unreachable")
        assert "bridge.credentialsSecrets of the chart" in _wait_disconnected(space, "bad", "CredentialsUnavailable")
        deployment = installed.api.get(DEPLOYMENT).body
        assert deployment["status"]["readyReplicas"] == 1
        for name in ("good", "bad"):
            space.api.delete(space.path("bridges", name, GROUP))
        left = space.path("bridges", group=GROUP)
        wait_for("both Bridges to be gone", lambda: not space.api.get(left).body["items"], SECONDS)
    finally:
        installed.apply(SETTINGS)
    wait_for("its Deployment to be gone", lambda: installed.api.get(DEPLOYMENT).status == 404, SECONDS)
