"""What a run with a Job comes to: retries, disruptions, deadlines, cancelling, pods that can't start, lost Jobs."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import (
    at,
    instant,
    job_body,
    job_facts,
    output_facts,
    pod_facts,
    result_document,
    run_facts,
    script_spec,
    terminated,
)
from scriptrun.controller.observe import observe_job
from scriptrun.models.facts import INIT_RUNNING, NOT_STARTED, Blocker, JobFacts, PodFacts
from scriptrun.models.reasons import Reason
from scriptrun.policies.attempts import Attempt, judge_attempt
from scriptrun.policies.outcome import Settle, check_output, decide_lost_job, decide_outcome
from scriptrun.policies.verdict import Wait

RUN = run_facts()
CANCELED = run_facts(cancel=True)
RUNNING = {"running": {"startedAt": instant(3)}}
DISRUPTED = [{"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI", "message": "drained"}]


def job(failed: str = "", complete: bool = False, **script: Any) -> JobFacts:
    return job_facts(RUN, script_spec(**script), failed=failed, complete=complete)


def failed(number: int = 1, exit_code: int = 1, disrupted: bool = False, said: str = "boom") -> Attempt:
    state = {"terminated": terminated(exit_code)}
    pod = pod_facts(suffix=f"aaaa{number}", state=state, conditions=DISRUPTED if disrupted else [])
    return judge_attempt(number, pod, output_facts(pod.name, result_document("FAILED", message=said)))


def terminal(number: int = 1) -> Attempt:
    pod = pod_facts(suffix=f"aaaa{number}", state={"terminated": terminated(1)})
    return judge_attempt(number, pod, output_facts(pod.name, result_document("FAILED_WITH_TERMINAL_ERROR")))


def good(number: int = 1) -> Attempt:
    pod = pod_facts(suffix=f"aaaa{number}", state=RUNNING)
    return judge_attempt(number, pod, output_facts(pod.name, output="{}"))


def deleted(number: int = 1) -> Attempt:
    pod = pod_facts(suffix=f"aaaa{number}", deleting=True, state={"terminated": terminated(143)})
    return judge_attempt(number, pod, None)


def going(number: int = 1, pod: PodFacts | None = None) -> Attempt:
    return judge_attempt(number, pod or pod_facts(suffix=f"aaaa{number}", state=RUNNING), None)


def ended(decision: Settle | Wait) -> tuple[str, int | None, bool]:
    """Reason, number of the attempt that decided, whether the Job is stopped."""
    assert isinstance(decision, Settle), decision
    return decision.verdict.reason.value, decision.attempt and decision.attempt.number, decision.stop_job


class TestRetries:
    def test_success_settles_before_the_job_knows(self) -> None:
        assert ended(decide_outcome(RUN, job(), [good()], at(5))) == ("Completed", 1, False)

    def test_the_last_failure_settles_before_the_job_knows(self) -> None:
        assert ended(decide_outcome(RUN, job(), [failed()], at(5))) == ("ScriptFailed", 1, False)

    def test_a_failure_with_a_retry_left_waits_and_says_why(self) -> None:
        decision = decide_outcome(RUN, job(backoffLimit=1), [failed()], at(5))
        assert decision == Wait("Retrying", "attempt 1: ScriptFailed: boom", 2.0)

    def test_the_retry_decides(self) -> None:
        assert ended(decide_outcome(RUN, job(backoffLimit=1), [failed(1), good(2)], at(5))) == ("Completed", 2, False)
        last = decide_outcome(RUN, job(backoffLimit=1), [failed(1), failed(2, 9)], at(5))
        assert ended(last) == ("ScriptFailed", 2, False)

    def test_a_retry_under_way_is_waited_for(self) -> None:
        assert decide_outcome(RUN, job(backoffLimit=1), [failed(1), going(2)], at(5)) == Wait("", "")

    def test_an_attempt_that_still_runs_forbids_the_end_even_when_the_others_used_up_the_limit(self) -> None:
        assert isinstance(decide_outcome(RUN, job(), [failed(1), going(2)], at(5)), Wait)

    def test_a_run_may_have_lowered_the_retries(self) -> None:
        run = run_facts(backoffLimit=0)
        held = job_facts(run, script_spec(backoffLimit=3))
        assert ended(decide_outcome(run, held, [failed()], at(5))) == ("ScriptFailed", 1, False)

    @given(st.lists(st.booleans(), max_size=8), st.integers(0, 4))
    def test_it_ends_with_the_failure_that_exceeds_the_limit(self, disrupted: list[bool], limit: int) -> None:
        attempts = [failed(number, disrupted=flag) for number, flag in enumerate(disrupted, start=1)]
        decision = decide_outcome(RUN, job(backoffLimit=limit), attempts, at(5))
        assert isinstance(decision, Settle) == (disrupted.count(False) > limit)


class TestDisruptions:
    def test_it_does_not_use_up_a_retry(self) -> None:
        decision = decide_outcome(RUN, job(), [failed(1, disrupted=True)], at(5))
        assert isinstance(decision, Wait)
        assert decision.reason == "Retrying"

    def test_it_ends_a_run_that_must_not_be_repeated(self) -> None:
        decision = decide_outcome(RUN, job(onDisruption="Fail", backoffLimit=5), [failed(1, disrupted=True)], at(5))
        assert ended(decision) == ("ScriptFailed", 1, False)

    def test_a_pod_deleted_by_hand_awaits_the_jobs_word(self) -> None:
        # Whether that was a disruption (and is retried) is for the Job controller to say.
        assert decide_outcome(RUN, job(), [deleted()], at(5)) == Wait("", "")
        assert ended(decide_outcome(RUN, job(failed="FailedIndexes"), [deleted()], at(5))) == ("Evicted", 1, False)


class TestDeadline:
    def test_it_is_a_timeout_whatever_became_of_the_pod(self) -> None:
        for attempts in ([], [going()], [deleted()], [failed()]):
            decision = decide_outcome(RUN, job(failed="DeadlineExceeded"), attempts, at(5))
            assert ended(decision)[0] == "Timeout"

    def test_the_message_has_the_limit_and_the_end_of_stderr(self) -> None:
        decision = decide_outcome(
            RUN, job(failed="DeadlineExceeded", activeDeadlineSeconds=77), [failed(said="was at step 3")], at(5)
        )
        assert isinstance(decision, Settle)
        assert "77 s" in decision.verdict.message
        assert decision.verdict.message.endswith("was at step 3")

    def test_no_retry_is_announced_once_it_has_passed(self) -> None:
        """The Job controller ends the pod first, and says a moment later that the Job has failed."""
        held = job(activeDeadlineSeconds=20, backoffLimit=3)  # started at 1
        assert decide_outcome(RUN, held, [deleted()], at(20.9)).reason == "Retrying"
        assert decide_outcome(RUN, held, [deleted()], at(21)) == Wait("", "")

    def test_nor_when_the_job_says_that_it_will_fail(self) -> None:
        """Its clock may be ahead of the operator's."""
        held = replace(job(backoffLimit=3), failing=True)
        assert decide_outcome(RUN, held, [going(1), failed(2)], at(5)) == Wait("", "")

    def test_the_job_says_so_before_it_has_failed(self) -> None:
        body = job_body(RUN, failed="DeadlineExceeded")
        body["status"]["conditions"] = [item for item in body["status"]["conditions"] if item["type"] != "Failed"]
        seen = observe_job(body)
        assert (seen.failing, seen.failed, seen.started_at) == (True, False, at(1))

    def test_a_job_that_has_not_started_has_no_deadline_yet(self) -> None:
        held = replace(job(activeDeadlineSeconds=20, backoffLimit=3), started_at=None)
        assert decide_outcome(RUN, held, [failed()], at(1000)).reason == "Retrying"

    def test_success_in_the_last_moment_is_success(self) -> None:
        assert ended(decide_outcome(RUN, job(failed="DeadlineExceeded"), [good()], at(5)))[0] == "Completed"


