"""Which container of a pod is the script's, and which keeps it from starting."""

from typing import Any

import pytest

from builders import instant, pod_body, pod_facts, terminated
from scriptrun.desired.containers import find_blocker, has_started, is_alone, script_state

RUNNING = {"running": {"startedAt": instant(3)}}
ENDED = {"terminated": terminated(3)}
INITIALIZING = {"waiting": {"reason": "PodInitializing"}}
BACK_OFF = {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}}


def pod(script: dict[str, Any] | None, others: dict[str, Any], inits: dict[str, Any] | None = None) -> dict[str, Any]:
    """A pod as the kubelet shows it: statuses sorted by name; `inits` are native sidecars where their name says so."""
    body = pod_body(state=script or {}, beside=list(others))
    states = {**others, **({"script": script} if script else {})}
    body["status"]["containerStatuses"] = [{"name": name, "state": states[name]} for name in sorted(states)]
    body["spec"]["initContainers"] = [
        {"name": name, **({"restartPolicy": "Always"} if "sidecar" in name else {})} for name in inits or {}
    ]
    body["status"]["initContainerStatuses"] = [
        status if "state" in status else {"name": name, "state": status} for name, status in (inits or {}).items()
    ]
    return body


@pytest.mark.parametrize("name", ["aaa-proxy", "istio-proxy", "zzz"])
def test_the_scripts_container_is_found_wherever_its_name_sorts(name: str) -> None:
    body = pod(ENDED, {name: RUNNING})
    assert script_state(body) == ENDED
    observed = pod_facts(state=ENDED, beside=[name])
    assert (observed.exit_code, observed.alone) == (3, False)


@pytest.mark.parametrize("other", [RUNNING, ENDED])
def test_a_neighbour_that_has_started_is_not_the_script(other: dict[str, Any]) -> None:
    body = pod(INITIALIZING, {"aaa-proxy": other})
    assert not has_started(body)
    assert script_state(pod(None, {"aaa-proxy": other})) == {}


def test_a_debugger_is_neither_the_script_nor_in_its_way() -> None:
    body = pod(INITIALIZING, {})
    body["status"]["ephemeralContainerStatuses"] = [
        {"name": "script", "state": ENDED},
        {"name": "x", "state": BACK_OFF},
    ]
    assert script_state(body) == INITIALIZING
    assert find_blocker(body) is None
    assert is_alone(body)


def test_a_native_sidecar_leaves_the_script_alone() -> None:
    assert is_alone(pod(RUNNING, {}, {"sidecar": RUNNING}))
    assert not is_alone(pod(RUNNING, {"proxy": RUNNING}))


class TestBlockers:
    def test_a_pod_that_starts_has_none(self) -> None:
        assert find_blocker(pod_body()) is None
        assert find_blocker(pod(INITIALIZING, {"proxy": INITIALIZING}, {"init": INITIALIZING})) is None
        assert find_blocker(pod({"waiting": {"reason": "ContainerCreating"}}, {"proxy": RUNNING})) is None

    def test_the_scripts_own_comes_first_and_without_a_name(self) -> None:
        blocker = find_blocker(pod(BACK_OFF, {"aaa": BACK_OFF}, {"init": BACK_OFF}))
        assert blocker is not None
        assert (blocker.container, blocker.reason, blocker.message) == (
            "",
            "ImagePullBackOff",
            "Back-off pulling image",
        )

    @pytest.mark.parametrize(
        "body",
        [pod(INITIALIZING, {"it": BACK_OFF}), pod(INITIALIZING, {}, {"it": BACK_OFF})],
        ids=["container", "init container"],
    )
    def test_anothers_has_its_name(self, body: dict[str, Any]) -> None:
        blocker = find_blocker(body)
        assert blocker is not None
        assert (blocker.container, blocker.reason) == ("it", "ImagePullBackOff")

    @pytest.mark.parametrize("script", [RUNNING, ENDED])
    def test_once_the_script_has_started_nothing_is_in_its_way(self, script: dict[str, Any]) -> None:
        assert find_blocker(pod(script, {"it": BACK_OFF}, {"sidecar": BACK_OFF})) is None

    def test_a_container_that_crashes_tells_how_it_last_ended(self) -> None:
        looping = {
            "name": "sidecar",
            "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}},
            "lastState": {"terminated": terminated(2, "Error", "no certificate\n")},
        }
        blocker = find_blocker(pod(INITIALIZING, {}, {"sidecar": looping}))
        assert blocker is not None
        assert blocker.reason == "CrashLoopBackOff"
        assert blocker.message == "back-off 10s (it last ended with exit code 2, Error: no certificate)"

    def test_a_native_sidecar_that_does_not_get_ready(self) -> None:
        waiting = {"name": "sidecar", "state": RUNNING, "started": False}
        blocker = find_blocker(pod(INITIALIZING, {}, {"sidecar": waiting}))
        assert blocker is not None
        assert (blocker.container, blocker.reason) == ("sidecar", "SidecarNotStarted")
        assert find_blocker(pod(INITIALIZING, {}, {"sidecar": {**waiting, "started": True}})) is None

    def test_an_init_container_that_runs_or_failed(self) -> None:
        for state, reason in ((RUNNING, "InitContainerRunning"), (ENDED, "InitContainerFailed")):
            blocker = find_blocker(pod(INITIALIZING, {}, {"init": state}))
            assert blocker is not None
            assert (blocker.container, blocker.reason) == ("init", reason)
        assert find_blocker(pod(INITIALIZING, {}, {"init": {"terminated": terminated(0)}})) is None

    def test_what_a_container_said_is_cut(self) -> None:
        failed = {"terminated": terminated(1, "Error", "x" * 5000)}
        blocker = find_blocker(pod(INITIALIZING, {}, {"init": failed}))
        assert blocker is not None
        assert len(blocker.message) < 1100


def test_an_init_container_that_was_never_created_has_not_failed() -> None:
    """The kubelet gives it an end when the pod is ended, so that every container has one."""
    unseen = {"terminated": {"exitCode": 137, "reason": "ContainerStatusUnknown"}}
    assert find_blocker(pod(None, {}, {"first": unseen})) is None
