"""The command `doctor`."""

from typing import Annotated, Literal

import typer

from scriptrun.cli.options import Context, Kubeconfig, Namespace, Target

__all__ = ["register"]

_EPILOG = "Exit code: 0 when nothing failed (warnings are not failures), 1 when something did, 2 wrong usage."


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=_EPILOG)(doctor)


def doctor(
    output: Annotated[Literal["json"] | None, typer.Option("--output", "-o", help="Print json.")] = None,
    namespace: Namespace = "",
    context: Context = "",
    kubeconfig: Kubeconfig = "",
) -> None:
    """Check cluster, CRDs, your rights, operator, admission policies, REST API, bridges, workflows, storage.

    For each failure it says what to do. What you may not see, or what is not installed, is skipped.
    """
    from scriptrun.cli.doctor.examination import examine

    raise typer.Exit(examine(output, Target(namespace, context, kubeconfig)))
