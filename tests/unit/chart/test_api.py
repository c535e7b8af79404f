"""The chart's REST API and history: off unless asked for, with the rights the code declares and no others."""

from typing import Any

import pytest

from helm import Manifest, read_refusal, render, select
from scriptrun.api.settings import ApiSettings
from scriptrun.history.settings import HistorySettings
from scriptrun.kube.access import API_VERBS, HISTORY_VERBS, LEASE_VERBS, REVIEW_VERBS

NAME = "scriptrun-api"
BARE: dict[str, Any] = {"api": {"create": True}}
KEPT: dict[str, Any] = {**BARE, "history": {"create": True}}
SHARED: dict[str, Any] = {"api": {"create": True, "replicas": 3}, "history": {"create": True, "databaseSecret": "db"}}
SUBJECT = {"kind": "ServiceAccount", "name": NAME, "namespace": "scriptrun-system"}
OTHER: dict[str, Any] = {"authCacheSeconds": 1, "maxStreams": 7, "httpPort": 9090, "logLevel": "debug"}


def _flatten(rules: list[Manifest]) -> dict[tuple[str, str], frozenset[str]]:
    return {
        (group, resource): frozenset(rule["verbs"])
        for rule in rules
        if "resourceNames" not in rule
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }


def _get_pod(values: dict[str, Any]) -> Manifest:
    [deployment] = select(render(values), "Deployment", NAME)
    pod: Manifest = deployment["spec"]["template"]["spec"]
    return pod


def _read_environment(values: dict[str, Any]) -> dict[str, Any]:
    [container] = _get_pod(values)["containers"]
    names = [item["name"] for item in container["env"]]
    assert len(names) == len(set(names))
    return {item["name"]: item.get("value", item.get("valueFrom")) for item in container["env"]}


def test_as_it_comes_there_is_none_of_it() -> None:
    manifests = render()
    assert not [item for item in manifests if item["metadata"]["labels"].get("app.kubernetes.io/component") == "api"]


