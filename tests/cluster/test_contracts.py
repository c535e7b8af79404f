"""Every contract with every handler, and the source documents' own scripts, unmodified, in real pods."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from clusterlab.space import Space
from helm import ROOT

pytestmark = pytest.mark.cluster
pytest_plugins = ["clusterlab.fixtures"]

EXAMPLES = ROOT / "examples" / "scripts"
GO_IMAGE = "scriptrun.dev/test-go-worker:1"

PYTHON = {
    "files": "import json, sys\nname = json.load(open(sys.argv[1]))['name']\n"
    "json.dump({'greeting': f'Hello {name}'}, open(sys.argv[2], 'w'))",
    "stdio": "import json, sys\nname = json.load(sys.stdin)['inputData']['name']\n"
    "print(json.dumps({'status': 'COMPLETED', 'output': {'greeting': f'Hello {name}'}}))",
    "stream": "import json, sys\nprint('Hello', json.load(sys.stdin)['name'])",
    "package": "import json, os, sys\nname = json.loads(sys.argv[1])['name']\n"
    "json.dump({'greeting': f'Hello {name}'}, open(os.environ['SCRIPTRUN_OUTPUT'], 'w'))",
}
SHELL = {
    "files": """jq '{greeting: "Hello \\(.name)"}' "$1" > "$2" """,
    "stdio": """jq '{status: "COMPLETED", output: {greeting: "Hello \\(.inputData.name)"}}' """,
    "stream": """jq -r '"Hello \\(.name)"' """,
    "package": """echo "$1" | jq '{greeting: "Hello \\(.name)"}' > "$SCRIPTRUN_OUTPUT" """,
}
NODE = {
    "files": "const fs = require('fs');\nconst {name} = JSON.parse(fs.readFileSync(process.argv[2]));\n"
    "fs.writeFileSync(process.argv[3], JSON.stringify({greeting: `Hello ${name}`}));",
    "stdio": "const task = JSON.parse(require('fs').readFileSync(0));\nconst {name} = task.inputData;\n"
    "console.log(JSON.stringify({status: 'COMPLETED', output: {greeting: `Hello ${name}`}}));",
    "stream": "console.log('Hello ' + JSON.parse(require('fs').readFileSync(0)).name);",
    "package": "const {name} = JSON.parse(process.argv[2]);\n"
    "require('fs').writeFileSync(process.env.SCRIPTRUN_OUTPUT, JSON.stringify({greeting: `Hello ${name}`}));",
}
EXEC = {contract: f"#!/bin/bash -eu\n{source}" for contract, source in SHELL.items()}
SOURCES = {"python": PYTHON, "shell": SHELL, "node": NODE, "exec": EXEC}
MATRIX = [(contract, handler) for handler, sources in SOURCES.items() for contract in sources]

# name: (file, handler, fields of the Script)
WORKERS: dict[str, tuple[str, dict[str, Any]]] = {
    "worker-py": ("worker.py", {}),
    "worker-sh": ("worker.sh", {}),
    "worker-js": ("worker.js", {}),
    "worker-py-exec": ("worker.py", {"handler": "exec"}),
    "worker-js-command": ("worker.js", {"handler": "exec", "command": ["node", "{script}"]}),
}

SANDBOX = """
import json, os, sys
def can_write(path):
    try:
        open(os.path.join(path, "probe"), "w").close()
        return True
    except OSError:
        return False
