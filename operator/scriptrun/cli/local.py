"""Running a script on this machine as a pod would: the operator's input, the runner, the operator's judgement."""

import base64
import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from scriptrun.cli.folder import read_script
from scriptrun.cli.output.printing import dump_json
from scriptrun.cli.render import build_spec, decide_name
from scriptrun.desired.environment import build_script_env
from scriptrun.desired.input import build_input
from scriptrun.desired.request import decide_prefix
from scriptrun.desired.status import build_end
from scriptrun.models.base import API_VERSION
from scriptrun.models.facts import OutputFacts, PodFacts, RunFacts
from scriptrun.models.reasons import Reason
from scriptrun.models.script import ScriptSpec
from scriptrun.policies.acceptance import Inputs, check_config, check_input_size, check_variables
from scriptrun.policies.attempts import Attempt, judge_attempt, parse_result
from scriptrun.policies.outcome import check_output
from scriptrun.policies.verdict import Verdict
from scriptrun_runner.execute import execute
from scriptrun_runner.paths import Paths
from scriptrun_runner.result import Result
from scriptrun_runner.spec import RunSpec
from scriptrun_runner.stop import Stop

__all__ = ["LocalRun", "execute_locally"]

_NAMESPACE = "local"
_GRACE_PERIOD_SECONDS = 5  # a person at a terminal waits less than a node that is drained

Sink = Callable[[bytes], object]


@dataclass(frozen=True, slots=True)
class LocalRun:
    """A script file, what the command line says of its Script (fields of ``spec``), and the run's variables."""

    file: Path
    overrides: dict[str, Any] = field(default_factory=dict)
    variables: dict[str, Any] = field(default_factory=dict)


def execute_locally(request: LocalRun, sink: Sink) -> tuple[dict[str, Any], str | None]:
    """Run a file under its contract.

    Args:
        request: what to run.
        sink: gets what the script writes for people.

    Returns:
        A ScriptRun as the operator would leave it, and the output as JSON text.

    Raises:
        UsageError: the file can't be read, or its settings are wrong.
    """
    script, known, _ = read_script(request.file)
    overrides = known.of(script.name) | request.overrides
    spec = ScriptSpec.model_validate(build_spec(script, overrides, "local"))
    spec = spec.model_copy(update={"dependencies": None})  # this machine's Python has its own; no installer is here
    name = decide_name(script.name, overrides)
    run = RunFacts(
        key=(_NAMESPACE, f"{decide_prefix(script.name)}local"),
        uid="00000000-0000-0000-0000-000000000000",
        version=0,
        created=datetime.now(UTC),
        script=name,
        spec={"scriptRef": {"name": name}, "variables": request.variables},
    )
    config_map = build_input(run, spec, Inputs(script.source, request.variables))
    verdict = check_config(spec) or check_variables(request.variables, spec) or check_input_size(config_map)
    if verdict:
        return _build_object(run, build_end(run, verdict, [], None, "", datetime.now(UTC))["status"]), None
    result, interrupted = _execute(config_map, spec, sink)
    return _judge(run, spec, result, interrupted=interrupted)


def _execute(config_map: dict[str, Any], spec: ScriptSpec, sink: Sink) -> tuple[Result, bool]:
    """Lay the input out in a folder, as the kubelet would, and run it; tell whether somebody pressed Ctrl-C."""
    files = {key: text.encode() for key, text in config_map["data"].items()}
    files |= {key: base64.b64decode(data) for key, data in config_map.get("binaryData", {}).items()}
    environ = os.environ | {item["name"]: item["value"] for item in build_script_env(spec.env) if "value" in item}

    def show(_stream: int, data: bytes) -> None:
        sink(data)

    with tempfile.TemporaryDirectory(prefix="scriptrun-") as root, _stop_on_signals() as stop:
        paths = Paths(*(os.path.join(root, name) for name in ("input", "work", "run")))
        os.mkdir(paths.input)
        os.mkdir(paths.work)
        for name, data in files.items():
            Path(paths.input, name).write_bytes(data)
        about = RunSpec.load(os.path.join(paths.input, "run.json"))
        about.grace_period_seconds = _GRACE_PERIOD_SECONDS
        result = execute(about, paths, environ, show, stop)
        return result, stop.requested_at is not None


@contextmanager
def _stop_on_signals() -> Iterator[Stop]:
    """End the script as a pod's end would when somebody wants this process to end."""
    stop = Stop()
    before = {number: signal.signal(number, stop.request) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _judge(run: RunFacts, spec: ScriptSpec, result: Result, *, interrupted: bool) -> tuple[dict[str, Any], str | None]:
    """Come to the status that the operator would write."""
    output = OutputFacts(result.output) if result.output is not None else None
    now = datetime.now(UTC)
    pod = PodFacts(run.key, "", 0, "", run.created, phase="Failed" if result.runner_exit_code else "Succeeded")
    attempt = judge_attempt(1, pod, parse_result(result.document(), output))
    verdict = attempt.verdict or Verdict(Reason.SCRIPT_FAILED, result.message)
    if interrupted and verdict.reason is not Reason.COMPLETED:
        verdict = Verdict(Reason.CANCELED, "stopped by a signal")
    if verdict.reason is Reason.COMPLETED and output:
        inline = spec.output.transport == "TerminationMessage"
        verdict = check_output(output.raw, spec.output_schema, inline=inline) or verdict
    attempt = Attempt(1, pod, attempt.result, verdict)
    status = build_end(run, verdict, [attempt], attempt, run.key[1], now)["status"]
    if "output" in status:
        return _build_object(run, status), dump_json(status["output"])
    whole = output is not None and verdict.reason is not Reason.INVALID_OUTPUT
    return _build_object(run, status), output.raw.decode() if output and whole else None


def _build_object(run: RunFacts, status: dict[str, Any]) -> dict[str, Any]:
    metadata = {"name": run.key[1], "namespace": run.key[0]}
    return {"apiVersion": API_VERSION, "kind": "ScriptRun", "metadata": metadata, "spec": run.spec, "status": status}