def test_every_setting_is_the_codes_own_default(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = _read_environment(KEPT)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert ApiSettings() == ApiSettings.model_construct()
    url = "sqlite:////var/lib/scriptrun/history.db"
    assert HistorySettings() == HistorySettings(url=url)  # type: ignore[arg-type]
    known = {f"SCRIPTRUN_{name.upper()}" for name in ApiSettings.model_fields if name != "resync_seconds"}
    known |= {f"SCRIPTRUN_HISTORY_{name.upper()}" for name in HistorySettings.model_fields}
    assert set(environment) == known


def test_settings_arrive(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {"api": {"create": True, "settings": OTHER, "tokensSecret": "t"}, "watchNamespaces": ["a", "b"]}
    for name, value in _read_environment(values).items():
        monkeypatch.setenv(name, value)
    got = ApiSettings()
    assert (got.auth_cache_seconds, got.max_streams, got.http_port, got.log_level) == (1, 7, 9090, "debug")
    assert got.namespaces == ("a", "b")
    assert got.tokens_dir == "/etc/scriptrun/tokens"
    assert HistorySettings().url.get_secret_value() == ""


def test_a_databases_url_comes_from_a_secret() -> None:
    reference = {"secretKeyRef": {"name": "db", "key": "url"}}
    assert _read_environment(SHARED)["SCRIPTRUN_HISTORY_URL"] == reference
    assert [volume["name"] for volume in _get_pod(SHARED)["volumes"]] == ["tmp"]
    assert select(render(SHARED), "PersistentVolumeClaim") == []


def test_a_file_is_on_a_volume_and_in_one_process() -> None:
    manifests = render(KEPT)
    [claim] = select(manifests, "PersistentVolumeClaim")
    assert claim["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    volumes = {volume["name"]: volume for volume in _get_pod(KEPT)["volumes"]}
    assert volumes["history"]["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
    assert select(manifests, "Deployment", NAME)[0]["spec"]["strategy"] == {"type": "Recreate"}
    given = {**KEPT, "history": {"create": True, "persistence": {"existingClaim": "mine"}}}
    assert select(render(given), "PersistentVolumeClaim") == []
    loose = {**KEPT, "history": {"create": True, "persistence": {"create": False}}}
    assert {"name": "history", "emptyDir": {}} in _get_pod(loose)["volumes"]


def test_the_operator_waits_for_the_history() -> None:
    for values, expected in (({}, "false"), (BARE, "false"), (KEPT, "true")):
        [operator] = select(render(values), "Deployment", "scriptrun-operator")
        environment = operator["spec"]["template"]["spec"]["containers"][0]["env"]
        assert {"name": "SCRIPTRUN_KEEP_UNTIL_STORED", "value": expected} in environment


@pytest.mark.parametrize(("values", "extra"), [(BARE, {}), (KEPT, HISTORY_VERBS)], ids=["bare", "kept"])
def test_it_may_do_what_the_code_declares(values: dict[str, Any], extra: Any) -> None:
    manifests = render(values)
    [role] = select(manifests, "ClusterRole", NAME)
    assert _flatten(role["rules"]) == {**API_VERBS, **extra}
    [reviews] = select(manifests, "ClusterRole", f"{NAME}-reviews")
    assert _flatten(reviews["rules"]) == dict(REVIEW_VERBS)
    for name in (NAME, f"{NAME}-reviews"):
        [binding] = select(manifests, "ClusterRoleBinding", name)
        assert binding["roleRef"]["name"] == name
        assert binding["subjects"] == [SUBJECT]


def test_in_listed_namespaces_it_has_a_role_in_each() -> None:
    manifests = render({**KEPT, "watchNamespaces": ["a", "b"]})
    roles = select(manifests, "Role", NAME)
    assert [role["metadata"]["namespace"] for role in roles] == ["a", "b"]
    assert all(_flatten(role["rules"]) == {**API_VERBS, **HISTORY_VERBS} for role in roles)
    assert select(manifests, "ClusterRole", NAME) == []


def test_the_lease_is_there_where_there_is_something_to_store() -> None:
    assert select(render(BARE), "Role", f"{NAME}-lease") == []
    [role] = select(render(KEPT), "Role", f"{NAME}-lease")
    named = [rule for rule in role["rules"] if rule.get("resourceNames") == ["scriptrun-history"]]
    verbs = {verb for rule in role["rules"] for verb in rule["verbs"]}
    assert verbs == LEASE_VERBS["coordination.k8s.io", "leases"]
    assert [rule["verbs"] for rule in named] == [["get", "update"]]


def test_it_meets_the_restricted_pod_security_standard() -> None:
    pod = _get_pod(KEPT)
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    [container] = pod["containers"]
    assert container["args"] == ["api"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["terminationGracePeriodSeconds"] > ApiSettings.model_fields["graceful_stop_seconds"].default


def test_secrets_are_mounted_and_not_read() -> None:
    values = {"api": {"create": True, "tokensSecret": "tokens", "tlsSecret": "tls"}}
    pod = _get_pod(values)
    secrets = {volume["name"]: volume["secret"]["secretName"] for volume in pod["volumes"] if "secret" in volume}
    assert secrets == {"tokens": "tokens", "tls": "tls"}
    [container] = pod["containers"]
    assert {item["name"] for item in container["volumeMounts"] if item.get("readOnly")} == {"tokens", "tls"}
    assert container["readinessProbe"]["httpGet"]["scheme"] == "HTTPS"
    for role in select(render(values), "ClusterRole") + select(render(values), "Role"):
        assert ("", "secrets") not in _flatten(role["rules"])


def test_the_ingress_leads_to_callers_paths_alone() -> None:
    values = {"api": {"create": True, "ingress": {"create": True, "host": "runs.example", "className": "nginx"}}}
    [ingress] = select(render(values), "Ingress")
    [rule] = ingress["spec"]["rules"]
    assert rule["host"] == "runs.example"
    assert [path["path"] for path in rule["http"]["paths"]] == ["/api", "/docs", "/openapi.json"]
    assert ingress["spec"]["ingressClassName"] == "nginx"
    [service] = select(render(values), "Service", NAME)
    selector = service["spec"]["selector"].items()
    [deployment] = select(render(values), "Deployment", NAME)
    assert selector <= deployment["spec"]["template"]["metadata"]["labels"].items()


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a history nobody keeps": ({"history": {"create": True}}, "history.create needs api.create=true"),
    "one file for two": (
        {"api": {"create": True, "replicas": 2}, "history": {"create": True}},
        "api.replicas must be 1 while the history is a SQLite file",
    ),
    "two that store": (
        {**SHARED, "api": {"create": True, "replicas": 2, "settings": {"leaderElection": False}}},
        "api.settings.leaderElection must be true with api.replicas > 1",
    ),
    "an ingress to nowhere": (
        {"api": {"create": True, "ingress": {"create": True}}},
        "api.ingress.host: name the host",
    ),
    "a setting by the back door": (
        {"api": {"create": True, "extraEnv": [{"name": "SCRIPTRUN_HISTORY_URL", "value": "x"}]}},
        "api.extraEnv: SCRIPTRUN_HISTORY_URL is a setting of the API",
    ),
    "no account": (
        {"api": {"create": True, "serviceAccount": {"create": False}}},
        "api.serviceAccount.name: name an existing ServiceAccount",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_wrong_value_is_refused_by_name(case: str) -> None:
    values, words = REFUSED[case]
    assert words in read_refusal(values)
