"""The environment of a container: what is the launcher's, and what the Script's alone."""

from typing import Any

import pytest

from scriptrun.desired.environment import build_script_env
from scriptrun.models.container import EnvVar


def build(*entries: dict[str, Any]) -> list[dict[str, Any]]:
    return build_script_env([EnvVar.model_validate(entry) for entry in entries])


@pytest.mark.parametrize("name", ["PATH", "LD_LIBRARY_PATH", "LD_PRELOAD", "OPENSSL_CONF"])
def test_what_would_steer_the_launcher_goes_another_way(name: str) -> None:
    assert build({"name": name, "value": "/x:$(PATH)"}) == [{"name": f"SCRIPTRUN_ENV_{name}", "value": "/x:$(PATH)"}]


def test_also_from_a_secret() -> None:
    reference = {"secretKeyRef": {"name": "a", "key": "b"}}
    assert build({"name": "PATH", "valueFrom": reference}) == [
        {"name": "SCRIPTRUN_ENV_PATH", "valueFrom": reference},
    ]


@pytest.mark.parametrize("name", ["MYPATH", "PATHS", "BUILD_LD_FLAGS", "path"])
def test_everything_else_stays(name: str) -> None:
    assert build({"name": name, "value": "$(HOME)"}) == [{"name": name, "value": "$(HOME)"}]


def test_references_follow() -> None:
    entries = build(
        {"name": "EARLIER", "value": "$(PATH)"},
        {"name": "PATH", "value": "/a"},
        {"name": "LATER", "value": "$(PATH):$$(PATH):$$$(PATH):$(OTHER)"},
        {"name": "PATH", "value": "/b:$(PATH)"},
    )
    assert [(entry["name"], entry["value"]) for entry in entries] == [
        ("EARLIER", "$(PATH)"),
        ("SCRIPTRUN_ENV_PATH", "/a"),
        ("LATER", "$(SCRIPTRUN_ENV_PATH):$$(PATH):$$$(SCRIPTRUN_ENV_PATH):$(OTHER)"),
        ("SCRIPTRUN_ENV_PATH", "/b:$(SCRIPTRUN_ENV_PATH)"),
    ]