class TestJobsWord:
    def test_failed_takes_the_last_attempts_reason(self) -> None:
        decision = decide_outcome(RUN, job(failed="BackoffLimitExceeded", backoffLimit=3), [failed()], at(5))
        assert ended(decision) == ("ScriptFailed", 1, False)

    def test_failed_without_anything_to_see_says_what_the_job_says(self) -> None:
        decision = decide_outcome(RUN, job(failed="BackoffLimitExceeded"), [], at(5))
        assert ended(decision) == ("OutputLost", None, False)
        assert isinstance(decision, Settle)
        assert "the Job says BackoffLimitExceeded" in decision.verdict.message

    def test_complete_without_anything_to_see_is_lost_output(self) -> None:
        assert ended(decide_outcome(RUN, job(complete=True), [], at(5))) == ("OutputLost", None, False)
        assert ended(decide_outcome(RUN, job(complete=True), [going()], at(5))) == ("OutputLost", 1, False)


class TestCancel:
    def test_it_stops_the_job(self) -> None:
        assert ended(decide_outcome(CANCELED, job(), [going()], at(5))) == ("Canceled", 1, True)
        assert ended(decide_outcome(CANCELED, job(), [], at(5))) == ("Canceled", None, True)

    def test_it_comes_too_late_for_a_success(self) -> None:
        assert ended(decide_outcome(CANCELED, job(), [good()], at(5))) == ("Completed", 1, False)

    def test_it_wins_over_a_failure_that_nobody_was_told_of(self) -> None:
        assert ended(decide_outcome(CANCELED, job(), [failed()], at(5)))[0] == "Canceled"

    def test_a_job_that_is_over_is_not_stopped(self) -> None:
        assert ended(decide_outcome(CANCELED, job(failed="BackoffLimitExceeded"), [failed()], at(5)))[2] is False


