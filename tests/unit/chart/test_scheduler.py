"""The chart's scheduler: a part of the API's process, with rights in one namespace and its secret by reference."""

from typing import Any

import pytest

from helm import Manifest, read_refusal, render, select
from scriptrun.api.pipeline_mount import PREFIXES
from scriptrun.kube.access import PIPELINE_VERBS
from scriptrun.pipeline.settings import PipelineSettings

OURS: dict[str, Any] = {"create": True, "tokenSecret": "shared", "namespace": "pipeline"}
VALUES: dict[str, Any] = {"api": {"create": True}, "history": {"create": True}, "scheduler": OURS}


def _read_environment(values: dict[str, Any]) -> dict[str, Any]:
    [deployment] = select(render(values), "Deployment", "scriptrun-api")
    environment: list[Manifest] = deployment["spec"]["template"]["spec"]["containers"][0]["env"]
    names = [item["name"] for item in environment]
    assert len(names) == len(set(names))
    return {
        item["name"]: item.get("value", item.get("valueFrom"))
        for item in environment
        if item["name"].startswith("SCRIPTRUN_SCHEDULER_")
    }


def _load(values: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> PipelineSettings:
    for name, value in _read_environment(values).items():
        monkeypatch.setenv(name, value if isinstance(value, str) else "0123456789abcdef")
    return PipelineSettings()


def test_as_it_comes_there_is_none_of_it() -> None:
    assert _read_environment({**VALUES, "scheduler": {}}) == {}
    assert select(render(), "Role", "scriptrun-api-scheduler") == []


def test_every_setting_is_the_codes_own_default(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = _load(VALUES, monkeypatch)
    assert settings == PipelineSettings(token="0123456789abcdef", namespace="pipeline")  # type: ignore[arg-type]
    assert set(_read_environment(VALUES)) == {
        f"SCRIPTRUN_SCHEDULER_{name.upper()}" for name in type(settings).model_fields
    }


def test_settings_arrive(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {
        "serverUrl": "https://tables.example/",
        "allowedHosts": ["a.example", "b.example:8443"],
        "allowedNetworks": ["10.96.0.0/12", "fd00::/8"],
        "timeLimitSeconds": 60,
        "starterAuth": False,
    }
    settings = _load({**VALUES, "scheduler": {**OURS, "script": "mine", "settings": given}}, monkeypatch)
    assert settings.server_url == "https://tables.example"
    assert settings.hosts == ("a.example", "b.example:8443")
    assert [str(network) for network in settings.networks] == ["10.96.0.0/12", "fd00::/8"]
    assert (settings.time_limit_seconds, settings.starter_auth, settings.script) == (60, False, "mine")


def test_the_secret_is_named_and_not_shown() -> None:
    reference = {"secretKeyRef": {"name": "shared", "key": "token"}}
    assert _read_environment(VALUES)["SCRIPTRUN_SCHEDULER_TOKEN"] == reference


@pytest.mark.parametrize("listed", [[], ["pipeline", "other"]])
def test_it_may_do_what_the_code_declares_in_one_namespace(listed: list[str]) -> None:
    manifests = render({**VALUES, "watchNamespaces": listed})
    [role] = select(manifests, "Role", "scriptrun-api-scheduler")
    assert role["metadata"]["namespace"] == "pipeline"
    granted = {
        (group, resource): frozenset(rule["verbs"])
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }
    assert granted == dict(PIPELINE_VERBS)
    [binding] = select(manifests, "RoleBinding", "scriptrun-api-scheduler")
    assert binding["metadata"]["namespace"] == "pipeline"
    assert binding["roleRef"]["name"] == "scriptrun-api-scheduler"
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "scriptrun-api", "namespace": "scriptrun-system"}]


def test_the_ingress_leads_to_its_paths() -> None:
    outside = {"create": True, "ingress": {"create": True, "host": "runs.example"}}
    [ingress] = select(render({**VALUES, "api": outside}), "Ingress")
    paths = [path["path"] for path in ingress["spec"]["rules"][0]["http"]["paths"]]
    assert paths == ["/api", "/docs", "/openapi.json", *PREFIXES]


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no history": ({**VALUES, "history": {}}, "scheduler.create needs api.create=true and history.create=true"),
    "no secret": ({**VALUES, "scheduler": {**OURS, "tokenSecret": ""}}, "scheduler.tokenSecret: name the Secret"),
    "no namespace": ({**VALUES, "scheduler": {**OURS, "namespace": ""}}, "scheduler.namespace: name the namespace"),
    "a namespace nobody looks into": (
        {**VALUES, "watchNamespaces": ["other"]},
        "scheduler.namespace: pipeline is not in watchNamespaces",
    ),
    "a network that is none": (
        {**VALUES, "scheduler": {**OURS, "settings": {"allowedNetworks": ["everywhere"]}}},
        "allowedNetworks",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_wrong_value_is_refused_by_name(case: str) -> None:
    values, words = REFUSED[case]
    assert words in read_refusal(values)
