"""What gives the local cluster its StorageClass: whole manifests, the key last, and nothing done twice."""

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from localcluster.driver import storage
from localcluster.driver.settings import Settings

SETTINGS = Settings(state=Path("/state"), cache=Path("/cache"))


def test_the_manifests_are_whole() -> None:
    text = storage.render_manifests("a.b/c:1", Path("/state/volumes"), "f00")
    documents = list(yaml.safe_load_all(text))
    assert "$IMAGE" not in text
    assert "$FOLDER" not in text
    [config] = [document for document in documents if document["kind"] == "ConfigMap"]
    assert yaml.safe_load(config["data"]["config.json"])["nodePathMap"][0]["paths"] == ["/state/volumes"]
    assert yaml.safe_load(config["data"]["helperPod.yaml"])["spec"]["containers"][0]["image"] == "a.b/c:1"
    # Applied in order: who finds the class with its key finds everything else.
    annotations = documents[-1]["metadata"]["annotations"]
    assert documents[-1]["kind"] == "StorageClass"
    assert annotations["storageclass.kubernetes.io/is-default-class"] == "true"
    assert annotations["scriptrun.dev/key"] == "f00"


def test_another_folder_is_another_key() -> None:
    here = storage.compute_storage_key(SETTINGS)
    assert here == storage.compute_storage_key(SETTINGS)
    assert here != storage.compute_storage_key(replace(SETTINGS, state=Path("/elsewhere")))


def test_a_cluster_that_has_it_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def answer(*command: object) -> str:
        asked.append(command)
        return storage.compute_storage_key(SETTINGS)

    def refuse(*_: object) -> None:
        raise AssertionError("nothing is to be built")

    monkeypatch.setattr(storage, "link_kubectl", lambda _: Path("/kubectl"))
    monkeypatch.setattr(storage, "read_output", answer)
    monkeypatch.setattr(storage, "ensure_program", refuse)
    storage.ensure_storage_class(SETTINGS, refuse)
    assert len(asked) == 1