class TestStartDeadline:
    UNSCHEDULABLE = pod_facts(
        created=10,
        conditions=[
            {
                "type": "PodScheduled",
                "status": "False",
                "reason": "Unschedulable",
                "message": "0/1 nodes: too little cpu",
            }
        ],
    )

    @staticmethod
    def waiting(reason: str) -> PodFacts:
        return pod_facts(created=10, state={"waiting": {"reason": reason, "message": f"the kubelet on {reason}"}})

    @pytest.mark.parametrize(
        ("reason", "expected"),
        [
            ("ErrImagePull", Reason.IMAGE_ERROR),
            ("ImagePullBackOff", Reason.IMAGE_ERROR),
            ("InvalidImageName", Reason.IMAGE_ERROR),
            ("ErrImageNeverPull", Reason.IMAGE_ERROR),
            ("ImageInspectError", Reason.IMAGE_ERROR),
            ("CreateContainerError", Reason.IMAGE_ERROR),
            ("CreateContainerConfigError", Reason.SOURCE_MISSING),
        ],
    )
    def test_the_kubelets_words_are_passed_on(self, reason: str, expected: Reason) -> None:
        held, attempts = job(startDeadlineSeconds=60), [going(1, self.waiting(reason))]
        early = decide_outcome(RUN, held, attempts, at(69))
        assert early == Wait(expected, f"{reason}: the kubelet on {reason}", 1.0)
        late = decide_outcome(RUN, held, attempts, at(70))
        assert ended(late) == (expected.value, 1, True)
        assert isinstance(late, Settle)
        assert f"{reason}: the kubelet on {reason}" in late.verdict.message
        assert "startDeadlineSeconds 60" in late.verdict.message

    def test_unschedulable_has_the_schedulers_words(self) -> None:
        late = decide_outcome(RUN, job(startDeadlineSeconds=60), [going(1, self.UNSCHEDULABLE)], at(70))
        assert ended(late) == ("Unschedulable", 1, True)
        assert isinstance(late, Settle)
        assert "too little cpu" in late.verdict.message

    def test_a_pod_without_an_obstacle_may_take_its_time(self) -> None:
        decision = decide_outcome(RUN, job(startDeadlineSeconds=1), [going(1, pod_facts(created=1))], at(1000))
        assert isinstance(decision, Wait)

    def test_a_container_that_started_is_past_it(self) -> None:
        decision = decide_outcome(RUN, job(startDeadlineSeconds=1), [going()], at(1000))
        assert decision == Wait("", "")

    def test_a_retry_has_a_start_deadline_of_its_own(self) -> None:
        attempts = [failed(1), going(2, self.waiting("ErrImagePull"))]
        assert isinstance(decide_outcome(RUN, job(backoffLimit=1, startDeadlineSeconds=60), attempts, at(69)), Wait)

    def test_no_pod_yet_is_looked_after_soon(self) -> None:
        decision = decide_outcome(RUN, job(), [], at(2))
        assert isinstance(decision, Wait)
        assert decision.reason == "PodPending"
        assert decision.again_seconds is not None

    @pytest.mark.parametrize(
        ("blocker", "waits", "expected"),
        [
            (Blocker("istio-proxy", "ImagePullBackOff", "no such image"), "ImageError", Reason.IMAGE_ERROR),
            (Blocker("proxy", "CrashLoopBackOff", "back-off"), "SidecarFailed", Reason.SIDECAR_FAILED),
            # Not SourceMissing: neither the caller nor the script's author has named that ConfigMap.
            (Blocker("proxy", "CreateContainerConfigError", "no map"), "SidecarFailed", Reason.SIDECAR_FAILED),
            (Blocker("proxy", NOT_STARTED, "probe"), "PodPending", Reason.SIDECAR_FAILED),
        ],
    )
    def test_another_container_is_named(self, blocker: Blocker, waits: str, expected: Reason) -> None:
        held, attempts = job(startDeadlineSeconds=60), [going(1, replace(pod_facts(created=10), blocker=blocker))]
        early = decide_outcome(RUN, held, attempts, at(69))
        said = f'container "{blocker.container}": {blocker.reason}: {blocker.message}'
        assert early == Wait(waits, said, 1.0)
        late = decide_outcome(RUN, held, attempts, at(70))
        assert ended(late) == (expected.value, 1, True)
        assert isinstance(late, Settle)
        assert said in late.verdict.message

    def test_an_init_container_may_take_its_time_and_is_named(self) -> None:
        pod = replace(pod_facts(created=1), blocker=Blocker("vault-agent-init", INIT_RUNNING))
        decision = decide_outcome(RUN, job(startDeadlineSeconds=1), [going(1, pod)], at(1000))
        said = f'pod {pod.name} is starting: init container "vault-agent-init" runs'
        assert decision == Wait("PodPending", said, 30.0)


