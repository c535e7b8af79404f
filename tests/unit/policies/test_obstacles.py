"""What keeps a script from starting, who knows it, and that no deadline hides it."""

from dataclasses import replace
from typing import Any

import pytest

from builders import at, instant, job_body, job_facts, output_facts, pod_facts, result_document, run_facts, script_spec
from builders import terminated as ended_state
from scriptrun.controller.observe import observe_event, observe_job
from scriptrun.controller.run_state import RunState
from scriptrun.models.facts import INIT_FAILED, INIT_RUNNING, NOT_STARTED, Blocker, EventFacts, JobFacts, PodFacts
from scriptrun.models.reasons import Reason
from scriptrun.policies.attempts import Attempt, judge_attempt
from scriptrun.policies.obstacles import decide_refused, find_obstacle, judge_event, recall_obstacle
from scriptrun.policies.outcome import Settle, decide_lost_job, decide_outcome
from scriptrun.policies.verdict import Verdict, Wait

RUN = run_facts()
FORBIDDEN = 'Error creating: pods "hello-1-0-" is forbidden: '
FULL = f"{FORBIDDEN}exceeded quota: team, requested: pods=1, used: pods=2, limited: pods=2"
QUOTA = f"{FORBIDDEN}exceeded quota: team, requested: pods=1, used: pods=0, limited: pods=0"


def job(failed: str = "", **script: Any) -> JobFacts:
    return job_facts(RUN, script_spec(**script), failed=failed)


def waiting(reason: str = "ErrImagePull", **fields: Any) -> PodFacts:
    return pod_facts(state={"waiting": {"reason": reason, "message": f"the kubelet on {reason}"}}, **fields)


def attempt(pod: PodFacts, number: int = 1) -> Attempt:
    return judge_attempt(number, pod, None)


def event(reason: str, message: str, first: float = 2, last: float = 2) -> EventFacts:
    return EventFacts(reason, message, at(first), at(last))


def end(decision: Settle | Wait) -> Verdict:
    assert isinstance(decision, Settle), decision
    return decision.verdict