status = dict(line.split(":\\t", 1) for line in open("/proc/self/status").read().splitlines())
json.dump({
    "ids": [os.getuid(), os.getgid()],
    "capabilities": status["CapEff"],
    "noNewPrivileges": status["NoNewPrivs"],
    "seccomp": status["Seccomp"],
    "writable": [path for path in ("/", "/etc", "/opt/scriptrun", "/scriptrun", "/scriptrun/input", "/scriptrun/work",
                                   "/scriptrun/run", "/tmp")
                 if can_write(path)],
    "folder": os.getcwd(),
    "home": os.environ["HOME"],
    "scriptrun": {key: value for key, value in os.environ.items() if key.startswith("SCRIPTRUN_")},
    "services": [key for key in os.environ if key.endswith("_SERVICE_HOST") and not key.startswith("KUBERNETES_")],
    "secret": os.environ.get("PASSWORD"),
    "plain": os.environ.get("PLAIN"),
}, open(sys.argv[2], "w"))
"""
TASK = """
import json, os, sys
names = ("TASK_TYPE", "TASK_ID", "WORKFLOW_ID", "EXECUTION_ID", "POLL_DOMAIN")
output = {"task": json.load(sys.stdin), "environment": {name: os.environ.get(name) for name in names}}
print(json.dumps({"status": "COMPLETED", "output": output, "logs": ["a line for people"]}))
"""
NEVER_AGAIN = """echo '{"status": "FAILED_WITH_TERMINAL_ERROR", "reason": "no such order"}'"""
OUTPUT_DATA = """echo '{"status": "COMPLETED", "outputData": {"ok": true}}'"""
NO_STOCK = """echo '{"error": {"code": "NoStock"}, "sku": "A1"}' > "$SCRIPTRUN_OUTPUT"; exit 1"""
PAYLOAD = {
    "taskType": "greet",
    "taskId": "t-1",
    "workflowInstanceId": "w-1",
    "inputData": {"name": "Eve"},
    "extra": [1],
}


def _add_source(space: Space, name: str, data: bytes) -> dict[str, Any]:
    config_map = f"source-{name.replace('_', '-').lower()}"
    if space.api.get(space.path("configmaps", config_map)).status == 404:
        space.add_config_map(config_map, {name: data.decode()})
    return {"configMap": {"name": config_map, "key": name}}


@pytest.fixture(scope="session")
def go_image(chart: None, tmp_path_factory: pytest.TempPathFactory) -> str:
    """An image made of the runner's and of the Go worker, compiled."""
    folder = tmp_path_factory.mktemp("go-worker")
    program = folder / "usr" / "local" / "bin" / "worker"
    program.parent.mkdir(parents=True)
    go = shutil.which("go") or "/usr/local/go/bin/go"
    command = [go, "build", "-trimpath", "-ldflags=-s -w", "-o", str(program), str(EXAMPLES / "worker.go")]
    subprocess.run(command, check=True, env={**os.environ, "CGO_ENABLED": "0"})
    _load_image(GO_IMAGE, folder)
    return GO_IMAGE


def _load_image(name: str, folder: Path) -> None:
    subprocess.run([sys.executable, str(ROOT / "tests" / "localcluster"), "load-image", name, str(folder)], check=True)


@pytest.fixture(scope="module")
def runs(shared: Space, go_image: str) -> Space:
    """Every case, started."""
    variables = {"name": "Ada"}
    for contract, handler in MATRIX:
        script = {"handler": handler, "contract": contract}
        shared.start(f"{contract}-{handler}", SOURCES[handler][contract], script, variables=variables)
    for name, (file, fields) in WORKERS.items():
        source = _add_source(shared, file, (EXAMPLES / file).read_bytes())
        shared.add_script(name, source=source, contract="stdio", **fields)
        shared.add_run(name, name, variables=variables)
    errors = _add_source(shared, "worker_errors.py", (EXAMPLES / "worker_errors.py").read_bytes())
    shared.add_script("worker-errors", source=errors, contract="stdio")
    shared.add_run("worker-errors", "worker-errors")
    package = _add_source(shared, "test_scr.py", (EXAMPLES / "test_scr.py").read_bytes())
    shared.add_script("package", source=package, contract="package", config={"somekey": "some value 2"})
    shared.add_run("package", "package")
    program: dict[str, Any] = {
        "handler": "exec",
        "command": ["/usr/local/bin/worker"],
        "contract": "stdio",
        "image": go_image,
    }
    shared.add_script("worker-go", **program)
    shared.add_run("worker-go", "worker-go", variables=variables)
    _start_environments(shared)
    return shared


def _start_environments(space: Space) -> None:
    space.create(space.path("secrets"), {"metadata": {"name": "keys"}, "stringData": {"PASSWORD": "s3cret"}})
    environment = {
        "env": [{"name": "PLAIN", "value": "as it is $(PASSWORD)"}],
        "envFrom": [{"secretRef": {"name": "keys"}}],
    }
    space.start("sandbox", SANDBOX, environment)
    task = {"source": "conductor", "id": "t-1", "type": "greet", "workflowId": "w-1", "domain": "d", "payload": PAYLOAD}
    space.start("task", TASK, {"contract": "stdio"}, task=task, variables={"name": "Ada"})
    space.start("no-task", TASK, {"contract": "stdio"}, variables={"name": "Ada"})
    space.start("never-again", NEVER_AGAIN, {"handler": "shell", "contract": "stdio", "backoffLimit": 3})
    space.start("output-data", OUTPUT_DATA, {"handler": "shell", "contract": "stdio"})
    for contract in ("files", "package"):
        space.start(f"no-stock-{contract}", NO_STOCK, {"handler": "shell", "contract": contract})


