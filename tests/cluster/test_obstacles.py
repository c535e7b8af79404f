"""Runs whose script never starts: whichever deadline comes first, the end has the obstacle's reason and words.

Whoever knows of an obstacle says so within seconds, while a run's own deadline (the usual: shorter than
``startDeadlineSeconds``) passes later. All runs of a namespace are made at once, then each is looked at.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from clusterlab.space import Run, Space
from clusterlab.watch import Manifest
from kubeapi import wait_for

pytestmark = pytest.mark.cluster
pytest_plugins = ["clusterlab.fixtures"]

QUICK = "import sys\nopen(sys.argv[2], 'w').write('{}')\n"
COUNT_FAIL = "import sys\nsys.exit('no luck')\n"
SHORT = {"activeDeadlineSeconds": 8}
"""As compared with 300 s for the start."""
ADMISSION = "admissionregistration.k8s.io/v1"

# name: (fields of the Script, reason, words of the kubelet or the scheduler)
CASES: dict[str, tuple[dict[str, Any], str, str]] = {
    "no-registry": ({"image": "registry.invalid/team/tool:3"}, "ImageError", "registry.invalid/team/tool:3"),
    "bad-name": ({"image": "UPPER/Case"}, "ImageError", "InvalidImageName"),
    "no-secret": ({"envFrom": [{"secretRef": {"name": "vault"}}]}, "SourceMissing", 'secret "vault" not found'),
    "no-map": ({"envFrom": [{"configMapRef": {"name": "shop"}}]}, "SourceMissing", 'configmap "shop" not found'),
    "no-key": (
        {"env": [{"name": "T", "valueFrom": {"secretKeyRef": {"name": "half", "key": "token"}}}]},
        "SourceMissing",
        "token",
    ),
    "no-node": ({"nodeSelector": {"disk": "optical"}}, "Unschedulable", "nodes are available"),
    "too-big": ({"resources": {"requests": {"memory": "900Ti"}}}, "Unschedulable", "Insufficient memory"),
    "no-account": (
        {"serviceAccountName": "absent", "output": {"transport": "TerminationMessage"}},
        "Unschedulable",
        "create the ServiceAccount",
    ),
    "no-runner": ({"image": "scriptrun.dev/pause:1", "backoffLimit": 9}, "ImageError", "/opt/scriptrun/bin/runner"),
}


@pytest.fixture(scope="module")
def late(shared: Space) -> Space:
    """Every case, started, with a deadline for the run that comes long before that for the start."""
    shared.create(shared.path("secrets"), {"metadata": {"name": "half"}, "stringData": {"other": "1"}})
    for name, (script, _reason, _words) in CASES.items():
        shared.start(name, QUICK, {**SHORT, **script})
    shared.start("canceled", QUICK, {"nodeSelector": {"disk": "optical"}})
    shared.start("retry-refused", COUNT_FAIL, {"activeDeadlineSeconds": 15, "backoffLimit": 9})
    return shared


@pytest.mark.parametrize("name", CASES)
def test_the_runs_deadline_does_not_hide_what_was_in_the_way(late: Space, name: str) -> None:
    _script, reason, words = CASES[name]
    run = late.end_of(name)
    assert run.end == ("Failed", reason), run
    assert words in run.message
    assert "activeDeadlineSeconds (8 s)" in run.message


@pytest.mark.parametrize("name", [name for name in CASES if name != "no-runner"])
def test_it_was_said_while_the_run_waited(late: Space, name: str) -> None:
    """What the last wait said is in the end, word for word."""
    late.end_of(name)
    waits = [run for run in late.history(name) if run.phase == "Pending" and run.reason == CASES[name][1]]
    assert waits, late.history(name)
    assert CASES[name][2] in waits[-1].message


def test_a_cancelled_run_says_what_it_had_waited_for(late: Space) -> None:
    late.wait_phase("canceled", "Pending", "Unschedulable")
    late.cancel("canceled")
    run = late.end_of("canceled")
    assert run.end == ("Canceled", "Canceled")
    assert run.message.startswith("canceled by spec.cancel")
    assert "nodes are available" in run.message


def test_a_timeout_between_two_attempts_says_how_the_last_one_failed(late: Space) -> None:
    run = late.end_of("retry-refused")
    assert run.end == ("Failed", "Timeout")
    assert "activeDeadlineSeconds (15 s)" in run.message
    assert "no luck" in run.message


def _set_quota(space: Space, **hard: str) -> None:
    space.create(space.path("resourcequotas"), {"metadata": {"name": "team"}, "spec": {"hard": hard}})

    def counts() -> bool:
        return bool((space.api.get(space.path("resourcequotas", "team")).body.get("status") or {}).get("used"))

    wait_for("the quota to count", counts)


def _end_refused(space: Space, words: str, **script: Any) -> Run:
    """The end of a run whose pods are refused, after 5 s at the latest."""
    space.start("refused", QUICK, {"startDeadlineSeconds": 5, **script})
    run = space.end_of("refused", 40)
    assert run.end == ("Failed", "Unschedulable"), run
    assert words in run.message
    assert "startDeadlineSeconds 5 is over" in run.message
    assert ("Pending", "Unschedulable") in {version.end for version in space.history("refused")}
    assert not space.pods_seen("refused")
    return run


def test_a_quota_that_has_no_room_counts_towards_the_start(space: Space) -> None:
    _set_quota(space, **{"requests.memory": "100Mi"})
    memory = {"requests": {"memory": "1Gi"}, "limits": {"memory": "1Gi"}}
    run = _end_refused(space, "exceeded quota: team, requested: requests.memory=1Gi", resources=memory)
    assert "lower resources.requests.memory in the Script to at most 100Mi" in run.message


def test_a_quota_that_wants_limits_says_what_to_set_where(space: Space) -> None:
    _set_quota(space, **{"limits.cpu": "4", "requests.memory": "4Gi"})
    run = _end_refused(space, "must specify limits.cpu")
    assert "set resources.limits.cpu, resources.requests.memory in the Script" in run.message


def test_a_run_waits_for_room_that_another_uses(space: Space) -> None:
    _set_quota(space, pods="1")
    space.start("first", "import time\ntime.sleep(600)", {"activeDeadlineSeconds": 600})
    space.wait_started("first")
    space.start("second", QUICK, {"startDeadlineSeconds": 2})
    space.wait_run("second", "the refusal", lambda run: "once there is room" in run.message)
    space.cancel("first")
    assert space.end_of("second", 120).end == ("Succeeded", "Completed")


def test_a_quota_that_lets_no_job_in_ends_the_run(space: Space) -> None:
    _set_quota(space, **{"count/jobs.batch": "0"})
    space.start("refused", QUICK, {"startDeadlineSeconds": 5})
    run = space.end_of("refused", 40)
    assert run.end == ("Failed", "Unschedulable"), run
    assert "exceeded quota" in run.message
    assert "raise count/jobs.batch of ResourceQuota team to 1 or more" in run.message
    assert ("Pending", "QuotaExceeded") in {version.end for version in space.history("refused")}


def test_the_runs_deadline_does_not_hide_a_quota(space: Space) -> None:
    _set_quota(space, pods="0")
    space.start("refused", QUICK, SHORT)
    run = space.end_of("refused", 40)
    assert run.end == ("Failed", "Unschedulable")
    assert "exceeded quota: team" in run.message
    assert "activeDeadlineSeconds (8 s)" in run.message


def test_a_retry_that_is_refused_says_so_and_how_the_last_attempt_failed(space: Space) -> None:
    space.start(
        "halfway",
        "import time\ntime.sleep(3)\nraise SystemExit('no luck')",
        {"backoffLimit": 3, "activeDeadlineSeconds": 30},
    )
    space.wait_started("halfway")
    _set_quota(space, pods="0")
    run = space.end_of("halfway", 60)
    assert run.end == ("Failed", "Unschedulable"), run
    assert "exceeded quota: team" in run.message
    assert "attempt 1: ScriptFailed" in run.message
    assert "no luck" in run.message


def test_a_limit_range_that_allows_less(space: Space) -> None:
    limits = [{"type": "Container", "max": {"memory": "64Mi"}}]
    space.create(space.path("limitranges"), {"metadata": {"name": "small"}, "spec": {"limits": limits}})
    run = _end_refused(space, "maximum memory usage per Container is 64Mi", resources={"limits": {"memory": "1Gi"}})
    assert "change resources in the Script to fit it" in run.message


def _wait_refused(space: Space, words: str) -> None:
    """Wait until pods are refused, with certain words; the API server takes a moment to know of a new rule."""
    container = {
        "name": "script",
        "image": "none",
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    security = {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}}
    probe = {"metadata": {"name": "probe"}, "spec": {"securityContext": security, "containers": [container]}}
    path = f"{space.path('pods')}?dryRun=All"
    wait_for(f"pods to be refused: {words}", lambda: words in str(space.api.post(path, probe).body))


@pytest.fixture
def policy(space: Space) -> Iterator[Callable[[str, str], None]]:
    """Has the API server refuse objects of a kind in the test's namespace."""
    name = f"no-pods-{space.name}"
    root = f"/apis/{ADMISSION}"

    def install(group: str, plural: str) -> None:
        refused = {"apiGroups": [group], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": [plural]}
        spec: Manifest = {
            "failurePolicy": "Fail",
            "matchConstraints": {
                "resourceRules": [refused],
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": space.name}},
            },
            "validations": [{"expression": "false", "reason": "Forbidden", "message": "the shop is closed"}],
        }
        space.create(f"{root}/validatingadmissionpolicies", {"metadata": {"name": name}, "spec": spec})
        binding = {"metadata": {"name": name}, "spec": {"policyName": name, "validationActions": ["Deny"]}}
        space.create(f"{root}/validatingadmissionpolicybindings", binding)

    yield install
    for plural in ("validatingadmissionpolicybindings", "validatingadmissionpolicies"):
        space.api.delete(f"{root}/{plural}/{name}")


def test_a_policy_that_lets_no_pod_in(space: Space, policy: Callable[[str, str], None]) -> None:
    policy("", "pods")
    _wait_refused(space, "closed")
    _end_refused(space, "the shop is closed")


def test_a_policy_that_lets_no_job_in(space: Space, policy: Callable[[str, str], None]) -> None:
    """The operator itself is refused then."""
    policy("batch", "jobs")
    pod = {"restartPolicy": "Never", "containers": [{"name": "a", "image": "a"}]}
    probe = {"metadata": {"name": "probe"}, "spec": {"template": {"spec": pod}}}
    dry = f"{space.job_path()}?dryRun=All"
    wait_for("the policy to count", lambda: "closed" in str(space.api.post(dry, probe).body))
    space.start("refused", QUICK, {"startDeadlineSeconds": 5})
    run = space.end_of("refused", 40)
    assert run.end == ("Failed", "Unschedulable"), run
    assert "the shop is closed" in run.message
    assert "startDeadlineSeconds 5 is over" in run.message
    assert ("Pending", "Forbidden") in {version.end for version in space.history("refused")}


@contextmanager
def _webhook_away(space: Space, group: str, plural: str) -> Iterator[None]:
    """Has the API server ask a webhook that nobody serves about new objects of a kind in the test's namespace."""
    name = f"away-{space.name}"
    path = f"/apis/{ADMISSION}/validatingwebhookconfigurations"
    webhook = {
        "name": "away.example.org",
        "admissionReviewVersions": ["v1"],
        "sideEffects": "NoneOnDryRun",
        "failurePolicy": "Fail",
        "timeoutSeconds": 1,
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": space.name}},
        "rules": [{"apiGroups": [group], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": [plural]}],
        "clientConfig": {"service": {"namespace": space.name, "name": "nobody"}},
    }
    space.create(path, {"metadata": {"name": name}, "webhooks": [webhook]})
    try:
        yield
    finally:
        space.api.delete(f"{path}/{name}")


def test_a_webhook_that_does_not_answer(space: Space) -> None:
    with _webhook_away(space, "", "pods"):
        _wait_refused(space, "failed calling webhook")
        _end_refused(space, 'failed calling webhook "away.example.org"')


def test_a_webhook_for_jobs_that_does_not_answer_holds_the_run_up_and_is_named(space: Space) -> None:
    """The operator's own request fails, as if the API server were away: it is tried again for as long as it takes."""
    with _webhook_away(space, "batch", "jobs"):
        pod = {"restartPolicy": "Never", "containers": [{"name": "a", "image": "a"}]}
        probe = {"metadata": {"name": "probe"}, "spec": {"template": {"spec": pod}}}
        dry = f"{space.job_path()}?dryRun=All"
        wait_for("the webhook to count", lambda: "calling webhook" in str(space.api.post(dry, probe).body))
        space.start("held", QUICK)
        held = space.wait_phase("held", "Pending", "ReconcileError", 60)
        assert 'failed calling webhook "away.example.org"' in held.message
    assert space.end_of("held", 120).end == ("Succeeded", "Completed")


def test_an_eviction_says_which_limit_was_broken(space: Space) -> None:
    source = "import time\nopen('/tmp/big', 'wb').write(bytes(60 << 20))\ntime.sleep(600)\n"
    space.start("greedy", source, {"resources": {"limits": {"ephemeral-storage": "8Mi"}}})
    run = space.end_of("greedy", 180)
    assert run.end == ("Failed", "Evicted"), run
    assert "ephemeral local storage usage exceeds the total limit of containers 8Mi" in run.message
