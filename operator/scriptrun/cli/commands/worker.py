"""Command `worker exec`: tasks of an orchestrator, executed on this machine. Only its options are here."""

from typing import Annotated, Literal

import typer

__all__ = ["register"]

_EPILOG = """What follows COMMAND belongs to it, but for the options above: to pass one of those on, write -- before
COMMAND. The first SIGTERM or Ctrl-C claims nothing more and finishes what runs, a second one ends it."""


def register(app: typer.Typer) -> None:
    """Add the commands of this group."""
    group = typer.Typer(no_args_is_help=True, help="Work on tasks of an orchestrator without a cluster.")
    group.command("exec", epilog=_EPILOG, context_settings={"ignore_unknown_options": True})(execute)
    group.callback()(_keep_group)
    app.add_typer(group, name="worker")


def _keep_group() -> None:
    """Keep `exec` a command of its own: typer leaves out the name of an only one."""


def execute(
    task_type: Annotated[str, typer.Argument(metavar="TASK_TYPE", help="Type of the tasks to poll.")],
    command: Annotated[
        list[str], typer.Argument(metavar="COMMAND", help="Program to execute for each task, and its arguments.")
    ],
    worker_id: Annotated[
        str, typer.Option(metavar="NAME", help="Worker identifier. Default: this machine's name.")
    ] = "",
    domain: Annotated[str, typer.Option(metavar="NAME", help="Poll domain. Default: none.")] = "",
    poll_timeout: Annotated[
        int, typer.Option(metavar="MILLISECONDS", min=0, max=5000, help="How long one poll waits for tasks.")
    ] = 100,
    exec_timeout: Annotated[
        int, typer.Option(metavar="SECONDS", min=0, help="How long one execution may take; 0 = no timeout.")
    ] = 0,
    count: Annotated[
        int, typer.Option(metavar="COUNT", min=1, max=1000, help="Tasks to poll per batch and to run at the same time.")
    ] = 1,
    back_off: Annotated[
        int,
        typer.Option(
            metavar="SECONDS",
            min=0,
            help="Wait before a task that ended IN_PROGRESS (Conductor) or failed (Zeebe) is handed out again.",
        ),
    ] = 10,
    server: Annotated[
        str,
        typer.Option(
            metavar="URL",
            help="The server. Default: $CONDUCTOR_SERVER_URL, else http://localhost:8080/api; "
            "with --zeebe $ZEEBE_REST_ADDRESS, else http://localhost:8080.",
        ),
    ] = "",
    auth_key: Annotated[
        str, typer.Option(metavar="KEY", help="Key id; with --zeebe the client id. Default: $CONDUCTOR_AUTH_KEY.")
    ] = "",
    auth_secret: Annotated[
        str,
        typer.Option(
            metavar="SECRET",
            help="Its secret. Default: $CONDUCTOR_AUTH_SECRET, which others on this machine don't see.",
        ),
    ] = "",
    zeebe: Annotated[
        bool,
        typer.Option("--zeebe", help="Jobs of Zeebe or Camunda 8."),
    ] = False,
    contract: Annotated[
        Literal["stdio", "files"] | None,
        typer.Option(
            help="How the program gets the task: stdio, as JSON on stdin; files, by two more arguments, the paths of "
            "variables and output. Default: stdio; with --zeebe files."
        ),
    ] = None,
) -> None:
    """Poll for tasks of one type and execute a program for each, on this machine and without Kubernetes.

    By contract stdio the program gets the task as JSON on stdin, and prints one JSON object with status, output, logs
    and reason.
    """
    from scriptrun.worker import process

    wishes = process.Wishes(
        task_type=task_type,
        command=command,
        worker_id=worker_id,
        domain=domain,
        poll_timeout_milliseconds=poll_timeout,
        exec_timeout_seconds=exec_timeout,
        count=count,
        back_off_seconds=back_off,
        server=server,
        auth_key=auth_key,
        auth_secret=auth_secret,
        orchestrator="zeebe" if zeebe else "conductor",
        contract=contract,
    )
    raise typer.Exit(process.execute(wishes))
