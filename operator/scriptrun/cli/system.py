"""Commands about scriptrun itself: `operator`, `crds` and `version`."""

from pathlib import Path
from typing import Annotated

import typer

from scriptrun.cli.options import Context, Kubeconfig

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the commands of this group."""
    for command in (operator, crds, version):
        app.command()(command)


def operator(kubeconfig: Kubeconfig = "", context: Context = "") -> None:
    """Run the operator. Its settings are SCRIPTRUN_* environment variables: see docs/operations.md."""
    import asyncio

    from pydantic import ValidationError

    from scriptrun.controller.operator import run_operator
    from scriptrun.errors import UsageError
    from scriptrun.logs import configure_logs
    from scriptrun.settings import Settings

    try:
        settings = Settings()
    except ValidationError as error:
        wrong = error.errors()[0]
        raise UsageError(f"SCRIPTRUN_{str(wrong['loc'][0]).upper()}={wrong['input']}: {wrong['msg']}") from error
    configure_logs(settings.log_level, settings.log_format)
    asyncio.run(run_operator(settings, kubeconfig, context))


def crds(
    output_dir: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write a file for each kind into this folder.")
    ] = None,
) -> None:
    """Print the CustomResourceDefinitions.

    Install them with: scriptrun crds | kubectl apply --server-side -f -
    """
    from scriptrun.cli.printing import emit
    from scriptrun.crdgen import render_crds

    rendered = render_crds()
    if output_dir is None:
        emit("---\n".join(rendered.values()))
        return
    output_dir.mkdir(parents=True, exist_ok=True)
    for name, text in rendered.items():
        (output_dir / name).write_text(text, encoding="utf-8")


def version() -> None:
    """Print the version."""
    from scriptrun import __version__
    from scriptrun.cli.printing import emit

    emit(__version__)
