"""`scriptrun worker exec` and real servers: the source document's examples as printed there, and all else it does."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from docpages import ROOT
from kubeapi import wait_for
from localcluster.driver.packages import ensure_packages
from localcluster.driver.settings import read_settings
from peers.servers.conductor import Conductor

SCRIPTRUN = Path(sys.executable).with_name("scriptrun")
EXAMPLES = ROOT / "examples" / "scripts"
PROGRAMS = {"jq": "jq", "nodejs": "node"}
_NUMBERS = count()


class Bench:
    """A task type of the test's own, a folder to work in, and the workers started in it."""

    def __init__(self, server: Conductor, folder: Path) -> None:
        self.server = server
        self.folder = folder
        self.task_type = f"greet_task_{next(_NUMBERS)}"
        self.workers: list[subprocess.Popen[bytes]] = []

    def define(self, **changes: Any) -> None:
        self.server.define_task(self.task_type, **changes)
        self.server.define_workflow(self.task_type, self.task_type)

    def start(self, name: str = "Ada", **more: Any) -> str:
        return self.server.start_workflow(self.task_type, {"name": name}, **more)

    def write(self, text: str) -> list[str]:
        (self.folder / "program.py").write_text(text)
        return [sys.executable, "program.py"]

    def work(self, *command: str, prefix: tuple[str, ...] = ()) -> subprocess.Popen[bytes]:
        environ = {**os.environ, "CONDUCTOR_SERVER_URL": f"{self.server.address}/api"}
        with self.log.open("ab") as log:
            worker = subprocess.Popen(
                [*prefix, str(SCRIPTRUN), "worker", "exec", self.task_type, *command],
                cwd=self.folder,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.workers.append(worker)
        return worker

    @property
    def log(self) -> Path:
        return self.folder / "worker.log"

    def wait_for_end(self, workflow: str, seconds: float = 40) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            found = self.server.read_workflow(workflow)
            return found if found["status"] != "RUNNING" else None

        try:
            return wait_for(f"the end of workflow {workflow}", look, seconds)
        except TimeoutError as error:
            raise AssertionError(f"{error}; the worker said:\n{self.log.read_text()}") from error

    def wait_for_file(self, name: str) -> str:
        path = self.folder / name
        wait_for(f"the file {name}", lambda: path.exists() and path.read_text())
        return path.read_text()

    def close(self) -> None:
        for worker in self.workers:
            if worker.poll() is None:
                os.killpg(worker.pid, signal.SIGKILL)
            worker.wait()


@pytest.fixture
def bench(conductor: Conductor, tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(conductor, tmp_path)
    bench.define()
    yield bench
    bench.close()


@pytest.fixture(scope="session")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source document's programs, and what they need."""
    ensure_packages(read_settings(), PROGRAMS)
    folder = tmp_path_factory.mktemp("examples")
    shutil.copytree(EXAMPLES, folder, dirs_exist_ok=True)
    go = shutil.which("go") or "/usr/local/go/bin/go"
    subprocess.run([go, "build", "-o", "worker", "worker.go"], cwd=folder, check=True)
    return folder


@pytest.mark.parametrize(
    ("command", "log"),
    [
        (("python3", "worker.py"), "Processed greeting for Ada"),
        (("python3", "worker.py", "--count", "5"), "Processed greeting for Ada"),
        (("python3", "worker.py", "--exec-timeout", "30"), "Processed greeting for Ada"),
        (("python3", "worker.py", "--count", "10"), "Processed greeting for Ada"),
        (("./worker.py",), "Processed greeting for Ada"),
        (("./worker.sh",), "Processed greeting"),
        (("node", "worker.js"), "Processed greeting for Ada"),
        (("./worker",), "Processed greeting for Ada"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_the_documents_examples(bench: Bench, examples: Path, command: tuple[str, ...], log: str) -> None:
    bench.folder = examples
    bench.work(*command)
    ended = bench.wait_for_end(bench.start("Ada"))
    assert (ended["status"], ended["output"]) == ("COMPLETED", {"result": {"message": "Hello Ada"}})
    assert bench.server.read_log(ended["tasks"][0]["taskId"]) == [log]


def test_the_documents_worker_id_and_domain(bench: Bench, examples: Path) -> None:
    bench.folder = examples
    bench.work("python3", "worker.py", "--worker-id", "worker-1", "--domain", "production")
    ended = bench.wait_for_end(bench.start(taskToDomain={bench.task_type: "production"}))
    (task,) = ended["tasks"]
    assert (ended["status"], task["workerId"], task["domain"]) == ("COMPLETED", "worker-1", "production")


def test_the_documents_error_handling(bench: Bench, examples: Path) -> None:
    bench.folder = examples
    bench.define(retryCount=0)
    bench.work("python3", "worker_errors.py")
    ended = bench.wait_for_end(bench.start())
    (task,) = ended["tasks"]
    assert (ended["status"], task["status"]) == ("FAILED", "FAILED")
    assert task["reasonForIncompletion"] == "name 'result' is not defined"
    assert bench.server.read_log(task["taskId"]) == ["Error: name 'result' is not defined"]


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("import sys; print('out of luck', file=sys.stderr); sys.exit(3)", "exit code 3\nout of luck"),
        ("print('Hello')", "stdout is not JSON"),
        ("import os; os.abort()", "SIGABRT"),
    ],
)
def test_an_exit_code_or_no_json_is_failed_and_so_tried_again(bench: Bench, program: str, reason: str) -> None:
    bench.work(*bench.write(program))
    ended = bench.wait_for_end(bench.start())
    assert [task["status"] for task in ended["tasks"]] == ["FAILED", "FAILED"]
    for task in ended["tasks"]:
        assert reason in task["reasonForIncompletion"]


ECHO = """
import json, os, sys
task = json.load(sys.stdin)
names = ("TASK_TYPE", "TASK_ID", "WORKFLOW_ID", "EXECUTION_ID", "POLL_DOMAIN")
output = {"task": task, "environ": {name: os.environ.get(name) for name in names}, "arguments": sys.argv[1:]}
print(json.dumps({"status": "COMPLETED", "output": output}))
"""


def test_the_whole_task_and_the_five_variables(bench: Bench) -> None:
    bench.work(*bench.write(ECHO), "--mine", "-v", "--domain", "test", "--", "--count")
    workflow = bench.start("Ada", taskToDomain={bench.task_type: "test"})
    (task,) = bench.wait_for_end(workflow)["tasks"]
    output = task["outputData"]
    assert output["environ"] == {
        "TASK_TYPE": bench.task_type,
        "TASK_ID": task["taskId"],
        "WORKFLOW_ID": workflow,
        "EXECUTION_ID": workflow,
        "POLL_DOMAIN": "test",
    }
    assert output["arguments"] == ["--mine", "-v", "--count"]
    given = output["task"]
    assert given["inputData"] == {"name": "Ada"}
    for name in (
        "taskId",
        "workflowInstanceId",
        "referenceTaskName",
        "scheduledTime",
        "workflowTask",
        "taskDefinition",
    ):
        assert given[name] == task[name], name


TOGETHER = """
import json, os, sys, time
task = json.load(sys.stdin)
open("here-" + task["taskId"], "w").close()
for _ in range(600):
    if len([name for name in os.listdir() if name.startswith("here-")]) == 4:
        print(json.dumps({"status": "COMPLETED"}))
        sys.exit()
    time.sleep(0.05)
sys.exit("the others never came")
"""


def test_tasks_run_in_parallel(bench: Bench) -> None:
    workflows = [bench.start() for _ in range(4)]
    bench.work(*bench.write(TOGETHER), "--count", "4")
    assert [bench.wait_for_end(workflow)["status"] for workflow in workflows] == ["COMPLETED"] * 4


LATER = """
import json, sys
task = json.load(sys.stdin)
done = len(task["outputData"].get("seen", [])) >= 2
seen = [*task["outputData"].get("seen", []), task["pollCount"]]
print(json.dumps({"status": "COMPLETED" if done else "IN_PROGRESS", "output": {"seen": seen}}))
"""


def test_in_progress_is_asked_again(bench: Bench) -> None:
    bench.work(*bench.write(LATER), "--back-off", "1")
    (task,) = bench.wait_for_end(bench.start())["tasks"]
    assert (task["status"], task["outputData"]) == ("COMPLETED", {"seen": [1, 2, 3]})


def test_longer_than_it_may(bench: Bench) -> None:
    bench.define(retryCount=0)
    bench.work(*bench.write("import time; time.sleep(60)"), "--exec-timeout", "1")
    (task,) = bench.wait_for_end(bench.start())["tasks"]
    assert "took longer than attemptDeadlineSeconds (1 s)" in task["reasonForIncompletion"]


def test_a_long_script_is_not_timed_out(bench: Bench) -> None:
    bench.define(responseTimeoutSeconds=2)
    bench.work(*bench.write('import time; time.sleep(6); print(\'{"status": "COMPLETED"}\')'))
    ended = bench.wait_for_end(bench.start())
    assert [task["status"] for task in ended["tasks"]] == ["COMPLETED"]


SLOW = """
import json, os, pathlib, sys, time
task = json.load(sys.stdin)
pathlib.Path("started").write_text(f"{os.getpid()} {task['taskId']}")
for _ in range(1200):
    if os.path.exists("go"):
        print(json.dumps({"status": "COMPLETED", "output": {"pid": os.getpid()}}))
        sys.exit()
    time.sleep(0.05)
"""


def _is_alive(pid: int) -> bool:
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().split(")")[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_canceled_upstream_the_script_is_ended(bench: Bench) -> None:
    bench.define(responseTimeoutSeconds=3)
    bench.work(*bench.write(SLOW))
    workflow = bench.start()
    pid = int(bench.wait_for_file("started").split()[0])
    bench.server.terminate_workflow(workflow, "not needed any more")
    wait_for("the end of the script", lambda: not _is_alive(pid), 20)
    wait_for("the worker's word", lambda: "task is gone, its program is ended" in bench.log.read_text())


def test_sigterm_finishes_what_runs(bench: Bench) -> None:
    worker = bench.work(*bench.write(SLOW))
    workflow = bench.start()
    bench.wait_for_file("started")
    worker.terminate()
    wait_for("the worker's word", lambda: "finishing what runs" in bench.log.read_text())
    second = bench.start()
    (bench.folder / "go").touch()
    assert bench.wait_for_end(workflow)["status"] == "COMPLETED"
    assert worker.wait(20) == 0
    (task,) = bench.server.read_workflow(second)["tasks"]
    assert task["status"] == "SCHEDULED"  # nobody took it


def test_a_second_sigterm_ends_it_and_the_task_is_tried_again(bench: Bench) -> None:
    worker = bench.work(*bench.write(SLOW))
    workflow = bench.start()
    pid = int(bench.wait_for_file("started").split()[0])
    worker.terminate()
    wait_for("the worker's word", lambda: "finishing what runs" in bench.log.read_text())
    worker.terminate()
    assert worker.wait(30) == 0
    assert not _is_alive(pid)
    first, again = bench.server.read_workflow(workflow)["tasks"]
    assert (first["status"], again["status"]) == ("FAILED", "SCHEDULED")
    assert "the worker was stopped before the script ended" in first["reasonForIncompletion"]


def test_a_worker_that_dies_loses_no_task(bench: Bench) -> None:
    bench.define(responseTimeoutSeconds=2)
    first = bench.work(*bench.write(SLOW))
    workflow = bench.start()
    lost = bench.wait_for_file("started").split()[1]
    first.kill()
    first.wait()
    (bench.folder / "go").touch()
    bench.work(*bench.write(SLOW))
    ended = bench.wait_for_end(workflow)
    assert ended["status"] == "COMPLETED"
    assert [(task["taskId"] == lost, task["status"]) for task in ended["tasks"]] == [
        (True, "TIMED_OUT"),
        (False, "COMPLETED"),
    ]


@contextmanager
def _paused(server: Conductor) -> Iterator[None]:
    server.pause()
    try:
        yield
    finally:
        server.resume()


def test_a_report_waits_for_a_server_that_stands_still(bench: Bench) -> None:
    bench.work(*bench.write(SLOW))
    workflow = bench.start()
    pid = int(bench.wait_for_file("started").split()[0])
    with _paused(bench.server):
        (bench.folder / "go").touch()
        wait_for("the end of the script", lambda: not _is_alive(pid))
    ended = bench.wait_for_end(workflow, 60)
    assert [task["status"] for task in ended["tasks"]] == ["COMPLETED"]
    assert ended["output"] == {"result": {"pid": pid}}


def test_an_output_over_the_servers_limit(bench: Bench) -> None:
    bench.define(retryCount=0)
    program = "import json; print(json.dumps({'status': 'COMPLETED', 'output': {'x': 'x' * 11_000_000}}))"
    bench.work(*bench.write(program))
    (task,) = bench.wait_for_end(bench.start())["tasks"]
    assert task["status"] == "FAILED"
    assert "11000008 bytes, and Conductor takes at most 10485760" in task["reasonForIncompletion"]


def test_as_a_containers_first_process(bench: Bench) -> None:
    """Where nothing else runs, the runner would take every process for the script's."""
    workflows = [bench.start() for _ in range(4)]
    command = [*bench.write(TOGETHER), "--count", "4"]
    worker = bench.work(*command, prefix=("unshare", "--pid", "--fork", "--kill-child"))
    assert [bench.wait_for_end(workflow)["status"] for workflow in workflows] == ["COMPLETED"] * 4
    (first,) = (Path("/proc") / str(worker.pid) / "task" / str(worker.pid) / "children").read_text().split()
    os.kill(int(first), signal.SIGTERM)
    assert worker.wait(20) == 0
    assert "worker ended" in bench.log.read_text()