class TestRunsDeadline:
    """The Job is ended by its activeDeadlineSeconds, and its pod with it, before the script has started."""

    @pytest.mark.parametrize(
        ("pod", "reason", "words"),
        [
            (waiting("ImagePullBackOff"), Reason.IMAGE_ERROR, "ImagePullBackOff: the kubelet on ImagePullBackOff"),
            (waiting("CreateContainerConfigError"), Reason.SOURCE_MISSING, "the kubelet on CreateContainerConfigError"),
            (replace(pod_facts(), scheduling_message="0/3 nodes"), Reason.UNSCHEDULABLE, "0/3 nodes"),
            (replace(pod_facts(), blocker=Blocker("proxy", NOT_STARTED, "p")), Reason.SIDECAR_FAILED, '"proxy"'),
        ],
    )
    def test_it_does_not_hide_what_was_in_the_way(self, pod: PodFacts, reason: Reason, words: str) -> None:
        """Neither while the pod is being deleted, nor once it is gone."""
        for left in (pod, replace(pod, deleted_at=at(9)), replace(pod, gone=True)):
            verdict = end(decide_outcome(RUN, job("DeadlineExceeded", activeDeadlineSeconds=9), [attempt(left)], at(9)))
            assert verdict.reason is reason
            assert words in verdict.message
            assert "activeDeadlineSeconds (9 s)" in verdict.message

    def test_an_operator_that_was_not_there_recalls_it_from_the_runs_own_status(self) -> None:
        status = {"phase": "Pending", "reason": "ImageError", "message": "ErrImagePull: no such host"}
        lost = replace(pod_facts(), gone=True)
        for attempts in ([], [attempt(lost)]):
            verdict = end(decide_outcome(run_facts(status=status), job("DeadlineExceeded"), attempts, at(9)))
            assert verdict.reason is Reason.IMAGE_ERROR
            assert "no such host" in verdict.message

    def test_a_script_that_ran_is_what_took_the_time(self) -> None:
        status = {"phase": "Running", "reason": "ImageError", "message": "of another attempt"}
        pod = pod_facts(state={"terminated": ended_state(143)}, deleting=True)
        verdict = end(decide_outcome(run_facts(status=status), job("DeadlineExceeded"), [attempt(pod)], at(9)))
        assert verdict.reason is Reason.TIMEOUT
        assert "another attempt" not in verdict.message

    def test_a_retry_that_was_refused_is_recalled_with_how_the_last_attempt_failed(self) -> None:
        told = "no pod can be made: exceeded quota: team\nattempt 1: ScriptFailed: boom"
        run = run_facts(status={"phase": "Running", "reason": "Unschedulable", "message": told})
        pod = pod_facts(state={"terminated": ended_state(1)})
        verdict = end(decide_outcome(run, job("DeadlineExceeded", backoffLimit=3), [attempt(pod)], at(9)))
        assert verdict.reason is Reason.UNSCHEDULABLE
        assert told in verdict.message

    def test_nothing_known_is_a_timeout_that_says_that_the_script_had_not_started(self) -> None:
        status = {"phase": "Pending", "reason": "PodPending", "message": "pod x is starting: Pulling: image y"}
        verdict = end(decide_outcome(run_facts(status=status), job("DeadlineExceeded"), [attempt(pod_facts())], at(9)))
        assert verdict.reason is Reason.TIMEOUT
        assert "the script had not started" in verdict.message
        assert "pod x is starting: Pulling: image y" in verdict.message

    def test_attempts_that_failed_to_start_are_the_cause(self) -> None:
        pod = pod_facts(state={"terminated": {"exitCode": 128, "reason": "StartError", "message": "no runner"}})
        verdict = end(decide_outcome(RUN, job("DeadlineExceeded", backoffLimit=5), [attempt(pod)], at(9)))
        assert (verdict.reason, "no runner" in verdict.message) == (Reason.IMAGE_ERROR, True)

    def test_how_the_attempts_before_failed_is_said_as_well(self) -> None:
        first = pod_facts(suffix="aaaa1", state={"terminated": ended_state(137, "OOMKilled")})
        attempts = [attempt(first), attempt(waiting(suffix="aaaa2"), 2)]
        verdict = end(decide_outcome(RUN, job("DeadlineExceeded", backoffLimit=5), attempts, at(9)))
        assert verdict.reason is Reason.IMAGE_ERROR
        assert "attempt 1: OutOfMemory: " in verdict.message
        verdict = end(decide_outcome(RUN, job("DeadlineExceeded", backoffLimit=5), attempts[:1], at(9)))
        assert verdict.reason is Reason.TIMEOUT
        assert "attempt 1: OutOfMemory: " in verdict.message

    def test_until_the_job_has_said_so_the_run_keeps_what_it_waited_for(self) -> None:
        said = Wait("ImageError", "ErrImagePull: the kubelet on ErrImagePull")
        held = job(activeDeadlineSeconds=8, backoffLimit=2)
        for pod in (replace(waiting(), deleted_at=at(9)), replace(waiting(), gone=True)):
            assert decide_outcome(RUN, held, [attempt(pod)], at(9)) == said
        told = run_facts(status={"phase": "Pending", "reason": said.reason, "message": said.message})
        ended = attempt(pod_facts(state={"terminated": ended_state(1)}))
        for attempts in ([], [attempt(replace(pod_facts(), deleted_at=at(9)))], [ended]):
            decision = decide_outcome(told, replace(held, failing=not attempts), attempts, at(9))
            assert isinstance(decision, Wait)
            assert (decision.reason, decision.message) == (said.reason, said.message)

    def test_a_job_that_was_deleted_does_not_hide_it_either(self) -> None:
        verdict = decide_lost_job(RUN, [attempt(waiting())]).verdict
        assert verdict.reason is Reason.OUTPUT_LOST
        assert "ErrImagePull: the kubelet on ErrImagePull" in verdict.message

    def test_a_cancelled_run_says_what_it_had_waited_for(self) -> None:
        verdict = end(decide_outcome(run_facts(cancel=True), job(), [attempt(waiting())], at(9)))
        assert verdict.reason is Reason.CANCELED
        assert "ErrImagePull: the kubelet on ErrImagePull" in verdict.message


