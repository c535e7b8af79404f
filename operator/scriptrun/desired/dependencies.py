"""What installs a script's libraries: a container beside the script's, and the volumes that both have.

The installer runs in the operator's own runner image, whatever image the script has. It alone gets the index's
credentials and may write to the libraries; the script's container reads them. Both start at the same time: an init
container would cost each run the second that the kubelet takes to see it end, also when there is nothing to install.
"""

from functools import lru_cache
from typing import Any

from scriptrun.desired.names import INSTALLER_CONTAINER
from scriptrun.models.script import ScriptSpec
from scriptrun.settings import Settings
from scriptrun_runner.lock import hash_lock, parse_lock

__all__ = [
    "INSTALLER",
    "LIBRARIES",
    "build_installer",
    "build_library_request",
    "build_library_volumes",
    "has_libraries",
]

LIBRARIES = "libraries"
INSTALLER = "installer"
_FOLDER = "/scriptrun"
_KNOWN_LOCKS = 64
_USERNAME, _PASSWORD = "username", "password"


def has_libraries(script: ScriptSpec) -> bool:
    """Whether a Script's runs have libraries installed."""
    return bool(script.dependencies and script.dependencies.lock)


def build_library_request(script: ScriptSpec) -> dict[str, Any]:
    """Build what `run.json` says of the libraries."""
    given = script.dependencies
    if given is None or not given.lock:
        return {}
    return {
        "dependencies": {
            "lockSha256": _hash_lock(given.lock),
            "pythonVersion": given.python_version,
            "startSeconds": script.start_deadline_seconds,
        }
    }


@lru_cache(_KNOWN_LOCKS)
def _hash_lock(lock: str) -> str:
    """Hash a lock once for all runs of its Script."""
    return hash_lock(parse_lock(lock))


def build_library_volumes(settings: Settings) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Build volumes and their mounts in the script's container."""
    claim = settings.dependency_cache_claim
    source = {"persistentVolumeClaim": {"claimName": claim}} if claim else {"emptyDir": {}}
    sources: dict[str, dict[str, Any]] = {LIBRARIES: source, INSTALLER: {"emptyDir": {}}}
    return [
        ({"name": name, **volume}, {"name": name, "mountPath": f"{_FOLDER}/{name}", "readOnly": True})
        for name, volume in sources.items()
    ]


def build_installer(input_sha256: str, settings: Settings) -> dict[str, Any]:
    """Build the installer's container.

    Args:
        input_sha256: of the input ConfigMap that the pod is made for.
        settings: the operator's.
    """
    resources = settings.dependency_resources.model_dump(by_alias=True, exclude_none=True)
    return {
        "name": INSTALLER_CONTAINER,
        "image": settings.runner_image,
        "imagePullPolicy": settings.image_pull_policy,
        "command": ["/opt/scriptrun/bin/installer"],
        "env": _build_environment(input_sha256, settings),
        **({"resources": resources} if resources else {}),
        "volumeMounts": [
            {"name": "input", "mountPath": f"{_FOLDER}/input", "readOnly": True},
            *({"name": name, "mountPath": f"{_FOLDER}/{name}"} for name in (LIBRARIES, INSTALLER)),
        ],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }


def _build_environment(input_sha256: str, settings: Settings) -> list[dict[str, Any]]:
    secret = settings.dependency_credentials_secret
    values = {
        "SCRIPTRUN_INPUT_SHA256": input_sha256,
        "SCRIPTRUN_INDEX_URL": settings.dependency_index_url,
        "SCRIPTRUN_INDEX_CA": settings.dependency_ca_bundle,
        "SCRIPTRUN_INDEX_SECRET": secret,
        "SCRIPTRUN_INSTALL_SECONDS": str(settings.dependency_timeout_seconds),
    }
    env: list[dict[str, Any]] = [
        {"name": "SCRIPTRUN_POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        *({"name": name, "value": value} for name, value in values.items() if value),
    ]
    # Optional, so that the installer can say which Secret is missing where; the script would wait for it otherwise.
    for key in (_USERNAME, _PASSWORD) if secret else ():
        reference = {"name": secret, "key": key, "optional": True}
        env.append({"name": f"SCRIPTRUN_INDEX_{key.upper()}", "valueFrom": {"secretKeyRef": reference}})
    return env
