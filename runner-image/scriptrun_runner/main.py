"""PID 1 of a run's container: signals in, script executed, result out."""

from __future__ import annotations

import os
import time

from scriptrun_runner.execute import execute
from scriptrun_runner.handlers import CANNOT_EXECUTE
from scriptrun_runner.lean import handle_stop_signals
from scriptrun_runner.paths import Paths
from scriptrun_runner.process import STDERR
from scriptrun_runner.report import ApiAccess, OutputWriter, build_output_config_map
from scriptrun_runner.snapshot import check_snapshot
from scriptrun_runner.spec import RunSpec
from scriptrun_runner.stop import Stop

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    from scriptrun_runner.result import Result

__all__ = ["Layout", "main", "run"]

_WRITE_SECONDS = 600.0
_EXIT_SECONDS = 0.5


class Layout:
    """Where the container has its things; tests have theirs elsewhere.

    Attributes:
        root: folder with `input`, `work`, `run` and, if the result goes to the API server, `token`.
        termination_log: the file whose content the kubelet takes as the termination message.
    """

    __slots__ = ("root", "termination_log")

    def __init__(self, root: str = "/scriptrun", termination_log: str = "/dev/termination-log") -> None:
        self.root = root
        self.termination_log = termination_log


def main() -> None:
    """Run the container's script and exit."""
    code = run(Layout())
    os._exit(code)  # no farewell to threads and modules: the pod's end waits for it


def run(layout: Layout) -> int:
    """Run the script that `layout` describes and leave its result.

    Returns:
        The exit code of the container.
    """
    stop = Stop()
    handle_stop_signals(stop.request)
    paths = Paths(*(os.path.join(layout.root, name) for name in ("input", "work", "run")))
    started_at = time.time()
    try:
        if problem := check_snapshot(paths.input, os.environ.get("SCRIPTRUN_INPUT_SHA256", "")):
            result = _build_broken(problem, started_at, "DigestMismatch")
        else:
            spec = RunSpec.load(os.path.join(paths.input, "run.json"))
            os.chdir(paths.work)
            result = _run(spec, paths, layout, stop)
    except (OSError, ValueError) as error:
        result = _build_broken(f"the runner can't read what to run: {error}", started_at)
    except Exception:
        import traceback

        result = _build_broken(f"the runner itself failed, please report this: {traceback.format_exc()}", started_at)
    _leave(layout.termination_log, result)
    return result.runner_exit_code


def _run(spec: RunSpec, paths: Paths, layout: Layout, stop: Stop) -> Result:
    if spec.output_transport == "TerminationMessage":
        from scriptrun_runner.result import fit_termination_message

        return fit_termination_message(execute(spec, paths, os.environ, _pass_on, stop))
    folder = os.path.join(layout.root, "token")
    host = os.environ.get("KUBERNETES_SERVICE_HOST", "kubernetes.default.svc")
    port = int(os.environ.get("KUBERNETES_SERVICE_PORT", "443"))
    access = ApiAccess(host, port, os.path.join(folder, "token"), os.path.join(folder, "ca.crt"))
    writer = OutputWriter(access, spec.namespace)
    result = execute(spec, paths, os.environ, _pass_on, stop, writer.prepare)
    config_map = build_output_config_map(spec, os.environ.get("SCRIPTRUN_POD", ""), result)
    problem = writer.write(config_map, _make_clock(spec, stop), _say)
    if problem:
        _say(f"the output could not be written: {problem}")
        result.note(f"the output could not be written: {problem}")
    return result


def _make_clock(spec: RunSpec, stop: Stop) -> Callable[[], float]:
    """Make what tells how many seconds are left for writing the result; a SIGTERM shortens them at once."""
    until = time.monotonic() + _WRITE_SECONDS

    def left_seconds() -> float:
        end = until
        if stop.requested_at is not None:
            end = min(end, stop.requested_at + spec.grace_period_seconds - _EXIT_SECONDS)
        return end - time.monotonic()

    return left_seconds


def _build_broken(message: str, started_at: float, reason: str = "ScriptFailed") -> Result:
    from scriptrun_runner.conclusion import Conclusion
    from scriptrun_runner.result import Result

    _say(message)
    return Result(Conclusion("FAILED", reason, message), CANNOT_EXECUTE, started_at)


def _leave(termination_log: str, result: Result) -> None:
    from scriptrun_runner.result import build_termination_message

    try:
        with open(termination_log, "wb") as file:
            file.write(build_termination_message(result))
    except OSError as error:
        _say(f"no termination message: {error}")


def _pass_on(stream: int, data: bytes) -> None:
    """Write what the script wrote to the container's own stream, where `kubectl logs` reads it."""
    view = memoryview(data)
    while view:
        view = view[os.write(stream, view) :]


def _say(text: str) -> None:
    """Write a line of the runner's own into the pod's log."""
    try:
        _pass_on(STDERR, f"scriptrun: {text}\n".encode("utf-8", "replace"))
    except OSError:
        pass  # nobody listens
