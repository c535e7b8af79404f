"""Which cluster is used, and how kind is driven."""

from pathlib import Path

import pytest

from localcluster.driver import kind as kind_module
from localcluster.driver.clusters import choose_cluster
from localcluster.driver.errors import CommandFailedError, LocalClusterError
from localcluster.driver.given import GivenCluster
from localcluster.driver.kind import KindCluster
from localcluster.driver.local import LocalCluster
from localcluster.driver.settings import NODE_IP, Settings, read_settings

LOCAL = Settings(state=Path("/s"), cache=Path("/c"))


def never() -> bool:
    raise AssertionError("Docker must not be asked")


def test_a_named_cluster_comes_first() -> None:
    cluster = choose_cluster(read_settings({"SCRIPTRUN_KUBECONFIG": "/mine"}), never)
    assert isinstance(cluster, GivenCluster)
    assert cluster.kubeconfig == Path("/mine")


def test_kind_where_docker_answers() -> None:
    assert isinstance(choose_cluster(LOCAL, lambda: True), KindCluster)


def test_else_the_local_cluster() -> None:
    assert isinstance(choose_cluster(LOCAL, lambda: False), LocalCluster)


@pytest.mark.parametrize(("kubeconfig", "kind"), [("/s/kubeconfig", LocalCluster), ("/c/kind.kubeconfig", KindCluster)])
def test_naming_the_kubeconfig_of_a_cluster_of_ours_means_that_cluster(kubeconfig: str, kind: type) -> None:
    places = {"SCRIPTRUN_LOCALCLUSTER_STATE": "/s", "SCRIPTRUN_CACHE": "/c"}
    assert isinstance(choose_cluster(read_settings({**places, "SCRIPTRUN_KUBECONFIG": kubeconfig}), never), kind)


def test_folders_follow_the_environment() -> None:
    assert read_settings({"HOME": "/h"}).cache == Path("/h/.cache/scriptrun")
    assert read_settings({"HOME": "/h", "XDG_CACHE_HOME": "/x"}).cache == Path("/x/scriptrun")
    assert read_settings({"XDG_CACHE_HOME": "/x", "SCRIPTRUN_CACHE": "/y"}).cache == Path("/y")


def test_a_given_cluster_is_never_taken_down_and_takes_no_images() -> None:
    cluster = GivenCluster(LOCAL, Path("/mine"))
    cluster.down()
    with pytest.raises(LocalClusterError, match="SCRIPTRUN_OPERATOR_IMAGE"):
        cluster.ensure_image("x:1", Path("Dockerfile"), Path(), {})


def test_the_host_of_a_given_cluster_is_for_its_owner_to_say() -> None:
    with pytest.raises(LocalClusterError, match="SCRIPTRUN_HOST_ADDRESS"):
        GivenCluster(LOCAL, Path("/mine")).host_address()
    named = read_settings({"SCRIPTRUN_KUBECONFIG": "/mine", "SCRIPTRUN_HOST_ADDRESS": "192.0.2.1"})
    assert choose_cluster(named, never).host_address() == "192.0.2.1"


def test_the_host_of_the_local_cluster_is_its_node() -> None:
    assert LocalCluster(LOCAL).host_address() == NODE_IP


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand-ins for kind and docker that write down how they were called; docker knows no image yet."""
    calls = tmp_path / "calls"
    for name, answer in {
        "kind": '[ "$1 $2" = "get clusters" ] && cat "$0.clusters"; exit 0',
        "docker": '[ "$2" = inspect ] && exit 1; [ "$1" = exec ] && exit 1; exit 0',
    }.items():
        script = tmp_path / name
        script.write_text(f'#!/bin/sh\necho "{name} $*" >> {calls}\n{answer}\n')
        script.chmod(0o755)
    (tmp_path / "kind.clusters").write_text("other\n")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(kind_module, "ensure_program", lambda settings, program: tmp_path / program.name)
    return calls


def make_kind(tmp_path: Path) -> KindCluster:
    return KindCluster(Settings(state=tmp_path / "state", cache=tmp_path / "cache"))


def test_kind_creates_its_own_cluster_with_its_own_kubeconfig(tools: Path, tmp_path: Path) -> None:
    make_kind(tmp_path).up()
    assert tools.read_text().splitlines() == [
        "kind get clusters",
        "kind delete cluster --name scriptrun",
        f"kind create cluster --name scriptrun --kubeconfig {tmp_path}/cache/kind.kubeconfig --wait 180s",
    ]


@pytest.mark.parametrize("gateways", ["fc00:f853::1 172.18.0.1", "172.18.0.1 fc00:f853::1"])
def test_the_host_of_kind_is_the_gateway_of_its_network(tools: Path, tmp_path: Path, gateways: str) -> None:
    (tmp_path / "docker").write_text(f"#!/bin/sh\necho '{gateways}'\n")
    assert make_kind(tmp_path).host_address() == "172.18.0.1"


def test_a_network_without_ipv4_is_an_error(tools: Path, tmp_path: Path) -> None:
    (tmp_path / "docker").write_text("#!/bin/sh\necho fc00:f853::1\n")
    with pytest.raises(LocalClusterError, match="no IPv4 gateway"):
        make_kind(tmp_path).host_address()


def test_kind_deletes_only_its_own_cluster(tools: Path, tmp_path: Path) -> None:
    make_kind(tmp_path).down()
    assert tools.read_text().splitlines() == ["kind delete cluster --name scriptrun"]


def test_images_for_kind_are_built_by_docker_and_loaded(tools: Path, tmp_path: Path) -> None:
    make_kind(tmp_path).ensure_image("scriptrun.dev/x:1", Path("/d/Dockerfile"), Path("/d"), {"BASE": "b"})
    assert tools.read_text().splitlines() == [
        "docker image inspect scriptrun.dev/x:1",
        "docker build --build-arg=BASE=b --file /d/Dockerfile --tag scriptrun.dev/x:1 /d",
        "docker exec scriptrun-control-plane crictl inspecti --quiet scriptrun.dev/x:1",
        "kind load docker-image scriptrun.dev/x:1 --name scriptrun",
    ]


def test_a_failing_tool_shows_the_end_of_its_log(tools: Path, tmp_path: Path) -> None:
    (tmp_path / "kind").write_text("#!/bin/sh\necho 'no space left on device'\nexit 3\n")
    with pytest.raises(CommandFailedError, match=r"(?s)exit code 3.*no space left on device.*docker info"):
        make_kind(tmp_path).down()
