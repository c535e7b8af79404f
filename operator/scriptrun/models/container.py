"""Parts of a container that a Script may set: the names and shapes of Kubernetes' own core/v1 API."""

from typing import Annotated, Literal

from pydantic import AllowInfNan, Field, StrictFloat, StrictInt, StrictStr, WithJsonSchema

from scriptrun.models.base import Model, cel, object_name

__all__ = ["EnvFromSource", "EnvVar", "LocalObjectReference", "ResourceRequirements", "Toleration"]

_NUMBER = r"([0-9]+(\.[0-9]*)?|\.[0-9]+)"
Quantity = Annotated[
    StrictStr | StrictInt | Annotated[StrictFloat, AllowInfNan(False)] | None,
    WithJsonSchema(
        {
            # A structural schema has no type for both, and int-or-string refuses 0.5, which a Pod takes.
            "x-kubernetes-preserve-unknown-fields": True,
            "not": {"enum": [True, False, {}, []]},
            "minimum": 0,
            "maxItems": 0,
            "maxProperties": 0,
            "pattern": rf"^[+]?{_NUMBER}([KMGTPE]i|[numkMGTPE]|[eE][-+]?[0-9]+)?$",
        }
    ),
]
"""A quantity as a Pod has it (apimachinery's resource.Quantity): a number, or a text such as 500m or 64Mi."""


class LocalObjectReference(Model):
    """A reference to an object in the same namespace."""

    name: str = object_name("Name of the object, in the same namespace.")


class KeySelector(Model):
    """A key of a ConfigMap or Secret in the same namespace."""

    name: str = object_name("Name of the ConfigMap or Secret.")
    key: str = Field(min_length=1, max_length=253, description="The key within it.")
    optional: bool | None = Field(default=None, description="Whether the pod may start when it is missing.")


class FieldSelector(Model):
    """A field of the pod."""

    field_path: str = Field(description="As in core/v1 ObjectFieldSelector, such as `metadata.labels['team']`.")


class EnvVarSource(Model):
    """Where an environment variable's value comes from; exactly one."""

    config_map_key_ref: KeySelector | None = Field(default=None, description="A key of a ConfigMap.")
    secret_key_ref: KeySelector | None = Field(default=None, description="A key of a Secret.")
    field_ref: FieldSelector | None = Field(default=None, description="A field of the pod.")


class EnvVar(Model):
    """As core/v1 EnvVar."""

    model_config = Model.model_config | {
        "json_schema_extra": cel(
            {
                "rule": "!(has(self.value) && has(self.valueFrom))",
                "message": "set value or valueFrom, not both",
            },
            {
                "rule": "!self.name.startsWith('SCRIPTRUN_')",
                "message": "names that start with SCRIPTRUN_ are set by the runner; choose another",
            },
        )
    }

    name: str = Field(min_length=1, max_length=256, description="Name of the variable; SCRIPTRUN_* are the runner's.")
    value: str | None = Field(default=None, max_length=32768, description="Its value.")
    value_from: EnvVarSource | None = Field(default=None, description="Where the value comes from instead.")


class EnvFromSource(Model):
    """As core/v1 EnvFromSource."""

    prefix: str | None = Field(default=None, max_length=256, description="Put before each key.")
    config_map_ref: LocalObjectReference | None = Field(default=None, description="Every key of a ConfigMap.")
    secret_ref: LocalObjectReference | None = Field(default=None, description="Every key of a Secret.")


class ResourceRequirements(Model):
    """As core/v1 ResourceRequirements, requests and limits only."""

    requests: dict[str, Quantity] | None = Field(default=None, description="What the scheduler sets aside.")
    limits: dict[str, Quantity] | None = Field(default=None, description="What the pod may use at most.")


class Toleration(Model):
    """As core/v1 Toleration."""

    key: str | None = Field(default=None, description="Taint key; empty with operator Exists matches every key.")
    operator: Literal["Exists", "Equal"] | None = Field(default=None, description="Exists or Equal (default).")
    value: str | None = Field(default=None, description="Taint value.")
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = Field(
        default=None, description="Taint effect; empty matches every effect."
    )
    toleration_seconds: int | None = Field(default=None, description="Seconds a NoExecute taint is tolerated.")
