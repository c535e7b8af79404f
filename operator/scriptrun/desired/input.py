"""The immutable snapshot of what a run executes: the ConfigMap ``<run>-input``."""

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from scriptrun.desired.dependencies import build_library_request
from scriptrun.desired.names import input_name, run_labels
from scriptrun.models.base import API_VERSION
from scriptrun.models.facts import RunFacts, ScriptFacts
from scriptrun.models.script import Handler, ScriptSpec
from scriptrun.models.source import RunSource, ScriptSource
from scriptrun.policies.acceptance import Inputs

__all__ = [
    "GRACE_PERIOD_SECONDS",
    "build_input",
    "build_owner",
    "build_task_document",
    "complete_task_document",
    "decide_file_name",
    "decide_handler",
    "dump_json",
    "find_handler",
    "hash_input",
    "name_file",
]

GRACE_PERIOD_SECONDS = 30
_HANDLER_BY_ENDING: dict[str, Handler] = {
    "py": "python",
    "sh": "shell",
    "bash": "shell",
    "js": "node",
    "mjs": "node",
    "cjs": "node",
}


def dump_json(value: object) -> str:
    """Write JSON compactly, text as it is."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def build_owner(run: RunFacts) -> dict[str, Any]:
    """Build the owner reference that makes an object go when its run goes."""
    return {
        "apiVersion": API_VERSION,
        "kind": "ScriptRun",
        "name": run.key[1],
        "uid": run.uid,
        "controller": True,
        "blockOwnerDeletion": False,
    }


def decide_file_name(run: RunFacts, script: ScriptSpec) -> str:
    """Decide the name under which the script is put into the pod: its entry point's or key's, else its Script's."""
    if script.source and script.source.from_run and run.spec.get("source"):
        return _name_file(RunSource.model_validate(run.spec["source"]), run.script)
    return name_file(script, run.script)


def name_file(script: ScriptSpec, name: str) -> str:
    """Name the file that a Script's own source has in the pod.

    Args:
        script: the Script's spec.
        name: of the Script, for a source without a name of its own.
    """
    return _name_file(script.source, name)


def _name_file(place: ScriptSource | RunSource | None, otherwise: str) -> str:
    if place and place.folder:
        return place.folder.entry_point
    return place.config_map.key if place and place.config_map else otherwise


def decide_handler(file_name: str, script: ScriptSpec) -> Handler:
    """Decide what executes the source: the Script's handler, else by the file's ending."""
    if script.handler:
        return script.handler
    if script.command:
        return "exec"
    ending = file_name.rsplit(".", 1)[-1].lower() if "." in file_name else ""
    return _HANDLER_BY_ENDING.get(ending, "exec")


def find_handler(script: ScriptFacts) -> Handler | None:
    """Find what executes a Script's source; None: it depends on the source that a run brings."""
    source = script.spec.source
    if source and source.from_run and not (script.spec.handler or script.spec.command):
        return None
    if source and source.folder:
        return decide_handler(source.folder.entry_point, script.spec)
    return decide_handler(source.config_map.key if source and source.config_map else script.key[1], script.spec)


def build_task_document(type_: str, id_: str, workflow_id: str, variables: dict[str, Any]) -> dict[str, Any]:
    """Build the document that a ``stdio`` script reads where the orchestrator has none of its own."""
    return {"taskType": type_, "taskId": id_, "workflowInstanceId": workflow_id, "inputData": variables}


def complete_task_document(payload: Mapping[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
    """Complete an orchestrator's own document, which is kept without its input, by the variables that the script gets.

    Its input is the run's variables: those were checked against the Script's schema, a payload was not.
    """
    return {**payload, "inputData": variables}


def _build_task(run: RunFacts, variables: dict[str, Any]) -> dict[str, Any]:
    """Build the document a ``stdio`` script reads: the orchestrator's own, else one made from the run."""
    task = run.spec.get("task") or {}
    if task.get("payload"):
        return complete_task_document(task["payload"], variables)
    return build_task_document(
        task.get("type") or run.script, task.get("id") or run.uid, task.get("workflowId") or run.key[1], variables
    )


def build_input(run: RunFacts, script: ScriptSpec, inputs: Inputs) -> dict[str, Any]:
    """Build the input ConfigMap.

    Args:
        run: the run.
        script: its Script's spec.
        inputs: what it executes.
    """
    namespace, name = run.key
    file_name = decide_file_name(run, script)
    source = inputs.source
    task = run.spec.get("task") or {}
    document = _build_task(run, inputs.variables)
    about = {
        "schema": 1,
        "namespace": namespace,
        "name": name,
        "uid": run.uid,
        "script": run.script,
        "fileName": file_name,
        **({"folder": True} if source and source.entry_point else {}),
        **({"neighbours": list(source.beside)} if source and source.beside else {}),
        "handler": decide_handler(file_name, script),
        "command": script.command,
        "contract": script.contract,
        **build_library_request(script),
        "attemptDeadlineSeconds": script.attempt_deadline_seconds,
        "outputLimitBytes": script.output.limit_bytes,
        "outputTransport": script.output.transport,
        "gracePeriodSeconds": GRACE_PERIOD_SECONDS,
        "task": {
            "type": document.get("taskType") or task.get("type") or run.script,
            "id": document.get("taskId") or task.get("id") or run.uid,
            "workflowId": document.get("workflowInstanceId") or task.get("workflowId") or name,
            "domain": task.get("domain") or document.get("domain") or "",
            "headers": task.get("headers") or {},
        },
    }
    data = {
        "run.json": dump_json(about),
        "variables.json": dump_json(inputs.variables),
        "config.json": dump_json(script.config),
        # It holds the variables once more, so only those get it who read it.
        **({"task.json": dump_json(document)} if script.contract == "stdio" else {}),
        **({"lock": script.dependencies.lock} if script.dependencies and script.dependencies.lock else {}),
    }
    binary: dict[str, str] = {}
    files = {} if source is None else {"script": source.content}
    # Names may be as long as a key can be, or paths: there is no room for a prefix.
    files |= {f"neighbour.{number}": content for number, content in enumerate(source.beside.values() if source else ())}
    for key, content in files.items():
        try:
            data[key] = content.decode()
        except UnicodeDecodeError:
            binary[key] = base64.b64encode(content).decode()
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": input_name(name),
            "namespace": namespace,
            "labels": run_labels(name, run.script),
            "ownerReferences": [build_owner(run)],
        },
        "immutable": True,
        "data": data,
        **({"binaryData": binary} if binary else {}),
    }


def hash_input(config_map: dict[str, Any]) -> str:
    """Hash what the pod will find in its input folder: each file's name, length and bytes, in order of names.

    The runner computes the same before it starts anything. So a pod runs the very script and variables that its Job
    was made for, also when somebody else made, or made anew, the ConfigMap of that name.
    """
    files = {key: value.encode() for key, value in config_map.get("data", {}).items()}
    files |= {key: base64.b64decode(value) for key, value in config_map.get("binaryData", {}).items()}
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(f"{name}\0{len(files[name])}\0".encode())
        digest.update(files[name])
    return digest.hexdigest()
