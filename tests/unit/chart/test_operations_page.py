"""docs/operations.md names every setting with its default, and every metric with its labels."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from prometheus_client.metrics import MetricWrapperBase

from helm import CHART, ROOT
from scriptrun import metrics
from scriptrun.settings import Settings

PAGE = (ROOT / "docs" / "operations.md").read_text()
VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
SAID = {
    "affinity": "none",
    "dependency_cache_claim": "none",
    "dependency_ca_bundle": "none",
    "dependency_credentials_secret": "none",
    "dependency_index_url": "none",
    "dependency_resources": "50m CPU, 64 to 512 MiB",
    "http_host": "every address",
    "image_pull_secrets": "those of `imagePullSecrets`",
    "lease_namespace": "the release's",
    "pod_annotations": "no proxy of Linkerd or Consul",
    "node_selector": "none",
    "pod_labels": "no proxy of Istio or Kuma",
    "priority_class_name": "none",
    "resources": "none",
    "runtime_class_name": "none",
    "tolerations": "none",
    "topology_spread_constraints": "none",
    "state_dir": "the volume",
    "runner_image": "`scriptrun.dev/runner` of the chart's version",
    "watch_namespaces": "all",
}


def _read_rows(heading: str) -> Iterator[list[str]]:
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    for line in section.splitlines():
        if line.startswith("| `"):
            yield [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def _format(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_explained_with_its_default(name: str) -> None:
    rows = {row[1]: row for row in _read_rows("Settings")}
    _, _, default, text = rows[f"`SCRIPTRUN_{name.upper()}`"]
    assert default == SAID.get(name, _format(Settings.model_fields[name].default))
    assert len(text) > 10


def test_the_settings_page_names_no_other_value() -> None:
    named = [row[0].strip("`") for row in _read_rows("Settings")]
    others = {"history.create", "runner.image", "runner.image.pullPolicy", "watchNamespaces", "state"}
    others |= {"runner.podAnnotations", "runner.podLabels", "runAsUser", "runner.imagePullSecrets"}
    others |= {"runner.nodeSelector", "runner.tolerations", "runner.affinity", "runner.topologySpreadConstraints"}
    others |= {"runner.priorityClassName", "runner.runtimeClassName", "runner.resources"}
    others |= {f"dependencies.{name}" for name in VALUES["dependencies"]}
    assert set(named) - others == set(VALUES["operator"]["settings"])
    assert len(named) == len(Settings.model_fields)


def test_every_metric_is_explained_with_its_labels() -> None:
    said = {row[0].strip("`"): (row[1], row[2]) for row in _read_rows("Metrics")}
    exposed = {}
    for collector in metrics.REGISTRY._collector_to_names:
        if isinstance(collector, MetricWrapperBase):  # the process's own collectors are none
            [family] = collector.collect()
            name = f"{family.name}_total" if family.type == "counter" else family.name
            exposed[name] = (family.type, ", ".join(collector._labelnames))
    assert exposed
    assert said == exposed
