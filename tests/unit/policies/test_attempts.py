"""What an attempt came to, from honest runners, dying pods and scripts that forge what they can."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import at, instant, output_facts, pod_facts, result_document, terminated
from scriptrun.models.facts import INIT_FAILED, Blocker, OutputFacts, PodFacts
from scriptrun.models.reasons import Reason
from scriptrun.policies.attempts import judge_attempt, parse_instant, parse_result, parse_termination_message
from scriptrun.policies.outcome import check_output

RUNNING = {"running": {"startedAt": instant(3)}}
EVICTION = [{"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI", "message": "drained"}]


def ended(code: int = 1, reason: str = "", message: object = "", **fields: Any) -> PodFacts:
    text = message if isinstance(message, str) else json.dumps(message)
    return pod_facts(state={"terminated": terminated(code, reason, text)}, **fields)


def reason_of(pod: PodFacts, written: object = None, output: str | None = None) -> str | None:
    attempt = judge_attempt(1, pod, output_facts(pod.name, written, output) if written is not None else None)
    return attempt.verdict.reason.value if attempt.verdict else None


class TestResults:
    def test_completed_with_output_counts_while_the_pod_still_runs(self) -> None:
        attempt = judge_attempt(1, pod_facts(state=RUNNING), output_facts(output='{"a": 1}'))
        assert attempt.verdict is not None
        assert attempt.verdict.reason is Reason.COMPLETED
        assert attempt.result is not None
        assert attempt.result.output == OutputFacts(b'{"a": 1}', "hello-1-0-aaaaa-output")

    def test_in_progress_is_a_good_end_that_says_so(self) -> None:
        attempt = judge_attempt(1, pod_facts(state=RUNNING), output_facts(result=result_document("IN_PROGRESS")))
        assert attempt.verdict is not None
        assert (attempt.verdict.reason, "in progress" in attempt.verdict.message) == (Reason.COMPLETED, True)

    @pytest.mark.parametrize(
        ("said", "reason"),
        [
            ("ScriptFailed", "ScriptFailed"),
            ("Timeout", "Timeout"),
            ("OutOfMemory", "OutOfMemory"),
            ("InvalidOutput", "InvalidOutput"),
            ("OutputTooLarge", "OutputTooLarge"),
            ("OutputLost", "OutputLost"),
            ("DigestMismatch", "DigestMismatch"),
            # A script may not blame the infrastructure or the caller for what it did.
            ("Canceled", "ScriptFailed"),
            ("Evicted", "ScriptFailed"),
            ("NodeLost", "ScriptFailed"),
            ("Completed", "ScriptFailed"),
            ("", "ScriptFailed"),
            ("no such reason", "ScriptFailed"),
        ],
    )
    def test_failed_keeps_the_reasons_that_are_the_runners_to_give(self, said: str, reason: str) -> None:
        assert reason_of(pod_facts(state=RUNNING), result_document("FAILED", reason=said)) == reason

    def test_failed_without_a_message_says_the_exit_code(self) -> None:
        attempt = judge_attempt(1, pod_facts(), output_facts(result=result_document("FAILED", exitCode=7)))
        assert attempt.verdict is not None
        assert attempt.verdict.message == "exit code 7"

    def test_terminated_by_somebody_is_left_to_whoever_did_it_while_the_pod_runs(self) -> None:
        assert reason_of(pod_facts(state=RUNNING), result_document("FAILED", reason="Terminated")) is None

    def test_terminated_and_the_pod_ended_is_an_eviction(self) -> None:
        assert reason_of(ended(143), result_document("FAILED", reason="Terminated", exitCode=143)) == "Evicted"

    def test_completed_whose_output_is_not_there_is_lost(self) -> None:
        assert reason_of(pod_facts(state=RUNNING), result_document(outputBytes=7)) == "OutputLost"

    def test_completed_without_any_output_is_fine(self) -> None:
        assert reason_of(pod_facts(state=RUNNING), result_document(outputBytes=0)) == "Completed"


class TestPods:
    def test_a_pod_that_runs_has_no_verdict(self) -> None:
        assert reason_of(pod_facts(state=RUNNING)) is None
        assert reason_of(pod_facts()) is None

    def test_exit_code_without_a_result(self) -> None:
        attempt = judge_attempt(1, ended(3), None)
        assert attempt.verdict is not None
        assert attempt.verdict.reason is Reason.SCRIPT_FAILED
        assert "3" in attempt.verdict.message

    def test_succeeded_without_a_result_is_lost_output(self) -> None:
        assert reason_of(ended(0)) == "OutputLost"

    def test_out_of_memory_of_the_whole_container(self) -> None:
        assert reason_of(ended(137, "OOMKilled")) == "OutOfMemory"

    def test_out_of_memory_of_the_script_alone(self) -> None:
        assert reason_of(ended(137, "OOMKilled"), result_document("FAILED", exitCode=137)) == "OutOfMemory"

    def test_a_script_that_outlived_an_out_of_memory_kill_of_its_child_is_believed(self) -> None:
        assert reason_of(ended(0, "OOMKilled"), result_document()) == "Completed"

    @pytest.mark.parametrize("said", ["StartError", "ContainerCannotRun", "RunContainerError"])
    def test_a_container_that_can_not_be_started_is_an_image_error(self, said: str) -> None:
        attempt = judge_attempt(1, ended(128, said, "exec: no such file"), None)
        assert attempt.verdict is not None
        assert attempt.verdict.reason is Reason.IMAGE_ERROR
        assert "no such file" in attempt.verdict.message

    @pytest.mark.parametrize(
        ("code", "said", "reason", "message"),
        [
            (255, "exec /opt/scriptrun/bin/runner: exec format error", "ImageError", "another architecture"),
            (127, "/usr/bin/env: 'python3': No such file or directory", "ImageError", "'python3'"),
            (126, "python3: Permission denied", "ImageError", "Permission denied"),
            (1, "ImportError: no module named json", "ScriptFailed", "no module named json"),
            (139, "", "ScriptFailed", "exit code 139"),
        ],
    )
    def test_what_the_runtime_says_when_the_runner_left_nothing(
        self, code: int, said: str, reason: str, message: str
    ) -> None:
        attempt = judge_attempt(1, ended(code, "Error", said), None)
        assert attempt.verdict is not None
        assert (attempt.verdict.reason.value, message in attempt.verdict.message) == (reason, True)
        assert said in attempt.verdict.message

    @pytest.mark.parametrize("reason", ["ContainerStatusUnknown", "Unknown"])
    def test_a_container_that_its_node_lost_is_not_blamed_on_the_script(self, reason: str) -> None:
        attempt = judge_attempt(1, ended(137, reason, "The container could not be located"), None)
        assert attempt.verdict is not None
        assert attempt.verdict.reason is Reason.NODE_LOST
        assert "could not be located" in attempt.verdict.message

    @pytest.mark.parametrize("written", [None, result_document("FAILED", reason="Terminated", exitCode=143)])
    def test_an_eviction_without_a_disruption_has_the_kubelets_words(self, written: object) -> None:
        """For more than its own limit a pod is evicted without the condition, and the attempt counts as a failure."""
        status = {"reason": "Evicted", "message": "Pod ephemeral local storage usage exceeds the total limit 10Mi."}
        pod = ended(137, "Error", status=status)
        attempt = judge_attempt(1, pod, output_facts(pod.name, written) if written else None)
        assert attempt.verdict is not None
        assert attempt.verdict.reason is Reason.EVICTED
        assert "exceeds the total limit 10Mi" in attempt.verdict.message
        assert not attempt.disrupted

    def test_a_pod_that_its_node_did_not_take_is_not_blamed_on_the_script(self) -> None:
        pod = pod_facts(
            phase="Failed", status={"reason": "OutOfcpu", "message": "Node didn't have enough resource: cpu"}
        )
        attempt = judge_attempt(1, pod, None)
        assert attempt.verdict is not None
        assert attempt.verdict.reason is Reason.UNSCHEDULABLE
        assert "OutOfcpu: Node didn't have enough resource" in attempt.verdict.message

    def test_deleted_before_it_started_does_not_say_that_it_ran(self) -> None:
        attempt = judge_attempt(1, replace(pod_facts(), gone=True), None)
        assert attempt.verdict is not None
        assert "before the script had started" in attempt.verdict.message

    def test_deleted_by_hand_while_it_ran(self) -> None:
        assert reason_of(ended(143, deleting=True)) == "Evicted"

    @pytest.mark.parametrize(
        ("said", "reason"),
        [
            ("EvictionByEvictionAPI", "Evicted"),
            ("PreemptionByScheduler", "Evicted"),
            ("TerminationByKubelet", "Evicted"),
            ("DeletionByTaintManager", "NodeLost"),
            ("DeletionByPodGC", "NodeLost"),
        ],
    )
    def test_a_disruption_is_named_and_does_not_use_up_a_retry(self, said: str, reason: str) -> None:
        condition = {"type": "DisruptionTarget", "status": "True", "reason": said, "message": "why"}
        attempt = judge_attempt(1, ended(137, conditions=[condition]), None)
        assert attempt.verdict is not None
        assert (attempt.verdict.reason.value, attempt.verdict.message, attempt.disrupted) == (reason, "why", True)

    def test_a_disruption_that_is_announced_is_no_end_yet(self) -> None:
        attempt = judge_attempt(1, pod_facts(state=RUNNING, conditions=EVICTION), None)
        assert (attempt.verdict, attempt.disrupted) == (None, False)

    def test_a_disruption_that_was_called_off_does_not_count(self) -> None:
        called_off = [{**EVICTION[0], "status": "False"}]
        assert not judge_attempt(1, ended(1, conditions=called_off), None).disrupted

    def test_a_script_that_failed_by_itself_during_a_drain_does_not_use_up_a_retry_either(self) -> None:
        # The Job's podFailurePolicy looks at the condition alone; so do we, or the two would count differently.
        attempt = judge_attempt(1, ended(1, conditions=EVICTION), output_facts(result=result_document("FAILED")))
        assert attempt.verdict is not None
        assert (attempt.verdict.reason, attempt.disrupted) == (Reason.SCRIPT_FAILED, True)

    def test_success_during_a_drain_is_success(self) -> None:
        attempt = judge_attempt(1, ended(0, conditions=EVICTION), output_facts(output="{}"))
        assert attempt.verdict is not None
        assert (attempt.verdict.reason, attempt.disrupted) == (Reason.COMPLETED, False)

    @pytest.mark.parametrize("said", ["NodeLost", "Shutdown", "Terminated", "NodeShutdown"])
    def test_a_node_that_went_away_with_the_pod(self, said: str) -> None:
        pod = pod_facts(phase="Failed", status={"reason": said, "message": "node is gone"})
        attempt = judge_attempt(1, pod, None)
        assert attempt.verdict is not None
        assert (attempt.verdict.reason, attempt.verdict.message) == (Reason.NODE_LOST, "node is gone")


class TestPodsThatAreNotAlone:
    """The script's end is the attempt's, whatever runs beside it: the same verdicts as when it is alone."""

    @staticmethod
    def ended(code: int, reason: str = "", **fields: Any) -> PodFacts:
        return ended(code, reason, **{"phase": "Running", "beside": ["aaa-proxy"], **fields})

    def test_an_exit_code_without_a_result(self) -> None:
        attempt = judge_attempt(1, self.ended(3), None)
        assert attempt.verdict is not None
        assert (attempt.verdict.reason, attempt.pod.exit_code) == (Reason.SCRIPT_FAILED, 3)
        assert "exit code 3" in attempt.verdict.message

    def test_out_of_memory(self) -> None:
        assert reason_of(self.ended(137, "OOMKilled")) == "OutOfMemory"
        assert reason_of(self.ended(137, "OOMKilled"), result_document("FAILED", exitCode=137)) == "OutOfMemory"

    def test_a_good_end_without_a_result_is_lost_output(self) -> None:
        assert reason_of(self.ended(0)) == "OutputLost"

    def test_a_script_that_was_told_to_stop(self) -> None:
        assert reason_of(self.ended(143), result_document("FAILED", reason="Terminated", exitCode=143)) == "Evicted"

    def test_while_the_script_runs_its_neighbours_end_says_nothing(self) -> None:
        pod = pod_facts(state=RUNNING, beside=["aaa-proxy"])
        assert reason_of(pod) is None
        assert reason_of(pod, result_document("FAILED", exitCode=137)) is None, (
            "whether for its memory is not known yet"
        )

    def test_a_pod_that_is_ended_after_its_script_keeps_its_verdict(self) -> None:
        """By whomever: deleted in second 6, where the script had ended in second 5."""
        pod = self.ended(3, created=6, deleting=True, phase="Failed")
        assert reason_of(pod) == "ScriptFailed"
        assert reason_of(replace(pod, gone=True)) == "ScriptFailed"

    @pytest.mark.parametrize("second", [4, 5])
    def test_a_pod_that_is_deleted_before_its_script_ended_is_evicted(self, second: int) -> None:
        assert reason_of(self.ended(143, created=second, deleting=True)) == "Evicted"

    def test_an_init_container_that_failed_is_not_blamed_on_the_script(self) -> None:
        pod = replace(
            pod_facts(phase="Failed"), blocker=Blocker("istio-init", INIT_FAILED, "exit code 1, Error: iptables")
        )
        attempt = judge_attempt(1, pod, None)
        assert attempt.verdict is not None
        assert attempt.verdict.reason is Reason.SIDECAR_FAILED
        assert '"istio-init"' in attempt.verdict.message
        assert "iptables" in attempt.verdict.message
        assert reason_of(replace(pod, deleted_at=at(3))) == "Evicted"


class TestTerminationMessages:
    def test_the_result_in_it_stands_in_for_the_config_map(self) -> None:
        message = {**result_document(outputBytes=8), "output": {"a": 1}}
        attempt = judge_attempt(1, ended(0, message=message), None)
        assert attempt.verdict is not None
        assert attempt.verdict.reason is Reason.COMPLETED
        assert attempt.result is not None
        assert attempt.result.output == OutputFacts(b'{"a": 1}')

    def test_the_config_map_wins_over_it(self) -> None:
        pod = ended(1, message=result_document("FAILED", reason="Timeout"))
        assert reason_of(pod, result_document("FAILED", reason="ScriptFailed")) == "ScriptFailed"

    def test_it_stands_in_for_a_config_map_that_is_garbage(self) -> None:
        assert reason_of(ended(1, message=result_document("FAILED", reason="Timeout")), "garbage") == "Timeout"

    def test_null_is_an_output_like_any_other(self) -> None:
        result = parse_termination_message(json.dumps({**result_document(), "output": None}))
        assert result is not None
        assert result.output == OutputFacts(b"null")

    @pytest.mark.parametrize(
        "message",
        [
            "",
            "Segmentation fault",
            "null",
            "[]",
            "7",
            '"COMPLETED"',
            "{}",
            '{"schema": 1, "status": "DONE"}',
            '{"schema": 1, "status": null}',
            '{"schema": 1, "status": []}',
            '{"schema": 1, "status": {"COMPLETED": true}}',
            '{"schema": 1, "status": "COMPLETED", "output": ' + "[" * 2000 + "]" * 2000 + "}",
            "[" * 4096,
            '{"schema": 1, "status": "COMPLETED"} and more',
            '{"status": "COMPLETED", "output": {}}',  # a stdio script's, at the end of a killed container's log
            "\x00\x01\x02",
        ],
    )
    def test_what_is_no_result_is_none(self, message: str) -> None:
        assert parse_termination_message(message) is None
        assert reason_of(ended(5, message=message)) == "ScriptFailed"

    @pytest.mark.parametrize("output", ['{"a" : 1.50, "b": 0.12345678901234567890}', "1e2", '"\\u00e9"', "[ ]"])
    def test_an_output_stays_as_the_script_wrote_it(self, output: str) -> None:
        message = json.dumps({**result_document(), "message": '"output": 7'})[:-1] + f', "output":{output}}}'
        result = parse_termination_message(message)
        assert result is not None
        assert result.output == OutputFacts(output.encode())

    @pytest.mark.parametrize("output", ["NaN", "1e999", "-Infinity", "9" * 400, '"\\ud800"', '{"\\udfff": 1}'])
    def test_an_output_that_can_not_be_kept_is_an_output_all_the_same(self, output: str) -> None:
        result = parse_termination_message(f'{{"schema": 1, "status": "COMPLETED", "output": {output}}}')
        assert result is not None
        assert result.output is not None
        wrong = check_output(result.output.raw, {}, inline=True)
        assert wrong is not None
        assert wrong.reason is Reason.INVALID_OUTPUT

    def test_a_message_is_text_that_can_be_written(self) -> None:
        result = parse_termination_message('{"schema": 1, "status": "FAILED", "message": "a\\udfffb"}')
        assert result is not None
        assert result.message == "a?b"

    @given(st.text(max_size=200))
    def test_no_text_can_stop_the_operator(self, message: str) -> None:
        assert judge_attempt(1, ended(1, message=message), None).verdict is not None


class TestForgedResults:
    @pytest.mark.parametrize("value", [True, "0", 1.5, None, [], {}, -1, 256, 10**30])
    def test_an_exit_code_that_is_none_is_dropped(self, value: object) -> None:
        result = parse_result(result_document(exitCode=value), None)
        assert result is not None
        assert result.exit_code is None

    @pytest.mark.parametrize("value", [True, "7", 1.5, None, [], {}, -1])
    def test_a_size_that_is_none_is_zero(self, value: object) -> None:
        result = parse_result(result_document(outputBytes=value), None)
        assert result is not None
        assert result.output_bytes == 0

    def test_the_size_of_an_output_is_counted_and_not_believed(self) -> None:
        result = parse_result(result_document(outputBytes=1), OutputFacts(b"12345"))
        assert result is not None
        assert result.output_bytes == 5

    @pytest.mark.parametrize("value", [7, [], {"a": 1}, True, None])
    def test_texts_that_are_none_are_empty(self, value: object) -> None:
        result = parse_result(result_document("FAILED", reason=value, message=value), None)
        assert result is not None
        assert (result.reason, result.message) == ("", "")

    def test_a_message_is_cut(self) -> None:
        result = parse_result(result_document(message="x" * 100_000), None)
        assert result is not None
        assert len(result.message) == 2048

    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
            max_leaves=10,
        ),
        st.sampled_from(sorted(result_document())),
    )
    def test_no_type_of_any_field_can_stop_the_operator(self, value: object, field: str) -> None:
        result = parse_result({**result_document("FAILED"), field: value}, None)
        if result is not None:
            assert result.exit_code is None or 0 <= result.exit_code <= 255
            attempt = judge_attempt(1, pod_facts(), result)
            assert attempt.verdict is None or attempt.verdict.reason is not Reason.CANCELED


class TestInstants:
    @pytest.mark.parametrize(
        "text", ["2026-11-21T12:00:05Z", "2026-11-21T12:00:05.000+00:00", "2026-11-21T17:30:05+05:30"]
    )
    def test_they_come_out_in_utc(self, text: str) -> None:
        parsed = parse_instant(text)
        assert parsed == at(5)
        assert parsed is not None
        assert parsed.isoformat() == "2026-11-21T12:00:05+00:00"

    @pytest.mark.parametrize(
        "text",
        [
            None,
            7,
            "",
            "yesterday",
            "2026-11-21",
            "2026-11-21T12:00:05",  # without a zone it could be any
            "0001-01-01T00:00:00+14:00",  # before the first instant there is
            "9999-12-31T23:59:59-14:00",
        ],
    )
    def test_anything_else_is_none(self, text: object) -> None:
        assert parse_instant(text) is None
