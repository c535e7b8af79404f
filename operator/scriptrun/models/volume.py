"""Volumes of run pods: the kinds that the `restricted` Pod Security standard allows, in core/v1's own names."""

import re
from typing import Annotated, Literal

from pydantic import Field, model_validator

from scriptrun.models.base import JsonObject, Model, cel, object_name
from scriptrun.models.container import FieldSelector, Quantity

__all__ = ["RESERVED_VOLUMES", "Volume", "VolumeMount"]

RESERVED_VOLUMES = ("input", "work", "run", "token", "libraries", "installer")
"""Names of the runner's own volumes; `tmp` is given up for a mount at /tmp."""

_KINDS = ("configMap", "secret", "emptyDir", "projected", "persistentVolumeClaim", "downwardAPI", "csi", "ephemeral")
_NAME = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
_PATH = r"^(/([^/:.\x00-\x1f][^/:\x00-\x1f]*|[.][^/:.\x00-\x1f][^/:\x00-\x1f]*|[.][.][^/:\x00-\x1f]+))+$"
_FREE = "/scriptrun/work/"
# Folders of the runner, those above them, and those without which it can't start.
_TAKEN = (
    "^(/(opt|etc|usr|dev|bin|sbin|lib|lib64|usr/local|usr/(local/)?(bin|lib|lib64))"
    "|/(scriptrun|proc|sys|opt/scriptrun|etc/scriptrun|dev/termination-log)(/.*)?)$"
)
_TAKEN_MESSAGE = (
    "mountPath is the runner's own, or a folder without which it can't start; choose another, such as /data, /dev/shm "
    "or a folder below /scriptrun/work"
)
_Mode = Annotated[int, Field(ge=0, le=0o777)]


class KeyToPath(Model):
    """As core/v1 KeyToPath."""

    key: str = Field(min_length=1, max_length=253, description="The key.")
    path: str = Field(min_length=1, max_length=512, description="The file's path within the volume.")
    mode: _Mode | None = Field(default=None, description="Permission bits of the file.")


class _Keys(Model):
    """What volumes of ConfigMaps and Secrets have in common."""

    items: list[KeyToPath] | None = Field(
        default=None, max_length=64, description="Keys that become files. Default: each, by its name."
    )
    optional: bool | None = Field(default=None, description="Whether the pod may start when it is missing.")


class ConfigMapVolume(_Keys):
    """As core/v1 ConfigMapVolumeSource."""

    name: str = object_name("Name of the ConfigMap, in the same namespace.")
    default_mode: _Mode | None = Field(default=None, description="Permission bits of the files. Default: 0644.")


class SecretVolume(_Keys):
    """As core/v1 SecretVolumeSource."""

    secret_name: str = object_name("Name of the Secret, in the same namespace.")
    default_mode: _Mode | None = Field(default=None, description="Permission bits of the files. Default: 0644.")


class EmptyDir(Model):
    """As core/v1 EmptyDirVolumeSource."""

    medium: Literal["", "Memory"] | None = Field(
        default=None, description="Memory: a tmpfs, which counts towards the memory limit. Default: the node's disk."
    )
    size_limit: Quantity | None = Field(default=None, description="Most it may hold; a pod with more is evicted.")


class ResourceFieldSelector(Model):
    """As core/v1 ResourceFieldSelector."""

    resource: str = Field(max_length=253, description="Such as limits.memory.")
    container_name: str | None = Field(default=None, max_length=63, description="The container: script.")
    divisor: Quantity | None = Field(default=None, description="Unit of the value, such as 1Mi. Default: 1.")


class DownwardItem(Model):
    """As core/v1 DownwardAPIVolumeFile."""

    path: str = Field(min_length=1, max_length=512, description="The file's path within the volume.")
    field_ref: FieldSelector | None = Field(default=None, description="A field of the pod.")
    resource_field_ref: ResourceFieldSelector | None = Field(default=None, description="A resource of the container.")
    mode: _Mode | None = Field(default=None, description="Permission bits of the file.")


class DownwardApi(Model):
    """As core/v1 DownwardAPIVolumeSource."""

    items: list[DownwardItem] = Field(max_length=64, description="Files with what the pod knows of itself.")
    default_mode: _Mode | None = Field(default=None, description="Permission bits of the files. Default: 0644.")


class NamedKeys(_Keys):
    """As core/v1 ConfigMapProjection and SecretProjection."""

    name: str = object_name("Name of the ConfigMap or Secret, in the same namespace.")


class DownwardProjection(Model):
    """As core/v1 DownwardAPIProjection."""

    items: list[DownwardItem] = Field(max_length=64, description="Files with what the pod knows of itself.")


