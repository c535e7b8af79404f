"""What is shown of a run that is over: its output on stdout, what became of it on stderr, its exit code."""

from typing import Any

from scriptrun.cli.output.exit_codes import decide_exit_code
from scriptrun.cli.output.printing import dump_json, dump_yaml, emit, emit_json, name_of, note, strip
from scriptrun.kube.client import Client
from scriptrun.kube.outputs import read_output_text

__all__ = ["describe_end", "print_end", "print_object", "read_output"]


async def read_output(client: Client, run: dict[str, Any]) -> str | None:
    """Read a run's whole output as JSON text; None when it has none.

    Raises:
        NotFound: its ConfigMap is gone, or is not what the operator saw.
    """
    status = run.get("status", {})
    if "output" in status:
        return dump_json(status["output"])
    return await read_output_text(client, run)


def describe_end(run: dict[str, Any], *, log_shown: bool) -> str:
    """Say what became of a run. Pure.

    Args:
        run: a ScriptRun that is over.
        log_shown: the user has seen the log: the message's first line says the rest.
    """
    name, status = run["metadata"]["name"], run["status"]
    took = f" in {status['durationSeconds']:g} s" if "durationSeconds" in status else ""
    text = f"{name}: {status['phase']}{took}"
    if status["reason"] not in ("Completed", status["phase"]):
        text += f": {status['reason']}"
    message = str(status.get("message") or "")
    if log_shown:
        message = message.split("\n", 1)[0]
    return f"{text}: {message}" if message else text


def print_object(run: dict[str, Any], form: str, plural: str = "scriptruns") -> None:
    """Print a run itself as json, yaml or name.

    Args:
        run: the object.
        form: json, yaml or name.
        plural: of its kind.
    """
    if form == "name":
        emit(name_of(plural, run["metadata"]["name"]))
    else:
        emit(dump_json(strip(run)) if form == "json" else dump_yaml(strip(run)))


def print_end(run: dict[str, Any], output: str | None, form: str | None, *, log_shown: bool) -> int:
    """Print what became of a run; return the exit code.

    Args:
        run: a ScriptRun that is over.
        output: its output as JSON; None: it has none.
        form: json, yaml or name for the ScriptRun itself; None for the output alone.
        log_shown: the user has seen the log.
    """
    note(describe_end(run, log_shown=log_shown))
    if form:
        print_object(run, form)
    elif output is not None:
        emit_json(output)
    return decide_exit_code(run["status"])
