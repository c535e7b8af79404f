"""The source documents' own scripts, unmodified, under their contracts."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from unit.runner.harness import EXAMPLES, RunScript


def _source(name: str, *tools: str) -> str:
    for tool in tools:
        assert shutil.which(tool), f"install {tool}: examples/scripts/{name} needs it, and the runner image has it"
    return (EXAMPLES / name).read_text()


@pytest.mark.parametrize(
    ("name", "handler", "tools"),
    [
        ("worker.py", "python", ["python3"]),
        ("worker.sh", "shell", ["bash", "jq"]),
        ("worker.js", "node", ["node"]),
        ("worker.py", "exec", ["python3"]),
        ("worker.js", "exec", ["node"]),
    ],
)
@pytest.mark.parametrize(("variables", "greeted"), [({"name": "Ada Lovelace"}, "Ada Lovelace"), ({}, "World")])
def test_generic_task_workers(
    run_script: RunScript, name: str, handler: str, tools: list[str], variables: dict[str, Any], greeted: str
) -> None:
    source = _source(name, *tools)
    done = run_script(source, handler=handler, fileName=name, contract="stdio", variables=variables)
    assert (done.result.status, done.result.message) == ("COMPLETED", "")
    assert done.output() == {"message": f"Hello {greeted}"}
    assert done.result.log == ("Processed greeting\n" if name == "worker.sh" else f"Processed greeting for {greeted}\n")


def test_generic_task_worker_in_go(run_script: RunScript, tmp_path: Path) -> None:
    assert shutil.which("go"), "install Go: examples/scripts/worker.go is compiled by it"
    program = tmp_path / "worker"
    command = ["go", "build", "-trimpath", "-ldflags=-s -w", "-o", str(program), str(EXAMPLES / "worker.go")]
    subprocess.run(command, check=True, env={**os.environ, "CGO_ENABLED": "0"})
    done = run_script(program.read_bytes(), handler="exec", contract="stdio", variables={"name": "Ada"})
    assert done.result.message == ""
    assert done.output() == {"message": "Hello Ada"}
    assert done.result.log == "Processed greeting for Ada\n"


def test_generic_task_worker_that_handles_its_errors(run_script: RunScript) -> None:
    source = _source("worker_errors.py", "python3")
    done = run_script(source, handler="python", fileName="worker_errors.py", contract="stdio")
    result = done.result
    assert (result.status, result.reason, result.exit_code) == ("FAILED", "ScriptFailed", 0)
    assert result.message == "name 'result' is not defined"
    assert result.log == "Error: name 'result' is not defined\n"


def test_package_with_its_configuration(run_script: RunScript) -> None:
    done = run_script(
        _source("test_scr.py", "python3"),
        handler="python",
        fileName="test_scr.py",
        contract="package",
        config=json.loads((EXAMPLES / "config.json").read_text()),
    )
    assert (done.result.status, done.result.message) == ("COMPLETED", "")
    assert done.shown[1] == b"somekey -> some value 2\nsome value 2\n"