class TestRefusedPods:
    def test_they_count_towards_the_start_deadline(self) -> None:
        held, said = job(startDeadlineSeconds=60), event("FailedCreate", QUOTA)
        early = decide_outcome(RUN, held, [], at(60), said)
        assert isinstance(early, Wait)
        assert (early.reason, early.again_seconds) == ("Unschedulable", 1.0)
        assert "exceeded quota: team" in early.message
        late = decide_outcome(RUN, held, [], at(61), said)
        assert isinstance(late, Settle)
        assert late.stop_job
        assert late.verdict.reason is Reason.UNSCHEDULABLE
        assert early.message in late.verdict.message
        assert "startDeadlineSeconds 60" in late.verdict.message

    def test_room_that_others_use_is_waited_for(self) -> None:
        held, said = job(startDeadlineSeconds=60), event("FailedCreate", FULL)
        decision = decide_outcome(RUN, held, [], at(9999), said)
        assert isinstance(decision, Wait)
        assert (decision.reason, decision.again_seconds) == ("Unschedulable", 30.0)
        assert "it is let in once there is room" in decision.message

    def test_a_retry_waits_for_room_as_well(self) -> None:
        pod = pod_facts(state={"terminated": ended_state(1, seconds=40)})
        failed = judge_attempt(1, pod, output_facts(pod.name, result_document("FAILED", message="boom")))
        held, said = job(startDeadlineSeconds=60, backoffLimit=3), event("FailedCreate", FULL, 2, 90)
        decision = decide_outcome(RUN, held, [failed], at(200), said)
        assert isinstance(decision, Wait)
        assert decision.message.endswith("attempt 1: ScriptFailed: boom")

    def test_what_others_say_of_quotas_is_waited_for_no_longer(self) -> None:
        """A registry's words in an event of the kubelet, for instance."""
        said = event("FailedMount", "exceeded quota: of the storage")
        assert isinstance(decide_outcome(RUN, job(startDeadlineSeconds=60), [], at(9999), said), Settle)

    def test_a_job_that_was_suspended_counts_from_its_start(self) -> None:
        held = replace(job(startDeadlineSeconds=60), started_at=at(100))
        assert isinstance(decide_outcome(RUN, held, [], at(159), event("FailedCreate", QUOTA)), Wait)

    def test_the_looks_grow_apart(self) -> None:
        looks = [decide_outcome(RUN, job(), [], at(1 + age)) for age in (1, 20, 290)]
        assert [look.again_seconds for look in looks if isinstance(look, Wait)] == [2.0, 5.0, 30.0]

    def test_a_retry_that_is_refused_has_the_refusal_and_how_the_last_attempt_failed(self) -> None:
        pod = pod_facts(state={"terminated": ended_state(1, seconds=40)})
        failed = judge_attempt(1, pod, output_facts(pod.name, result_document("FAILED", message="boom")))
        held, said = job(startDeadlineSeconds=60, backoffLimit=3), event("FailedCreate", QUOTA, 2, 90)
        early = decide_outcome(RUN, held, [failed], at(99), said)
        assert isinstance(early, Wait), "the first refusal was another attempt's"
        assert early.message.endswith("attempt 1: ScriptFailed: boom")
        verdict = end(decide_outcome(RUN, held, [failed], at(100), said))
        assert verdict.reason is Reason.UNSCHEDULABLE
        assert "exceeded quota" in verdict.message
        assert "boom" in verdict.message

    @pytest.mark.parametrize(
        ("said", "advice"),
        [
            (
                f"{FORBIDDEN}failed quota: team: must specify limits.cpu for: script; requests.memory for: script",
                "set resources.limits.cpu, resources.requests.memory in the Script",
            ),
            (
                f"{FORBIDDEN}failed quota: team: must specify cpu,limits.memory",
                "set resources.requests.cpu, resources.limits.memory in the Script",
            ),
            (QUOTA, "raise pods of ResourceQuota team to 1 or more"),
            (FULL, "it is let in once there is room"),
            (f"{FORBIDDEN}maximum memory usage per Container is 64Mi, but limit is 1Gi", "change resources"),
            (f'{FORBIDDEN}violates PodSecurity "restricted:latest": privileged', "pod-security.kubernetes.io/enforce"),
            (f"{FORBIDDEN}error looking up service account a/b: not found", "serviceAccountName"),
        ],
    )
    def test_what_to_set_where(self, said: str, advice: str) -> None:
        verdict = judge_event(event("FailedCreate", said))
        assert verdict is not None
        assert verdict.reason is Reason.UNSCHEDULABLE
        assert said.removeprefix("Error creating: ") in verdict.message
        assert advice in verdict.message

    def test_what_is_not_known_is_passed_on(self) -> None:
        said = f'{FORBIDDEN}admission webhook "w" denied the request: no'
        verdict = judge_event(event("FailedCreate", said))
        assert verdict is not None
        assert verdict.message == f"no pod can be made: {said.removeprefix('Error creating: ')}"


