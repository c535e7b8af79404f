"""What counts as a run's output: what a pod may have written, and what the operator saw."""

from hashlib import sha256
from typing import Any, cast

import pytest

from builders import output_body
from scriptrun.errors import NotFound
from scriptrun.kube.client import Client
from scriptrun.kube.outputs import find_output_of_pod, read_kept_log, read_output_text
from scriptrun.kube.resources import Resource

POD = "hello-1-0-aaaaa"
TEXT = '{"answer": 42}'
REFERENCE = {"configMap": f"{POD}-output", "key": "output.json", "sha256": sha256(TEXT.encode()).hexdigest()}


class _Server:
    """An API server with at most one ConfigMap."""

    def __init__(self, body: dict[str, Any] | None) -> None:
        self.body = body

    async def get(self, _resource: Resource, _namespace: str, name: str) -> dict[str, Any]:
        if self.body is None or self.body["metadata"]["name"] != name:
            raise NotFound(f"{name} not found", 404, "NotFound")
        return self.body


def _serve(body: dict[str, Any] | None) -> Client:
    return cast(Client, _Server(body))


def _run(**reference: str) -> dict[str, Any]:
    status = {"outputRef": {**REFERENCE, **reference}}
    return {"metadata": {"name": "hello-1", "namespace": "space"}, "status": status}


def _written(**labels: str) -> dict[str, Any]:
    body = output_body(POD, output=TEXT)
    body["data"]["log"] = "line\n"
    if labels:
        body["metadata"]["labels"] = labels
    return body


async def test_what_the_operator_saw_is_read() -> None:
    assert await read_output_text(_serve(_written()), _run()) == TEXT
    assert await read_kept_log(_serve(_written()), "space", POD) == b"line\n"


@pytest.mark.parametrize("body", [None, _written(app="x"), _written(**{"scriptrun.dev/output": "false"})])
async def test_what_no_pod_wrote_is_not(body: dict[str, Any] | None) -> None:
    client = _serve(body)
    assert await find_output_of_pod(client, "space", POD) is None
    assert await read_kept_log(client, "space", POD) is None
    with pytest.raises(NotFound, match=f"ConfigMap {POD}-output does not hold the output of this run any more"):
        await read_output_text(client, _run())


@pytest.mark.parametrize("reference", [{"sha256": "0" * 64}, {"key": "other.json"}])
async def test_what_is_not_what_the_operator_saw_is_not(reference: dict[str, str]) -> None:
    with pytest.raises(NotFound):
        await read_output_text(_serve(_written()), _run(**reference))


async def test_a_run_without_a_reference_has_none() -> None:
    assert await read_output_text(_serve(None), {"metadata": {}, "status": {}}) is None
