"""Feeds the pure functions without any cluster: `python -m hostile.pure` prints the outcome of each case as JSON.

Each case runs in a process of its own, which the kernel ends when it has used too much CPU. Inputs are as large as the
product lets them be, so whatever takes more than linear time is ended.
"""

import asyncio
import json
import os
import resource
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hostile.corpus import CORPUS
from hostile.corpus.case import (
    ACCEPTED,
    BAD_VARIABLES,
    NO_SCRIPT,
    READY,
    TOO_LARGE,
    AnswerCase,
    Case,
    OrderCase,
    RequestCase,
    SchemaCase,
    ScriptCase,
    VariablesCase,
)
from hostile.corpus.make import dump
from scriptrun.bridges.task_validation import build_run_task, check_size, name_script
from scriptrun.desired.claim import build_claimed_run
from scriptrun.kube.decoding import cut_deep
from scriptrun.models.bridge import BridgeSpec
from scriptrun.models.facts import Claim
from scriptrun.models.script import ScriptSpec
from scriptrun.orchestrators.conductor import task as conductor_task
from scriptrun.orchestrators.zeebe import job as zeebe_job
from scriptrun.pipeline.requests import BadCall, parse_run_call
from scriptrun.policies.acceptance import INPUT_LIMIT_BYTES
from scriptrun.policies.dependencies import check_dependencies
from scriptrun.policies.documents import parse_document
from scriptrun.policies.faults import (
    find_inexact_fault,
    find_output_fault,
    find_schema_fault,
    find_variables_fault,
)
from scriptrun.policies.hiding import (
    find_run_secrets,
    hide_in_document,
    hide_in_output,
    marks_nothing,
    mask_variables,
)
from scriptrun.policies.wildcards import matches_wildcards
from scriptrun_runner.output import OutputError, read_output

CPU_SECONDS = 4
"""For one case: ten times what the slowest takes."""

_OUTPUT_BYTES = 900_000
_CLAIM = Claim("1", 0, {})


def decide_schema(case: SchemaCase) -> str:
    """Check a schema."""
    return "InvalidSchema" if find_schema_fault(_write(case.schema())) else READY


def decide_variables(case: VariablesCase) -> str:
    """Check variables, as they are sent and against a schema."""
    schema, text = json.loads(_write(case.schema())), _write(case.variables())
    if len(text.encode()) > INPUT_LIMIT_BYTES:
        return TOO_LARGE
    try:
        variables = parse_document(text)
    except ValueError:
        return BAD_VARIABLES
    if find_schema_fault(json.dumps(schema)):
        return NO_SCRIPT
    if find_inexact_fault(dump({"variables": variables})):
        return BAD_VARIABLES
    if find_variables_fault(text, schema):
        return BAD_VARIABLES
    _hide_secrets(text, {"variablesSchema": schema}, text)
    return ACCEPTED


def _hide_secrets(variables: str, script: dict[str, Any], output: str) -> None:
    """Hide what is secret of a run wherever the API shows it."""
    if marks_nothing(script):
        return
    found = find_run_secrets(variables, script)
    mask_variables(variables, found["paths"])
    hide_in_document(variables, found["values"])
    hide_in_output(output, found["values"], script.get("outputSchema"))


def decide_output(case: ScriptCase) -> str:
    """Have a script write its output, and read that as the runner, the operator and the API do."""
    if case.asks_for_libraries:
        script = ScriptSpec.model_validate({"handler": "python", **case.script})
        wrong = check_dependencies(script, case.source.encode(), "http://index/simple", python=True)
        return str(wrong.reason) if wrong else "Completed"
    schema = case.script.get("outputSchema", {})
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "output.json")
        exec(case.source, {"out": path, "os": os, "sys": sys})
        try:
            raw = read_output(path, _OUTPUT_BYTES)
        except OutputError as error:
            return error.reason
    if raw is None:
        return "Completed"
    if find_output_fault(raw, schema):
        return "InvalidOutput"
    _hide_secrets(_write(case.variables()), dict(case.script), raw)
    return "Completed"


def decide_request(case: RequestCase) -> str:
    """Match the name of a Script with the patterns of an API token."""
    allowed = any(matches_wildcards(pattern, "a" * 250) for pattern in case.token_scripts)
    return "allowed" if allowed else case.ends[0]


def decide_order(case: OrderCase) -> str:
    """Read a call of the scheduler."""
    good = {"dtable_uuid": "x", "script_name": "x", "owner": "x"}
    order = case.order()
    try:
        parse_run_call(order if isinstance(order, bytes) else dump({**good, **order}))
    except BadCall as error:
        return f"{error.status} {error.text}"
    return case.ends[0]


def decide_answer(case: AnswerCase) -> str:
    """Read the tasks that an orchestrator hands out, and check them as a bridge does."""
    where = {"address": "http://x", "taskType": "hostile"}
    spec = BridgeSpec.model_validate({case.orchestrator: where, **case.bridge})
    try:
        document = json.loads(case.reply.body())
        zeebe = case.orchestrator == "zeebe"
        found = document["jobs"] if zeebe else document
        build = zeebe_job.read_job if zeebe else conductor_task.read_task
        task, *_ = [build(item, script_header=spec.script_header) for item in found]
    except (ValueError, TypeError, KeyError, RecursionError):
        return case.ends[0]  # there is no task; what the Bridge says of that is not decided here
    script = name_script(task, "main", spec)
    if not isinstance(script, str):
        return str(script.reason)
    if script != spec.script:
        return "ScriptNotAllowed"  # no Script has such a name
    run = build_claimed_run(("a", "main"), _CLAIM, script, task.variables, build_run_task(task, case.orchestrator))
    wrong = asyncio.run(check_size(run))
    return str(wrong.reason) if wrong else case.ends[0]


_DECIDERS: dict[type[Case], Callable[[Any], str]] = {
    SchemaCase: decide_schema,
    VariablesCase: decide_variables,
    ScriptCase: decide_output,
    RequestCase: decide_request,
    OrderCase: decide_order,
    AnswerCase: decide_answer,
}


def is_pure(case: Case) -> bool:
    """Whether pure functions decide about a case."""
    match case:
        case SchemaCase():
            return True
        case VariablesCase():
            return not case.product
        case ScriptCase():
            written = case.source.startswith("open(out") or case.asks_for_libraries
            return written and "spawn" not in case.source and "output" not in case.script
        case RequestCase():
            return bool(case.token_scripts)
        case OrderCase():
            return case.reply is None and case.found is None
        case AnswerCase():
            return case.name.startswith(("jobs-", "tasks-"))
        case _:
            return False


def _write(document: object) -> str:
    """Write JSON as it is after it has come through the API server."""
    text = document if isinstance(document, bytes) else dump(document)
    return cut_deep(text).decode().replace("{server}", "127.0.0.1:1")


def _decide_apart(case: Case) -> str:
    """Decide in a process of its own; returns the end, or what ended the process."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
        os.write(writing, _DECIDERS[type(case)](case).encode()[:4000])
        os._exit(0)
    os.close(writing)
    with open(reading) as pipe:
        end = pipe.read()
    _, status = os.waitpid(child, 0)
    return signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else end or "an exception"


def main() -> None:
    """Decide every pure case."""
    for case in CORPUS:
        if is_pure(case):
            sys.stdout.write(json.dumps([case.name, _decide_apart(case)]) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
