"""ServiceMonitor and NetworkPolicies: off unless asked for, and then what the names say."""

from typing import Any

from helm import render, select

API_SERVER = {"cidrs": ["10.0.0.1/32", "fd00::1/128"], "ports": [6443]}
TO_API_SERVER = {
    "ports": [{"port": 6443, "protocol": "TCP"}],
    "to": [{"ipBlock": {"cidr": "10.0.0.1/32"}}, {"ipBlock": {"cidr": "fd00::1/128"}}],
}


def test_nothing_is_there_unasked() -> None:
    manifests = render()
    assert select(manifests, "ServiceMonitor") == []
    assert select(manifests, "NetworkPolicy") == []


def test_the_operator_is_let_out_to_dns_and_the_api_server() -> None:
    policy: dict[str, Any] = {"apiServer": API_SERVER, "operator": {"create": True}}
    [made] = select(render({"networkPolicy": policy}), "NetworkPolicy")
    assert made["spec"]["policyTypes"] == ["Ingress", "Egress"]
    assert made["spec"]["ingress"] == [{"ports": [{"port": "http", "protocol": "TCP"}]}]
    dns = {"ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]}
    assert made["spec"]["egress"] == [TO_API_SERVER, dns]
    [deployment] = select(render(), "Deployment")
    assert made["spec"]["podSelector"] == deployment["spec"]["selector"]


def test_who_may_scrape_can_be_said() -> None:
    peers = [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}]
    policy = {"operator": {"create": True, "ingressFrom": peers}}
    [made] = select(render({"networkPolicy": policy}), "NetworkPolicy")
    assert made["spec"]["ingress"][0]["from"] == peers


def test_run_pods_are_shut_in_where_runs_are() -> None:
    policy: dict[str, Any] = {"apiServer": API_SERVER, "runs": {"create": True}}
    made = select(render({"networkPolicy": policy, "watchNamespaces": ["a", "b"]}), "NetworkPolicy")
    assert [m["metadata"]["namespace"] for m in made] == ["a", "b"]
    for m in made:
        assert m["spec"] == {
            "podSelector": {"matchExpressions": [{"key": "scriptrun.dev/run", "operator": "Exists"}]},
            "policyTypes": ["Ingress", "Egress"],
            "egress": [TO_API_SERVER],
        }


def test_scripts_are_let_out_where_they_must() -> None:
    database = {"to": [{"ipBlock": {"cidr": "10.9.0.0/16"}}], "ports": [{"port": 5432}]}
    runs = {"create": True, "namespaces": ["c"], "extraEgress": [database]}
    [made] = select(render({"networkPolicy": {"apiServer": API_SERVER, "runs": runs}}), "NetworkPolicy")
    assert made["metadata"]["namespace"] == "c"
    assert made["spec"]["egress"] == [TO_API_SERVER, database]


def test_the_monitor_finds_the_service() -> None:
    monitor = {"create": True, "labels": {"release": "prometheus"}, "intervalSeconds": 15}
    manifests = render({"metrics": {"serviceMonitor": monitor}})
    [made] = select(manifests, "ServiceMonitor")
    [service] = select(manifests, "Service")
    assert made["metadata"]["labels"]["release"] == "prometheus"
    assert made["spec"]["endpoints"] == [{"port": "http", "path": "/metrics", "interval": "15s", "honorLabels": True}]
    assert made["spec"]["namespaceSelector"] == {"matchNames": [service["metadata"]["namespace"]]}
    assert made["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
