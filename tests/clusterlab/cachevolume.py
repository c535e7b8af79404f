"""A claim for the cache of libraries, on a folder of the node: a cluster of the tests need not have a provisioner."""

from collections.abc import Iterator
from contextlib import contextmanager

from kubeapi import Api, wait_for

__all__ = ["CLAIM", "cache_claim"]

CLAIM = "libraries"


@contextmanager
def cache_claim(api: Api, namespace: str, image: str) -> Iterator[None]:
    """Have a claim that run pods may write to; volume and folder are gone afterwards.

    Args:
        api: The administrator.
        namespace: Of the claim.
        image: With a shell; for the pod that makes the folder, since fsGroup does nothing for those of a node.
    """
    volume = f"libraries-of-{namespace}"
    folder = f"/var/tmp/{volume}"
    common = {"accessModes": ["ReadWriteMany"], "storageClassName": "none"}
    spec = {
        **common,
        "capacity": {"storage": "64Mi"},
        "hostPath": {"path": folder, "type": "Directory"},
        "claimRef": {"namespace": namespace, "name": CLAIM},
    }
    claim = {**common, "resources": {"requests": {"storage": "64Mi"}}, "volumeName": volume}
    claims = f"/api/v1/namespaces/{namespace}/persistentvolumeclaims"
    _run_on_node(api, f"{volume}-make", image, f"mkdir -m 0777 /host/{volume}")
    try:
        for path, name, body in (("/api/v1/persistentvolumes", volume, spec), (claims, CLAIM, claim)):
            answer = api.post(path, {"metadata": {"name": name}, "spec": body})
            assert answer.status == 201, answer
        yield
    finally:
        api.delete(f"/api/v1/persistentvolumes/{volume}")
        _run_on_node(api, f"{volume}-remove", image, f"rm -r /host/{volume}")


def _run_on_node(api: Api, name: str, image: str, command: str) -> None:
    path = "/api/v1/namespaces/default/pods"
    container = {
        "name": "shell",
        "image": image,
        "command": ["sh", "-c", command],
        "securityContext": {"runAsUser": 0},
        "volumeMounts": [{"name": "host", "mountPath": "/host"}],
    }
    volumes = [{"name": "host", "hostPath": {"path": "/var/tmp"}}]
    spec = {"restartPolicy": "Never", "containers": [container], "volumes": volumes}
    answer = api.post(path, {"metadata": {"name": name}, "spec": spec})
    assert answer.status == 201, answer

    def find_end() -> str:
        phase = str(api.get(f"{path}/{name}").body["status"].get("phase"))
        return phase if phase in ("Succeeded", "Failed") else ""

    try:
        assert wait_for(f"pod {name}", find_end, 60) == "Succeeded"
    finally:
        api.delete(f"{path}/{name}")
