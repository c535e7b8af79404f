"""What may stand on a run's pods: names that Kubernetes takes, and none by which it or the operator tells pods."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from builders import settings
from scriptrun.crdgen import build_crds
from scriptrun.models.podmetadata import ANNOTATIONS_LIMIT, PodMetadata

GOOD_LABELS = {
    "team": "payments",
    "sidecar.istio.io/inject": "true",
    "azure.workload.identity/use": "true",
    "tags.datadoghq.com/service": "billing",
    "cost-center": "4711",
    "app.kubernetes.io/part-of": "billing",
    "x": "",
    "a" * 63: "v" * 63,
    f"{'a.' * 126}b/c": "x",
    "kueue.x-k8s.io/queue-name": "small",
    "notkubernetes.io/a": "x",
}
GOOD_ANNOTATIONS = {
    "cluster-autoscaler.kubernetes.io/safe-to-evict": "false",
    "karpenter.sh/do-not-disrupt": "true",
    "azure.workload.identity/proxy-sidecar-image": "x",
    "eks.amazonaws.com/skip-containers": "a",
    "iam.amazonaws.com/role": "arn:aws:iam::1:role/x",
    "vault.hashicorp.com/agent-inject-template-db": "{{ with secret }}\nä\n{{ end }}",
    "example.org/empty": "",
}
BAD_KEYS = [
    "",
    "/a",
    "a/",
    "a/b/c",
    "-a",
    "a-",
    "a b",
    "ä",
    "A.org/x",
    "a" * 64,
    f"{'a' * 64}.{'b' * 200}/c",
    "a\n",
    "x" * 10**6,
]
RESERVED = [
    "kubernetes.io/a",
    "k8s.io/a",
    "batch.kubernetes.io/job-name",
    "pod-security.kubernetes.io/enforce",
    "container.apparmor.security.beta.kubernetes.io/script",
    "seccomp.security.alpha.kubernetes.io/pod",
    "app.kubernetes.io/managed-by",
    "kubectl.kubernetes.io/default-container",
    "scriptrun.dev/run",
    "a.scriptrun.dev/b",
    "io.kubernetes.cri-o.Devices",
]


def check(labels: dict[str, Any] | None = None, annotations: dict[str, Any] | None = None) -> PodMetadata:
    return PodMetadata.model_validate({"labels": labels or {}, "annotations": annotations or {}})


def test_what_people_need_is_taken_as_it_is() -> None:
    taken = check(GOOD_LABELS, GOOD_ANNOTATIONS)
    assert (taken.labels, taken.annotations) == (GOOD_LABELS, GOOD_ANNOTATIONS)


@pytest.mark.parametrize("key", BAD_KEYS, ids=range(len(BAD_KEYS)))
@pytest.mark.parametrize("kind", ["labels", "annotations"])
def test_a_key_that_is_none_is_refused(kind: str, key: str) -> None:
    with pytest.raises(ValidationError, match="is not valid"):
        check(**{kind: {key: "x"}})


@pytest.mark.parametrize("key", RESERVED)
@pytest.mark.parametrize("kind", ["labels", "annotations"])
def test_keys_of_ours_and_of_kubernetes_are_refused(kind: str, key: str) -> None:
    with pytest.raises(ValidationError, match=r"reserved for Kubernetes or scriptrun. Of those only"):
        check(**{kind: {key: "x"}})


@pytest.mark.parametrize("key", ["cluster-autoscaler.kubernetes.io/safe-to-evict", "app.kubernetes.io/name"])
def test_a_key_that_is_allowed_on_one_of_both_is_refused_on_the_other(key: str) -> None:
    wrong = {"annotations" if key.startswith("app.") else "labels": {key: "x"}}
    with pytest.raises(ValidationError, match="reserved"):
        check(**wrong)


@pytest.mark.parametrize("value", ["-", "a-", "a b", "ä", "a" * 64, "a\n"])
def test_a_labels_value_is_checked(value: str) -> None:
    with pytest.raises(ValidationError, match='value of label "team"'):
        check({"team": value})


def test_how_many_and_how_much() -> None:
    many = {f"k{number}": "x" for number in range(65)}
    for kind in ("labels", "annotations"):
        with pytest.raises(ValidationError, match="65 entries, at most 64"):
            check(**{kind: many})
    check(annotations={"k": "x" * (ANNOTATIONS_LIMIT - 1)})
    with pytest.raises(ValidationError, match="32,769 characters, at most 32,768"):
        check(annotations={"k": "x" * ANNOTATIONS_LIMIT})


@given(st.dictionaries(st.text(max_size=400), st.text(max_size=100), max_size=3))
def test_no_text_at_all_can_make_it_ours(entries: dict[str, str]) -> None:
    try:
        taken = check(entries)
    except ValidationError:
        return
    assert not any("scriptrun.dev/" in key for key in taken.labels)


def test_the_crd_has_the_same_bounds() -> None:
    spec = build_crds()["scripts.yaml"]["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    for schema in spec["properties"]["podMetadata"]["properties"].values():
        assert schema["maxProperties"] == 64
        syntax, reserved, *_ = [rule["rule"] for rule in schema["x-kubernetes-validations"]]
        assert "size(key) <= 317" in syntax
        assert "scriptrun[.]dev" in reserved


class TestDefaults:
    """What an administrator puts on every run pod."""

    def test_kubernetes_own_keys_are_theirs_to_set(self) -> None:
        given = {"container.apparmor.security.beta.kubernetes.io/script": "runtime/default"}
        assert settings(pod_annotations=given).pod_annotations == given

    @pytest.mark.parametrize(
        "key", ["scriptrun.dev/run", "app.kubernetes.io/managed-by", "batch.kubernetes.io/job-name", "a b"]
    )
    @pytest.mark.parametrize("kind", ["pod_labels", "pod_annotations"])
    def test_what_tells_pods_apart_is_not(self, kind: str, key: str) -> None:
        with pytest.raises(ValidationError):
            settings(**{kind: {key: "x"}})

    def test_a_value_that_is_no_label_is_refused(self) -> None:
        with pytest.raises(ValidationError, match='value of label "team"'):
            settings(pod_labels={"team": "a b"})

    def test_they_come_as_json(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SCRIPTRUN_POD_LABELS", '{"team": "a"}')
        assert settings().pod_labels == {"team": "a"}

    def test_as_they_come_no_mesh_adds_its_proxy(self) -> None:
        assert settings().pod_labels == {"sidecar.istio.io/inject": "false", "kuma.io/sidecar-injection": "disabled"}
        assert settings().pod_annotations == {
            "linkerd.io/inject": "disabled",
            "consul.hashicorp.com/connect-inject": "false",
        }
