"""Entry point of ``scriptrun``."""

import asyncio
import sys
from typing import Annotated

import typer

from scriptrun import __version__
from scriptrun.errors import ScriptRunError

__all__ = ["app", "main"]

app = typer.Typer(no_args_is_help=True, help="Runs scripts on Kubernetes, each in its own Job.")


@app.command()
def operator(
    kubeconfig: Annotated[str, typer.Option(help="Path of a kubeconfig. Default: kubectl's rules.")] = "",
    context: Annotated[str, typer.Option(help="Context in it. Default: the current one.")] = "",
) -> None:
    """Run the operator. Settings come from SCRIPTRUN_* environment variables."""
    # Imported here so that the other commands start fast.
    from scriptrun.controller.operator import run_operator
    from scriptrun.logs import configure_logs
    from scriptrun.settings import Settings

    settings = Settings()
    configure_logs(settings.log_level, settings.log_format)
    asyncio.run(run_operator(settings, kubeconfig, context))


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


def main() -> None:
    """Run the command line; errors this project raises on purpose end in one line."""
    try:
        app()
    except ScriptRunError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(1)
