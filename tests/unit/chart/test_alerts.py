"""Alerts ask for metrics, labels and values that exist; docs/alerts.md explains each; the chart installs them."""

import re
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry
from prometheus_client.metrics import MetricWrapperBase

from helm import CHART, ROOT, render, select
from scriptrun import metrics
from scriptrun.history import metrics as history_metrics
from scriptrun.models.reasons import Reason

RULES: dict[str, Any] = {
    rule["alert"]: rule
    for group in yaml.safe_load((CHART / "files" / "alerts.yaml").read_text())["groups"]
    for rule in group["rules"]
}
PAGE = (ROOT / "docs" / "alerts.md").read_text()
SELECTOR = re.compile(r"(scriptrun_\w+)(?:\{([^}]*)\})?")


def _read_series(registry: CollectorRegistry) -> dict[str, set[str]]:
    """Names of series, each with its labels."""
    found = {}
    for collector in registry._collector_to_names:
        if isinstance(collector, MetricWrapperBase):
            [family] = collector.collect()
            labels = set(collector._labelnames)
            ends = {"counter": ("_total",), "histogram": ("_count", "_sum")}.get(family.type, ("",))
            found |= {family.name + end: labels for end in ends}
            if family.type == "histogram":
                found[f"{family.name}_bucket"] = labels | {"le"}
    return found


SERIES = _read_series(metrics.REGISTRY) | _read_series(history_metrics.REGISTRY)


@pytest.mark.parametrize("name", RULES)
def test_a_rule_asks_for_what_is_there(name: str) -> None:
    expression = RULES[name]["expr"]
    asked = SELECTOR.findall(expression)
    assert asked
    for series, matchers in asked:
        assert series in SERIES, f"{name}: nothing exposes {series}"
        assert set(re.findall(r"(\w+)=~?\"", matchers)) <= SERIES[series]
    for grouped in re.findall(r"by \(([^)]*)\)", expression):
        assert all(set(grouped.split(", ")) <= SERIES[series] for series, _ in asked)


@pytest.mark.parametrize("name", RULES)
def test_a_summary_speaks_of_labels_that_the_expression_keeps(name: str) -> None:
    told = set(re.findall(r"\$labels\.(\w+)", RULES[name]["annotations"]["summary"]))
    kept = re.findall(r"by \(([^)]*)\)", RULES[name]["expr"])
    assert all(told <= set(labels.split(", ")) for labels in kept)
    assert kept or not told


def test_values_of_labels_are_ones_that_occur() -> None:
    reasons = re.search(r'reason=~"([^"]*)"', RULES["ScriptrunInfrastructureFailures"]["expr"])
    assert reasons is not None
    assert set(reasons[1].split("|")) <= {str(reason) for reason in Reason}
    described = {
        "scriptrun_bridge_claims_total": metrics.BRIDGE_CLAIMS._documentation,
        "scriptrun_bridge_reports_total": metrics.BRIDGE_REPORTS._documentation,
        "scriptrun_bridge_extensions_total": metrics.BRIDGE_EXTENSIONS._documentation,
    }
    for rule in RULES.values():
        for series, outcome in re.findall(r"(\w+)\{outcome=\"(\w+)\"\}", rule["expr"]):
            assert outcome in re.findall(r"\w+", described[series].lower()), (rule["alert"], outcome)


def test_the_page_explains_every_alert() -> None:
    rows = re.findall(r"^\| `(Scriptrun\w+)` \| (\w+) \| ([^|]+) \| ([^|]+) \|$", PAGE, re.MULTILINE)
    assert {name: severity for name, severity, _, _ in rows} == {
        name: rule["labels"]["severity"] for name, rule in RULES.items()
    }
    assert [name for name, *_ in rows] == list(RULES)


def test_the_chart_installs_the_file_as_it_is_when_asked() -> None:
    assert select(render(), "PrometheusRule") == []
    wanted = {"metrics": {"prometheusRule": {"create": True, "labels": {"release": "prometheus"}}}}
    [made] = select(render(wanted), "PrometheusRule")
    assert made["metadata"]["labels"]["release"] == "prometheus"
    assert [rule for group in made["spec"]["groups"] for rule in group["rules"]] == list(RULES.values())
