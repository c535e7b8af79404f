"""Entry point of ``scriptrun``: the commands, and how errors end them.

What a command needs is imported when it runs, so that `--help`, `version` and the shell's completion start fast.
"""

import sys

import typer

from scriptrun.cli.commands import doctor, runs, scripts, serving, system, worker, workflows
from scriptrun.cli.commands import run as run_commands
from scriptrun.errors import ScriptRunError, UsageError

__all__ = ["app", "main"]

_NAME = "scriptrun"
_USAGE = 2

app = typer.Typer(
    no_args_is_help=True,
    help="Runs scripts on Kubernetes, each in its own Job.",
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help: it starts in half the time, and pipes and narrow terminals get it whole
    context_settings={"help_option_names": ["-h", "--help"]},
)
for _group in (run_commands, runs, workflows, scripts, worker, serving, doctor, system):
    _group.register(app)


def main() -> None:
    """Run the command line; errors this project raises on purpose end in one line."""
    sys.exit(run())


def run(arguments: list[str] | None = None) -> int:
    """Run one command; return its exit code.

    Args:
        arguments: without the program's name; None takes the process's own.
    """
    try:
        code = app(arguments, prog_name=_NAME, standalone_mode=False)
    except typer.TyperException as error:  # what typer itself says of a command line
        _complain_of_usage(error)
        return error.exit_code
    except ScriptRunError as error:
        _complain(str(error))
        return _USAGE if isinstance(error, UsageError) else 1
    return code if isinstance(code, int) else 0


def _complain_of_usage(error: typer.TyperException) -> None:
    from scriptrun.cli.output.printing import note

    message = error.format_message().removesuffix(".").replace("Value error, ", "")
    if message.startswith("Usage:"):  # a command without arguments: the message is its help
        note(message)
        return
    context = getattr(error, "ctx", None)
    _complain(f'{message}: see "{context.command_path if context else _NAME} --help"')


def _complain(message: str) -> None:
    """Say in one line what went wrong."""
    from scriptrun.cli.output.printing import note

    note("error: " + " ".join(message.split()))
