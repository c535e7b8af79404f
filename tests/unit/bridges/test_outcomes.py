"""What is reported of a run that has ended."""

import json
from hashlib import sha256
from types import SimpleNamespace
from typing import Any, cast

import pytest

from builders import NOW
from scriptrun.bridges.bridge_context import BridgeContext
from scriptrun.bridges.open_runs import OpenRun
from scriptrun.bridges.outcomes import decide_task_outcome, gather_outcome
from scriptrun.errors import NotFound
from scriptrun.models.bridge import BridgeSpec
from scriptrun.models.reasons import Reason

GOOD = {"reason": "Completed", "resultStatus": "COMPLETED"}
CONDUCTOR = {"conductor": {"address": "http://c", "taskType": "x"}}
ZEEBE = {"zeebe": {"address": "http://z"}}


def test_a_run_that_completed() -> None:
    outcome = decide_task_outcome(GOOD, {"a": 1}, ("line",), 5.0)
    assert (outcome.status, outcome.output, outcome.failure) == ("COMPLETED", {"a": 1}, None)
    assert outcome.logs == ("line",)
    assert decide_task_outcome(GOOD, None, (), 5.0).output == {}


@pytest.mark.parametrize(("reason", "terminal"), [("ScriptFailed", True), ("Timeout", False), ("Canceled", False)])
def test_a_run_whose_script_said_never_again(reason: str, terminal: bool) -> None:
    status = {"reason": reason, "message": "words", "resultStatus": "FAILED_WITH_TERMINAL_ERROR"}
    outcome = decide_task_outcome(status, None, (), 5.0)
    assert (outcome.status, outcome.terminal) == ("FAILED", terminal)


def test_a_run_whose_script_goes_on() -> None:
    outcome = decide_task_outcome({**GOOD, "resultStatus": "IN_PROGRESS"}, {"a": 1}, (), 5.0)
    assert (outcome.status, outcome.output, outcome.back_off_seconds) == ("IN_PROGRESS", {"a": 1}, 5.0)


@pytest.mark.parametrize(
    ("output", "word"),
    [([1], "an array"), ("x", "a string"), (3, "a number"), (1.5, "a number"), (True, "true or false")],
)
def test_an_output_that_is_no_object(output: Any, word: str) -> None:
    outcome = decide_task_outcome(GOOD, output, (), 5.0)
    assert outcome.status == "FAILED"
    assert outcome.failure is not None
    assert outcome.failure.reason is Reason.INVALID_OUTPUT
    assert word in outcome.failure.message


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason is not Reason.COMPLETED])
def test_a_run_that_failed_says_why(reason: Reason) -> None:
    outcome = decide_task_outcome({"reason": str(reason), "message": "words"}, {"error": {"code": "X"}}, (), 7.0)
    assert outcome.status == "FAILED"
    assert outcome.failure is not None
    assert (outcome.failure.reason, outcome.failure.message) == (reason, "words")
    assert (outcome.output, outcome.back_off_seconds) == ({"error": {"code": "X"}}, 7.0)


class Cluster:
    """Holds output ConfigMaps."""

    def __init__(self, **data: dict[str, str]) -> None:
        self.config_maps = {
            name.replace("_", "-"): {"metadata": {"labels": {"scriptrun.dev/output": "true"}}, "data": kept}
            for name, kept in data.items()
        }
        self.reads = 0

    async def get(self, _resource: object, _namespace: str, name: str) -> dict[str, Any]:
        self.reads += 1
        if name not in self.config_maps:
            raise NotFound("not found", 404)
        return self.config_maps[name]


async def gather(cluster: Cluster, spec: dict[str, Any], status: dict[str, Any]) -> Any:
    fields = SimpleNamespace(client=cluster, spec=BridgeSpec.model_validate(spec))
    record = OpenRun(key=("ns", "run"), uid="u", version=1, bridge="b", claim=None, finished_at=NOW, status=status)
    return await gather_outcome(cast(BridgeContext, fields), record)


def reference(text: str) -> dict[str, Any]:
    digest = sha256(text.encode()).hexdigest()
    return {"configMap": "run-0-aaaaa-output", "key": "output.json", "bytes": len(text), "sha256": digest}


TEXT = json.dumps({"rows": [1, 2]})


async def test_a_small_output_is_not_read_again() -> None:
    cluster = Cluster()
    status = {**GOOD, "output": {"a": 1}, "outputRef": reference('{"a": 1}')}
    assert (await gather(cluster, ZEEBE, status)).output == {"a": 1}
    assert cluster.reads == 0


async def test_what_is_read_anyway_has_the_scripts_own_digits() -> None:
    text = '{"a": 1.0}'
    cluster = Cluster(run_0_aaaaa_output={"output.json": text, "log": ""})
    status = {**GOOD, "attempts": [{"pod": "run-0-aaaaa"}], "output": {"a": 1}, "outputRef": reference(text)}
    assert repr((await gather(cluster, CONDUCTOR, status)).output) == "{'a': 1.0}"
    assert repr((await gather(Cluster(), CONDUCTOR, status)).output) == "{'a': 1}", "its ConfigMap is gone"


@pytest.mark.parametrize("number", ["18446744073709551615", "-9223372036854775809", "6.022e+23"])
async def test_a_number_that_the_status_can_not_hold_is_read_exactly(number: str) -> None:
    text = f'{{"n": {number}}}'
    cluster = Cluster(run_0_aaaaa_output={"output.json": text})
    assert json.dumps((await gather(cluster, ZEEBE, {**GOOD, "outputRef": reference(text)})).output) == text


async def test_a_large_one_is_read_whole() -> None:
    cluster = Cluster(run_0_aaaaa_output={"output.json": TEXT})
    assert (await gather(cluster, ZEEBE, {**GOOD, "outputRef": reference(TEXT)})).output == {"rows": [1, 2]}


@pytest.mark.parametrize("data", [{}, {"output.json": "{}"}])
async def test_an_output_that_was_exchanged_is_lost(data: dict[str, str]) -> None:
    outcome = await gather(Cluster(run_0_aaaaa_output=data), ZEEBE, {**GOOD, "outputRef": reference(TEXT)})
    assert outcome.failure.reason is Reason.OUTPUT_LOST
    gone = await gather(Cluster(), ZEEBE, {**GOOD, "outputRef": reference(TEXT)})
    assert gone.failure.reason is Reason.OUTPUT_LOST


async def test_what_has_no_label_was_written_by_somebody_else() -> None:
    cluster = Cluster(run_0_aaaaa_output={"output.json": TEXT})
    cluster.config_maps["run-0-aaaaa-output"]["metadata"] = {}
    assert (await gather(cluster, ZEEBE, {**GOOD, "outputRef": reference(TEXT)})).status == "FAILED"


async def test_the_log_goes_where_tasks_have_one() -> None:
    cluster = Cluster(run_0_aaaaa_output={"log": "one\ntwo\n"})
    status = {"reason": "ScriptFailed", "message": "m", "attempts": [{"pod": "run-0-aaaaa"}]}
    assert (await gather(cluster, CONDUCTOR, status)).logs == ("one", "two")
    assert (await gather(cluster, ZEEBE, status)).logs == ()
    assert (await gather(Cluster(), CONDUCTOR, status)).logs == ()


async def test_a_broken_output_of_a_run_that_failed_is_left_out() -> None:
    cluster = Cluster(run_0_aaaaa_output={"output.json": "nonsense"})
    status = {"reason": "ScriptFailed", "message": "m", "outputRef": reference("nonsense")}
    outcome = await gather(cluster, ZEEBE, status)
    assert (outcome.status, outcome.output) == ("FAILED", {})
