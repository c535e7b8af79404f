"""Names that are paths: whatever a run, a Script, a Bridge, a task or a caller names is in their own namespace."""

import json
from collections.abc import Iterator

import pytest

from clusterlab.bridgespace import BridgeSpace
from clusterlab.process import BridgeProcess
from clusterlab.space import GROUP, Space, build_run, build_script
from kubeapi import Answer, Api

pytestmark = pytest.mark.cluster
pytest_plugins = ["clusterlab.fixtures", "clusterlab.bridgefixtures"]

WORD = "t0p-s3cret"
DUMP = "import json, sys\njson.dump(json.load(open(sys.argv[1])), open(sys.argv[2], 'w'))"


@pytest.fixture
def foreign(admin: Api) -> Iterator[str]:
    """The way from one's own namespace to one that is nobody's here, with a ConfigMap, a Secret and a Script in it."""
    answer = admin.post("/api/v1/namespaces", {"metadata": {"generateName": "test-foreign-"}})
    assert answer.status == 201, answer
    name = answer.body["metadata"]["name"]
    for plural, field in (("configmaps", "data"), ("secrets", "stringData")):
        body = {"metadata": {"name": "theirs"}, field: {"token": WORD, "main.py": DUMP}}
        assert admin.post(f"/api/v1/namespaces/{name}/{plural}", body).status == 201
    script = build_script("theirs", DUMP, handler="python", activeDeadlineSeconds=7)
    assert admin.post(f"/apis/{GROUP}/namespaces/{name}/scripts", script).status == 201
    yield f"../../{name}"
    admin.delete(f"/api/v1/namespaces/{name}")


def _is_refused(answer: Answer, field: str) -> bool:
    return answer.status == 422 and f"{field} in body should match" in answer.message


def test_a_run_reads_no_config_map_of_another_namespace(space: Space, foreign: str) -> None:
    """With the operator's rights it could read every ConfigMap of the cluster."""
    source = {"configMap": {"name": f"{foreign}/configmaps/theirs", "key": "main.py"}}
    runs = {
        "spec.variablesFrom[0].configMap.name": {
            "variablesFrom": [{"configMap": {"name": source["configMap"]["name"]}}]
        },
        "spec.source.configMap.name": {"source": source},
    }
    for field, spec in runs.items():
        assert _is_refused(space.api.post(space.run_path(), build_run("steal", "any.py", **spec)), field)
    answer = space.api.post(space.script_path(), build_script("steal", source=source))
    assert _is_refused(answer, "spec.source.configMap.name")


def test_nor_a_script(space: Space, foreign: str) -> None:
    answer = space.api.post(space.run_path(), build_run("steal", f"{foreign}/scripts/theirs"))
    assert _is_refused(answer, "spec.scriptRef.name")


def test_a_bridge_sends_no_secret_of_another_namespace(idle: BridgeSpace, foreign: str) -> None:
    """Its Secret may be one that the bridge reads for somebody else's Bridge."""
    named = {
        "credentialsSecret": {"name": f"{foreign}/secrets/theirs"},
        "caConfigMap": {"name": f"{foreign}/configmaps/theirs"},
    }
    for field, reference in named.items():
        body = {
            "apiVersion": GROUP,
            "kind": "Bridge",
            "metadata": {"name": "steal"},
            "spec": {"zeebe": {"address": idle.zeebe.address}, field: reference},
        }
        answer = idle.space.api.post(idle.space.path("bridges", group=GROUP), body)
        assert _is_refused(answer, f"spec.{field}.name")


def test_a_task_names_no_script_of_another_namespace(
    bridged: BridgeSpace, process: BridgeProcess, foreign: str
) -> None:
    """Nor anything else that the bridge's account may read: all runs of the cluster, say."""
    for path in (f"{foreign}/scripts/theirs", "../../../scriptruns", "../scriptruns?watch=true"):
        job = bridged.zeebe.wait_state(bridged.zeebe.add(path), "incident")
        assert f'there is no Script "{path}"' in job.message
        assert bridged.runs_of(job) == []
    assert WORD not in "\n".join(process.log)
    assert WORD not in json.dumps(bridged.bridge().body)
