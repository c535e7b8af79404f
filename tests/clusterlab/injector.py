"""An injector as service meshes have one: a webhook that adds containers to the run pods of one namespace."""

import base64
import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from clusterlab.space import Space
from clusterlab.watch import Manifest
from kubeapi import wait_for

NAME = "injector"
ANNOTATION = "example.org/inject"
PROXY = "aaa-proxy"
"""Sorts before the script's container."""
ANY_USER = 1_000_660_000
"""A user that no image has a name for."""

_SERVER = Path(__file__).with_name("injector_server.py")
_PORT = 8443
_WEBHOOKS = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
_RESTRICTED = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
_ABSENT = {"secretName": "mesh-certificates"}
_EXECUTABLE = {"name": NAME, "defaultMode": 0o555}
_SCRIPT = "/spec/containers/0"
_STAY = """
import signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
print("proxy log", flush=True)
signal.pause()
"""
_DEAF = """
import signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("proxy log", flush=True)
while True:
    signal.pause()
"""


def _leave(code: int) -> str:
    return f"import sys, time\nprint('proxy log', flush=True)\ntime.sleep(1)\nsys.exit({code})\n"


def build_patches(image: str) -> dict[str, list[Manifest]]:
    """Build the JSON patches of each kind of injection."""

    def container(source: str, **fields: Any) -> Manifest:
        command = ["python3", "-c", source]
        return {"name": PROXY, "image": image, "command": command, "securityContext": _RESTRICTED, **fields}

    def beside(source: str) -> list[Manifest]:
        return [{"op": "add", "path": "/spec/containers/0", "value": container(source)}]

    def before(source: str, **fields: Any) -> list[Manifest]:
        return [{"op": "add", "path": "/spec/initContainers", "value": [container(source, **fields)]}]

    probe = {"exec": {"command": ["false"]}, "periodSeconds": 1, "failureThreshold": 1000}
    return {
        "stays": beside(_STAY),
        "deaf": beside(_DEAF),
        "leaves": beside(_leave(0)),
        "breaks": beside(_leave(1)),
        "native": before(_STAY, restartPolicy="Always"),
        "no-image": before(_STAY, image="scriptrun.dev/no-such-image:1"),
        "crashes": before("import sys\nsys.exit('no certificate')", restartPolicy="Always", startupProbe=probe),
        "not-ready": before(_STAY, restartPolicy="Always", startupProbe=probe),
        "init-fails": before("import sys\nsys.exit(7)"),
        "volume": [
            {"op": "add", "path": "/spec/volumes/-", "value": {"name": "certs", "secret": _ABSENT}},
            {"op": "add", "path": f"{_SCRIPT}/volumeMounts/-", "value": {"name": "certs", "mountPath": "/certs"}},
        ],
        # What an image for another architecture, or one without python3, comes to.
        "no-exec": [
            {"op": "add", "path": "/spec/volumes/-", "value": {"name": "odd", "configMap": _EXECUTABLE}},
            {"op": "add", "path": f"{_SCRIPT}/volumeMounts/-", "value": {"name": "odd", "mountPath": "/odd"}},
            {"op": "replace", "path": f"{_SCRIPT}/command", "value": ["/odd/tls.crt"]},
        ],
        "no-python": [{"op": "replace", "path": f"{_SCRIPT}/command", "value": ["/usr/bin/env", "python0"]}],
        # As OpenShift's restricted-v2 does: a user and a group for files out of the namespace's own range, and group 0.
        "any-user": [
            {"op": "add", "path": "/spec/securityContext/runAsUser", "value": ANY_USER},
            {"op": "add", "path": "/spec/securityContext/fsGroup", "value": ANY_USER},
        ],
        "privileged": before(_STAY, securityContext={"privileged": True}),
    }


