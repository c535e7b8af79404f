"""Executing one script under its contract: the whole of it but signals, the API server and the exit code.

Safe in any number of threads at once, each with a working folder of its own.
"""

from __future__ import annotations

import os
import time
from _thread import allocate_lock

from scriptrun_runner.contracts import load_contract
from scriptrun_runner.handlers import CANNOT_EXECUTE, StartError, build_command
from scriptrun_runner.process import STDERR, STDOUT, spawn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Mapping

    from scriptrun_runner.contracts import Contract
    from scriptrun_runner.paths import Paths
    from scriptrun_runner.process import Child
    from scriptrun_runner.result import Result
    from scriptrun_runner.spec import RunSpec
    from scriptrun_runner.stop import Stop
    from scriptrun_runner.tail import Capture, Tail

    Sink = Callable[[int, bytes], object]

__all__ = ["execute"]

_LOG_BYTES = 65_536
_STDERR_BYTES = 2048
_TERMINATED_BY_SIGTERM = 128 + 15
# A program can't be executed while anybody has it open for writing, and for a moment each new process has open what
# the other threads are writing just then: so one script at a time is laid out and started.
_START = allocate_lock()
_USERS = {0: "root"}  # whoever else it is need not have a name in the image
_SCRIPTS_OWN = "SCRIPTRUN_ENV_"
"""Before the name of what the Script sets of its own environment, but the launcher and the runner must not heed."""
_PRIVATE = ("SCRIPTRUN_POD", "SCRIPTRUN_FAILED_ATTEMPTS", "SCRIPTRUN_IGNORED_ATTEMPTS", "SCRIPTRUN_INPUT_SHA256")


def _do_nothing() -> None:
    pass


def execute(
    spec: RunSpec,
    paths: Paths,
    environ: Mapping[str, str],
    sink: Sink,
    stop: Stop,
    on_started: Callable[[], object] = _do_nothing,
) -> Result:
    """Run the script to its end.

    Args:
        spec: what to run.
        paths: its input, which is only read, and its working folder, which must exist.
        environ: the environment it starts from, as of the container: with the Script's `env`. What is called
            `SCRIPTRUN_ENV_NAME` becomes its `NAME`, and `$(NAME)` in it is the present value.
        sink: gets (1 or 2, data) of what the script writes for people, from several threads, while it comes. After an
            OSError from it that stream goes on without it.
        stop: ends the script early.
        on_started: called once the script runs.

    Returns:
        How it ended; a script that can't be started has a result like any other.
    """
    started_at = time.time()
    contract = load_contract(spec, paths)
    try:
        with _START:
            child = _start(contract, environ, stop)
    except StartError as error:
        return _build_unstarted(error, stop, started_at)
    on_started()
    return _finish(child, contract, sink, stop, started_at)


def _start(contract: Contract, environ: Mapping[str, str], stop: Stop) -> Child:
    spec, paths = contract.spec, contract.paths
    if stop.requested_at is not None:
        raise StartError(_TERMINATED_BY_SIGTERM, "the pod was told to stop before the script was started")
    try:
        put = paths.put_folder if spec.folder else paths.put_script
        script = put(spec.file_name, spec.neighbours)
        contract.prepare()
        arguments = contract.arguments()
    except (OSError, ValueError) as error:
        raise StartError(CANNOT_EXECUTE, f"the script could not be laid out: {error}") from error
    environment = _build_environment(contract, environ)
    if spec.dependencies is not None:
        from scriptrun_runner.libraries import add_libraries

        add_libraries(spec, paths, environment, stop)
    command = build_command(spec, script, _build_search_path(environment, environ))
    return spawn([*command, *arguments], environment, paths.work, contract.stdin(), merge_stderr=contract.merges_stderr)


def _build_environment(contract: Contract, environ: Mapping[str, str]) -> dict[str, str]:
    spec, paths = contract.spec, contract.paths
    environment = {name: value for name, value in environ.items() if name not in _PRIVATE}
    for name in environ:
        if name.startswith(_SCRIPTS_OWN):
            own = name[len(_SCRIPTS_OWN) :]
            environment[own] = environment.pop(name).replace(f"$({own})", environ.get(own, ""))
    if not os.access(environment.get("HOME") or "", os.W_OK):
        environment["HOME"] = paths.work
    # Else the log would show lines only at the end; Python may be started by a #! line or a shell script, too.
    environment.setdefault("PYTHONUNBUFFERED", "1")
    user = environment.get("USER") or environment.get("LOGNAME") or _USERS.get(os.getuid(), "scriptrun")
    for name in ("USER", "LOGNAME"):
        environment.setdefault(name, user)
    environment.update(
        SCRIPTRUN_NAME=spec.name,
        SCRIPTRUN_NAMESPACE=spec.namespace,
        SCRIPTRUN_ATTEMPT=str(1 + _count(environ, _PRIVATE[1]) + _count(environ, _PRIVATE[2])),
        SCRIPTRUN_VARIABLES=paths.variables,
        SCRIPTRUN_OUTPUT=paths.output,
    )
    environment.update(contract.environment())
    return environment