class TestPodsThatAreNotAlone:
    @staticmethod
    def ended_beside(code: int, number: int = 1, **fields: Any) -> Attempt:
        state = {"terminated": terminated(code)}
        pod = pod_facts(suffix=f"aaaa{number}", **{"phase": "Running", "state": state, "beside": ["proxy"], **fields})
        return judge_attempt(number, pod, None)

    def test_the_last_failure_is_final_though_the_pod_goes_on(self) -> None:
        assert ended(decide_outcome(RUN, job(), [self.ended_beside(3)], at(6))) == ("ScriptFailed", 1, False)

    def test_with_a_retry_left_it_waits(self) -> None:
        decision = decide_outcome(RUN, job(backoffLimit=1), [self.ended_beside(3)], at(6))
        assert isinstance(decision, Wait)
        assert decision.reason == "Retrying"

    def test_exit_code_0_is_never_retried(self) -> None:
        """Alone, the pod would make the Job complete. With others it never does."""
        decision = decide_outcome(RUN, job(backoffLimit=3), [self.ended_beside(0)], at(6))
        assert ended(decision) == ("OutputLost", 1, False)

    def test_unless_the_pod_was_deleted_meanwhile(self) -> None:
        attempt = self.ended_beside(0, created=6, deleting=True)
        assert isinstance(decide_outcome(RUN, job(backoffLimit=3), [attempt], at(6)), Wait)

    def test_a_success_stops_the_attempt_that_was_made_after_it(self) -> None:
        """The first pod failed with its proxy while no operator looked, and the Job made another."""
        assert ended(decide_outcome(RUN, job(backoffLimit=1), [good(1), going(2)], at(6))) == ("Completed", 1, True)
        assert ended(decide_outcome(RUN, job(backoffLimit=1), [failed(1), good(2)], at(6)))[2] is False
        assert ended(decide_outcome(RUN, job(backoffLimit=1), [good(1), failed(2)], at(6)))[2] is False


class TestFailingJob:
    """A Job that is to fail says so at once, and that it has failed only when nothing of its pods runs any more."""

    FAILING = replace(job_facts(RUN, failed="DeadlineExceeded"), failed=False)

    def test_it_has_failed_once_no_script_runs(self) -> None:
        attempt = TestPodsThatAreNotAlone.ended_beside(143, created=4, deleting=True)
        assert ended(decide_outcome(RUN, self.FAILING, [attempt], at(6)))[0] == "Timeout"

    def test_the_runners_word_is_enough(self) -> None:
        """The kubelet says that the script's container has ended once all of the pod's have."""
        pod = pod_facts(state=RUNNING, beside=["proxy"], created=4, deleting=True)
        told = judge_attempt(1, pod, output_facts(pod.name, result_document("FAILED", reason="Terminated")))
        assert ended(decide_outcome(RUN, self.FAILING, [told], at(6)))[0] == "Timeout"

    def test_a_script_at_work_is_waited_for(self) -> None:
        assert isinstance(decide_outcome(RUN, self.FAILING, [going()], at(6)), Wait)
        assert isinstance(decide_outcome(RUN, self.FAILING, [], at(6)), Wait)


