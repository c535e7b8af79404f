"""Volumes that a Script asks for, in real pods of a restricted namespace."""

from typing import Any

import pytest

from clusterlab.space import Space, build_script

pytestmark = pytest.mark.cluster
pytest_plugins = ["clusterlab.fixtures"]

SCRIPT = """
import json, os, stat, sys

def read(path):
    with open(path) as file:
        return file.read()

mounts = dict(line.split()[1:3] for line in open("/proc/mounts"))
for folder in ("/dev/shm", "/tmp", "/scriptrun/work/.cache", "/scratch"):
    open(os.path.join(folder, "probe"), "w").close()
json.dump({
    "setting": read("/data/settings/a.conf"),
    "key": read("/keys/id"),
    "keyMode": stat.S_IMODE(os.stat("/keys/id").st_mode) & 0o007,
    "trust": read("/etc/ssl/own/ca.pem"),
    "pod": read("/pod/name") != "",
    "memory": mounts["/dev/shm"],
    "cache": "/cache" in mounts,
    "shmBytes": os.statvfs("/dev/shm").f_blocks * os.statvfs("/dev/shm").f_frsize,
}, open(sys.argv[2], "w"))
"""
VOLUMES: list[dict[str, Any]] = [
    {"name": "settings", "configMap": {"name": "settings"}},
    {"name": "keys", "secret": {"secretName": "keys", "defaultMode": 0o400}},
    {"name": "trust", "projected": {"sources": [{"configMap": {"name": "settings"}}, {"secret": {"name": "keys"}}]}},
    {"name": "pod", "downwardAPI": {"items": [{"path": "name", "fieldRef": {"fieldPath": "metadata.name"}}]}},
    {"name": "memory", "emptyDir": {"medium": "Memory", "sizeLimit": "96Mi"}},
    {"name": "room", "emptyDir": {}},
    {"name": "cache", "persistentVolumeClaim": {"claimName": "cache"}},
]
MOUNTS = [
    {"name": "settings", "mountPath": "/data/settings"},
    {"name": "keys", "mountPath": "/keys", "readOnly": True},
    {"name": "trust", "mountPath": "/etc/ssl/own/ca.pem", "subPath": "ca.pem"},
    {"name": "pod", "mountPath": "/pod"},
    {"name": "memory", "mountPath": "/dev/shm"},
    {"name": "room", "mountPath": "/tmp"},
    {"name": "room", "mountPath": "/scriptrun/work/.cache", "subPath": "cache"},
    {"name": "room", "mountPath": "/scratch", "subPath": "scratch"},
    {"name": "cache", "mountPath": "/cache"},
]
# case: (volumes, mounts, words of the refusal)
REFUSED: dict[str, tuple[list[dict[str, Any]], list[dict[str, Any]], str]] = {
    "of the host": ([{"name": "a", "hostPath": {"path": "/"}}], [], "set exactly one of configMap, secret"),
    "a token": (
        [{"name": "a", "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}}],
        [],
        "set exactly one of configMap, secret or downwardAPI",
    ),
    "two kinds": ([{"name": "a", "emptyDir": {}, "secret": {"secretName": "b"}}], [], "set exactly one of"),
    "the runner's name": ([{"name": "token", "emptyDir": {}}], [], "are the runner's; choose another"),
    "one name twice": ([{"name": "a", "emptyDir": {}}] * 2, [], "Duplicate value"),
    "no such volume": ([], [{"name": "a", "mountPath": "/a"}], "each of volumeMounts names one of volumes"),
    "over the runner": (
        [{"name": "a", "emptyDir": {}}],
        [{"name": "a", "mountPath": "/opt/scriptrun/lib"}],
        "mountPath is the runner's own",
    ),
    "around": (
        [{"name": "a", "emptyDir": {}}],
        [{"name": "a", "mountPath": "/a/../opt"}],
        "spec.volumeMounts[0].mountPath",
    ),
}


def _add_claim(space: Space) -> None:
    """A volume that is there already: the cluster needs no provisioner for it."""
    volume = f"cache-of-{space.name}"
    spec = {
        "capacity": {"storage": "1Mi"},
        "accessModes": ["ReadWriteMany"],
        "hostPath": {"path": f"/var/tmp/{volume}", "type": "DirectoryOrCreate"},
        "claimRef": {"namespace": space.name, "name": "cache"},
        "storageClassName": "none",
    }
    space.create("/api/v1/persistentvolumes", {"metadata": {"name": volume}, "spec": spec})
    claim = {
        "accessModes": ["ReadWriteMany"],
        "resources": {"requests": {"storage": "1Mi"}},
        "volumeName": volume,
        "storageClassName": "none",
    }
    space.create(space.path("persistentvolumeclaims"), {"metadata": {"name": "cache"}, "spec": claim})


def test_volumes_of_each_kind(space: Space) -> None:
    space.add_config_map("settings", {"a.conf": "colour = blue", "ca.pem": "trusted"})
    space.create(space.path("secrets"), {"metadata": {"name": "keys"}, "stringData": {"id": "s3cret"}})
    _add_claim(space)
    try:
        space.start("volumes", SCRIPT, {"volumes": VOLUMES, "volumeMounts": MOUNTS})
        run = space.end_of("volumes")
    finally:
        space.api.delete(f"/api/v1/persistentvolumes/cache-of-{space.name}")
    assert run.end == ("Succeeded", "Completed"), run
    assert run.output == {
        "setting": "colour = blue",
        "key": "s3cret",
        "keyMode": 0,
        "trust": "trusted",
        "pod": True,
        "memory": "tmpfs",
        "cache": True,
        "shmBytes": 96 * 1024 * 1024,
    }


def test_a_volume_that_is_missing_is_named(space: Space) -> None:
    fields = {"volumes": [{"name": "a", "secret": {"secretName": "no-such"}}], "startDeadlineSeconds": 3}
    space.start("missing", "1", {**fields, "volumeMounts": [{"name": "a", "mountPath": "/a"}]})
    run = space.end_of("missing")
    assert run.end == ("Failed", "SourceMissing"), run
    assert "no-such" in run.message


@pytest.mark.parametrize("case", REFUSED)
def test_the_api_server_refuses(shared: Space, case: str) -> None:
    volumes, mounts, words = REFUSED[case]
    answer = shared.api.post(shared.script_path(), build_script("refused", "1", volumes=volumes, volumeMounts=mounts))
    assert answer.status == 422, answer
    assert words in str(answer)
