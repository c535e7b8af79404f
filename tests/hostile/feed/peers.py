"""Feeds the bridge through a real Zeebe and a real Conductor: each case has a workflow of one task, and a Bridge."""

from typing import Any

from clusterlab.space import GROUP, Run
from hostile.corpus.case import ACCEPTED, TaskCase
from hostile.feed.finding import Finding
from hostile.lab import Lab
from kubeapi import wait_for
from peers.servers.bpmn import build_process
from scriptrun.desired.names import BRIDGE_LABEL

_SECONDS = 180.0


def feed_task(lab: Lab, case: TaskCase) -> Finding:
    """Start a workflow, and wait until the run of its task has ended or the task was refused."""
    where = _start_zeebe(lab, case) if case.orchestrator == "zeebe" else _start_conductor(lab, case)
    path = lab.space.path("bridges", case.name, GROUP)
    body = {
        "apiVersion": GROUP,
        "kind": "Bridge",
        "metadata": {"name": case.name},
        "spec": {case.orchestrator: where, "longPollSeconds": 2},
    }
    lab.space.create(lab.space.path("bridges", group=GROUP), body)
    try:
        return wait_for("the end", lambda: _look(lab, case.name), _SECONDS)
    except TimeoutError:
        return Finding("nothing", str(lab.space.api.get(path).body.get("status")))
    finally:
        lab.space.api.delete(path)


def _start_zeebe(lab: Lab, case: TaskCase) -> dict[str, Any]:
    zeebe, headers = lab.peers.zeebe, {"script": case.script, **case.headers()}
    zeebe.deploy(f"{case.name}.bpmn", build_process(case.name, case.name, headers, retries=1))
    zeebe.create_instance(case.name, case.variables())
    return {"address": zeebe.address, "taskType": case.name}


def _start_conductor(lab: Lab, case: TaskCase) -> dict[str, Any]:
    conductor, variables = lab.peers.conductor, case.variables()
    conductor.define_task(case.name, retryCount=0)
    inputs = {"script": case.script, **{name: f"${{workflow.input.{name}}}" for name in variables}}
    conductor.define_workflow(case.name, case.name, inputs)
    conductor.start_workflow(case.name, variables)
    return {"address": conductor.address, "taskType": case.name}


def _look(lab: Lab, bridge: str) -> Finding | None:
    for body in lab.space.watches.runs.select(lab.space.name, f"{BRIDGE_LABEL}={bridge}"):
        if (run := Run(body)).ended:
            return Finding(ACCEPTED if run.reason == "Unschedulable" else run.reason, run.message)
    for line in lab.bridge.events("warning"):
        if (line["event"], line.get("bridge")) == ("task refused", bridge):
            return Finding(line["reason"], line["message"])
    return None
