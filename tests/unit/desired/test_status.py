"""Status patches: what is said of runs and Scripts, and that the API server takes whatever was made of them."""

import hashlib
import json
import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema_rs import Draft202012Validator

from builders import at, instant, output_facts, pod_facts, result_document, run_facts, script_facts, terminated
from scriptrun.crdgen import build_crds
from scriptrun.desired.status import (
    INLINE_LIMIT_BYTES,
    Progress,
    build_end,
    build_progress,
    build_script_status,
    format_instant,
)
from scriptrun.models.reasons import Reason
from scriptrun.policies.attempts import Attempt, judge_attempt
from scriptrun.policies.readiness import NotReady
from scriptrun.policies.verdict import Verdict

DATE = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$"
DONE = Verdict(Reason.COMPLETED, "")


def close(schema: Any) -> Any:
    """Make of a structural schema one that also refuses what the API server would prune or read as out of range."""
    if isinstance(schema, list):
        return [close(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: close(part) for name, part in schema.items()}
    if "properties" in schema:
        closed["additionalProperties"] = False
    if schema.get("format") in ("int32", "int64"):
        bits = int(schema["format"].removeprefix("int")) - 1
        closed |= {"minimum": -(2**bits), "maximum": 2**bits - 1}
    if schema.get("format") == "date-time":
        closed["pattern"] = DATE
    return closed


STATUS = {
    crd["spec"]["names"]["kind"]: Draft202012Validator(
        close(crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"])
    )
    for crd in build_crds().values()
}


def check(body: dict[str, Any]) -> dict[str, Any]:
    """Check that the API server would take a status patch, and return the status."""
    json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
    status: dict[str, Any] = body["status"]
    STATUS[body["kind"]].validate(status)
    return status


def condition(status: dict[str, Any], type_: str) -> dict[str, Any]:
    (found,) = (item for item in status["conditions"] if item["type"] == type_)
    assert isinstance(found, dict)
    return found


def attempt(output: str | None = None, result: Any = None, **pod: Any) -> Attempt:
    state = {"terminated": terminated(0)}
    return judge_attempt(1, pod_facts(**{"state": state, **pod}), output_facts(result=result, output=output))


def end(
    verdict: Verdict = DONE, last: Attempt | None = None, now: float = 10.0, job: str = "hello-1", **run: Any
) -> dict[str, Any]:
    return check(build_end(run_facts(**run), verdict, [last] if last else [], last, job, at(now)))


def progress(phase: str = "Running", now: float = 5.0, **fields: Any) -> dict[str, Any]:
    run = fields.pop("run", {})
    return check(build_progress(run_facts(**run), Progress(phase, **fields), [], "hello-1", at(now)))


class TestInstants:
    def test_utc_with_milliseconds(self) -> None:
        assert format_instant(datetime(2026, 1, 2, 3, 4, 5, 678_901, UTC)) == "2026-01-02T03:04:05.678Z"

    @given(st.datetimes(timezones=st.just(UTC)))
    def test_whatever_the_year(self, moment: datetime) -> None:
        assert re.match(DATE, format_instant(moment))


class TestProgress:
    def test_it_is_said_of_this_very_run(self) -> None:
        body = build_progress(run_facts(uid="u-1", version=7), Progress("Running"), [], "", at(1))
        assert body["metadata"] == {"name": "hello-1", "namespace": "space", "uid": "u-1", "resourceVersion": "7"}

    def test_before_it_is_accepted(self) -> None:
        status = progress("Pending", reason="ScriptMissing", message="waiting for it")
        assert (status["phase"], status["reason"], status["message"]) == ("Pending", "ScriptMissing", "waiting for it")
        accepted = condition(status, "Accepted")
        assert (accepted["status"], accepted["reason"], accepted["message"]) == (
            "Unknown",
            "ScriptMissing",
            "waiting for it",
        )

    def test_after(self) -> None:
        status = progress(accepted=True)
        assert condition(status, "Accepted")["status"] == "True"
        assert "reason" not in status
        assert "message" not in status

    def test_waiting_begins_once(self) -> None:
        first = progress("Queued", now=5)
        assert first["queuedAt"] == "2026-11-21T12:00:05.000Z"
        assert progress("Queued", now=9, run={"status": first})["queuedAt"] == first["queuedAt"]
        assert progress("Running", now=12, run={"status": first})["queuedAt"] == first["queuedAt"]

    def test_who_never_waited_did_not_begin_to(self) -> None:
        assert "queuedAt" not in progress("Pending")

    def test_it_says_the_same_again_of_the_same(self) -> None:
        first = progress(now=5, accepted=True)
        assert progress(now=99, accepted=True, run={"status": first}) == first

    def test_a_transition_time_is_kept_as_long_as_the_value(self) -> None:
        first = progress("Pending", now=5, reason="ScriptMissing")
        other_reason = progress("Pending", now=7, reason="SourceMissing", run={"status": first})
        assert condition(other_reason, "Accepted")["lastTransitionTime"] == "2026-11-21T12:00:05.000Z"
        accepted = progress("Running", now=9, accepted=True, run={"status": other_reason})
        assert condition(accepted, "Accepted")["lastTransitionTime"] == "2026-11-21T12:00:09.000Z"


class TestEnd:
    def test_success(self) -> None:
        status = end(last=attempt('{"a": 1}'))
        assert (status["phase"], status["reason"]) == ("Succeeded", "Completed")
        assert condition(status, "Succeeded")["status"] == "True"
        assert condition(status, "Accepted")["status"] == "True"
        assert (status["jobName"], status["exitCode"], status["resultStatus"]) == ("hello-1", 0, "COMPLETED")
        assert status["finishedAt"] == "2026-11-21T12:00:10.000Z"
        assert "message" not in status

    def test_the_attempt_has_the_runners_times(self) -> None:
        status = end(last=attempt("{}"), now=6.25)
        assert status["attempts"] == [
            {
                "number": 1,
                "pod": "hello-1-0-aaaaa",
                "startedAt": "2026-11-21T12:00:03.250Z",
                "finishedAt": "2026-11-21T12:00:04.500Z",
                "exitCode": 0,
                "reason": "Completed",
            }
        ]
        assert status["attemptCount"] == 1
        assert (status["startedAt"], status["durationSeconds"]) == ("2026-11-21T12:00:03.250Z", 3.0)

    def test_a_clock_that_is_ahead_makes_no_negative_duration(self) -> None:
        assert end(last=attempt("{}"), now=1)["durationSeconds"] == 0.0

    def test_failure_says_why_in_both_places(self) -> None:
        last = attempt(result=result_document("FAILED", exitCode=7, message="boom"))
        status = end(Verdict(Reason.SCRIPT_FAILED, "boom"), last)
        assert (status["phase"], status["reason"], status["message"]) == ("Failed", "ScriptFailed", "boom")
        succeeded = condition(status, "Succeeded")
        assert (succeeded["status"], succeeded["reason"], succeeded["message"]) == ("False", "ScriptFailed", "boom")
        assert (status["exitCode"], status["resultStatus"]) == (7, "FAILED")

    def test_refused_before_it_had_a_job(self) -> None:
        status = end(Verdict(Reason.INVALID_VARIABLES, "variables.a: wrong"), job="")
        assert condition(status, "Accepted")["status"] == "False"
        assert condition(status, "Accepted")["message"] == "variables.a: wrong"
        assert not {"jobName", "attempts", "attemptCount", "startedAt", "durationSeconds", "exitCode"} & status.keys()

    def test_canceled_before_it_had_a_job_was_not_refused(self) -> None:
        status = end(Verdict(Reason.CANCELED, "canceled"), job="")
        assert (status["phase"], condition(status, "Accepted")["status"]) == ("Canceled", "True")

    @pytest.mark.parametrize("reason", list(Reason))
    def test_each_reason_has_a_phase(self, reason: Reason) -> None:
        phase = {"Completed": "Succeeded", "Canceled": "Canceled"}.get(reason, "Failed")
        status = end(Verdict(reason, "why"))
        assert (status["phase"], condition(status, "Succeeded")["status"] == "True") == (phase, phase == "Succeeded")

    def test_a_long_message_is_cut(self) -> None:
        status = end(Verdict(Reason.SCRIPT_FAILED, "ä" * 100_000))
        assert len(status["message"]) == len(condition(status, "Succeeded")["message"]) == 4096

    def test_when_it_waited_is_kept(self) -> None:
        assert end(status={"queuedAt": instant(2)})["queuedAt"] == instant(2)


class TestOutput:
    def test_small_ones_are_shown_and_all_are_named(self) -> None:
        status = end(last=attempt('{ "a" : 1 }'))
        assert status["output"] == {"a": 1}
        assert status["outputRef"] == {
            "configMap": "hello-1-0-aaaaa-output",
            "key": "output.json",
            "bytes": 11,
            "sha256": hashlib.sha256(b'{ "a" : 1 }').hexdigest(),
        }

    def test_the_digest_is_ours_and_not_the_runners_word(self) -> None:
        status = end(last=attempt("{}", result_document(outputSha256="f" * 64)))
        assert status["outputRef"]["sha256"] == hashlib.sha256(b"{}").hexdigest()

    def test_the_limit_for_showing(self) -> None:
        fitting = json.dumps("x" * (INLINE_LIMIT_BYTES - 2))
        assert end(last=attempt(fitting))["output"] == "x" * (INLINE_LIMIT_BYTES - 2)
        status = end(last=attempt(json.dumps("x" * (INLINE_LIMIT_BYTES - 1))))
        assert "output" not in status
        assert status["outputRef"]["bytes"] == INLINE_LIMIT_BYTES + 1

    def test_bytes_are_counted_and_not_characters(self) -> None:
        assert "output" not in end(last=attempt('"' + "ä" * (INLINE_LIMIT_BYTES // 2) + '"'))

    @pytest.mark.parametrize("number", ["9223372036854775807", "1.0", "-0.0", "0.1", "1e3"])
    def test_numbers_that_kubernetes_keeps_are_shown(self, number: str) -> None:
        assert end(last=attempt(f'{{"n": {number}}}'))["output"] == {"n": json.loads(number)}

    @pytest.mark.parametrize(
        "number", ["9223372036854775808", "1180591620717411303424", "0.12345678901234567890", "1e21"]
    )
    def test_numbers_that_it_rounds_are_named_and_not_shown(self, number: str) -> None:
        status = end(last=attempt(f'{{"n": [{number}]}}'))
        assert "output" not in status
        assert status["outputRef"]["bytes"] == len(number) + 9

    def test_so_are_keys_that_it_does_not_read(self) -> None:
        assert "output" not in end(last=attempt(json.dumps({"k" * 1023: 1})))

    def test_an_output_in_a_termination_message_is_shown_and_is_nowhere_else(self) -> None:
        message = json.dumps({**result_document(), "output": {"a": 1}})
        last = judge_attempt(1, pod_facts(state={"terminated": terminated(0, message=message)}), None)
        status = end(last=last)
        assert status["output"] == {"a": 1}
        assert "outputRef" not in status

    @pytest.mark.parametrize("reason", [Reason.INVALID_OUTPUT, Reason.OUTPUT_LOST])
    def test_one_that_must_not_be_used_is_not_shown(self, reason: Reason) -> None:
        assert not {"output", "outputRef"} & end(Verdict(reason, "why"), attempt('{"a": 1}')).keys()

    def test_a_failed_script_may_have_left_one(self) -> None:
        last = attempt('{"left": 0}', result_document("FAILED"))
        assert end(Verdict(Reason.SCRIPT_FAILED, "no stock"), last)["output"] == {"left": 0}

    @pytest.mark.parametrize("garbage", ["", "NaN", "1e999", "{", '"\\ud800"', "9" * 5000, "[" * 4000])
    def test_garbage_that_a_failed_script_left_is_named_and_not_shown(self, garbage: str) -> None:
        status = end(Verdict(Reason.SCRIPT_FAILED, "boom"), attempt(garbage, result_document("FAILED")))
        assert "output" not in status
        assert status["outputRef"]["bytes"] == len(garbage)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.datetimes().map(str),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
ZONES = st.timedeltas(timedelta(hours=-23), timedelta(hours=23)).map(timezone)


class TestWhateverAScriptWrites:
    @given(
        st.sampled_from(["COMPLETED", "FAILED", "IN_PROGRESS"]),
        st.dictionaries(st.sampled_from(sorted(set(result_document()) - {"status"})), ANYTHING),
        st.none() | ANYTHING.map(json.dumps) | st.text(st.characters(codec="utf-8"), max_size=30),
    )
    def test_the_api_server_takes_what_is_made_of_it(
        self, status: str, fields: dict[str, Any], output: str | None
    ) -> None:
        # Lone surrogates reach us as escapes, never as they are.
        result = json.loads(json.dumps(result_document(status, **fields)))
        last = attempt(output, json.dumps(result))
        end(last.verdict or DONE, last)
        text = json.dumps({**result, "output": output})
        end(DONE, judge_attempt(1, pod_facts(state={"terminated": terminated(0, message=text)}), None))

    @given(st.datetimes(), ZONES)
    def test_also_of_its_times(self, moment: datetime, zone: timezone) -> None:
        text = moment.replace(tzinfo=zone).isoformat()
        end(last=attempt("{}", result_document(startedAt=text, finishedAt=text)))


class TestScripts:
    def test_ready(self) -> None:
        script = script_facts()
        status = check(build_script_status(script, None, "ab" * 32, None, at(1)))
        ready = condition(status, "Ready")
        assert (ready["status"], ready["reason"], ready["observedGeneration"]) == ("True", "Ready", 1)
        assert (status["observedGeneration"], status["sha256"]) == (1, "ab" * 32)

    @pytest.mark.parametrize(
        ("name", "spec", "handler"),
        [
            ("hello.py", {"source": {"inline": "x"}}, "python"),
            ("hello", {"source": {"configMap": {"name": "a", "key": "run.sh"}}}, "shell"),
            ("hello", {"source": {"folder": {"configMaps": [{"name": "a"}], "entryPoint": "b/main.js"}}}, "node"),
            ("hello.py", {"source": {"inline": "x"}, "handler": "node"}, "node"),
            ("hello.py", {"source": None, "command": ["/app"]}, "exec"),
            ("hello", {"source": {"inline": "x"}}, "exec"),
            ("hello.py", {"source": {"fromRun": {}}}, None),
            ("hello.py", {"source": {"fromRun": {}}, "handler": "shell"}, "shell"),
        ],
    )
    def test_the_handler_in_force(self, name: str, spec: dict[str, Any], handler: str | None) -> None:
        status = check(build_script_status(script_facts(name, **spec), None, "", None, at(1)))
        assert status.get("handler") == handler

    def test_not_ready(self) -> None:
        wrong = NotReady("SourceMissing", 'ConfigMap "scripts" is not there')
        status = check(build_script_status(script_facts(), wrong, "", None, at(1)))
        ready = condition(status, "Ready")
        assert (ready["status"], ready["reason"]) == ("False", "SourceMissing")
        assert ready["message"] == 'ConfigMap "scripts" is not there'
        assert "sha256" not in status

    def test_the_last_run_and_the_transition_time_stay(self) -> None:
        last = {"name": "hello-1", "phase": "Succeeded", "finishedAt": instant(5)}
        first = check(build_script_status(script_facts(), None, "", last, at(1)))
        again = check(build_script_status(script_facts(status=first), None, "", first["lastRun"], at(99)))
        assert again == first
