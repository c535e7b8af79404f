"""The ScriptRun a command asks for is one the API server takes."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scriptrun.desired.request import Request, build_rerun, build_run, decide_prefix
from scriptrun.errors import UsageError
from scriptrun.models import ScriptRun
from scriptrun.models.scriptrun import NAME_LIMIT, ScriptRunSpec

SUFFIX = "x7k2p"


@given(st.text(max_size=300))
def test_generated_names_are_names_of_runs(script: str) -> None:
    prefix = decide_prefix(script)
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", prefix + SUFFIX)
    assert len(prefix + SUFFIX) <= NAME_LIMIT
    # The API server cuts what stands before its suffix at 58 characters.
    assert len(prefix) <= 58


def test_a_name_tells_its_script() -> None:
    assert decide_prefix("hello.py") == "hello-py-"
    assert decide_prefix("ETL_load.sh") == "etl-load-sh-"


def test_only_what_was_asked_for_is_in_the_spec() -> None:
    assert build_run(Request("hello.py"), "team") == {
        "apiVersion": "scriptrun.dev/v1alpha1",
        "kind": "ScriptRun",
        "metadata": {"generateName": "hello-py-", "namespace": "team"},
        "spec": {"scriptRef": {"name": "hello.py"}},
    }


def test_everything_asked_for_is_in_the_spec() -> None:
    sources = [{"configMap": {"name": "defaults"}}]
    source = {"configMap": {"name": "upload", "key": "main.py"}}
    run = build_run(Request("hello.py", "hello-1", {"a": 1}, sources, source, 60, 0, 0), "team")
    assert run["metadata"] == {"name": "hello-1", "namespace": "team"}
    assert run["spec"] == {
        "scriptRef": {"name": "hello.py"},
        "variables": {"a": 1},
        "variablesFrom": sources,
        "source": source,
        "activeDeadlineSeconds": 60,
        "backoffLimit": 0,
        "ttlSecondsAfterFinished": 0,
    }
    ScriptRun.model_validate(run)


def _make_run(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "hello-1", "namespace": "team"}, "spec": {"scriptRef": {"name": "hello.py"}, **spec}}


def test_a_rerun_does_the_same_for_nobody() -> None:
    kept = {
        "variables": {"a": 1},
        "variablesFrom": [{"configMap": {"name": "x"}}],
        "source": {"configMap": {"name": "u", "key": "k"}},
        "activeDeadlineSeconds": 5,
        "backoffLimit": 1,
        "ttlSecondsAfterFinished": 9,
    }
    again = build_rerun(_make_run(**kept, cancel=True, task={"id": "7"}), "")
    assert again["spec"] == {"scriptRef": {"name": "hello.py"}, **kept}
    assert again["metadata"] == {"generateName": "hello-py-", "namespace": "team"}
    assert build_rerun(_make_run(), "hello-2")["metadata"]["name"] == "hello-2"


def test_a_rerun_takes_no_secrets() -> None:
    with pytest.raises(UsageError, match="hello-1 has secrets of its own"):
        build_rerun(_make_run(secretEnv={"name": "hello-1.run-env"}), "")


def test_a_rerun_decides_about_every_field() -> None:
    decided = set(build_rerun.__globals__["_COPIED"]) | {"scriptRef", "cancel", "task", "secretEnv"}
    assert {field.alias for field in ScriptRunSpec.model_fields.values()} == decided