class TestLostJob:
    def test_a_result_that_is_known_still_counts(self) -> None:
        assert ended(decide_lost_job(RUN, [failed(1), good(2)])) == ("Completed", 2, False)

    def test_else_the_output_is_lost(self) -> None:
        decision = decide_lost_job(RUN, [going()])
        assert ended(decision) == ("OutputLost", 1, False)
        assert '"hello-1"' in decision.verdict.message
        assert ended(decide_lost_job(RUN, [])) == ("OutputLost", None, False)

    def test_deleting_the_job_of_a_canceled_run_is_no_loss(self) -> None:
        assert ended(decide_lost_job(CANCELED, [going()]))[0] == "Canceled"


class TestOutput:
    def test_it_must_be_json(self) -> None:
        wrong = check_output(b'{"a": 1,}', {}, inline=False)
        assert wrong is not None
        assert wrong.reason is Reason.INVALID_OUTPUT
        assert "line 1 column 9" in wrong.message

    def test_it_must_match_the_schema(self) -> None:
        schema = {"properties": {"rows": {"items": {"type": "integer"}}}}
        wrong = check_output(b'{"rows": [1, "two"]}', schema, inline=False)
        assert wrong is not None
        assert (wrong.reason, wrong.message) == (
            Reason.INVALID_OUTPUT,
            "output.rows[1]: 'two' is not of type 'integer'",
        )
        assert check_output(b'{"rows": [1, 2]}', schema, inline=False) is None

    @pytest.mark.parametrize("number", ["18446744073709551616", "0.12345678901234567890"])
    def test_where_the_status_is_its_only_place_that_has_to_keep_it(self, number: str) -> None:
        raw = f'{{"rows": [1, {number}]}}'.encode()
        assert check_output(raw, {}, inline=False) is None
        wrong = check_output(raw, {}, inline=True)
        assert wrong is not None
        assert (wrong.reason, wrong.message) == (
            Reason.INVALID_OUTPUT,
            "output.rows[1]: Kubernetes would round this number in the run's status: write it as a string, "
            "or use the Script's output.transport ConfigMap",
        )


@pytest.mark.parametrize(("failures", "final"), [(0, False), (1, True)])
def test_the_job_controllers_own_count_decides_whether_a_retry_follows(failures: int, final: bool) -> None:
    """Attempts that came and went while no operator looked are in its count and in no list."""
    last = failed(2)
    last = replace(last, pod=replace(last.pod, failed_before=failures, ignored_before=1 - failures))
    decision = decide_outcome(RUN, job(backoffLimit=1), [last], at(9))
    assert isinstance(decision, Settle) is final
    assert last.pod.number == 2


def test_a_pod_of_which_only_the_status_tells_is_judged_by_it() -> None:
    pod = replace(pod_facts(), gone=True, recorded_reason="ScriptFailed", failed_before=0)
    attempt = judge_attempt(1, pod, None)
    assert attempt.verdict is not None
    assert attempt.verdict.reason is Reason.SCRIPT_FAILED
    decision = decide_outcome(RUN, job(), [attempt], at(9))
    assert isinstance(decision, Wait), "whether it counts, the Job says"


@pytest.mark.parametrize(
    ("attempts", "limit", "end"),
    [
        ([terminal()], 3, ("ScriptFailed", 1, True)),
        ([failed(1), terminal(2)], 3, ("ScriptFailed", 2, True)),
        ([terminal(1), going(2)], 3, ("ScriptFailed", 1, True)),
        ([terminal()], 0, ("ScriptFailed", 1, False)),
        ([terminal(1), good(2)], 3, ("Completed", 2, False)),
    ],
)
def test_a_script_that_says_never_again_is_not_retried(
    attempts: list[Attempt], limit: int, end: tuple[str, int, bool]
) -> None:
    assert ended(decide_outcome(RUN, job(backoffLimit=limit), attempts, at(5))) == end
