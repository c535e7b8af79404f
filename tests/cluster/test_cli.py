"""The command line against a real cluster, as somebody who has the role `edit` in one namespace and nothing else."""

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from clusterlab.process import write_kubeconfig
from clusterlab.space import Space
from helm import ROOT
from kubeapi import wait_for

pytestmark = pytest.mark.cluster
pytest_plugins = ["clusterlab.fixtures"]

SECONDS = 90
FILES = {
    "greet.py": (
        "import json, sys\n"
        "variables = json.load(open(sys.argv[1]))\n"
        "print('greeting', variables['name'])\n"
        "json.dump({'greeting': 'Hello ' + variables['name'], 'variables': variables}, open(sys.argv[2], 'w'))\n"
    ),
    "fail.sh": 'echo "no luck in attempt $SCRIPTRUN_ATTEMPT" >&2\nexit 7\n',
    "slow.sh": "echo begin\nsleep 4\necho end\n",
    "wait.sh": "echo waiting\nsleep 600\n",
    "large.py": "import json, sys\njson.dump({'text': 'ä' * 20000}, open(sys.argv[2], 'w'))\n",
}
SETTINGS = {
    "*": {"startDeadlineSeconds": 60},
    "greet.py": {"description": "Greets", "variablesSchema": {"type": "object", "required": ["name"]}},
    "fail.sh": {"backoffLimit": 1},
}


@dataclass(frozen=True)
class Done:
    """What a command left behind."""

    code: int
    stdout: str
    stderr: str


class User:
    """Somebody at a terminal, who has a kubeconfig and the right to run Scripts in its namespace."""

    def __init__(self, kubeconfig: Path) -> None:
        self.environment = {"PATH": os.environ["PATH"], "KUBECONFIG": str(kubeconfig), "HOME": str(kubeconfig.parent)}

    def command(self, *arguments: object) -> list[str]:
        """The command line of scriptrun."""
        return [sys.executable, "-m", "scriptrun", *map(str, arguments)]

    def do(self, *arguments: object, **environment: str) -> Done:
        """Run a command to its end."""
        done = subprocess.run(
            self.command(*arguments),
            env=self.environment | environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Done(done.returncode, done.stdout, done.stderr)

    def begin(self, *arguments: object) -> "subprocess.Popen[str]":
        """Start a command."""
        # Ignored where the tests run in the background of a shell without job control, and inherited.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        return subprocess.Popen(
            self.command(*arguments),
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


@pytest.fixture(scope="module")
def user(kubeconfig: Path, shared: Space, tmp_path_factory: pytest.TempPathFactory) -> User:
    shared.create(shared.path("serviceaccounts"), {"metadata": {"name": "ada"}})
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "edit"}
    subject = {"kind": "ServiceAccount", "name": "ada", "namespace": shared.name}
    bindings = shared.path("rolebindings", group="rbac.authorization.k8s.io/v1")
    shared.create(bindings, {"metadata": {"name": "ada"}, "roleRef": role, "subjects": [subject]})
    home = tmp_path_factory.mktemp("ada")
    return User(write_kubeconfig(kubeconfig, (shared.name, "ada"), home / "kubeconfig"))


