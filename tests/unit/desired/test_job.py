"""The Job: what it holds of the Script, what of the run, and what a restricted namespace asks of its pods."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import instant, job_facts, pod_facts, run_facts, script_spec, settings
from scriptrun.desired.job import build_job, build_stop
from scriptrun.models.podmetadata import PodMetadata
from scriptrun.models.reasons import Reason
from scriptrun.policies.attempts import judge_attempt
from scriptrun.policies.verdict import Verdict
from scriptrun.settings import Settings

SHA256 = "ab" * 32
CONTEXT = {
    "script": {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}},
    "pod": {
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "runAsGroup": 65532,
        "seccompProfile": {"type": "RuntimeDefault"},
    },
}


def build(run: dict[str, Any] | None = None, operator: Settings | None = None, **script: Any) -> dict[str, Any]:
    return build_job(run_facts(**(run or {})), script_spec(**script), SHA256, operator or settings())


def pod_of(job: dict[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = job["spec"]["template"]["spec"]
    return spec


def container_of(job: dict[str, Any]) -> dict[str, Any]:
    (container,) = pod_of(job)["containers"]
    assert isinstance(container, dict)
    return container


def env_of(job: dict[str, Any]) -> dict[str, Any]:
    return {item["name"]: item.get("value", item.get("valueFrom")) for item in container_of(job)["env"]}


def test_one_completion_whose_attempts_are_counted() -> None:
    spec = build(backoffLimit=3)["spec"]
    assert (spec["completionMode"], spec["completions"], spec["parallelism"]) == ("Indexed", 1, 1)
    assert (spec["backoffLimit"], spec["backoffLimitPerIndex"]) == (3, 3)
    assert spec["podReplacementPolicy"] == "Failed"


def test_it_is_the_runs_and_says_so() -> None:
    job = build()
    assert job["metadata"]["name"] == "hello-1"
    (owner,) = job["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"], owner["uid"], owner["controller"]) == (
        "ScriptRun",
        "hello-1",
        "uid-of-hello-1",
        True,
    )
    assert job["metadata"]["labels"].items() <= job["spec"]["template"]["metadata"]["labels"].items()
    assert job["metadata"]["labels"]["scriptrun.dev/run"] == "hello-1"


@pytest.mark.parametrize(("on_disruption", "action"), [("Retry", "Ignore"), ("Fail", "FailJob")])
def test_the_disruption_policy(on_disruption: str, action: str) -> None:
    (rule,) = build(onDisruption=on_disruption)["spec"]["podFailurePolicy"]["rules"]
    assert rule == {"action": action, "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}


class TestRestricted:
    """What the `restricted` Pod Security Standard asks for; a cluster test proves it on the real admission."""

    def test_the_security_contexts(self) -> None:
        job = build()
        assert pod_of(job)["securityContext"] == CONTEXT["pod"]
        assert container_of(job)["securityContext"] == CONTEXT["script"]

    def test_the_user_is_the_operators_setting(self) -> None:
        job = build(operator=settings(run_as_user=1_000_660_000))
        assert pod_of(job)["securityContext"] == {
            **CONTEXT["pod"],
            "runAsUser": 1_000_660_000,
            "runAsGroup": 1_000_660_000,
        }

    def test_without_one_the_cluster_chooses(self) -> None:
        job = build(operator=settings(run_as_user=None))
        assert pod_of(job)["securityContext"] == {
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
        }
        assert container_of(job)["securityContext"] == CONTEXT["script"]

    def test_no_volume_but_the_allowed_kinds(self) -> None:
        kinds = {kind for volume in pod_of(build())["volumes"] for kind in volume if kind != "name"}
        assert kinds == {"configMap", "emptyDir", "projected"}

    def test_nothing_of_the_host(self) -> None:
        pod = pod_of(build())
        assert not {"hostNetwork", "hostPID", "hostIPC", "initContainers", "ephemeralContainers"} & pod.keys()
        assert pod["restartPolicy"] == "Never"
        assert pod["enableServiceLinks"] is False

    def test_every_folder_that_can_be_written_is_a_mount(self) -> None:
        mounts = {mount["mountPath"]: mount.get("readOnly", False) for mount in container_of(build())["volumeMounts"]}
        assert mounts == {
            "/scriptrun/input": True,
            "/scriptrun/work": False,
            "/scriptrun/run": False,
            "/tmp": False,
            "/scriptrun/token": True,
        }


class TestVolumes:
    VOLUMES = ({"name": "memory", "emptyDir": {"medium": "Memory", "sizeLimit": 0.5}},)

    def test_the_scripts_own_come_after_the_runners(self) -> None:
        mount = {"name": "memory", "mountPath": "/dev/shm"}
        job = build(volumes=[*self.VOLUMES], volumeMounts=[mount])
        assert pod_of(job)["volumes"][-1] == self.VOLUMES[0]
        assert container_of(job)["volumeMounts"][-1] == mount
        assert pod_of(job)["volumes"][:-1] == pod_of(build())["volumes"]

    def test_they_can_be_written_by_the_script(self) -> None:
        added = {"fsGroup": 65532, "fsGroupChangePolicy": "OnRootMismatch"}
        assert pod_of(build(volumes=[*self.VOLUMES]))["securityContext"] == {**CONTEXT["pod"], **added}

    def test_one_at_tmp_takes_the_runners_place(self) -> None:
        job = build(volumes=[*self.VOLUMES], volumeMounts=[{"name": "memory", "mountPath": "/tmp"}])
        mounts = [mount["name"] for mount in container_of(job)["volumeMounts"] if mount["mountPath"] == "/tmp"]
        assert mounts == ["memory"]
        assert "tmp" not in {volume["name"] for volume in pod_of(job)["volumes"]}


class TestToken:
    def test_with_a_config_map_output_there_is_a_short_one_for_this_pod(self) -> None:
        pod = pod_of(build())
        assert pod["automountServiceAccountToken"] is False
        assert pod["serviceAccountName"] == "scriptrun-runner"
        (token,) = (volume for volume in pod["volumes"] if volume["name"] == "token")
        (projected, authority) = token["projected"]["sources"]
        assert projected == {"serviceAccountToken": {"path": "token", "expirationSeconds": 3607}}
        assert authority["configMap"]["name"] == "kube-root-ca.crt"

    def test_with_a_termination_message_there_is_none(self) -> None:
        job = build(output={"transport": "TerminationMessage"})
        assert pod_of(job)["automountServiceAccountToken"] is False
        assert "token" not in json.dumps(pod_of(job)["volumes"])
        assert "token" not in json.dumps(container_of(job)["volumeMounts"])

    def test_a_scripts_own_account_still_mounts_none(self) -> None:
        job = build(output={"transport": "TerminationMessage"}, serviceAccountName="workload")
        assert pod_of(job)["serviceAccountName"] == "workload"
        assert pod_of(job)["automountServiceAccountToken"] is False


class TestWhatTheCallerMayChoose:
    def test_lower_limits(self) -> None:
        spec = build({"activeDeadlineSeconds": 7, "backoffLimit": 0}, activeDeadlineSeconds=60, backoffLimit=3)["spec"]
        assert (spec["activeDeadlineSeconds"], spec["backoffLimit"], spec["backoffLimitPerIndex"]) == (7, 0, 0)

    def test_the_scripts_without(self) -> None:
        spec = build(activeDeadlineSeconds=60, backoffLimit=3)["spec"]
        assert (spec["activeDeadlineSeconds"], spec["backoffLimit"]) == (60, 3)

    def test_the_secret_that_was_made_for_this_run(self) -> None:
        job = build({"secretEnv": {"name": "hello-1.run-env"}}, envFrom=[{"secretRef": {"name": "of-the-script"}}])
        assert container_of(job)["envFrom"] == [
            {"secretRef": {"name": "of-the-script"}},
            {"secretRef": {"name": "hello-1.run-env"}},
        ]

    @given(
        st.dictionaries(
            st.sampled_from(
                [
                    *("image", "command", "env", "envFrom", "resources", "serviceAccountName", "nodeSelector"),
                    *("tolerations", "variables", "source", "task", "handler", "securityContext", "volumes"),
                ]
            ),
            st.sampled_from(
                ["evil", {"name": "evil"}, [{"name": "evil", "value": "evil"}], {"payload": {"a": "evil"}}]
            ),
        )
    )
    def test_and_nothing_else(self, spec: dict[str, Any]) -> None:
        assert build(spec) == build()


class TestEnvironment:
    def test_the_runners_own_names(self) -> None:
        env = env_of(build())
        assert env["SCRIPTRUN_POD"] == {"fieldRef": {"fieldPath": "metadata.name"}}
        assert env["SCRIPTRUN_INPUT_SHA256"] == SHA256
        assert "job-index-failure-count" in env["SCRIPTRUN_FAILED_ATTEMPTS"]["fieldRef"]["fieldPath"]
        assert "job-index-ignored-failure-count" in env["SCRIPTRUN_IGNORED_ATTEMPTS"]["fieldRef"]["fieldPath"]

    def test_the_scripts_come_with_their_sources(self) -> None:
        secret = {"secretKeyRef": {"name": "db", "key": "password"}}
        env = env_of(build(env=[{"name": "A", "value": "1"}, {"name": "PASSWORD", "valueFrom": secret}]))
        assert (env["A"], env["PASSWORD"]) == ("1", secret)

    def test_the_runners_win_over_a_script_that_uses_their_names(self) -> None:
        # The CRD refuses such a Script; an older one may be there all the same. In a pod the last of a name counts.
        assert env_of(build(env=[{"name": "SCRIPTRUN_INPUT_SHA256", "value": "forged"}]))["SCRIPTRUN_INPUT_SHA256"] == (
            SHA256
        )


class TestOfTheScript:
    def test_the_image(self) -> None:
        assert container_of(build(image="registry/own:1"))["image"] == "registry/own:1"
        assert container_of(build(operator=settings(runner_image="r:2")))["image"] == "r:2"
        assert container_of(build())["command"] == ["/opt/scriptrun/bin/runner"]

    def test_where_and_with_what_it_runs(self) -> None:
        job = build(
            resources={"limits": {"memory": "64Mi", "cpu": 1}},
            nodeSelector={"disk": "ssd"},
            tolerations=[{"key": "gpu", "operator": "Exists", "tolerationSeconds": 5}],
            imagePullSecrets=[{"name": "registry"}],
        )
        assert container_of(job)["resources"] == {"limits": {"memory": "64Mi", "cpu": 1}}
        assert pod_of(job)["nodeSelector"] == {"disk": "ssd"}
        assert pod_of(job)["tolerations"] == [{"key": "gpu", "operator": "Exists", "tolerationSeconds": 5}]
        assert pod_of(job)["imagePullSecrets"] == [{"name": "registry"}]

    def test_the_operators_resources_are_those_of_a_script_that_sets_none(self) -> None:
        defaults = {"requests": {"cpu": "100m"}, "limits": {"memory": "1Gi"}}
        operator = settings(resources=defaults)
        assert container_of(build(operator=operator))["resources"] == defaults
        assert container_of(build(operator=operator, resources={"limits": {}}))["resources"] == defaults
        own = {"limits": {"memory": "64Mi"}}
        assert container_of(build(operator=operator, resources=own))["resources"] == own

    def test_what_is_put_on_its_pods(self) -> None:
        """The operator's defaults, over them the Script's, over all the labels by which the operator tells pods."""
        operator = settings(
            pod_labels={"sidecar.istio.io/inject": "false", "cost": "shared"}, pod_annotations={"a": "1", "b": "1"}
        )
        given = {"labels": {"sidecar.istio.io/inject": "true"}, "annotations": {"b": "2"}}
        job = build(operator=operator, podMetadata=given)
        own = {
            "app.kubernetes.io/managed-by": "scriptrun",
            "scriptrun.dev/run": "hello-1",
            "scriptrun.dev/script": "hello.py",
        }
        default_container = {"kubectl.kubernetes.io/default-container": "script"}
        assert job["spec"]["template"]["metadata"] == {
            "labels": {"sidecar.istio.io/inject": "true", "cost": "shared", **own},
            "annotations": {"a": "1", "b": "2", **default_container},
        }
        assert job["metadata"]["labels"] == own
        assert set(job["metadata"]["annotations"]) == {"scriptrun.dev/snapshot"}

    def test_nothing_can_take_the_place_of_a_pods_own_labels(self) -> None:
        forged = {"scriptrun.dev/run": "other", "app.kubernetes.io/managed-by": "me"}
        script = script_spec().model_copy(update={"pod_metadata": PodMetadata.model_construct(labels=forged)})
        job = build_job(run_facts(), script, SHA256, settings())
        assert job["spec"]["template"]["metadata"]["labels"]["scriptrun.dev/run"] == "hello-1"
        assert job["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "scriptrun"

    def test_what_it_leaves_out_is_left_out(self) -> None:
        assert not {"nodeSelector", "tolerations", "imagePullSecrets"} & pod_of(build()).keys()
        assert not {"resources", "envFrom"} & container_of(build()).keys()


class TestSnapshot:
    """What a run is held to is read back from its Job, whatever becomes of the Script."""

    def test_it_comes_back(self) -> None:
        run = run_facts(activeDeadlineSeconds=50)
        script = script_spec(
            backoffLimit=2,
            startDeadlineSeconds=17,
            onDisruption="Fail",
            outputSchema={"type": "object", "title": "ä"},
            output={"transport": "TerminationMessage", "limitBytes": 4096},
        )
        kept = job_facts(run, script, input_sha256=SHA256).snapshot
        assert (kept.backoff_limit, kept.active_deadline_seconds, kept.start_deadline_seconds) == (2, 50, 17)
        assert kept.retry_disrupted is False
        assert kept.output_schema == {"type": "object", "title": "ä"}
        assert kept.input_sha256 == SHA256
        assert kept.output_in_config_map is False

    def test_the_defaults_come_back(self) -> None:
        kept = job_facts().snapshot
        assert (kept.backoff_limit, kept.active_deadline_seconds, kept.start_deadline_seconds) == (0, 900, 300)
        assert (kept.retry_disrupted, kept.output_schema, kept.output_in_config_map) == (True, {}, True)


def test_stopping_says_why_and_after_which_attempts_in_the_same_write() -> None:
    job = job_facts()
    attempts = [judge_attempt(1, pod_facts(state={"running": {"startedAt": instant(3)}}), None)]
    patch = build_stop(job.uid, Verdict(Reason.UNSCHEDULABLE, "no node: ä"), attempts)
    assert patch["spec"] == {"suspend": True}
    assert patch["metadata"]["uid"] == job.uid
    assert json.loads(patch["metadata"]["annotations"]["scriptrun.dev/stopped"]) == {
        "reason": "Unschedulable",
        "message": "no node: ä",
        "attempts": [{"number": 1, "pod": "hello-1-0-aaaaa", "startedAt": "2026-11-21T12:00:03.000Z"}],
    }


def test_a_stopped_job_keeps_its_last_attempts_only() -> None:
    """An object's annotations have 256 KiB; the number of disruptions has no limit."""
    attempts = [judge_attempt(number, pod_facts(suffix=f"{number:05}"), None) for number in range(1, 2001)]
    patch = build_stop("uid", Verdict(Reason.CANCELED, ""), attempts)
    noted = json.loads(patch["metadata"]["annotations"]["scriptrun.dev/stopped"])["attempts"]
    assert [entry["number"] for entry in noted] == list(range(1901, 2001))
