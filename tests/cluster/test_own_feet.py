"""The runner starts and concludes whatever its Script says, and resources are what a Pod takes."""

import hashlib
from typing import Any

import pytest

from clusterlab.space import Space, build_script

pytestmark = pytest.mark.cluster
pytest_plugins = ["clusterlab.fixtures"]

TOOLS = {"name": "PATH", "value": "/opt/tools/bin:$(PATH)"}
OK = """echo '{"ok": true}' > "$2" """
GOES_ON = """import time
print("step 1 is done")
time.sleep(600)
"""
WINDOWS = {
    "shell": ('name=world\r\nif [ "$name" = world ]; then\r\n  echo ok\r\nfi\r\n', {"handler": "shell"}),
    "shell-with-first-line": ("#!/bin/bash\r\necho ok\r\n", {"handler": "shell"}),
    "program": ("#!/usr/bin/env python3\r\nprint('ok')\r\n", {"handler": "exec"}),
    "command": ("set -e\r\necho ok\r\n", {"handler": "exec", "command": ["/bin/bash", "{script}"]}),
}
# name: (source, fields of the Script, output)
CASES: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "path": (
        """printf '{"path": "%s", "tools": "%s"}' "$PATH" "$TOOLS" > "$2" """,
        {"handler": "shell", "env": [TOOLS, {"name": "TOOLS", "value": "$(PATH)/x"}]},
        {
            "path": "/opt/tools/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "tools": "/opt/tools/bin:$(PATH)/x",
        },
    ),
    "path-alone": (OK, {"handler": "shell", "env": [{"name": "PATH", "value": "/opt/tools/bin"}]}, {"ok": True}),
    "libraries": (OK, {"handler": "shell", "env": [{"name": "LD_PRELOAD", "value": "/dev/null"}]}, {"ok": True}),
    "wiped": (
        'test -z "$(ls -A)" && touch .a b && find . -mindepth 1 -delete && ' + OK,
        {"handler": "shell"},
        {"ok": True},
    ),
    "numbers": (
        OK,
        {"handler": "shell", "resources": {"requests": {"cpu": 0.1}, "limits": {"cpu": 0.5, "memory": 67108864}}},
        {"ok": True},
    ),
    "texts": (
        OK,
        {"handler": "shell", "resources": {"requests": {"cpu": "1e-1"}, "limits": {"cpu": ".5", "memory": "6.4e7"}}},
        {"ok": True},
    ),
}


@pytest.fixture(scope="module")
def runs(shared: Space) -> Space:
    """Every case, started."""
    for name, (source, fields, _) in CASES.items():
        shared.start(name, source, fields)
    shared.create(shared.path("secrets"), {"metadata": {"name": "path"}, "stringData": {"PATH": "/opt/tools/bin"}})
    shared.start("buffered", "#!/usr/bin/env python3\n" + GOES_ON, {"handler": "exec", "attemptDeadlineSeconds": 3})
    for name, (source, fields) in WINDOWS.items():
        shared.start(f"windows-{name}", source, fields)
    secret = {"envFrom": [{"secretRef": {"name": "path"}}]}
    shared.start("path-of-a-secret", "#!/bin/bash\n" + OK, {"handler": "shell", **secret})
    config_map = {"json.py": "import enum, json, sys\njson.dump({'file': __file__}, open(sys.argv[2], 'w'))"}
    shared.add_config_map("library", config_map)
    shared.add_script("json.py", source={"configMap": {"name": "library", "key": "json.py"}})
    shared.add_run("library", "json.py")
    files = {
        "helper.py": "def greet(name):\n    return f'Hello {name}'",
        "main.py": "import json, sys\nfrom helper import greet\njson.dump({'a': greet('Ada')}, open(sys.argv[2], 'w'))",
    }
    shared.add_config_map("folder", files)
    source = {"configMap": {"name": "folder", "key": "main.py"}}
    shared.add_script("main.py", source=source)
    shared.add_run("beside", "main.py")
    digest = hashlib.sha256(files["main.py"].encode()).hexdigest()
    shared.add_script("pinned.py", source={"configMap": {**source["configMap"], "sha256": digest}})
    shared.add_run("beside-pinned", "pinned.py")
    return shared


def test_files_of_one_config_map_import_each_other(runs: Space) -> None:
    run = runs.end_of("beside")
    assert run.end == ("Succeeded", "Completed"), run
    assert run.output == {"a": "Hello Ada"}


def test_a_pinned_script_gets_nothing_that_is_not(runs: Space) -> None:
    run = runs.end_of("beside-pinned")
    assert run.end == ("Failed", "ScriptFailed"), run
    assert "No module named 'helper'" in run.message


@pytest.mark.parametrize("name", CASES)
def test_the_script_succeeds(runs: Space, name: str) -> None:
    run = runs.end_of(name)
    assert run.end == ("Succeeded", "Completed"), run
    assert run.output == CASES[name][2]


def test_what_a_program_printed_before_its_deadline_is_in_the_log(runs: Space) -> None:
    run = runs.end_of("buffered")
    assert run.end == ("Failed", "Timeout"), run
    [pod] = runs.pods_seen("buffered")
    assert runs.get_config_map(f"{pod}-output")["data"]["log"].startswith("step 1 is done")


@pytest.mark.parametrize("name", WINDOWS)
def test_windows_line_endings_do_no_harm_or_are_named(runs: Space, name: str) -> None:
    run = runs.end_of(f"windows-{name}")
    if run.end == ("Failed", "ScriptFailed"):
        assert "Windows" in run.message, run
    else:
        assert run.end == ("Succeeded", "Completed"), run


def test_a_path_that_a_secret_brings(runs: Space) -> None:
    run = runs.end_of("path-of-a-secret")
    assert run.end == ("Succeeded", "Completed"), run


def test_a_script_named_like_a_module_of_python(runs: Space) -> None:
    run = runs.end_of("library")
    assert run.end == ("Succeeded", "Completed"), run
    assert run.output == {"file": "/scriptrun/run/named/json.py"}


@pytest.mark.parametrize("cpu", [True, {}, [], {"a": 1}, [1], -1, -0.5, "-1", "half", "", "1 Gi", "0x1"])
def test_the_api_server_refuses_what_is_no_quantity(shared: Space, cpu: Any) -> None:
    answer = shared.api.post(shared.script_path(), build_script("no-quantity", "1", resources={"limits": {"cpu": cpu}}))
    assert answer.status == 422, answer
    assert "spec.resources.limits.cpu" in str(answer)
