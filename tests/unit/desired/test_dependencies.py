"""The pod of a script with libraries: who may write what, and who knows which secret."""

import json
from typing import Any

from builders import run_facts, script_spec, settings
from scriptrun.desired.input import build_input
from scriptrun.desired.job import build_job
from scriptrun.policies.acceptance import Inputs
from scriptrun.policies.source import Source
from scriptrun_runner.lock import hash_lock, parse_lock

LOCK = f"requests==2.32.4 --hash=sha256:{'a' * 64}\n"
SCRIPT = script_spec(dependencies={"lock": LOCK, "pythonVersion": "3.12"}, image="mine", startDeadlineSeconds=7)


def build_pod(**fields: Any) -> dict[str, Any]:
    known = settings(dependency_index_url="https://index/simple", runner_image="runner", **fields)
    spec: dict[str, Any] = build_job(run_facts(), SCRIPT, "abc", known)["spec"]["template"]["spec"]
    return spec


def mounts(container: dict[str, Any]) -> dict[str, bool]:
    return {mount["name"]: not mount.get("readOnly", False) for mount in container["volumeMounts"]}


def test_only_the_installer_writes_libraries() -> None:
    script, installer = build_pod()["containers"]
    assert (script["image"], installer["image"]) == ("mine", "runner")
    assert mounts(script) | {"work": True, "run": True, "tmp": True} == mounts(script)
    assert (mounts(script)["libraries"], mounts(script)["installer"]) == (False, False)
    assert mounts(installer) == {"input": False, "libraries": True, "installer": True}
    assert installer["securityContext"] == script["securityContext"]


def test_only_the_installer_knows_the_credentials() -> None:
    script, installer = build_pod(dependency_credentials_secret="index")["containers"]
    assert "secretKeyRef" in json.dumps(installer)
    assert "SCRIPTRUN_INDEX" not in json.dumps(script)


def test_the_cache_is_a_claim() -> None:
    def source(spec: dict[str, Any]) -> dict[str, Any]:
        return next(volume for volume in spec["volumes"] if volume["name"] == "libraries")

    assert source(build_pod())["emptyDir"] == {}
    pod = build_pod(dependency_cache_claim="cache")
    assert source(pod)["persistentVolumeClaim"] == {"claimName": "cache"}
    assert pod["securityContext"]["fsGroup"] == 65532


def test_resources_of_the_installer() -> None:
    assert build_pod()["containers"][1]["resources"]["limits"] == {"memory": "512Mi"}
    assert "resources" not in build_pod(dependency_resources={})["containers"][1]
    given = {"limits": {"memory": "256Mi"}}
    assert build_pod(dependency_resources=given)["containers"][1]["resources"] == given


def test_a_script_without_libraries_has_one_container() -> None:
    job = build_job(run_facts(), script_spec(), "abc", settings(dependency_cache_claim="cache"))
    pod = job["spec"]["template"]["spec"]
    assert len(pod["containers"]) == 1
    assert "libraries" not in json.dumps(pod)


def test_the_lock_is_part_of_the_input() -> None:
    data = build_input(run_facts(), SCRIPT, Inputs(Source(b"1")))["data"]
    assert data["lock"] == LOCK
    assert json.loads(data["run.json"])["dependencies"] == {
        "lockSha256": hash_lock(parse_lock(LOCK)),
        "pythonVersion": "3.12",
        "startSeconds": 7,
    }
