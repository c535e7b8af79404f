"""Where a pod may run and what it may displace: the names and shapes of Kubernetes' own core/v1 API.

None of it is among what the Pod Security Standards speak of: whatever is set here, the pod stays `restricted`.
"""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from scriptrun.models.base import Model, cel

__all__ = ["Affinity", "PriorityClassName", "RuntimeClassName", "TopologySpreadConstraint"]

_SELECTION = (
    {
        "rule": "self.operator in ['In', 'NotIn'] ? has(self.values) && size(self.values) > 0 : true",
        "message": "operators In and NotIn need values",
    },
    {
        "rule": "self.operator in ['Exists', 'DoesNotExist'] ? !has(self.values) || size(self.values) == 0 : true",
        "message": "operators Exists and DoesNotExist take no values",
    },
)
_COMPARISON = {
    "rule": "self.operator in ['Gt', 'Lt'] ? has(self.values) && size(self.values) == 1 : true",
    "message": "operators Gt and Lt need exactly one value",
}
_KEYS_NEED_SELECTOR = {
    "rule": "has(self.labelSelector) || !has(self.matchLabelKeys) || size(self.matchLabelKeys) == 0",
    "message": "matchLabelKeys needs labelSelector",
}

_Text = Annotated[str, Field(max_length=317)]  # a qualified name at most: a prefix of 253, a slash and 63
_Value = Annotated[str, Field(max_length=63)]
_Keys = Annotated[list[_Text], Field(max_length=16)]

PriorityClassName = Annotated[str, Field(max_length=253, pattern="^([a-z0-9]([-a-z0-9.]*[a-z0-9])?)?$")]
"""Name of a PriorityClass; "" for the cluster's default."""

RuntimeClassName = Annotated[str, Field(max_length=253, pattern="^([a-z0-9]([-a-z0-9.]*[a-z0-9])?)?$")]
"""Name of a RuntimeClass; "" for the node's default."""


class _Part(Model):
    """A part that nothing is dropped from in silence: what it does not know is an error."""

    model_config = Model.model_config | ConfigDict(extra="forbid")


class NodeSelectorRequirement(_Part):
    """As core/v1 NodeSelectorRequirement."""

    model_config = _Part.model_config | {"json_schema_extra": cel(*_SELECTION, _COMPARISON)}

    key: _Text = Field(description="Key of a node's label, or a field of the node.")
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"] = Field(description="How they compare.")
    values: list[_Value] | None = Field(default=None, max_length=64, description="What it is compared with.")


class NodeSelectorTerm(_Part):
    """As core/v1 NodeSelectorTerm."""

    match_expressions: list[NodeSelectorRequirement] | None = Field(
        default=None, max_length=16, description="What has to hold of the node's labels."
    )
    match_fields: list[NodeSelectorRequirement] | None = Field(
        default=None, max_length=16, description="What has to hold of the node's fields."
    )


class NodeSelector(_Part):
    """As core/v1 NodeSelector."""

    node_selector_terms: list[NodeSelectorTerm] = Field(
        min_length=1, max_length=16, description="One of them has to match."
    )


class PreferredSchedulingTerm(_Part):
    """As core/v1 PreferredSchedulingTerm."""

    weight: int = Field(ge=1, le=100, description="How much it counts.")
    preference: NodeSelectorTerm = Field(description="Nodes that are preferred.")


class NodeAffinity(_Part):
    """As core/v1 NodeAffinity."""

    required_during_scheduling_ignored_during_execution: NodeSelector | None = Field(
        default=None, description="Nodes the pod may run on."
    )
    preferred_during_scheduling_ignored_during_execution: list[PreferredSchedulingTerm] | None = Field(
        default=None, max_length=16, description="Nodes it had better run on."
    )


class LabelSelectorRequirement(_Part):
    """As meta/v1 LabelSelectorRequirement."""

    model_config = _Part.model_config | {"json_schema_extra": cel(*_SELECTION)}

    key: _Text = Field(description="Key of a label.")
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"] = Field(description="How they compare.")
    values: list[_Value] | None = Field(default=None, max_length=64, description="What it is compared with.")


class LabelSelector(_Part):
    """As meta/v1 LabelSelector."""

    match_labels: Annotated[dict[str, _Value], Field(max_length=16)] | None = Field(
        default=None, description="Labels that have to be there."
    )
    match_expressions: list[LabelSelectorRequirement] | None = Field(
        default=None, max_length=16, description="What has to hold of the labels."
    )


class PodAffinityTerm(_Part):
    """As core/v1 PodAffinityTerm."""

    model_config = _Part.model_config | {"json_schema_extra": cel(_KEYS_NEED_SELECTOR)}

    topology_key: _Text = Field(min_length=1, description="Label of nodes; those of one value are one place.")
    label_selector: LabelSelector | None = Field(default=None, description="The other pods.")
    namespaces: list[_Value] | None = Field(default=None, max_length=16, description="Their namespaces.")
    namespace_selector: LabelSelector | None = Field(default=None, description="Their namespaces, by label.")
    match_label_keys: _Keys | None = Field(default=None, description="Labels that they have in common with this pod.")
    mismatch_label_keys: _Keys | None = Field(default=None, description="Labels in which they differ from this pod.")


class WeightedPodAffinityTerm(_Part):
    """As core/v1 WeightedPodAffinityTerm."""

    weight: int = Field(ge=1, le=100, description="How much it counts.")
    pod_affinity_term: PodAffinityTerm = Field(description="Which pods, and which places.")


class PodAffinity(_Part):
    """As core/v1 PodAffinity and PodAntiAffinity."""

    required_during_scheduling_ignored_during_execution: list[PodAffinityTerm] | None = Field(
        default=None, max_length=16, description="What has to hold of the other pods in the place."
    )
    preferred_during_scheduling_ignored_during_execution: list[WeightedPodAffinityTerm] | None = Field(
        default=None, max_length=16, description="What had better hold of them."
    )


class Affinity(_Part):
    """As core/v1 Affinity."""

    node_affinity: NodeAffinity | None = Field(default=None, description="Which nodes.")
    pod_affinity: PodAffinity | None = Field(default=None, description="Near which pods.")
    pod_anti_affinity: PodAffinity | None = Field(default=None, description="Away from which pods.")


class TopologySpreadConstraint(_Part):
    """As core/v1 TopologySpreadConstraint."""

    model_config = _Part.model_config | {
        "json_schema_extra": cel(
            _KEYS_NEED_SELECTOR,
            {
                "rule": "!has(self.minDomains) || self.whenUnsatisfiable == 'DoNotSchedule'",
                "message": "minDomains needs whenUnsatisfiable DoNotSchedule",
            },
        )
    }

    max_skew: int = Field(ge=1, description="How uneven it may be.")
    topology_key: _Text = Field(min_length=1, description="Label of nodes; those of one value are one place.")
    when_unsatisfiable: Literal["DoNotSchedule", "ScheduleAnyway"] = Field(description="What if it can't be had.")
    label_selector: LabelSelector | None = Field(default=None, description="Which pods are counted.")
    min_domains: int | None = Field(default=None, ge=1, description="How many places there have to be.")
    node_affinity_policy: Literal["Honor", "Ignore"] | None = Field(
        default=None, description="Whether only nodes that the pod may run on count."
    )
    node_taints_policy: Literal["Honor", "Ignore"] | None = Field(
        default=None, description="Whether only nodes whose taints it tolerates count."
    )
    match_label_keys: _Keys | None = Field(default=None, description="Labels that they have in common with this pod.")
