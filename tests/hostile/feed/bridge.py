"""Feeds the bridge: each case has a Bridge that polls the hostile server."""

from typing import Any

from clusterlab.space import GROUP
from hostile.corpus.case import CONNECTED, AnswerCase
from hostile.feed.finding import Finding
from hostile.lab import Lab
from kubeapi import wait_for

_SECONDS = 180.0


def feed_answer(lab: Lab, case: AnswerCase) -> Finding:
    """Create a Bridge, and wait for the report of a task or for the condition Connected."""
    lab.server.replies[case.name] = case.reply
    path = lab.space.path("bridges", case.name, GROUP)
    where = {"address": f"{lab.server.url}/{case.name}", "taskType": "hostile"}
    fast = {"leaseSeconds": 10, "longPollSeconds": 1, "retryBackOffSeconds": 0, "maxConcurrentRuns": 4}
    body = {
        "apiVersion": GROUP,
        "kind": "Bridge",
        "metadata": {"name": case.name},
        "spec": {case.orchestrator: where, **fast, **case.bridge},
    }
    lab.space.create(lab.space.path("bridges", group=GROUP), body)

    def look() -> Finding | None:
        if reports := lab.server.reports[case.name]:
            reason, _, message = reports[0].partition(": ")
            return Finding(reason, message)
        condition = _find_condition(lab, path)
        if condition.get("status") == "False" or (condition.get("status") == "True" and CONNECTED in case.ends):
            return Finding(condition["reason"], condition["message"])
        return None

    try:
        return wait_for("the end", look, _SECONDS)
    except TimeoutError:
        return Finding("nothing", f"asked {lab.server.asked[case.name]} times; {_find_condition(lab, path)}")
    finally:
        lab.space.api.delete(path)


def _find_condition(lab: Lab, path: str) -> dict[str, Any]:
    conditions = (lab.space.api.get(path).body.get("status") or {}).get("conditions") or ()
    return next((item for item in conditions if item["type"] == "Connected"), {})