@pytest.fixture(scope="module")
def scripts(kubeconfig: Path, shared: Space, user: User, tmp_path_factory: pytest.TempPathFactory) -> Space:
    """The namespace with an allow-list that `scripts render` wrote and kubectl applied."""
    folder = tmp_path_factory.mktemp("scripts")
    for name, text in FILES.items():
        (folder / name).write_text(text)
    (folder / "scripts.yaml").write_text(yaml.safe_dump(SETTINGS))
    rendered = user.do("scripts", "render", folder, "--namespace", shared.name, "--hash")
    assert (rendered.code, rendered.stderr) == (0, "")
    tool = [sys.executable, str(ROOT / "tests" / "localcluster"), "tool", "kubectl"]
    kubectl = subprocess.run(tool, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    command = [kubectl, "--kubeconfig", str(kubeconfig), "apply", "--server-side", "-f", "-"]
    subprocess.run(command, input=rendered.stdout, text=True, check=True, stdout=subprocess.DEVNULL)
    return shared


def _read_until(process: "subprocess.Popen[str]", text: str) -> list[str]:
    """Read lines of stderr up to one with a text in it."""
    assert process.stderr is not None
    lines = []
    for line in process.stderr:
        lines.append(line)
        if text in line:
            return lines
    raise AssertionError(f"{text!r} never came:\n{''.join(lines)}")


@pytest.fixture
def begin(user: User) -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """Start commands that end with the test at the latest."""
    begun = []

    def start(*arguments: object) -> "subprocess.Popen[str]":
        begun.append(user.begin(*arguments))
        return begun[-1]

    yield start
    for process in begun:
        process.kill()
        process.communicate()


Begin = Callable[..., "subprocess.Popen[str]"]


def test_a_rendered_script_runs(scripts: Space, user: User) -> None:
    scripts.add_config_map("defaults", {"vars.json": '{"name": "nobody", "count": 2}'})
    done = user.do("run", "greet.py", "--from", "defaults/vars.json", "--var", "name=Ada", "--var", "list:=[1]")
    assert done.code == 0, done
    variables = {"name": "Ada", "count": 2, "list": [1]}
    assert json.loads(done.stdout) == {"greeting": "Hello Ada", "variables": variables}
    created, *_, end = done.stderr.splitlines()
    name = created.removeprefix("scriptrun.scriptrun.dev/").removesuffix(" created")
    assert name.startswith("greet-py-")
    assert end.startswith(f"{name}: Succeeded in ")
    assert json.loads(user.do("get", name, "-o", "json").stdout)["status"]["output"] == json.loads(done.stdout)


def test_the_object_instead_of_the_output(scripts: Space, user: User) -> None:
    done = user.do("run", "greet.py", "--name", "greet-1", "--var", "name=Ada", "--ttl", "1h", "-o", "yaml")
    run = yaml.safe_load(done.stdout)
    assert (done.code, run["kind"], run["metadata"]["name"]) == (0, "ScriptRun", "greet-1")
    assert run["spec"]["ttlSecondsAfterFinished"] == 3600
    assert run["status"]["phase"] == "Succeeded"


def test_a_refused_run(scripts: Space, user: User) -> None:
    done = user.do("run", "greet.py")
    assert (done.code, done.stdout) == (125, "")
    assert "Failed: InvalidVariables: variables: 'name' is a required property" in done.stderr


def test_a_manifest_that_the_api_server_refuses(scripts: Space, user: User) -> None:
    done = user.do("run", "greet.py", "--name", "Not_A_Name")
    assert (done.code, done.stdout) == (1, "")
    assert done.stderr.startswith("error: ")
    assert "Not_A_Name" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_failure_has_the_scripts_exit_code(scripts: Space, user: User) -> None:
    done = user.do("run", "fail.sh", "--retries", "0")
    assert (done.code, done.stdout) == (7, "")
    assert done.stderr.endswith(": ScriptFailed: exit code 7\nno luck in attempt 1\n")


def test_attempts_are_followed_one_after_the_other(scripts: Space, user: User) -> None:
    done = user.do("run", "fail.sh", "-f", "--name", "fail-followed")
    assert done.code == 7
    said = [line for line in done.stderr.splitlines() if not line.startswith("fail-followed: ")]
    second = [name for name in scripts.pods_seen("fail-followed") if f"attempt 2, pod {name}:" in said]
    assert len(second) == 1
    assert said[1:] == ["no luck in attempt 1", f"attempt 2, pod {second[0]}:", "no luck in attempt 2"]
    shown = user.do("logs", "fail-followed")
    assert (shown.code, shown.stdout) == (0, "no luck in attempt 1\nno luck in attempt 2\n")
    assert [line.partition(", pod ")[0] for line in shown.stderr.splitlines()] == ["attempt 1", "attempt 2"]
    assert user.do("logs", "fail-followed", "--attempt", "1").stdout == "no luck in attempt 1\n"


def test_a_script_in_full(scripts: Space, user: User) -> None:
    assert user.do("run", "greet.py", "--name", "described", "--var", "name=Ada").code == 0
    wait_for("the handler", lambda: "python" in user.do("scripts", "list").stdout)
    shown = user.do("scripts", "describe", "greet.py").stdout
    for text in (
        "Greets",
        "python (by the ending of its name)",
        "pinned to ",
        "Ready=True",
        '"required": [',
        "described ",
    ):
        assert text in shown
    document = json.loads(user.do("scripts", "describe", "greet.py", "-o", "json").stdout)
    assert document["script"]["status"]["handler"] == "python"
    assert "described" in [run["name"] for run in document["runs"]]


def test_a_log_comes_while_the_script_writes_it(scripts: Space, user: User, begin: Begin) -> None:
    process = begin("run", "slow.sh", "-f", "--name", "slow-1")
    _read_until(process, "begin")
    run = scripts.run("slow-1")
    assert run is not None
    assert not run.ended
    stdout, stderr = process.communicate(timeout=SECONDS)
    assert (process.returncode, json.loads(stdout)) == (0, {})
    assert stderr.index("end\n") < stderr.index("slow-1: Succeeded")


def test_a_timeout(scripts: Space, user: User) -> None:
    done = user.do("run", "wait.sh", "--timeout", "3s")
    assert (done.code, done.stdout) == (124, "")
    assert "Failed in " in done.stderr
    assert ": Timeout: " in done.stderr


def test_ctrl_c_leaves_the_run_and_cancel_ends_it(scripts: Space, user: User, begin: Begin) -> None:
    first = begin("run", "wait.sh", "-f", "--name", "wait-1")
    _read_until(first, "waiting")
    first.send_signal(signal.SIGINT)
    stdout, stderr = first.communicate(timeout=SECONDS)
    assert (first.returncode, stdout) == (130, "")
    assert "wait-1 goes on without you. See it: scriptrun logs -f wait-1;" in stderr
    run = scripts.run("wait-1")
    assert run is not None
    assert not run.ended

    follower = begin("logs", "-f", "wait-1")
    assert follower.stdout is not None
    assert follower.stdout.readline() == "waiting\n"
    canceled = user.do("cancel", "wait-1")
    assert (canceled.code, canceled.stdout) == (0, "scriptrun.scriptrun.dev/wait-1 canceled\n")
    assert scripts.end_of("wait-1").end == ("Canceled", "Canceled")
    follower.communicate(timeout=SECONDS)
    assert follower.returncode == 0
    again = user.do("cancel", "wait-1")
    assert (again.code, again.stderr) == (0, "wait-1 is over already: Canceled\n")
    shown = user.do("get", "wait-1").stdout
    assert "Phase:      Canceled\n" in shown
    assert "Script:     wait.sh\n" in shown


def test_whoever_waits_is_told_of_a_cancel(scripts: Space, user: User, begin: Begin) -> None:
    process = begin("run", "wait.sh", "--name", "wait-2")
    scripts.wait_started("wait-2")
    user.do("cancel", "wait-2")
    stdout, stderr = process.communicate(timeout=SECONDS)
    assert (process.returncode, stdout) == (130, "")
    assert "wait-2: Canceled in " in stderr


def test_a_log_from_the_pod_and_without_it(scripts: Space, user: User) -> None:
    assert user.do("run", "greet.py", "--name", "logged", "--var", "name=Ada").code == 0
    [pod] = scripts.pods_seen("logged")
    # The kubelet tells of a fast pod's end later than the run does.
    wait_for("the pod's log", lambda: scripts.api.get(f"{scripts.path('pods', pod)}/log").status == 200)
    assert user.do("logs", "logged").stdout == "greeting Ada\n"
    assert user.do("logs", "-f", "logged").stdout == "greeting Ada\n"
    scripts.api.delete(scripts.path("pods", pod), {"gracePeriodSeconds": 0})
    wait_for("the pod to be gone", lambda: scripts.api.get(scripts.path("pods", pod)).status == 404)
    kept = user.do("logs", "logged", "--attempt", "1")
    assert (kept.code, kept.stdout) == (0, "greeting Ada\n")
    none = user.do("logs", "logged", "--attempt", "2")
    assert (none.code, none.stderr) == (1, "error: logged has no attempt 2: there were 1\n")


def test_a_rerun(scripts: Space, user: User) -> None:
    assert user.do("run", "greet.py", "--name", "original", "--var", "name=Ada").code == 0
    done = user.do("rerun", "original", "--name", "copy")
    assert done.code == 0
    assert json.loads(done.stdout)["greeting"] == "Hello Ada"
    assert "copy: Succeeded" in done.stderr


def test_a_large_output_is_whole(scripts: Space, user: User) -> None:
    done = user.do("run", "large.py", "--name", "large-1")
    assert json.loads(done.stdout) == {"text": "ä" * 20000}
    assert user.do("get", "large-1", "-o", "output").stdout == done.stdout


def test_lists_and_their_filters(scripts: Space, user: User, begin: Begin) -> None:
    watch = begin("list", "--script", "fail.sh", "--failed", "--watch")
    assert watch.stdout is not None
    assert watch.stdout.readline().split()[:3] == ["NAME", "SCRIPT", "PHASE"]
    names = ["fail-a", "greet-a"]
    assert user.do("run", "fail.sh", "--name", names[0], "--retries", "0").code == 7
    assert user.do("run", "greet.py", "--name", names[1], "--var", "name=A").code == 0
    assert any(line.split()[:3] == ["fail-a", "fail.sh", "Failed"] for line in watch.stdout)

    table = user.do("list").stdout.splitlines()
    listed = [line.split()[0] for line in table[1:]]
    assert table[0].split()[0] == "NAME"
    assert set(names) <= set(listed)
    assert listed.index("greet-a") < listed.index("fail-a")  # newest first
    assert "TASK-SOURCE" in user.do("list", "-o", "wide").stdout
    failed = user.do("list", "--failed", "-o", "name").stdout.split()
    assert "scriptrun.scriptrun.dev/fail-a" in failed
    assert "scriptrun.scriptrun.dev/greet-a" not in failed
    ours = json.loads(user.do("list", "--script", "greet.py", "--phase", "Succeeded", "-o", "json").stdout)
    assert {item["spec"]["scriptRef"]["name"] for item in ours["items"]} == {"greet.py"}
    nothing = user.do("list", "--script", "nobody")
    assert (nothing.code, nothing.stdout) == (0, "")
    assert nothing.stderr == f"no scriptruns that match in namespace {scripts.name}\n"
    everywhere = user.do("list", "-A")
    assert (everywhere.code, everywhere.stdout) == (1, "")
    assert "forbidden" in everywhere.stderr

    allowed = user.do("scripts", "list").stdout.splitlines()
    assert [line.split()[0] for line in allowed[1:]] == sorted(FILES)


def test_a_terminal_shows_where_the_run_stands(scripts: Space, user: User) -> None:
    terminal, side = pty.openpty()
    environment = user.environment | {"TERM": "xterm", "NO_COLOR": "1"}
    command = user.command("run", "slow.sh", "--name", "seen")
    with subprocess.Popen(command, env=environment, stdin=side, stdout=subprocess.PIPE, stderr=side) as process:
        os.close(side)
        shown = b""
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline and select.select([terminal], [], [], SECONDS)[0]:
            try:
                shown += os.read(terminal, 65_536)
            except OSError:  # the other side is closed: the command has ended
                break
    os.close(terminal)
    assert process.returncode == 0
    assert b"\x1b[2K" in shown  # a line that moves
    assert b"seen: Running" in shown
    assert b"seen: Succeeded in " in shown
    assert b"\x1b[3" not in shown  # NO_COLOR


def test_the_doctor(scripts: Space, user: User, kubeconfig: Path) -> None:
    """Its user sees what concerns them, its administrator all."""
    done = user.do("doctor", "-o", "json")
    found = {item["check"]: item["state"] for item in json.loads(done.stdout)["checks"]}
    assert (done.code, done.stderr) == (0, "")
    assert found == dict.fromkeys(("cluster", "crds", "rights"), "ok") | dict.fromkeys(
        ("operator", "admission", "api", "bridges", "workflows", "storage"), "skipped"
    )
    all_of_it = user.do("doctor", "--kubeconfig", kubeconfig, "--namespace", scripts.name)
    assert " leads" in all_of_it.stdout
    assert "ok       admission" in all_of_it.stdout
    assert "replicas 0" in all_of_it.stdout  # the tests' operator, bridge and API are processes of their own


def test_a_namespace_without_rights(user: User) -> None:
    done = user.do("doctor", "--namespace", "kube-system")
    assert done.code == 1
    assert "failed   rights     in namespace kube-system you may not get scripts" in done.stdout
    assert "kubectl create rolebinding NAME --namespace kube-system --clusterrole edit" in done.stdout


def test_names_are_completed(scripts: Space, user: User) -> None:
    def complete(text: str) -> list[str]:
        words = text.split(" ")
        request = {"_SCRIPTRUN_COMPLETE": "complete_bash", "COMP_WORDS": text, "COMP_CWORD": str(len(words) - 1)}
        return user.do(**request).stdout.split()

    assert complete("scriptrun run gre") == ["greet.py"]
    assert user.do("run", "greet.py", "--name", "completed-1", "--var", "name=A", "--no-wait").code == 0
    assert complete("scriptrun logs complet") == ["completed-1"]
    assert complete(f"scriptrun logs -n {scripts.name} complet") == ["completed-1"]
    assert complete("scriptrun scripts describe gre") == ["greet.py"]
    context = yaml.safe_load(Path(user.environment["KUBECONFIG"]).read_text())["current-context"]
    assert complete(f"scriptrun doctor --context {context[:2]}") == [context]
    assert complete("scriptrun list -n x") == []  # may not list namespaces: silence


def test_a_run_that_is_deleted_in_the_moment_of_its_end(scripts: Space, user: User) -> None:
    for number in range(3):
        done = user.do("run", "greet.py", "--name", f"brief-{number}", "--var", "name=Ada", "--ttl", "0")
        assert done.code == 0, done
        assert json.loads(done.stdout)["greeting"] == "Hello Ada"
