"""What the node's programs are told."""

import json
import tomllib
from pathlib import Path

import yaml

from localcluster.driver.controlplane import (
    build_apiserver_args,
    build_controller_manager_args,
    render_scheduler_config,
)
from localcluster.driver.node import (
    Resolver,
    build_kubelet_args,
    build_proxy_args,
    find_resolver,
    parse_nameservers,
    render_cni_config,
    render_containerd_config,
    render_kubelet_config,
)
from localcluster.driver.settings import NODE_IP, Settings

SETTINGS = Settings(state=Path("/s"), cache=Path("/c"))
OPEN_ADDRESSES = ("0.0.0.0", "[::]", "=::")


def test_containerd_writes_nowhere_but_into_the_state_folder() -> None:
    config = tomllib.loads(render_containerd_config(SETTINGS))
    cri = config["plugins"]["io.containerd.grpc.v1.cri"]
    places = [
        *(config["root"], config["state"], config["grpc"]["address"], cri["cni"]["conf_dir"]),
        config["plugins"]["io.containerd.internal.v1.opt"]["path"],
    ]
    assert all(place.startswith("/s/") for place in places)
    assert cri["netns_mounts_under_state_dir"] is True


def test_kubelet_config_is_yaml_and_takes_the_machines_name_servers() -> None:
    config = yaml.safe_load(render_kubelet_config(SETTINGS, Resolver(Path("/r"), ("192.0.2.1", "192.0.2.2"))))
    assert config["clusterDNS"] == ["192.0.2.1", "192.0.2.2"]
    assert config["resolvConf"] == "/r"
    assert config["authentication"]["anonymous"] == {"enabled": False}
    assert config["authentication"]["x509"]["clientCAFile"] == "/s/pki/ca.crt"


def test_kubelet_config_without_any_name_server_is_still_a_list() -> None:
    assert yaml.safe_load(render_kubelet_config(SETTINGS, Resolver(Path("/r"), ())))["clusterDNS"] == []


def test_pods_keep_their_addresses_in_the_state_folder() -> None:
    plugin = json.loads(render_cni_config(SETTINGS))["plugins"][0]
    assert plugin["ipam"]["dataDir"].startswith("/s/")
    assert plugin["ipMasq"] is False


def test_a_stub_on_loopback_is_no_name_server_for_pods(tmp_path: Path) -> None:
    stub, real = tmp_path / "stub", tmp_path / "real"
    stub.write_text("nameserver 127.0.0.53\nnameserver ::1\noptions edns0\n")
    real.write_text("search example\nnameserver 192.0.2.53\n")
    assert find_resolver((stub, real)) == Resolver(real, ("192.0.2.53",))


def test_no_name_server_anywhere_leaves_the_first_file(tmp_path: Path) -> None:
    assert find_resolver((tmp_path / "a", tmp_path / "b")) == Resolver(tmp_path / "a", ())


def test_name_servers_are_read_as_the_resolver_reads_them() -> None:
    assert parse_nameservers("# nameserver 192.0.2.9\nnameserver\t192.0.2.1\nnameserver\n") == ("192.0.2.1",)


def test_nothing_listens_on_an_outside_address() -> None:
    commands = [
        *(build_apiserver_args(SETTINGS), build_controller_manager_args(SETTINGS)),
        *(build_kubelet_args(SETTINGS), build_proxy_args(SETTINGS)),
    ]
    for command in commands:
        assert not [argument for argument in command if any(address in argument for address in OPEN_ADDRESSES)]
    assert f"--bind-address={NODE_IP}" in build_apiserver_args(SETTINGS)
    assert "--bind-address=127.0.0.1" in build_controller_manager_args(SETTINGS)
    assert yaml.safe_load(render_kubelet_config(SETTINGS, Resolver(Path("/r"), ())))["address"] == NODE_IP


def test_controllers_and_scheduler_are_not_held_to_the_stock_client_limits() -> None:
    assert "--kube-api-qps=500" in build_controller_manager_args(SETTINGS)
    assert yaml.safe_load(render_scheduler_config(SETTINGS))["clientConnection"]["qps"] == 500
