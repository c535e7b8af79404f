"""The command line as a whole: help, errors in one line, exit codes, a fast start."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from scriptrun import __version__
from unit.cli.conftest import Scriptrun

HEAVY = {"kubernetes", "kopf", "aiohttp", "rich.console", "asyncio", "scriptrun.models.script", "importlib.metadata"}
KUBECONFIG = {
    "apiVersion": "v1",
    "kind": "Config",
    "current-context": "here",
    "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
    "clusters": [{"name": "here", "cluster": {"server": "http://127.0.0.1:1"}}],
    "users": [{"name": "me", "user": {"token": "x"}}],
}


def test_the_commands_start_light() -> None:
    """Nothing that takes long is imported before a command needs it; this stands for the time it takes."""
    program = "import sys, scriptrun.cli.main; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not HEAVY & set(done.stdout.split())


def test_version(scriptrun: Scriptrun) -> None:
    assert scriptrun("version").stdout == f"{__version__}\n"


def test_help_is_data(scriptrun: Scriptrun) -> None:
    done = scriptrun("--help")
    assert (done.code, done.stderr) == (0, "")
    for command in (
        "run",
        "rerun",
        "list",
        "get",
        "logs",
        "cancel",
        "scripts",
        "workflows",
        "doctor",
        "operator",
        "crds",
        "version",
    ):
        assert f"\n  {command} " in done.stdout
    assert "\x1b" not in done.stdout


def test_no_command_shows_the_help_as_an_error(scriptrun: Scriptrun) -> None:
    done = scriptrun()
    assert (done.code, done.stdout) == (2, "")
    assert done.stderr.startswith("Usage: scriptrun")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["frob"], "No such command 'frob': see \"scriptrun --help\""),
        (["list", "--bogus"], 'No such option: --bogus: see "scriptrun list --help"'),
        (["run"], "Missing argument 'SCRIPT': see \"scriptrun run --help\""),
        (["run", "x", "--retries", "-1"], "Invalid value for '--retries'"),
        (["run", "x", "-o", "wide"], "Invalid value for '--output' / '-o'"),
        (["run", "x", "--contract", "stdio"], "--contract needs --local"),
        (["run", "x", "--timeout", "soon"], "--timeout soon: write seconds"),
        (["list", "--phase", "Done"], "Invalid value for '--phase': 'Done' is not one of"),
        (["list", "-w", "-o", "json"], "--watch prints a table"),
        (["scripts", "render", "no-such-folder"], "Invalid value for 'DIR'"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(scriptrun: Scriptrun, arguments: list[str], message: str) -> None:
    done = scriptrun(*arguments)
    assert (done.code, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: {message}")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "no cluster to talk to: there is no file"),
        ("", "is no kubeconfig"),
        ("[]", "is no kubeconfig"),
        ("a: [", "no cluster to talk to: while parsing"),
        ("apiVersion: v1", "Expected key current-context"),
        (yaml.safe_dump(KUBECONFIG), "is the cluster at http://127.0.0.1:1 up, and the one you mean?"),
    ],
)
def test_no_cluster_is_one_line_and_exit_code_1(
    scriptrun: Scriptrun, tmp_path: Path, text: str | None, message: str
) -> None:
    path = tmp_path / "kubeconfig"
    if text is not None:
        path.write_text(text)
    done = scriptrun("list", "--kubeconfig", path)
    assert (done.code, done.stdout) == (1, "")
    assert done.stderr.startswith("error: ")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_an_unknown_context(scriptrun: Scriptrun, tmp_path: Path) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text(yaml.safe_dump(KUBECONFIG))
    done = scriptrun("get", "x", "--kubeconfig", path, "--context", "there")
    assert done.code == 1
    assert "there" in done.stderr


@pytest.mark.parametrize(("command", "name"), [("operator", "WORKERS"), ("bridge", "HTTP_PORT")])
def test_wrong_settings_of_a_process_are_one_line(
    scriptrun: Scriptrun, monkeypatch: pytest.MonkeyPatch, command: str, name: str
) -> None:
    monkeypatch.setenv(f"SCRIPTRUN_{name}", "many")
    done = scriptrun(command)
    assert done.code == 2
    assert done.stderr.startswith(f"error: SCRIPTRUN_{name}=many: ")
    assert done.stderr.count("\n") == 1


def test_the_crds_as_a_stream_and_as_files(scriptrun: Scriptrun, tmp_path: Path) -> None:
    documents = list(yaml.safe_load_all(scriptrun("crds").stdout))
    assert [document["metadata"]["name"] for document in documents] == [
        "scripts.scriptrun.dev",
        "scriptruns.scriptrun.dev",
        "bridges.scriptrun.dev",
        "workflows.scriptrun.dev",
        "workflowruns.scriptrun.dev",
    ]
    assert scriptrun("crds", "--output-dir", tmp_path / "new" / "crds").stdout == ""
    written = {path.name: yaml.safe_load(path.read_text()) for path in (tmp_path / "new" / "crds").iterdir()}
    names = ("scripts.yaml", "scriptruns.yaml", "bridges.yaml", "workflows.yaml", "workflowruns.yaml")
    assert written == dict(zip(names, documents, strict=True))


def test_render_prints_yaml_and_json(scriptrun: Scriptrun, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("pass\n")
    (tmp_path / "notes.txt").write_text("x")
    as_yaml = scriptrun("scripts", "render", tmp_path, "-n", "team")
    as_json = scriptrun("scripts", "render", tmp_path, "-n", "team", "-o", "json")
    assert list(yaml.safe_load_all(as_yaml.stdout)) == yaml.safe_load(as_json.stdout)["items"]
    assert as_yaml.stderr.startswith("left out: notes.txt: ")


def test_an_empty_folder_renders_nothing(scriptrun: Scriptrun, tmp_path: Path) -> None:
    done = scriptrun("scripts", "render", tmp_path)
    assert (done.code, done.stderr) == (2, f"error: {tmp_path}: no scripts in it\n")


def test_a_closed_pipe_is_no_traceback() -> None:
    command = f"{sys.executable} -m scriptrun crds | head -1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.stdout.startswith("# Generated")
    assert done.stderr == ""


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_and_answers(shell: str) -> None:
    environment = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"}
    command = [sys.executable, "-m", "scriptrun"]
    source = subprocess.run(
        command,
        env={**environment, "_SCRIPTRUN_COMPLETE": f"source_{shell}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "_SCRIPTRUN_COMPLETE" in source.stdout
    words = {"COMP_WORDS": "scriptrun can", "COMP_CWORD": "1", "_TYPER_COMPLETE_ARGS": "scriptrun can"}
    fish = {"_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    answer = subprocess.run(
        command,
        env={**environment, **words, **fish, "_SCRIPTRUN_COMPLETE": f"complete_{shell}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "cancel" in answer.stdout


def test_completion_without_a_cluster_is_silent(tmp_path: Path) -> None:
    words = {"COMP_WORDS": "scriptrun get ", "COMP_CWORD": "2", "_SCRIPTRUN_COMPLETE": "complete_bash"}
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), **words}
    done = subprocess.run(
        [sys.executable, "-m", "scriptrun"], env=environment, capture_output=True, text=True, check=True
    )
    assert (done.stdout.strip(), done.stderr) == ("", "")
