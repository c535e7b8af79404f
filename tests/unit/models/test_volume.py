"""Volumes that a Script may ask for: where they may be mounted."""

from typing import Any

import pytest
from pydantic import ValidationError

from scriptrun.models.volume import Volume, VolumeMount

FREE = ["/data", "/dev/shm", "/tmp", "/tmp/a", "/opt/tools", "/opt/scriptrun2", "/etc/ssl/certs", "/process", "/..data"]
FREE += ["/scriptrun/work/.cache", "/usr/share/x", "/usr/local/share", "/...", "/a.b/c"]
OWN = ["/scriptrun", "/scriptrun/run", "/scriptrun/run/script", "/scriptrun/work", "/scriptrun/workers", "/opt", "/etc"]
OWN += ["/scriptrun/token", "/opt/scriptrun", "/opt/scriptrun/lib/x", "/etc/scriptrun", "/usr", "/usr/local/bin"]
OWN += ["/lib64", "/bin", "/proc", "/proc/self", "/sys/fs", "/dev", "/dev/termination-log", "/usr/local"]
WRONG = ["/", "a", "", "/a/", "/a//b", "/a/../b", "/a/./b", "/..", "/a:b", "/a\nb", "/scriptrun/work/../run"]
WRONG += ["/" + "a" * 512]


@pytest.mark.parametrize("path", FREE)
def test_a_path_that_is_free(path: str) -> None:
    assert VolumeMount.model_validate({"name": "a", "mountPath": path}).mount_path == path


@pytest.mark.parametrize("path", OWN)
def test_a_path_of_the_runner(path: str) -> None:
    with pytest.raises(ValidationError, match="mountPath is the runner's own"):
        VolumeMount.model_validate({"name": "a", "mountPath": path})


@pytest.mark.parametrize("path", WRONG)
def test_no_plain_absolute_path(path: str) -> None:
    with pytest.raises(ValidationError, match=r"String should (match pattern|have at most 512)"):
        VolumeMount.model_validate({"name": "a", "mountPath": path})


def test_the_kinds_are_those_of_the_restricted_standard() -> None:
    """And none with a token of the cluster: neither a script nor whoever may write Scripts gets one by it."""
    schema: dict[str, Any] = Volume.model_json_schema(by_alias=True)
    assert set(schema["properties"]) == {
        *("name", "configMap", "secret", "emptyDir", "projected", "persistentVolumeClaim", "downwardAPI", "csi"),
        "ephemeral",
    }
    assert set(schema["$defs"]["Projection"]["properties"]) == {"configMap", "secret", "downwardAPI"}
