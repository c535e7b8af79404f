"""What every model of a kind shares: camelCase on the wire, CEL rules beside the fields, conditions."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue, WithJsonSchema
from pydantic.alias_generators import to_camel

__all__ = [
    "API_VERSION",
    "GROUP",
    "VERSION",
    "AnyJson",
    "Condition",
    "JsonObject",
    "Model",
    "Rule",
    "cel",
    "object_name",
]

GROUP = "scriptrun.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"

Rule = Mapping[str, str]
"""One entry of ``x-kubernetes-validations``: ``rule`` and ``message`` (or ``messageExpression``)."""

_FREE: dict[str, JsonValue] = {
    "type": "object",
    "x-kubernetes-preserve-unknown-fields": True,
    # Else metadata.managedFields lists every key in it once more: a large object would be stored twice.
    "x-kubernetes-map-type": "atomic",
}
JsonObject = Annotated[dict[str, Any], WithJsonSchema(_FREE)]
"""A JSON object of any content, kept as it is by the API server, and applied as a whole."""

AnyJson = Annotated[Any, WithJsonSchema({"x-kubernetes-preserve-unknown-fields": True})]
"""Any JSON value, kept as it is by the API server."""


_OBJECT_NAME = "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"


def object_name(description: str) -> Any:
    """Build the field that names an object: the API server holds it to Kubernetes' own form, a DNS subdomain."""
    return Field(min_length=1, max_length=253, description=description, json_schema_extra={"pattern": _OBJECT_NAME})


def cel(*rules: Rule) -> dict[str, Any]:
    """Build the ``json_schema_extra`` that carries CEL rules into the CRD."""
    return {"x-kubernetes-validations": [dict(rule) for rule in rules]}


class Model(BaseModel):
    """A part of a kind: snake_case in Python, camelCase on the wire."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, use_attribute_docstrings=False
    )


class Condition(Model):
    """A condition as in ``metav1.Condition``."""

    type: str = Field(max_length=316, description="What the condition speaks about, in CamelCase.")
    status: str = Field(description="True, False or Unknown.", json_schema_extra={"enum": ["True", "False", "Unknown"]})
    reason: str = Field(default="", max_length=1024, description="One CamelCase word: why the status is what it is.")
    message: str = Field(default="", max_length=32768, description="For people.")
    last_transition_time: str | None = Field(
        default=None, description="When the status last changed.", json_schema_extra={"format": "date-time"}
    )
    observed_generation: int | None = Field(
        default=None, description="The metadata.generation this was said of.", json_schema_extra={"format": "int64"}
    )