@contextmanager
def inject(space: Space, image: str, folder: Path) -> Iterator[None]:
    """Have the run pods of a namespace injected with what their annotation names.

    Args:
        space: The namespace.
        image: The runner's, of which all the added containers are.
        folder: For key and certificate.
    """
    host = f"{NAME}.{space.name}.svc"
    certificate = _make_certificate(host, folder)
    files = {
        "server.py": _SERVER.read_text(),
        "patches.json": json.dumps(build_patches(image)),
        "tls.crt": certificate,
        "tls.key": (folder / "tls.key").read_text(),
    }
    space.add_config_map(NAME, files)
    space.create(space.path("pods"), _build_pod(image))
    ports = [{"port": 443, "targetPort": _PORT}]
    space.create(
        space.path("services"), {"metadata": {"name": NAME}, "spec": {"selector": {"app": NAME}, "ports": ports}}
    )
    space.watches.pods.wait("the injector to be ready", lambda: _is_ready(space.watches.pods.get((space.name, NAME))))
    space.create(_WEBHOOKS, _build_webhook(space.name, certificate))
    try:
        _wait_until_it_answers(space)
        yield
    finally:
        space.api.delete(f"{_WEBHOOKS}/{_webhook_name(space.name)}")


def _make_certificate(host: str, folder: Path) -> str:
    """Make a certificate that is its own authority."""
    key, certificate = folder / "tls.key", folder / "tls.crt"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    names = ["-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{host}", "-days", "2"]
    subprocess.run([*command, *names, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    return certificate.read_text()


def _build_pod(image: str) -> Manifest:
    return {
        "metadata": {"name": NAME, "labels": {"app": NAME}},
        "spec": {
            "automountServiceAccountToken": False,
            "securityContext": {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
            "terminationGracePeriodSeconds": 0,
            "containers": [
                {
                    "name": NAME,
                    "image": image,
                    "command": ["python3", "/injector/server.py", "/injector"],
                    "securityContext": _RESTRICTED,
                    "readinessProbe": {"tcpSocket": {"port": _PORT}, "periodSeconds": 1},
                    "volumeMounts": [{"name": "files", "mountPath": "/injector"}],
                }
            ],
            "volumes": [{"name": "files", "configMap": {"name": NAME}}],
        },
    }


def _webhook_name(namespace: str) -> str:
    return f"{NAME}-{namespace}"


def _build_webhook(namespace: str, certificate: str) -> Manifest:
    """Build the configuration: of this namespace's pods, those of runs."""
    return {
        "metadata": {"name": _webhook_name(namespace)},
        "webhooks": [
            {
                "name": "injector.example.org",
                "admissionReviewVersions": ["v1"],
                "sideEffects": "None",
                "failurePolicy": "Fail",
                "timeoutSeconds": 10,
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
                "objectSelector": {"matchExpressions": [{"key": "scriptrun.dev/run", "operator": "Exists"}]},
                "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}],
                "clientConfig": {
                    "service": {"namespace": namespace, "name": NAME, "path": "/"},
                    "caBundle": base64.b64encode(certificate.encode()).decode(),
                },
            }
        ],
    }


def _is_ready(pod: Manifest | None) -> bool:
    conditions = (pod or {}).get("status", {}).get("conditions") or ()
    return any(item["type"] == "Ready" and item["status"] == "True" for item in conditions)


def _wait_until_it_answers(space: Space) -> None:
    """The API server takes a moment to know of the webhook, and the node to know of the Service."""
    metadata = {"name": "probe", "labels": {"scriptrun.dev/run": "probe"}, "annotations": {ANNOTATION: "stays"}}
    spec = {
        "securityContext": {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [{"name": "script", "image": "none", "securityContext": _RESTRICTED}],
    }

    def look() -> bool:
        answer = space.api.post(f"{space.path('pods')}?dryRun=All", {"metadata": metadata, "spec": spec})
        return answer.status == 201 and len(answer.body["spec"]["containers"]) == 2

    wait_for("the injector's first answer", look, 60)
