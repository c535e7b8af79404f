"""The volumes of a run's pod: the runner's own, and those that its Script asks for."""

from dataclasses import dataclass
from typing import Any

from scriptrun.desired.dependencies import build_library_volumes, has_libraries
from scriptrun.desired.names import TOKEN_VOLUME, input_name
from scriptrun.models.script import ScriptSpec
from scriptrun.settings import Settings

__all__ = ["Volumes", "build_volumes"]

_TOKEN_SECONDS = 3607  # 3607 and not 3600: the kubelet's own value, renewed at 80 %
_TMP = "/tmp"  # noqa: S108 - a mount of the pod's own


@dataclass(frozen=True, slots=True)
class Volumes:
    """What of a pod's spec is about volumes.

    Attributes:
        volumes: of the pod. All are ready in one kubelet poll, however many there are.
        mounts: of the script's container.
        security: for the pod's securityContext.
    """

    volumes: list[dict[str, Any]]
    mounts: list[dict[str, Any]]
    security: dict[str, Any]


def build_volumes(run_name: str, script: ScriptSpec, settings: Settings) -> Volumes:
    """Build the volumes of a run's pod.

    Args:
        run_name: of the run.
        script: its Script's spec.
        settings: the operator's.
    """
    own = [
        _build(
            "input", "/scriptrun/input", read_only=True, configMap={"name": input_name(run_name), "defaultMode": 0o444}
        ),
        _build("work", "/scriptrun/work", emptyDir={}),
        _build("run", "/scriptrun/run", emptyDir={}),  # the runner's own: the working folder is the script's
    ]
    if not any(mount.mount_path == _TMP for mount in script.volume_mounts):
        own.append(_build("tmp", _TMP, emptyDir={}))
    if script.output.transport == "ConfigMap":
        own.append(_build(TOKEN_VOLUME, "/scriptrun/token", read_only=True, projected=_build_token()))
    libraries = has_libraries(script)
    if libraries:
        own += build_library_volumes(settings)
    asked = [item.model_dump(by_alias=True, exclude_none=True) for item in script.volumes]
    mounts = [item.model_dump(by_alias=True, exclude_none=True) for item in script.volume_mounts]
    # Else a volume would belong to root, and a file of mode 0400 could not be read.
    # Where the cluster chooses the group, it does so for volumes, too.
    group = settings.run_as_user
    owned = bool(asked or (libraries and settings.dependency_cache_claim)) and group is not None
    security = {"fsGroup": group, "fsGroupChangePolicy": "OnRootMismatch"} if owned else {}
    return Volumes([volume for volume, _ in own] + asked, [mount for _, mount in own] + mounts, security)


def _build(
    name: str, path: str, *, read_only: bool = False, **source: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    return {"name": name, **source}, {"name": name, "mountPath": path, **({"readOnly": True} if read_only else {})}


def _build_token() -> dict[str, Any]:
    sources = [
        {"serviceAccountToken": {"path": "token", "expirationSeconds": _TOKEN_SECONDS}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
    ]
    return {"sources": sources, "defaultMode": 0o444}