class Projection(Model):
    """As core/v1 VolumeProjection, without serviceAccountToken: a script gets no token of the cluster."""

    model_config = Model.model_config | {
        "json_schema_extra": cel(
            {
                "rule": "[has(self.configMap), has(self.secret), has(self.downwardAPI)].exists_one(x, x)",
                "message": "set exactly one of configMap, secret or downwardAPI",
            }
        )
    }

    config_map: NamedKeys | None = Field(default=None, description="Keys of a ConfigMap.")
    secret: NamedKeys | None = Field(default=None, description="Keys of a Secret.")
    downward_api: DownwardProjection | None = Field(
        default=None, alias="downwardAPI", description="What the pod knows of itself."
    )


class Projected(Model):
    """As core/v1 ProjectedVolumeSource."""

    sources: list[Projection] = Field(max_length=32, description="What lies in it.")
    default_mode: _Mode | None = Field(default=None, description="Permission bits of the files. Default: 0644.")


class Claim(Model):
    """As core/v1 PersistentVolumeClaimVolumeSource."""

    claim_name: str = object_name("Name of the PersistentVolumeClaim, in the same namespace.")
    read_only: bool | None = Field(default=None, description="Whether all mounts of it are read-only.")


class SecretReference(Model):
    """A Secret in the same namespace."""

    name: str = object_name("Name of the Secret.")


class Csi(Model):
    """As core/v1 CSIVolumeSource."""

    driver: str = Field(min_length=1, max_length=253, description="Name of the CSI driver.")
    fs_type: str | None = Field(default=None, max_length=63, description="File system, such as ext4.")
    read_only: bool | None = Field(default=None, description="Whether it is read-only.")
    volume_attributes: dict[str, str] | None = Field(default=None, description="What the driver asks for.")
    node_publish_secret_ref: SecretReference | None = Field(default=None, description="Secret for the driver.")


class Ephemeral(Model):
    """As core/v1 EphemeralVolumeSource."""

    volume_claim_template: JsonObject = Field(
        description="A PersistentVolumeClaim for each pod (`spec`, `metadata`), deleted with the pod: when the run is."
    )


class Volume(Model):
    """As core/v1 Volume, of the kinds that the `restricted` Pod Security standard allows."""

    model_config = Model.model_config | {
        "json_schema_extra": cel(
            {
                "rule": f"[{', '.join(f'has(self.{kind})' for kind in _KINDS)}].exists_one(x, x)",
                "message": f"set exactly one of {', '.join(_KINDS[:-1])} or {_KINDS[-1]}",
            },
            {
                "rule": f"!(self.name in {list(RESERVED_VOLUMES)})",
                "message": f"the names {', '.join(RESERVED_VOLUMES)} are the runner's; choose another",
            },
        )
    }

    name: str = Field(
        min_length=1,
        max_length=63,
        pattern=_NAME,
        description="Name of the volume, for volumeMounts.",
    )
    config_map: ConfigMapVolume | None = Field(default=None, description="A ConfigMap as files.")
    secret: SecretVolume | None = Field(default=None, description="A Secret as files.")
    empty_dir: EmptyDir | None = Field(default=None, description="An empty folder of the attempt's own.")
    projected: Projected | None = Field(default=None, description="ConfigMaps and Secrets in one folder.")
    persistent_volume_claim: Claim | None = Field(
        default=None, description="A PersistentVolumeClaim, such as a cache that runs share."
    )
    downward_api: DownwardApi | None = Field(
        default=None, alias="downwardAPI", description="What the pod knows of itself, as files."
    )
    csi: Csi | None = Field(default=None, description="An inline volume of a CSI driver, such as a secret store's.")
    ephemeral: Ephemeral | None = Field(default=None, description="A PersistentVolumeClaim for each pod.")


class VolumeMount(Model):
    """As core/v1 VolumeMount."""

    model_config = Model.model_config | {
        "json_schema_extra": cel(
            {
                "rule": f"self.mountPath.startsWith('{_FREE}') || !self.mountPath.matches('{_TAKEN}')",
                "message": _TAKEN_MESSAGE,
            }
        )
    }

    name: str = Field(min_length=1, max_length=63, description="Name of one of spec.volumes.")
    mount_path: str = Field(
        max_length=512,
        pattern=_PATH,
        description="Folder or file in the container, as an absolute path without `.`, `..`, `:` and a slash at its "
        "end. /tmp takes the place of the runner's own.",
    )
    sub_path: str | None = Field(default=None, max_length=512, description="Path within the volume. Default: its root.")
    read_only: bool | None = Field(default=None, description="Whether the mount is read-only. Default: false.")

    @model_validator(mode="after")
    def _check_path(self) -> "VolumeMount":
        """Say where no API server does: for `scriptrun scripts render`."""
        if not self.mount_path.startswith(_FREE) and re.fullmatch(_TAKEN, self.mount_path):
            raise ValueError(_TAKEN_MESSAGE)
        return self
