"""Where run pods may run: the operator's defaults, and what becomes of them beside a Script's own fields."""

from typing import Any

import pytest
from pydantic import ValidationError

from builders import script_spec, settings
from scriptrun.desired.placement import build_placement

GPU = {"key": "gpu", "operator": "Exists"}
RUNS = {"key": "runs", "operator": "Equal", "value": "true", "effect": "NoSchedule", "tolerationSeconds": 5}
SELECTOR = {"matchLabels": {"scriptrun.dev/script": "hello.py"}}
NEAR = {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 5, "podAffinityTerm": {"topologyKey": "zone"}}]}
APART = {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "rack", "labelSelector": SELECTOR}]}
SPREAD = {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule", "labelSelector": SELECTOR}


def nodes(pool: str) -> dict[str, Any]:
    """A node affinity."""
    expression = {"key": "pool", "operator": "In", "values": [pool]}
    return {
        "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}
    }


DEFAULTS: dict[str, Any] = {
    "node_selector": {"pool": "runs", "arch": "amd64"},
    "tolerations": [RUNS],
    "affinity": {"nodeAffinity": nodes("runs"), "podAffinity": NEAR},
    "topology_spread_constraints": [SPREAD],
    "priority_class_name": "low",
    "runtime_class_name": "gvisor",
    "image_pull_secrets": [{"name": "mirror"}],
}


def build(operator: dict[str, Any] | None = None, **script: Any) -> dict[str, Any]:
    return build_placement(script_spec(**script), settings(**(operator or {})))


def test_where_nobody_says_anything_there_is_nothing() -> None:
    assert build() == {}
    assert build(affinity={"nodeAffinity": None}, tolerations=[], priorityClassName="") == {}


def test_a_scripts_own_fields_are_those_of_its_pods() -> None:
    fields: dict[str, Any] = {
        "nodeSelector": {"pool": "gpu"},
        "tolerations": [GPU],
        "affinity": {"nodeAffinity": nodes("gpu"), "podAntiAffinity": APART},
        "topologySpreadConstraints": [SPREAD],
        "priorityClassName": "high",
        "runtimeClassName": "kata",
        "imagePullSecrets": [{"name": "registry"}],
    }
    assert build(**fields) == fields


def test_the_operators_defaults_are_those_of_a_script_without() -> None:
    assert build(DEFAULTS) == {
        "nodeSelector": {"pool": "runs", "arch": "amd64"},
        "tolerations": [RUNS],
        "affinity": {"nodeAffinity": nodes("runs"), "podAffinity": NEAR},
        "topologySpreadConstraints": [SPREAD],
        "priorityClassName": "low",
        "runtimeClassName": "gvisor",
        "imagePullSecrets": [{"name": "mirror"}],
    }


def test_both_together() -> None:
    """Maps by key, lists one behind the other, affinity by part; the rest is one or the other."""
    own = {**SPREAD, "maxSkew": 3}
    assert build(
        DEFAULTS,
        nodeSelector={"pool": "gpu"},
        tolerations=[GPU, RUNS],
        affinity={"nodeAffinity": nodes("gpu"), "podAntiAffinity": APART},
        topologySpreadConstraints=[own],
        priorityClassName="high",
        runtimeClassName="kata",
        imagePullSecrets=[{"name": "registry"}, {"name": "mirror"}],
    ) == {
        "nodeSelector": {"pool": "gpu", "arch": "amd64"},
        "tolerations": [GPU, RUNS],
        "affinity": {"nodeAffinity": nodes("gpu"), "podAffinity": NEAR, "podAntiAffinity": APART},
        "topologySpreadConstraints": [own],
        "priorityClassName": "high",
        "runtimeClassName": "kata",
        "imagePullSecrets": [{"name": "registry"}, {"name": "mirror"}],
    }


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"affinity": {"nodeAffinty": {}}}, "affinity.nodeAffinty"),
        ({"affinity": {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{}]}}}, "topologyKey"),
        ({"topologySpreadConstraints": [{**SPREAD, "whenUnsatisfiable": "Never"}]}, "whenUnsatisfiable"),
        ({"topologySpreadConstraints": [SPREAD] * 17}, "topologySpreadConstraints"),
        ({"priorityClassName": "a b"}, "priorityClassName"),
        ({"runtimeClassName": "x" * 254}, "runtimeClassName"),
    ],
)
def test_what_no_pod_could_have_is_refused_by_name(wrong: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError, match=field):
        script_spec(**wrong)