def _build_search_path(environment: Mapping[str, str], environ: Mapping[str, str]) -> str:
    """Build where programs are looked for: in the script's PATH, then in the image's, which it need not contain."""
    path, image_path = environment.get("PATH", os.defpath), environ.get("PATH", os.defpath)
    return path if path == image_path else os.pathsep.join((path, image_path))


def _count(environ: Mapping[str, str], name: str) -> int:
    value = environ.get(name, "")
    return int(value) if value.isdigit() else 0


def _build_unstarted(error: StartError, stop: Stop, started_at: float) -> Result:
    from scriptrun_runner.conclusion import Conclusion
    from scriptrun_runner.ending import TERMINATED
    from scriptrun_runner.result import Result

    conclusion = Conclusion.script_failed(str(error))
    if error.reason:
        conclusion.fail(error.reason, str(error))
    if stop.requested_at is not None:
        conclusion.fail(TERMINATED, str(error))
    return Result(conclusion, error.exit_code, started_at, f"{error}\n")


def _finish(child: Child, contract: Contract, sink: Sink, stop: Stop, started_at: float) -> Result:
    """See the script to its end and build its result; by now it runs, and imports cost it nothing."""
    import scriptrun_runner.strict_json  # noqa: F401 - for the contract, which would import it after the script's end
    from scriptrun_runner.conclusion import FAILURES, Conclusion
    from scriptrun_runner.output import OutputError
    from scriptrun_runner.pumps import Pumps
    from scriptrun_runner.result import Result, build_message
    from scriptrun_runner.supervise import supervise
    from scriptrun_runner.tail import Capture, Tail

    log, stderr, stdout = Tail(_LOG_BYTES), Tail(_STDERR_BYTES), Capture(contract.captured_bytes)
    pumps = Pumps(child.pipes, _build_consumers(contract, sink, log, stderr, stdout))
    ending = supervise(child, pumps, contract.spec, stop)
    try:
        conclusion = contract.conclude(ending, stdout)
    except OutputError as error:
        conclusion = Conclusion("FAILED", error.reason, str(error))
    conclusion.heed_output()
    if conclusion.log:
        _show(conclusion.log, sink, log)
    if ending.cause:
        conclusion.fail(ending.cause, _explain_cause(ending.cause, contract.spec, ending.describe()))
    elif ending.by_kernel and conclusion.reason == "ScriptFailed" and os.getpid() == 1:
        from scriptrun_runner.memory import count_oom_kills

        # The kubelet says so too, but not always: it may see the container end before it hears of the memory.
        if count_oom_kills():
            conclusion.fail("OutOfMemory", "the script was killed for using more memory than its container may")
    if conclusion.reason == "ScriptFailed" and ending.exit_code:
        from scriptrun_runner.line_ends import describe_line_ends

        if said := describe_line_ends(contract.spec, contract.paths.source):
            conclusion.message = f"{conclusion.message}; {said}"
    if conclusion.status in FAILURES:
        conclusion.message = build_message(conclusion.message, stderr.text())
    return Result(conclusion, ending.exit_code, started_at, log.labelled_text())


def _build_consumers(
    contract: Contract, sink: Sink, log: Tail, stderr: Tail, stdout: Capture
) -> dict[int, list[Callable[[bytes], object]]]:
    from functools import partial

    to_stdout: list[Callable[[bytes], object]] = []
    if contract.captured_bytes:
        to_stdout.append(stdout.write)
    if contract.shows_stdout:
        to_stdout += [log.write, partial(sink, STDOUT)]
    if contract.merges_stderr:
        to_stdout.append(stderr.write)
    return {STDOUT: to_stdout, STDERR: [log.write, stderr.write, partial(sink, STDERR)]}


def _show(data: bytes, sink: Sink, log: Tail) -> None:
    log.write(data)
    try:
        sink(STDERR, data)
    except OSError:
        pass  # nobody listens; the log still has it


def _explain_cause(cause: str, spec: RunSpec, ending: str) -> str:
    if cause == "Timeout":
        return f"the attempt took longer than attemptDeadlineSeconds ({spec.attempt_deadline_seconds:g} s): {ending}"
    return f"the pod was told to stop before the script ended: {ending}"
