"""A Script in full: what of it is shown, and that nothing of it can command a terminal."""

from typing import Any

import pytest

from builders import at, script_body
from scriptrun.cli.output.script_detail import describe_script
from scriptrun.cli.output.tables import Row

COLUMNS = ["Name", "Script", "Phase"]
RUNS = [
    Row({"Name": "hello-1", "Script": "hello.py", "Phase": "Failed"}, "team", "hello-1", "1", "2026-01-01T00:00:00Z")
]


def describe(status: dict[str, Any] | None = None, **spec: Any) -> str:
    return describe_script(script_body(status=status, **spec), COLUMNS, RUNS, at(3600))


def test_all_there_is_to_it() -> None:
    shown = describe(
        description="Greets",
        aliases=["Hello World.py", "hi"],
        source={"configMap": {"name": "scripts", "key": "hello.py", "sha256": "ab" * 32}},
        attemptDeadlineSeconds=3000,
        variablesSchema={"type": "object"},
        resources={"limits": {"memory": "64Mi", "cpu": 1}},
        status={
            "handler": "python",
            "sha256": "ab" * 32,
            "conditions": [{"type": "Ready", "status": "False", "reason": "SourceMissing", "message": "no such key"}],
        },
    )
    for text in (
        "Aliases:      Hello World.py, hi",
        "Handler:      python (by the ending of its name)",
        f"Source:       ConfigMap scripts, key hello.py, pinned to {'ab' * 32}",
        "Ready=False: SourceMissing: no such key",
        "3,000 s",
        "cpu 1, memory 64Mi",
        'Variables schema:\n  {\n    "type": "object"',
        "Last runs:\n  NAME      PHASE\n  hello-1   Failed",
    ):
        assert text in shown
    assert "Output schema" not in shown


@pytest.mark.parametrize(
    ("spec", "status", "text"),
    [
        ({"handler": "node"}, {"handler": "node"}, "Handler:    node\n"),
        ({}, {}, "Handler:    not known yet: no operator has looked at it"),
        ({"source": {"fromRun": {}}}, {}, "Handler:    by the ending of the source that a run brings"),
        ({"source": None, "command": ["/app"]}, {"handler": "exec"}, "Handler:    exec (by its command)"),
        ({"source": None, "command": ["/app"]}, {}, "Source:     a program in its image"),
        ({"source": {"inline": "ä"}}, {}, "Source:     inline, 2 bytes"),
        ({"source": {"configMap": {"name": "a", "key": "b"}}}, {}, "Source:     ConfigMap a, key b, not pinned"),
        ({"source": {"fromRun": {}}}, {}, "Source:     each run's own ConfigMap"),
        (
            {"source": {"folder": {"configMaps": [{"name": "a"}, {"name": "b"}], "entryPoint": "main.py"}}},
            {},
            "Source:     main.py in a folder from ConfigMaps a, b, not pinned",
        ),
    ],
)
def test_source_and_handler(spec: dict[str, Any], status: dict[str, Any], text: str) -> None:
    assert text in describe(status, **spec)


def test_it_can_not_command_a_terminal() -> None:
    assert "\x1b" not in describe(description="\x1b]0;title\x07")
