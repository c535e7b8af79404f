"""Which run an object belongs to, and which of its links say so."""

from typing import Any

import pytest

from builders import job_body, output_body, pod_body, run_body, run_facts
from scriptrun.desired.links import (
    Owner,
    find_run_of_output,
    find_run_of_pod,
    is_owned_by,
    is_pod_of_job,
    job_name_of,
    job_of_pod,
    run_of_job,
)

RUN = run_facts()
JOB = {"apiVersion": "batch/v1", "kind": "Job", "name": "hello-1", "uid": "u", "controller": True}


def _owned(*owners: dict[str, Any]) -> dict[str, Any]:
    return {"metadata": {"name": "x", "namespace": "space", "ownerReferences": list(owners)}}


def test_a_job_tells_its_run_and_a_pod_its_job() -> None:
    assert run_of_job(job_body(RUN)) == Owner("hello-1", RUN.uid)
    assert job_of_pod(pod_body(RUN, job_uid="u")) == Owner("hello-1", "u")


@pytest.mark.parametrize(
    "owner",
    [
        {"apiVersion": "scriptrun.dev/v1alpha1", "kind": "ScriptRun", "name": "a", "uid": "u"},
        {"apiVersion": "example.org/v1", "kind": "ScriptRun", "name": "a", "uid": "u", "controller": True},
        JOB,
    ],
    ids=["that does not control it", "of another group", "of another kind"],
)
def test_an_owner_does_not_make_a_job_a_runs(owner: dict[str, Any]) -> None:
    assert run_of_job(_owned(owner)) == run_of_job(_owned()) == Owner()


def test_an_owner_that_does_not_control_a_pod_is_not_its_job() -> None:
    assert job_of_pod(_owned({**JOB, "controller": False})) == Owner()
    assert not is_pod_of_job(_owned({**JOB, "controller": False}), "hello-1")
    assert not is_pod_of_job(_owned(), "")


def test_the_label_says_where_to_look_for_a_pods_run() -> None:
    assert find_run_of_pod(pod_body(RUN)) == RUN.key
    assert find_run_of_pod(_owned()) is None


def test_the_owner_says_where_to_look_for_an_outputs_run() -> None:
    assert find_run_of_output(output_body(output="{}", run=RUN)) == RUN.key
    assert find_run_of_output(_owned(JOB)) is None


def test_the_job_of_a_run_is_the_one_in_its_status() -> None:
    assert job_name_of(run_body("a")) == "a"
    assert job_name_of(run_body("a", status={"jobName": "warm-1"})) == "warm-1"
    assert is_pod_of_job(pod_body(RUN), "hello-1")
    assert not is_pod_of_job(pod_body(RUN), "warm-1")


def test_an_owner_is_told_by_its_uid() -> None:
    assert is_owned_by(_owned(JOB), "u")
    assert not is_owned_by(_owned(JOB), "other")
    assert not is_owned_by({"metadata": {}}, "u")
