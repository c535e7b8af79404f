"""`scriptrun run --local`: a file under its contract, as in the cluster but without one."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from unit.cli.conftest import Scriptrun

GREET = """
import json, sys
variables = json.load(open(sys.argv[1]))
print("greeting", variables["name"])
json.dump({"greeting": f"Hello {variables['name']}"}, open(sys.argv[2], "w"))
"""


@pytest.fixture
def greet(tmp_path: Path) -> Path:
    path = tmp_path / "greet.py"
    path.write_text(GREET)
    return path


def _write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_output_on_stdout_all_else_on_stderr(scriptrun: Scriptrun, greet: Path) -> None:
    done = scriptrun("run", "--local", greet, "--var", "name=Ada")
    assert (done.code, done.stdout) == (0, '{\n  "greeting": "Hello Ada"\n}\n')
    log, end = done.stderr.splitlines()
    assert log == "greeting Ada"
    assert end.startswith("greet-py-local: Succeeded in ")


def test_the_object_instead_of_the_output(scriptrun: Scriptrun, greet: Path) -> None:
    as_json = json.loads(scriptrun("run", "--local", greet, "--var", "name=Ada", "-o", "json").stdout)
    as_yaml = yaml.safe_load(scriptrun("run", "--local", greet, "--var", "name=Ada", "-o", "yaml").stdout)
    for run in (as_json, as_yaml):
        assert run["kind"] == "ScriptRun"
        assert run["spec"] == {"scriptRef": {"name": "greet.py"}, "variables": {"name": "Ada"}}
        assert run["status"]["phase"] == "Succeeded"
        assert run["status"]["output"] == {"greeting": "Hello Ada"}
        assert run["status"]["exitCode"] == 0
    assert scriptrun("run", "--local", greet, "--var", "name=A", "-o", "name").stdout == (
        "scriptrun.scriptrun.dev/greet-py-local\n"
    )


def test_variables_from_files_and_stdin(scriptrun: Scriptrun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = _write(tmp_path / "show.sh", 'cp "$SCRIPTRUN_VARIABLES" "$SCRIPTRUN_OUTPUT"\n')
    first = _write(tmp_path / "a.json", '{"a": 1, "b": 1, "c": 1}')
    stdin = _write(tmp_path / "stdin", '{"b": 2, "c": 2}')
    with stdin.open() as stream:
        monkeypatch.setattr(sys, "stdin", stream)
        done = scriptrun("run", "--local", script, "--var", "c:=[3]", "--vars", first, "--vars", "-", "--var", "d=x")
    assert json.loads(done.stdout) == {"a": 1, "b": 2, "c": [3], "d": "x"}


def test_variables_are_utf_8_in_every_locale(
    scriptrun: Scriptrun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = _write(tmp_path / "show.sh", 'cp "$SCRIPTRUN_VARIABLES" "$SCRIPTRUN_OUTPUT"\n')
    with _write(tmp_path / "stdin", '{"a": "Zoë"}').open(encoding="latin-1") as stream:
        monkeypatch.setattr(sys, "stdin", stream)
        done = scriptrun("run", "--local", script, "--vars", "-")
    assert json.loads(done.stdout) == {"a": "Zoë"}


@pytest.mark.parametrize("code", [1, 7, 255])
def test_the_scripts_exit_code(scriptrun: Scriptrun, tmp_path: Path, code: int) -> None:
    script = _write(tmp_path / "fail.sh", f"echo no >&2\nexit {code}\n")
    done = scriptrun("run", "--local", script)
    assert (done.code, done.stdout) == (code, "")
    assert done.stderr.startswith("no\nfail-sh-local: Failed in ")
    assert done.stderr.endswith(f": ScriptFailed: exit code {code}\n")


def test_a_contract(scriptrun: Scriptrun, tmp_path: Path) -> None:
    said = {"status": "COMPLETED", "output": {"n": 3}, "logs": ["done"]}
    script = _write(tmp_path / "worker.sh", f"jq -e .inputData.n >&2\necho '{json.dumps(said)}'\n")
    done = scriptrun("run", "--local", script, "--contract", "stdio", "--var", "n:=3")
    assert (done.code, json.loads(done.stdout)) == (0, {"n": 3})
    assert done.stderr.startswith("3\ndone\n")
    failed = _write(tmp_path / "failed.sh", """echo '{"status": "FAILED", "reason": "no luck"}'\n""")
    done = scriptrun("run", "--local", failed, "--contract", "stdio")
    assert done.code == 1
    assert "ScriptFailed: no luck" in done.stderr


def test_a_package_with_its_configuration(scriptrun: Scriptrun, tmp_path: Path) -> None:
    source = (
        "import json, sys\n"
        "from ferris_cli.v2 import ApplicationConfigurator\n"
        "name = json.loads(sys.argv[1])['package_name']\n"
        "print(name, ApplicationConfigurator.get(name))\n"
    )
    script = _write(tmp_path / "package.py", source)
    config = _write(tmp_path / "config.json", '{"key": "value"}')
    done = scriptrun("run", "--local", script, "--contract", "package", "--config", config)
    assert done.code == 0, done.stderr
    assert done.stderr.startswith("package.py {'key': 'value'}\n")


def test_a_handler(scriptrun: Scriptrun, tmp_path: Path) -> None:
    script = _write(tmp_path / "noending", "echo $((40 + 2)) >&2\n")
    assert scriptrun("run", "--local", script, "--handler", "shell").stderr.startswith("42\n")
    assert scriptrun("run", "--local", script).code == 126  # exec: no #! line and no binary


def test_settings_beside_the_file(scriptrun: Scriptrun, greet: Path) -> None:
    settings = {"greet.py": {"name": "greeter", "variablesSchema": {"type": "object", "required": ["name"]}}}
    (greet.parent / "scripts.yaml").write_text(json.dumps(settings))
    done = scriptrun("run", "--local", greet)
    assert done.code == 125
    assert "InvalidVariables: variables: 'name' is a required property" in done.stderr
    run = json.loads(scriptrun("run", "--local", greet, "--var", "name=A", "-o", "json").stdout)
    assert run["spec"]["scriptRef"]["name"] == "greeter"


def test_the_output_is_held_to_its_schema(scriptrun: Scriptrun, greet: Path) -> None:
    settings = {"greet.py": {"outputSchema": {"required": ["farewell"]}, "env": [{"name": "X", "value": "1"}]}}
    (greet.parent / "scripts.yaml").write_text(json.dumps(settings))
    done = scriptrun("run", "--local", greet, "--var", "name=A")
    assert (done.code, done.stdout) == (1, "")
    assert "InvalidOutput: output: 'farewell' is a required property" in done.stderr


def test_output_that_is_no_json(scriptrun: Scriptrun, tmp_path: Path) -> None:
    script = _write(tmp_path / "bad.sh", 'echo "{" > "$2"\n')
    done = scriptrun("run", "--local", script)
    assert done.code == 1
    assert "InvalidOutput" in done.stderr


def test_an_output_for_which_only_the_status_has_room_must_fit_there(scriptrun: Scriptrun, tmp_path: Path) -> None:
    script = _write(tmp_path / "big.sh", """echo '{"n": 18446744073709551616}' > "$2"\n""")
    done = scriptrun("run", "--local", script)
    assert (done.code, done.stdout) == (0, '{"n": 18446744073709551616}\n')
    (tmp_path / "scripts.yaml").write_text(json.dumps({"big.sh": {"output": {"transport": "TerminationMessage"}}}))
    done = scriptrun("run", "--local", script)
    assert (done.code, done.stdout) == (1, "")
    assert "InvalidOutput: output.n: Kubernetes would round this number in the run's status" in done.stderr


def test_a_large_output_is_whole(scriptrun: Scriptrun, tmp_path: Path) -> None:
    script = _write(tmp_path / "large.py", "import json, sys; json.dump({'x': 'é' * 40000}, open(sys.argv[2], 'w'))")
    done = scriptrun("run", "--local", script)
    assert json.loads(done.stdout) == {"x": "é" * 40000}


def test_a_timeout(scriptrun: Scriptrun, tmp_path: Path) -> None:
    script = _write(tmp_path / "slow.sh", "sleep 60\n")
    done = scriptrun("run", "--local", script, "--timeout", "1s")
    assert done.code == 124
    assert "Timeout: the attempt took longer than attemptDeadlineSeconds (1 s)" in done.stderr


def test_ctrl_c_ends_the_script_as_a_pods_end_would(tmp_path: Path) -> None:
    script = _write(tmp_path / "slow.sh", "trap 'echo bye; exit 3' TERM\necho ready\nsleep 60 & wait\n")
    command = [sys.executable, "-m", "scriptrun", "run", "--local", str(script)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=20)
    assert (process.returncode, stdout) == (130, "")
    assert stderr.startswith("bye\nslow-sh-local: Canceled in ")


def test_nothing_is_left_behind(scriptrun: Scriptrun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    script = _write(tmp_path / "pwd.sh", "pwd\nmkdir deep; touch deep/file\n")
    where = Path(scriptrun("run", "--local", script).stderr.splitlines()[0])
    assert where.is_relative_to(folder)
    assert os.listdir(folder) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--retries", "1"], "--retries is of no use with --local"),
        (["--from", "x"], "--from is of no use with --local"),
        (["--source", "x/y"], "--source is of no use with --local"),
        (["--name", "x"], "--name is of no use with --local"),
        (["--ttl", "1"], "--ttl is of no use with --local"),
        (["--no-wait"], "--no-wait is of no use with --local"),
        (["--vars", "no-such-file"], "no-such-file can't be read: No such file"),
        (["--var", "x"], "--var x: write NAME=TEXT"),
        (["--config", "no-such-file"], "no-such-file can't be read"),
        (["--var", "n:=18446744073709551616"], "variables.n: Kubernetes rounds numbers beyond 64-bit integers"),
    ],
)
def test_wrong_usage(scriptrun: Scriptrun, greet: Path, arguments: list[str], message: str) -> None:
    done = scriptrun("run", "--local", greet, *arguments)
    assert (done.code, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: {message}")
    assert done.stderr.count("\n") == 1


def test_no_such_file(scriptrun: Scriptrun, tmp_path: Path) -> None:
    done = scriptrun("run", "--local", tmp_path / "none.py")
    assert (done.code, done.stderr) == (2, f"error: {tmp_path}/none.py can't be read: No such file or directory\n")