@pytest.mark.parametrize(("contract", "handler"), MATRIX)
def test_contract_and_handler(runs: Space, contract: str, handler: str) -> None:
    run = runs.end_of(f"{contract}-{handler}")
    assert run.end == ("Succeeded", "Completed"), run
    assert run.output == ({"output": "Hello Ada\n"} if contract == "stream" else {"greeting": "Hello Ada"})


@pytest.mark.parametrize("name", [*WORKERS, "worker-go"])
def test_generic_task_worker(runs: Space, name: str) -> None:
    run = runs.end_of(name)
    assert run.end == ("Succeeded", "Completed"), run
    assert run.output == {"message": "Hello Ada"}
    log = runs.get_config_map(run.status["outputRef"]["configMap"])["data"]["log"]
    assert log.startswith("Processed greeting")


def test_generic_task_worker_that_fails(runs: Space) -> None:
    run = runs.end_of("worker-errors")
    assert run.end == ("Failed", "ScriptFailed")
    assert run.message == "name 'result' is not defined"
    assert run.status["exitCode"] == 0


@pytest.mark.parametrize("contract", ["files", "package"])
def test_a_failed_script_keeps_its_output(runs: Space, contract: str) -> None:
    run = runs.end_of(f"no-stock-{contract}")
    assert run.end == ("Failed", "ScriptFailed")
    assert run.output == {"error": {"code": "NoStock"}, "sku": "A1"}


def test_a_terminal_error_is_not_retried(runs: Space) -> None:
    run = runs.end_of("never-again")
    assert run.end == ("Failed", "ScriptFailed")
    assert run.message == "no such order"
    assert run.status["resultStatus"] == "FAILED_WITH_TERMINAL_ERROR"
    assert run.status["attemptCount"] == 1


def test_conductors_own_name_of_the_output_is_taken(runs: Space) -> None:
    run = runs.end_of("output-data")
    assert run.end == ("Succeeded", "Completed"), run
    assert run.output == {"ok": True}


def test_package_with_its_configuration(runs: Space) -> None:
    run = runs.end_of("package")
    assert run.end == ("Succeeded", "Completed")
    assert run.output == {}
    log = runs.get_config_map(run.status["outputRef"]["configMap"])["data"]["log"]
    assert log == "somekey -> some value 2\nsome value 2\n"


def test_a_script_has_the_least_it_needs(runs: Space) -> None:
    run = runs.end_of("sandbox")
    assert run.end == ("Succeeded", "Completed"), run
    assert run.output["ids"] == [65532, 65532]
    assert int(run.output["capabilities"], 16) == 0
    assert run.output["noNewPrivileges"] == "1"
    assert run.output["seccomp"] == "2"
    assert run.output["writable"] == ["/scriptrun/work", "/scriptrun/run", "/tmp"]
    assert run.output["folder"] == run.output["home"] == "/scriptrun/work"
    assert run.output["services"] == []


def test_the_environment_is_the_scripts_and_the_runners_own_stays_its_own(runs: Space) -> None:
    output = runs.end_of("sandbox").output
    assert output["secret"] == "s3cret"
    assert output["scriptrun"].keys() == {
        "SCRIPTRUN_NAME",
        "SCRIPTRUN_NAMESPACE",
        "SCRIPTRUN_ATTEMPT",
        "SCRIPTRUN_VARIABLES",
        "SCRIPTRUN_OUTPUT",
    }
    assert output["scriptrun"]["SCRIPTRUN_NAME"] == "sandbox"
    assert output["scriptrun"]["SCRIPTRUN_NAMESPACE"] == runs.name
    assert output["scriptrun"]["SCRIPTRUN_ATTEMPT"] == "1"


def test_an_orchestrators_task_arrives_as_it_was(runs: Space) -> None:
    run = runs.end_of("task")
    assert run.end == ("Succeeded", "Completed"), run
    # Its input is what was checked against the Script's schema, whatever the payload says.
    assert run.output["task"] == {**PAYLOAD, "inputData": {"name": "Ada"}}
    assert run.output["environment"] == {
        "TASK_TYPE": "greet",
        "TASK_ID": "t-1",
        "WORKFLOW_ID": "w-1",
        "EXECUTION_ID": "w-1",
        "POLL_DOMAIN": "d",
    }
    log = runs.get_config_map(run.status["outputRef"]["configMap"])["data"]["log"]
    assert log == "a line for people\n"


def test_without_a_task_one_is_made_from_the_run(runs: Space) -> None:
    run = runs.end_of("no-task")
    assert run.output["task"] == {
        "taskType": "no-task",
        "taskId": run.uid,
        "workflowInstanceId": "no-task",
        "inputData": {"name": "Ada"},
    }
    assert run.output["environment"]["POLL_DOMAIN"] is None
