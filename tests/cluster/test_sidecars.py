"""Runs whose pods are not alone: a webhook adds containers, as the injector of a service mesh does.

All runs are made at once, then each is looked at. Their outcomes are those of test_endings.py.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from clusterlab.apiprocess import ApiProcess, Caller, log_in
from clusterlab.injector import ANNOTATION, PROXY, inject
from clusterlab.process import OperatorProcess
from clusterlab.space import Run, Space
from clusterlab.watch import Manifest
from helm import ROOT
from kubeapi import wait_for

pytestmark = pytest.mark.cluster
pytest_plugins = ["clusterlab.fixtures", "clusterlab.apifixtures"]

GOOD = "import json, sys\nprint('script log', flush=True)\njson.dump({'a': 1}, open(sys.argv[2], 'w'))\n"
BAD = "import sys\nprint('script log', flush=True)\nsys.exit(3)\n"
COUNT = """
import json, os, sys
attempt = int(os.environ["SCRIPTRUN_ATTEMPT"])
json.dump({"attempt": attempt}, open(sys.argv[2], "w"))
sys.exit(0 if attempt == 2 else 40 + attempt)
"""
SLEEP = "import time\nprint('script log', flush=True)\ntime.sleep(600)\n"
HUNGRY = "hoard = []\nwhile True:\n    hoard.append(b'x' * (4 << 20))\n"
NO_TOKEN = {"output": {"transport": "TerminationMessage"}}
DONE = ("Succeeded", "Completed")

# name: (what is injected, source, fields of the Script)
CASES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "good": ("stays", GOOD, {}),
    "bad": ("stays", BAD, {}),
    "bad-message": ("stays", BAD, NO_TOKEN),
    "retried": ("stays", COUNT, {"backoffLimit": 1}),
    "hungry": ("stays", HUNGRY, {"resources": {"limits": {"memory": "48Mi"}}}),
    "late": ("deaf", SLEEP, {"activeDeadlineSeconds": 6}),
    "canceled": ("stays", SLEEP, {}),
    "leaves-good": ("leaves", GOOD, {}),
    "leaves-bad": ("leaves", BAD, {}),
    "breaks-good": ("breaks", GOOD, {"backoffLimit": 2}),
    "native-good": ("native", GOOD, {}),
    "native-bad": ("native", BAD, {}),
    "native-retried": ("native", COUNT, {"backoffLimit": 1}),
    "native-late": ("native", SLEEP, {"activeDeadlineSeconds": 6}),
    "no-image": ("no-image", GOOD, {"startDeadlineSeconds": 8}),
    "crashes": ("crashes", GOOD, {"startDeadlineSeconds": 12}),
    "not-ready": ("not-ready", GOOD, {"startDeadlineSeconds": 8}),
    "init-fails": ("init-fails", GOOD, {}),
    "volume": ("volume", GOOD, {"activeDeadlineSeconds": 15}),
    "volume-start": ("volume", GOOD, {"startDeadlineSeconds": 15}),
    "no-exec": ("no-exec", GOOD, {}),
    "no-python": ("no-python", GOOD, {}),
    "privileged": ("privileged", GOOD, {"startDeadlineSeconds": 5}),
    "no-image-late": ("no-image", GOOD, {"activeDeadlineSeconds": 8}),
}


def start(space: Space, name: str, kind: str, source: str, script: dict[str, Any]) -> Run:
    """Start a run whose pods are injected with something."""
    return space.start(name, source, {"podMetadata": {"annotations": {ANNOTATION: kind}}, **script})


@pytest.fixture(scope="module")
def injected(
    shared: Space, operator_settings: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Space]:
    """A namespace with an injector."""
    with inject(shared, operator_settings["RUNNER_IMAGE"], tmp_path_factory.mktemp("injector")):
        yield shared


@pytest.fixture(scope="module")
def runs(injected: Space) -> Space:
    """Every case, started."""
    for name, (kind, source, script) in CASES.items():
        start(injected, name, kind, source, script)
    injected.wait_started("canceled")
    injected.cancel("canceled")
    return injected


def _numbers(run: Run) -> list[tuple[int, int | None, str]]:
    return [(entry["number"], entry.get("exitCode"), entry.get("reason", "")) for entry in run.attempts]


def _job(space: Space, name: str) -> Manifest:
    body = space.watches.jobs.get((space.name, name))
    assert body is not None
    return body


def _is_true(job: Manifest, condition: str) -> bool:
    found = job.get("status", {}).get("conditions") or ()
    return any(item["type"] == condition and item["status"] == "True" for item in found)


def _wait_until_no_pod_works(space: Space, name: str) -> None:
    space.watches.pods.wait(f"the pods of {name} to end", lambda: not space.working_pods(name))


def test_containers_were_added(runs: Space) -> None:
    """Else nothing of this would be tested: they are there, and come first."""
    [pod] = [runs.watches.pods.history((runs.name, name))[0] for name in runs.pods_seen("good")]
    assert [container["name"] for container in pod["spec"]["containers"]] == [PROXY, "script"]
    [pod] = [runs.watches.pods.history((runs.name, name))[0] for name in runs.pods_seen("native-good")]
    assert pod["spec"]["initContainers"][0]["restartPolicy"] == "Always"


@pytest.mark.parametrize("name", ["good", "leaves-good", "breaks-good", "native-good"])
def test_a_good_end(runs: Space, name: str) -> None:
    run = runs.end_of(name)
    assert run.end == DONE
    assert run.output == {"a": 1}
    assert _numbers(run) == [(1, 0, "Completed")]


@pytest.mark.parametrize("name", ["bad", "bad-message", "leaves-bad", "native-bad"])
def test_a_bad_end_has_the_scripts_exit_code(runs: Space, name: str) -> None:
    run = runs.end_of(name)
    assert run.end == ("Failed", "ScriptFailed")
    assert run.status["exitCode"] == 3
    assert _numbers(run) == [(1, 3, "ScriptFailed")]


@pytest.mark.parametrize("name", ["retried", "native-retried"])
def test_a_retry_that_ends_well(runs: Space, name: str) -> None:
    run = runs.end_of(name)
    assert run.end == DONE
    assert run.output == {"attempt": 2}
    assert _numbers(run) == [(1, 41, "ScriptFailed"), (2, 0, "Completed")]


def test_the_job_counts_a_pod_that_was_ended_as_one_failure(runs: Space) -> None:
    """And not as a disruption, which would not use up a retry."""
    second = runs.end_of("retried").attempts[1]["pod"]
    annotations = runs.watches.pods.history((runs.name, second))[0]["metadata"]["annotations"]
    assert annotations["batch.kubernetes.io/job-index-failure-count"] == "1"
    assert "batch.kubernetes.io/job-index-ignored-failure-count" not in annotations


def test_out_of_memory(runs: Space) -> None:
    run = runs.end_of("hungry")
    assert run.end == ("Failed", "OutOfMemory")
    assert _numbers(run) == [(1, 137, "OutOfMemory")]


@pytest.mark.parametrize("name", ["late", "native-late"])
def test_a_run_that_takes_too_long(runs: Space, name: str) -> None:
    assert runs.end_of(name).end == ("Failed", "Timeout")


def test_the_end_does_not_wait_for_a_container_that_is_deaf(runs: Space) -> None:
    """The Job has failed only when the pod has ended, up to 30 s later."""
    run = runs.end_of("late")
    runs.watches.jobs.wait("the Job to have failed", lambda: _is_true(_job(runs, "late"), "Failed"))
    [failed] = [item for item in _job(runs, "late")["status"]["conditions"] if item["type"] == "Failed"]
    assert run.status["finishedAt"] < failed["lastTransitionTime"]


def test_canceling(runs: Space) -> None:
    assert runs.end_of("canceled").end == ("Canceled", "Canceled")


@pytest.mark.parametrize("name", CASES)
def test_what_has_ended_runs_no_more(runs: Space, name: str) -> None:
    runs.end_of(name)
    _wait_until_no_pod_works(runs, name)


@pytest.mark.parametrize("name", ["good", "bad", "bad-message", "retried", "hungry", "breaks-good"])
def test_a_job_that_would_go_on_is_stopped(runs: Space, name: str) -> None:
    run = runs.end_of(name)
    runs.watches.jobs.wait(f"the Job of {name} to be stopped", lambda: _job(runs, name)["spec"]["suspend"])
    assert f'"reason":"{run.reason}"' in _job(runs, name)["metadata"]["annotations"]["scriptrun.dev/stopped"]


@pytest.mark.parametrize("name", ["leaves-good", "native-good", "native-retried"])
def test_a_job_that_ends_by_itself_is_left_alone(runs: Space, name: str) -> None:
    runs.watches.jobs.wait(f"the Job of {name} to be complete", lambda: _is_true(_job(runs, name), "Complete"))
    assert not _job(runs, name)["spec"].get("suspend")


@pytest.mark.parametrize("name", ["leaves-bad", "native-bad"])
def test_a_job_that_fails_by_itself_is_left_alone(runs: Space, name: str) -> None:
    runs.watches.jobs.wait(f"the Job of {name} to have failed", lambda: _is_true(_job(runs, name), "Failed"))
    assert not _job(runs, name)["spec"].get("suspend")


def test_a_container_that_fails_afterwards_does_not_bring_the_script_back(runs: Space) -> None:
    """To the Job its pod has failed, and two retries are left."""
    runs.watches.jobs.wait("the Job to be stopped", lambda: _job(runs, "breaks-good")["spec"]["suspend"])
    _wait_until_no_pod_works(runs, "breaks-good")
    assert len(runs.pods_seen("breaks-good")) == 1


def test_the_output_outlives_the_pod(runs: Space) -> None:
    run = runs.end_of("good")
    runs.watches.pods.wait("the pod to be gone", lambda: not runs.pods_of("good"))
    kept = runs.get_config_map(run.status["outputRef"]["configMap"])
    assert kept["data"]["output.json"] == '{"a":1}' or kept["data"]["output.json"] == '{"a": 1}'
    assert kept["data"]["log"] == "script log\n"


@pytest.mark.parametrize(
    ("name", "reason", "words"),
    [
        ("no-image", "ImageError", "scriptrun.dev/no-such-image:1"),
        ("crashes", "SidecarFailed", "CrashLoopBackOff"),
        ("not-ready", "SidecarFailed", "startup probe"),
    ],
)
def test_what_keeps_the_script_from_starting_is_named(runs: Space, name: str, reason: str, words: str) -> None:
    run = runs.end_of(name)
    assert run.end == ("Failed", reason)
    assert f'container "{PROXY}"' in run.message
    assert words in run.message
    assert "startDeadlineSeconds" in run.message


def test_an_init_container_that_fails_is_not_the_scripts_failure(runs: Space) -> None:
    run = runs.end_of("init-fails")
    assert run.end == ("Failed", "SidecarFailed")
    assert f'init container "{PROXY}" failed' in run.message
    assert "exit code 7" in run.message
    assert "startedAt" not in run.status


def test_an_operator_that_dies_between_end_and_stop_leaves_the_next_one_to_it(
    runs: Space, operator: OperatorProcess
) -> None:
    start(runs, "orphan", "stays", GOOD, {})
    runs.end_of("orphan")
    operator.kill()
    assert runs.working_pods("orphan")
    assert not _job(runs, "orphan")["spec"].get("suspend")
    operator.start_and_lead()
    _wait_until_no_pod_works(runs, "orphan")
    assert len(runs.pods_seen("orphan")) == 1


@pytest.fixture
def caller(rest: ApiProcess, injected: Space) -> Caller:
    """Somebody who may read the runs of the namespace with the injector."""
    return Caller(rest.url, injected.name, log_in(injected, "edit"))


class TestLogs:
    """Everybody reads the script's log, and nothing of what runs beside it."""

    @pytest.fixture
    def talking(self, injected: Space, request: pytest.FixtureRequest) -> Iterator[str]:
        """A run whose script has written its log and goes on."""
        name = f"talks-{request.node.name.removeprefix('test_').replace('_', '-')}"[:40].rstrip("-")
        start(injected, name, "stays", SLEEP, {})
        injected.wait_log(f"{injected.wait_started(name)}", "script log")
        yield name
        injected.cancel(name)

    def test_the_api(self, injected: Space, caller: Caller, talking: str) -> None:
        assert caller.get(f"runs/{talking}/logs").text == "script log\n"
        events = caller.follow(talking)
        assert '"text": "script log\\n"' in next(events)["data"]
        injected.cancel(talking)
        assert [event["event"] for event in events][-1] == "end"

    def test_the_command_line(self, injected: Space, kubeconfig: Path, talking: str) -> None:
        words = ["logs", talking, "--follow", "-n", injected.name]
        environment = {**os.environ, "KUBECONFIG": str(kubeconfig)}
        command = [sys.executable, "-m", "scriptrun", *words]
        with subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "script log\n"
            injected.cancel(talking)
            rest, _ = process.communicate(timeout=60)
        assert "proxy log" not in rest

    def test_kubectl_without_naming_a_container(
        self, injected: Space, kubectl: Callable[..., str], talking: str
    ) -> None:
        [pod] = injected.pods_of(talking)
        assert kubectl("-n", injected.name, "logs", pod["metadata"]["name"]) == "script log\n"

    def test_the_history_keeps_what_goes_with_the_pod(self, injected: Space, caller: Caller) -> None:
        """With a termination message there is no ConfigMap that holds the log."""
        start(injected, "kept", "stays", GOOD, NO_TOKEN)
        assert injected.end_of("kept").output == {"a": 1}
        injected.wait_run("kept", "stored", lambda run: "Stored" in run.conditions)
        injected.watches.pods.wait("the pod to be gone", lambda: not injected.pods_of("kept"))
        assert caller.get("runs/kept/logs").text == "script log\n"
        assert caller.get("runs/kept/output").body == {"a": 1}