class TestEventsOfPods:
    @pytest.mark.parametrize(
        ("reason", "message", "expected"),
        [
            ("FailedMount", 'MountVolume.SetUp failed for volume "v" : secret "s" not found', Reason.SOURCE_MISSING),
            ("FailedMount", 'MountVolume.SetUp failed for volume "v" : timed out', Reason.UNSCHEDULABLE),
            ("FailedAttachVolume", "Multi-Attach error", Reason.UNSCHEDULABLE),
            ("FailedCreatePodSandBox", "plugin type=calico failed", Reason.UNSCHEDULABLE),
        ],
    )
    def test_what_the_kubelet_can_not_set_up(self, reason: str, message: str, expected: Reason) -> None:
        held, said = job(startDeadlineSeconds=60), event(reason, message)
        early = decide_outcome(RUN, held, [attempt(pod_facts())], at(30), said)
        assert isinstance(early, Wait)
        assert (early.reason, early.message) == (expected, f"{reason}: {message}")
        verdict = end(decide_outcome(RUN, held, [attempt(pod_facts())], at(61), said))
        assert (verdict.reason, message in verdict.message) == (expected, True)

    def test_an_image_may_be_pulled_for_as_long_as_the_run_may_take(self) -> None:
        said = event("Pulling", 'Pulling image "large"')
        decision = decide_outcome(RUN, job(startDeadlineSeconds=60), [attempt(pod_facts())], at(1000), said)
        assert isinstance(decision, Wait)
        assert decision.message.endswith('is starting: Pulling: Pulling image "large"')

    def test_the_times_of_an_event_whoever_wrote_it(self) -> None:
        base = {"reason": "r", "message": "m", "metadata": {"creationTimestamp": instant(1)}}
        times = [
            ({}, 1, 1),
            ({"firstTimestamp": instant(2), "lastTimestamp": instant(5)}, 2, 5),
            ({"firstTimestamp": None, "lastTimestamp": None, "eventTime": instant(3)}, 3, 3),
            ({"eventTime": instant(3), "series": {"lastObservedTime": instant(8)}}, 3, 8),
        ]
        for fields, first, last in times:
            assert observe_event({**base, **fields}) == EventFacts("r", "m", at(first), at(last))


