"""The chart as a whole: it lints, names and labels everything alike, and carries the CRDs of this very source."""

from typing import Any

import pytest
import yaml

from helm import CHART, ROOT, Manifest, helm, render, select
from scriptrun import __version__

EVERYTHING: dict[str, Any] = {
    "watchNamespaces": ["team-a", "team-b"],
    "commonLabels": {"team": "blue"},
    "commonAnnotations": {"owner": "ada"},
    "operator": {"priorityClassName": "high", "podLabels": {"a": "b"}, "podAnnotations": {"c": "d"}},
    "metrics": {"serviceMonitor": {"create": True}},
    "networkPolicy": {
        "apiServer": {"cidrs": ["10.0.0.1/32"]},
        "operator": {"create": True},
        "runs": {"create": True},
    },
}
CLUSTER_WIDE = {
    "ClusterRole",
    "ClusterRoleBinding",
    "CustomResourceDefinition",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
}


def _read_chart() -> Manifest:
    about: Manifest = yaml.safe_load((CHART / "Chart.yaml").read_text())
    return about


@pytest.mark.parametrize("values", [{}, EVERYTHING], ids=["defaults", "everything"])
def test_it_lints(values: dict[str, Any]) -> None:
    assert "0 chart(s) failed" in helm("lint", "--strict", str(CHART), values=values)


def test_its_version_is_the_projects() -> None:
    chart = _read_chart()
    assert chart["apiVersion"] == "v2"
    assert (chart["version"], chart["appVersion"]) == (__version__, __version__)


@pytest.mark.parametrize("values", [{}, EVERYTHING], ids=["defaults", "everything"])
def test_everything_is_placed_and_labelled(values: dict[str, Any]) -> None:
    for manifest in render(values):
        metadata = manifest["metadata"]
        where = f"{manifest['kind']} {metadata['name']}"
        assert ("namespace" in metadata) == (manifest["kind"] not in CLUSTER_WIDE), where
        expected = {
            "app.kubernetes.io/name": "scriptrun",
            "app.kubernetes.io/instance": "scriptrun",
            "app.kubernetes.io/part-of": "scriptrun",
            "app.kubernetes.io/managed-by": "Helm",
            "app.kubernetes.io/version": __version__,
            **values.get("commonLabels", {}),
        }
        assert expected.items() <= metadata["labels"].items(), where
        assert values.get("commonAnnotations", {}).items() <= metadata.get("annotations", {}).items(), where


@pytest.mark.parametrize(
    ("release", "values", "name"),
    [
        ("scriptrun", {}, "scriptrun-operator"),
        ("my", {}, "my-scriptrun-operator"),
        ("my", {"nameOverride": "runs"}, "my-runs-operator"),
        ("my", {"fullnameOverride": "runs"}, "runs-operator"),
        ("x" * 53, {}, "x" * 40 + "-operator"),
    ],
)
def test_names_follow_the_release(release: str, values: dict[str, Any], name: str) -> None:
    manifests = render(values, release=release)
    assert [m["metadata"]["name"] for m in select(manifests, "Deployment")] == [name]
    assert all(len(m["metadata"]["name"]) <= 63 for m in manifests)


def test_it_carries_the_generated_crds() -> None:
    generated = {path.name: path.read_text() for path in (ROOT / "crds").glob("*.yaml")}
    carried = {path.name: path.read_text() for path in (CHART / "files" / "crds").glob("*.yaml")}
    assert generated
    assert carried == generated, "run `make generate`"


def test_helms_own_crd_folder_is_not_used() -> None:
    """Helm would install from it once, never upgrade, and then refuse the templates as not its own."""
    assert not (CHART / "crds").exists()


def test_crds_are_installed_unchanged_and_kept() -> None:
    for crd in select(render(), "CustomResourceDefinition"):
        source = yaml.safe_load((ROOT / "crds" / f"{crd['spec']['names']['plural']}.yaml").read_text())
        assert crd["spec"] == source["spec"]
        assert source["metadata"]["labels"].items() <= crd["metadata"]["labels"].items()
        assert crd["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"


def test_crds_can_be_left_out_or_given_up() -> None:
    assert select(render({"crds": {"install": False}}), "CustomResourceDefinition") == []
    given_up = select(render({"crds": {"keep": False}}), "CustomResourceDefinition")
    assert given_up
    assert all("helm.sh/resource-policy" not in crd["metadata"].get("annotations", {}) for crd in given_up)


def test_the_readme_names_every_object_kind() -> None:
    readme = (CHART / "README.md").read_text()
    kinds = {m["kind"].removesuffix("Binding") for m in render(EVERYTHING)}
    assert {kind for kind in kinds if kind not in readme and f"{kind.removesuffix('y')}ies" not in readme} == set()