@pytest.fixture(scope="module")
def kubectl(kubeconfig: Path) -> Callable[..., str]:
    """Runs kubectl and returns what it printed."""
    find = [sys.executable, str(ROOT / "tests" / "localcluster"), "tool", "kubectl"]
    program = subprocess.run(find, check=True, capture_output=True, text=True).stdout.strip()

    def run(*arguments: str) -> str:
        command = [program, "--kubeconfig", str(kubeconfig), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_nothing_is_left_of_a_run_that_is_deleted(runs: Space) -> None:
    run = runs.end_of("good")
    runs.watches.pods.wait("the pod to be gone", lambda: not runs.pods_of("good"))
    assert runs.owned_by(run)
    assert runs.api.delete(runs.run_path("good")).status == 200
    wait_for("everything of the run to be gone", lambda: not runs.owned_by(run), 60)


@pytest.mark.parametrize(("name", "over"), [("volume", "activeDeadlineSeconds"), ("volume-start", "startDeadline")])
def test_a_volume_that_was_added_and_can_not_be_had(runs: Space, name: str, over: str) -> None:
    """No status says so: the kubelet's Event does."""
    run = runs.end_of(name)
    assert run.end == ("Failed", "SourceMissing"), run
    assert 'secret "mesh-certificates" not found' in run.message
    assert over in run.message
    assert ("Pending", "SourceMissing") in {version.end for version in runs.history(name)}


@pytest.mark.parametrize(
    ("name", "words"), [("no-exec", ("exec format error", "another architecture")), ("no-python", ("python0",))]
)
def test_a_runner_that_can_not_be_executed(runs: Space, name: str, words: tuple[str, ...]) -> None:
    """As the script's container is changed here, so an image may be made. Only the container's log says so."""
    run = runs.end_of(name)
    assert run.end == ("Failed", "ImageError"), run
    for word in words:
        assert word in run.message


def test_a_pod_that_is_refused_for_what_was_added(runs: Space) -> None:
    run = runs.end_of("privileged")
    assert run.end == ("Failed", "Unschedulable"), run
    assert 'violates PodSecurity "restricted:latest"' in run.message
    assert "startDeadlineSeconds 5 is over" in run.message


def test_the_runs_deadline_does_not_hide_another_containers_image(runs: Space) -> None:
    run = runs.end_of("no-image-late")
    assert run.end == ("Failed", "ImageError"), run
    assert PROXY in run.message
    assert "scriptrun.dev/no-such-image:1" in run.message
