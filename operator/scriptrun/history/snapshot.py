"""Puts a finished run together from what is in the cluster, and leaves out what must not be kept."""

import hashlib
import json
from collections import deque
from contextlib import aclosing, suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from scriptrun.desired.links import is_owned_by
from scriptrun.desired.names import CONTAINER
from scriptrun.errors import Invalid, NotFound, WorkTooLarge
from scriptrun.history.records import Contents, RunRecord, Summary
from scriptrun.kube.client import Client
from scriptrun.kube.inputs import find_input, parse_input
from scriptrun.kube.outputs import find_output_of_pod, read_output_text
from scriptrun.kube.resources import SCRIPTS
from scriptrun.models.base import API_VERSION, GROUP
from scriptrun.policies.attempts import parse_instant
from scriptrun.policies.masking import MASK, Secrets
from scriptrun.runtime.hiding import Hiding

__all__ = ["read_input", "read_output", "summarize", "take_snapshot"]

_EPOCH = datetime.fromtimestamp(0, UTC)
_TASK_FIELDS = ("source", "id", "type", "workflowId", "domain")  # not its headers and payload, which repeat variables
_SPEC_FIELDS = (
    "scriptRef",
    "source",
    "activeDeadlineSeconds",
    "backoffLimit",
    "ttlSecondsAfterFinished",
    "cancel",
    "secretEnv",
)
_METADATA_FIELDS = ("name", "namespace", "uid", "creationTimestamp")
_STATUS_DROPPED = ("output", "report")


def summarize(run: dict[str, Any]) -> Summary:
    """Summarize a ScriptRun, finished or not."""
    metadata, spec, status = run["metadata"], run["spec"], run.get("status") or {}
    attempts = status.get("attempts") or ()
    return Summary(
        uid=metadata["uid"],
        namespace=metadata["namespace"],
        name=metadata["name"],
        script=spec["scriptRef"]["name"],
        phase=status.get("phase") or "Pending",
        reason=status.get("reason") or "",
        source=(spec.get("task") or {}).get("source") or "",
        created_at=parse_instant(metadata["creationTimestamp"]) or _EPOCH,
        started_at=parse_instant(status.get("startedAt")),
        finished_at=parse_instant(status.get("finishedAt")),
        duration_seconds=status.get("durationSeconds"),
        exit_code=status.get("exitCode"),
        attempts=int(status.get("attemptCount") or len(attempts)),
    )


async def take_snapshot(client: Client, hiding: Hiding, run: dict[str, Any], log_limit_bytes: int) -> RunRecord:
    """Gather what is kept of a finished run.

    Args:
        client: to the API server.
        hiding: hides what is secret of it.
        run: the ScriptRun.
        log_limit_bytes: how much of the end of its log.

    Raises:
        KubeError: the API server did not say all there is; try again.
        WorkersBusy: what is secret can't be hidden now; try again.
    """
    namespace = run["metadata"]["namespace"]
    variables, source = await read_input(client, run)
    script = await _read_script(client, namespace, run["spec"]["scriptRef"]["name"])
    output, log = await _read_last_attempt(client, run, log_limit_bytes)
    summary = replace(summarize(run), script_sha256=hashlib.sha256(source).hexdigest() if source is not None else "")
    try:
        secrets = await hiding.find_secrets(namespace, variables, script)
        contents = Contents(
            await _build_document(hiding, run, variables, secrets),
            await hiding.hide_output(namespace, secrets, output),
            await hiding.hide_text(namespace, secrets, log),
        )
    except WorkTooLarge as error:
        contents = _hide_everything(run, variables, output, f"not kept: to hide what is secret of it {error}")
    return RunRecord(summary, contents)


async def _build_document(
    hiding: Hiding, run: dict[str, Any], variables: dict[str, Any], secrets: Secrets
) -> dict[str, Any]:
    namespace, kept = run["metadata"]["namespace"], _pick_status(run)
    return _assemble(
        run,
        await hiding.mask(namespace, secrets, variables),
        await hiding.hide_document(namespace, secrets, kept),
        [list(path) for path in secrets.paths],
    )


