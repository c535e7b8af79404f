"""Tasks of an orchestrator become runs, and their ends go back: the plain ways, on a real cluster."""

import pytest

from clusterlab.bridgespace import BridgeSpace
from clusterlab.process import BridgeProcess
from clusterlab.space import Run
from clusterlab.zeebe import Job

pytestmark = pytest.mark.cluster
pytest_plugins = ["clusterlab.fixtures", "clusterlab.bridgefixtures"]

GREET = """
import json, sys
variables = json.load(open(sys.argv[1]))
json.dump({"greeting": f"Hello, {variables['name']}!"}, open(sys.argv[2], "w"))
"""
LARGE = "import json, sys\njson.dump({'rows': ['x' * 100] * 1000}, open(sys.argv[2], 'w'))"


def _report_of(run: Run) -> tuple[str, str]:
    return run.conditions["Reported"]["status"], run.status["report"]["state"]


def test_a_task_becomes_a_run_and_its_output_goes_back(bridged: BridgeSpace) -> None:
    bridged.space.add_script("hello.py", GREET)
    job = bridged.zeebe.add("hello.py", name="Ada")
    bridged.zeebe.wait_state(job, "completed")
    assert job.output == {"greeting": "Hello, Ada!"}
    run = bridged.wait_released(bridged.run_of(job))
    assert _report_of(run) == ("True", "Delivered")
    assert run.body["spec"]["task"]["source"] == "zeebe"
    assert run.body["metadata"]["labels"]["scriptrun.dev/bridge"] == "camunda"
    assert (job.deliveries, job.completions) == (1, 1)


def test_a_task_may_ask_for_a_script_by_an_alias(bridged: BridgeSpace) -> None:
    bridged.space.add_script("order-import.py", GREET, aliases=["etl/Order Import.py"])
    job = bridged.zeebe.wait_state(bridged.zeebe.add("etl/Order Import.py", name="Ada"), "completed")
    assert job.output == {"greeting": "Hello, Ada!"}
    assert bridged.run_of(job).body["spec"]["scriptRef"] == {"name": "order-import.py"}


def test_an_output_that_is_kept_apart_goes_back_whole(bridged: BridgeSpace) -> None:
    bridged.space.add_script("large.py", LARGE)
    job = bridged.zeebe.wait_state(bridged.zeebe.add("large.py"), "completed")
    assert len(job.output["rows"]) == 1000


def test_a_script_that_fails_is_tried_again_and_then_is_an_incident(bridged: BridgeSpace) -> None:
    bridged.space.add_script("bad.py", "import sys\nsys.exit('no such file')")
    job = bridged.zeebe.wait_state(bridged.zeebe.add("bad.py", retries=2), "incident")
    assert job.failures == [1, 0]
    assert "no such file" in job.message
    assert len(bridged.runs_of(job)) == 2
    for run in bridged.runs_of(job):
        assert _report_of(bridged.wait_released(run)) == ("True", "Delivered")


REFUSED: dict[str, tuple[str, dict[str, object], str]] = {
    "no script": ("", {}, 'the task names no Script: give it "script"'),
    "an unknown script": ("nowhere.py", {}, 'there is no Script "nowhere.py" in namespace'),
    "a forbidden script": ("secret.py", {}, 'Bridge camunda does not allow Script "secret.py", only: hello.py'),
    "too much": ("hello.py", {"text": "x" * 3_000_000}, "bytes, at most 900000 are allowed together with the script"),
}


def test_what_can_not_be_run_is_an_incident_at_once(idle: BridgeSpace, process: BridgeProcess) -> None:
    idle.add_bridge(scripts=["hello.py", "nowhere.*"])
    process.start_and_serve()
    for script in ("hello.py", "secret.py"):
        idle.space.add_script(script, "print(1)")
    jobs: dict[str, Job] = {}
    for case, (script, variables, _) in REFUSED.items():
        jobs[case] = idle.zeebe.add(script, retries=3, **variables)
    for case, job in jobs.items():
        idle.zeebe.wait_state(job, "incident")
        assert REFUSED[case][2] in job.message
        assert idle.runs_of(job) == []


def test_a_task_that_is_canceled_ends_its_run(bridged: BridgeSpace) -> None:
    bridged.space.add_script("sleep.py", "import time\ntime.sleep(600)")
    job = bridged.zeebe.add("sleep.py")
    run = bridged.run_of(job)
    bridged.space.wait_started(run.name)
    bridged.zeebe.cancel(job)
    ended = bridged.wait_released(run, 60)
    assert ended.end == ("Canceled", "Canceled")
    assert _report_of(ended) == ("True", "Dropped")
    assert job.failures == []


def test_a_lease_is_extended_as_long_as_the_script_takes(bridged: BridgeSpace) -> None:
    bridged.space.add_script("slow.py", "import time\ntime.sleep(15)")
    job = bridged.zeebe.wait_state(bridged.zeebe.add("slow.py"), "completed")
    assert job.deliveries == 1
    assert job.extensions >= 3


def test_a_run_deleted_by_hand_is_stopped_and_reported_as_failed(bridged: BridgeSpace) -> None:
    bridged.space.add_script("sleep.py", "import time\ntime.sleep(600)")
    job = bridged.zeebe.add("sleep.py", retries=1)
    run = bridged.run_of(job)
    bridged.space.wait_started(run.name)
    bridged.space.api.delete(bridged.space.run_path(run.name))
    bridged.zeebe.wait_state(job, "incident")
    assert "deleted before it had ended" in job.message
    bridged.space.watches.runs.wait("the run to be gone", lambda: bridged.space.run(run.name) is None, 30)
    bridged.space.watches.pods.wait("its pods to be gone", lambda: not bridged.space.pods_of(run.name), 60)


def test_a_deleted_bridge_goes_when_its_last_run_is_reported(bridged: BridgeSpace) -> None:
    bridged.space.add_script("slow.py", "import time\ntime.sleep(6)")
    job = bridged.zeebe.add("slow.py")
    run = bridged.run_of(job)
    bridged.delete()
    assert job.completions == 1
    assert _report_of(bridged.wait_released(run)) == ("True", "Delivered")
    later = bridged.zeebe.add("slow.py")
    bridged.space.start("other", "print(1)")
    bridged.space.end_of("other")
    assert later.deliveries == 0


def test_a_suspended_bridge_claims_nothing_and_reports_what_runs(bridged: BridgeSpace) -> None:
    bridged.space.add_script("slow.py", "import time\ntime.sleep(6)")
    job = bridged.zeebe.add("slow.py")
    bridged.run_of(job)
    assert bridged.space.api.patch(bridged.path, {"spec": {"suspend": True}}).status == 200
    bridged.zeebe.wait_state(job, "completed")  # longer than a poll that was under way
    later = bridged.zeebe.add("slow.py")
    assert bridged.space.api.patch(bridged.path, {"spec": {"suspend": False}}).status == 200
    bridged.zeebe.wait_state(later, "completed")
