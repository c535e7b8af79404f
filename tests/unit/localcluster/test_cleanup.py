"""What counts as left over by our cluster, and what belongs to somebody else."""

from pathlib import Path

import pytest

from localcluster.driver.cleanup import find_mounts, has_root_in, is_our_component

STATE = Path("/var/lib/scriptrun")
MOUNTINFO = r"""
22 1 254:0 / / rw - ext4 /dev/vda rw
30 22 0:30 / /var/lib/scriptrun/kubelet/pods/1/volumes/a\040b rw - tmpfs tmpfs rw
31 30 0:31 / /var/lib/scriptrun/kubelet/pods/1/volumes/a\040b/deep rw - tmpfs tmpfs rw
32 22 0:32 / /var/lib/scriptrun-other/mount rw - tmpfs tmpfs rw
33 22 0:33 / /var/lib/scriptrun rw - tmpfs tmpfs rw
""".strip()
IN_OURS = "50 1 0:50 / / ro - overlay overlay ro,lowerdir=/var/lib/scriptrun/containerd/l,upperdir=/var/lib/scriptrun/u"
IN_OTHERS = "50 1 0:50 / / ro - overlay overlay ro,lowerdir=/var/lib/docker/l,upperdir=/var/lib/docker/u"


def test_mounts_are_undone_from_the_deepest_up() -> None:
    assert find_mounts(STATE, MOUNTINFO) == [
        "/var/lib/scriptrun/kubelet/pods/1/volumes/a b/deep",
        "/var/lib/scriptrun/kubelet/pods/1/volumes/a b",
        "/var/lib/scriptrun",
    ]


SHIM = "/usr/bin/containerd-shim-runc-v2"


@pytest.mark.parametrize(
    "argv",
    [
        (SHIM, "-namespace", "k8s.io", "-address", "/var/lib/scriptrun/containerd.sock"),
        ("containerd", "--config=/var/lib/scriptrun/containerd.toml"),
        ("/cache/bin/kube-1/kube", "etcd", "--data-dir=/var/lib/scriptrun/etcd"),
    ],
)
def test_a_component_is_ours_by_the_folder_it_works_in(argv: tuple[str, ...]) -> None:
    assert is_our_component(argv, STATE)


@pytest.mark.parametrize(
    "argv",
    [
        (SHIM, "-address", "/run/containerd/containerd.sock"),
        ("/cache/bin/kube-1/kube", "etcd", "--data-dir=/tmp/other/etcd"),
        ("/cache/bin/kube-1/kube", "etcd", "--data-dir=/var/lib/scriptrun-other/etcd"),
        ("/cache/bin/kube-1/kube", "kubectl", "--kubeconfig=/var/lib/scriptrun/kubeconfig"),
        ("ctr", "--address", "/var/lib/scriptrun/containerd.sock"),
        ("tail", "/var/lib/scriptrun/log/etcd.log"),
        (),
    ],
)
def test_other_programs_are_not_ours_whatever_they_look_at(argv: tuple[str, ...]) -> None:
    assert not is_our_component(argv, STATE)


def test_a_container_is_ours_by_the_layers_of_its_root() -> None:
    assert has_root_in(STATE, IN_OURS)
    assert not has_root_in(STATE, IN_OTHERS)


def test_a_host_process_that_merely_sees_our_mounts_is_not_a_container() -> None:
    seen = IN_OURS.replace(" / / ro", " / /var/lib/scriptrun/run/rootfs ro")
    assert not has_root_in(STATE, "22 1 254:0 / / rw - ext4 /dev/vda rw\n" + seen)