def _hide_everything(run: dict[str, Any], variables: dict[str, Any], output: str | None, why: str) -> Contents:
    """Keep of a run whose secrets can't be told from the rest what holds none of either."""
    kept = _pick_status(run)
    kept |= {"message": why} if kept.get("message") else {}
    if "conditions" in kept:
        kept["conditions"] = [{**condition, "message": ""} for condition in kept["conditions"]]
    document = _assemble(run, dict.fromkeys(variables, MASK), kept, [[name] for name in variables])
    return Contents(document, None if output is None else json.dumps(MASK), f"[{why}]\n")


def _pick_status(run: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in run["status"].items() if key not in _STATUS_DROPPED}


def _assemble(
    run: dict[str, Any], variables: dict[str, Any], status: dict[str, Any], masked: list[list[str | int]]
) -> dict[str, Any]:
    metadata, spec = run["metadata"], run["spec"]
    annotations = {
        key: value for key, value in (metadata.get("annotations") or {}).items() if key.startswith(f"{GROUP}/request")
    }
    task = {key: spec["task"][key] for key in _TASK_FIELDS if spec["task"].get(key)} if spec.get("task") else {}
    return {
        "apiVersion": API_VERSION,
        "kind": "ScriptRun",
        "metadata": {
            **{key: metadata[key] for key in _METADATA_FIELDS},
            **({"annotations": annotations} if annotations else {}),
        },
        "spec": {
            **{key: spec[key] for key in _SPEC_FIELDS if key in spec},
            **({"variables": variables} if variables else {}),
            **({"task": task} if task else {}),
        },
        "status": status,
        "masked": masked,
    }


async def read_input(client: Client, run: dict[str, Any]) -> tuple[dict[str, Any], bytes | None]:
    """Read the variables a run was given, all sources merged, and the script it ran; None: it never came to that."""
    metadata = run["metadata"]
    config_map = await find_input(client, (metadata["namespace"], metadata["name"]))
    if config_map is None or not is_owned_by(config_map, metadata["uid"]):
        return run["spec"].get("variables") or {}, None
    return parse_input(config_map)


async def _read_script(client: Client, namespace: str, name: str) -> dict[str, Any] | None:
    try:
        spec: dict[str, Any] = (await client.get(SCRIPTS, namespace, name))["spec"]
    except NotFound:
        return None
    return spec


async def read_output(client: Client, run: dict[str, Any]) -> str | None:
    """Read a run's whole output as JSON text; None when there is none, or none any more."""
    with suppress(NotFound):
        text = await read_output_text(client, run)
        if text is not None:
            return text
    if "output" in (run.get("status") or {}):
        return json.dumps(run["status"]["output"], ensure_ascii=False)
    return None


async def _read_last_attempt(client: Client, run: dict[str, Any], limit_bytes: int) -> tuple[str | None, str]:
    """Read the output, and the end of the last attempt's log: both stand in one ConfigMap, which may be large."""
    attempts, reference = run["status"].get("attempts") or (), run["status"].get("outputRef")
    if not attempts:
        return await read_output(client, run), ""
    namespace, pod = run["metadata"]["namespace"], attempts[-1]["pod"]
    found = await find_output_of_pod(client, namespace, pod)
    if found is None:
        log = await _read_pod_log(client, namespace, pod, limit_bytes)
        return await read_output(client, run), log[-limit_bytes:].decode(errors="replace") if limit_bytes else ""
    log_text = found.log.encode()[-limit_bytes:].decode(errors="replace") if limit_bytes else ""
    if reference and (text := found.read(reference)) is not None:
        return text, log_text
    return await read_output(client, run), log_text


async def _read_pod_log(client: Client, namespace: str, pod: str, limit_bytes: int) -> bytes:
    """Read the end of a log from its pod: the output of such a run is in the pod's termination message."""
    lines: deque[bytes] = deque()
    size = 0
    try:
        async with aclosing(client.logs(namespace, pod, container=CONTAINER, tailLines="2000")) as stream:
            async for line in stream:
                lines.append(line)
                size += len(line)
                while size - len(lines[0]) > limit_bytes:
                    size -= len(lines.popleft())
    except (NotFound, Invalid):  # the pod is gone, or its container never started
        return b""
    return b"".join(lines)