class TestObstacles:
    def test_an_init_container_that_runs_is_none(self) -> None:
        assert find_obstacle(replace(pod_facts(), blocker=Blocker("vault", INIT_RUNNING))) is None

    def test_whatever_else_the_kubelet_waits_for_with_the_scripts_own_container_is_its_image(self) -> None:
        found = find_obstacle(waiting("RunContainerError"))
        assert found == Verdict(Reason.IMAGE_ERROR, "RunContainerError: the kubelet on RunContainerError")

    @pytest.mark.parametrize(
        "status",
        [
            {},
            {"reason": "PodPending", "message": "x"},
            {"reason": "Retrying", "message": "x"},
            {"reason": "ImageError"},
            {"reason": "ImageError", "message": "x", "finishedAt": instant(9)},
        ],
    )
    def test_a_status_that_tells_of_none(self, status: dict[str, str]) -> None:
        assert recall_obstacle(status) is None

    def test_the_cache_keeps_what_the_kubelet_forgets_of_a_pod_that_is_ended(self) -> None:
        state = RunState()
        for body in (
            waiting("ImagePullBackOff", version=2),
            pod_facts(version=3, deleting=True, state={"waiting": {"reason": "ContainerCreating"}}),
            pod_facts(version=4, deleting=True, state={"terminated": {"exitCode": 137, "reason": "Unknown"}}),
        ):
            state.see_pod(body)
        [kept] = state.pods.values()
        assert kept.version == 4
        found = find_obstacle(kept)
        assert found is not None
        assert found.message == "ImagePullBackOff: the kubelet on ImagePullBackOff"

    def test_how_other_containers_end_in_a_deletion_is_no_obstacle(self) -> None:
        known = replace(pod_facts(version=2), blocker=Blocker("proxy", "ErrImagePull", "no such host"))
        ended = replace(pod_facts(version=3, deleting=True), blocker=Blocker("proxy", INIT_FAILED, "exit code 137"))
        state = RunState()
        state.see_pod(known)
        state.see_pod(ended)
        [kept] = state.pods.values()
        assert kept.blocker == known.blocker
        other = RunState()
        other.see_pod(ended)
        assert other.pods[ended.name].blocker == ended.blocker

    def test_but_not_of_one_that_goes_on(self) -> None:
        state = RunState()
        state.see_pod(waiting("ErrImagePull", version=2))
        state.see_pod(pod_facts(version=3, state={"running": {"startedAt": instant(3)}}))
        [kept] = state.pods.values()
        assert find_obstacle(kept) is None


def test_a_job_that_was_never_given_a_start_is_counted_from_its_creation() -> None:
    body = job_body(RUN, script_spec(startDeadlineSeconds=10), created=5)
    del body["status"]["startTime"]
    held = observe_job(body)
    assert isinstance(decide_outcome(RUN, held, [], at(14), event("FailedCreate", QUOTA)), Wait)
    assert isinstance(decide_outcome(RUN, held, [], at(15), event("FailedCreate", QUOTA)), Settle)


class TestRefusedJobs:
    """The API server does not let the operator make a run's Job or its input."""

    def test_leave_is_waited_for_until_the_start_deadline(self) -> None:
        assert decide_refused("Forbidden", "denied: no", at(10), 60, at(20)) == Wait("Forbidden", "denied: no", 5.0)
        assert decide_refused("Forbidden", "denied: no", at(10), 60, at(69)) == Wait("Forbidden", "denied: no", 1.0)
        late = decide_refused("Forbidden", "denied: no", at(10), 60, at(70))
        assert late == Verdict(Reason.UNSCHEDULABLE, "denied: no (startDeadlineSeconds 60 is over)")

    def test_room_in_a_quota_for_jobs_is_a_queue_without_an_end(self) -> None:
        assert decide_refused("QuotaExceeded", FULL, at(10), 60, at(9999)) == Wait("QuotaExceeded", FULL, 5.0)

    def test_a_quota_that_can_never_have_it_is_no_queue(self) -> None:
        early, late = (decide_refused("QuotaExceeded", QUOTA, at(10), 60, at(now)) for now in (69, 70))
        assert isinstance(early, Wait)
        assert (early.reason, early.again_seconds) == ("QuotaExceeded", 1.0)
        assert isinstance(late, Verdict)
        assert late.reason is Reason.UNSCHEDULABLE
        assert "raise pods of ResourceQuota team" in late.message
        assert "startDeadlineSeconds 60 is over" in late.message

    @pytest.mark.parametrize("reason", ["Forbidden", "QuotaExceeded"])
    def test_an_input_that_is_refused_is_why_the_pod_does_not_start(self, reason: str) -> None:
        run = run_facts(status={"phase": "Pending", "reason": reason, "message": "exceeded quota: maps"})
        said = event("FailedMount", 'configmap "hello-1-input" not found')
        for decision in (
            decide_outcome(run, job(startDeadlineSeconds=9), [attempt(pod_facts())], at(10), said),
            decide_outcome(run, job("DeadlineExceeded"), [attempt(pod_facts())], at(10)),
        ):
            assert end(decision).reason is Reason.UNSCHEDULABLE
            assert "exceeded quota: maps" in end(decision).message
