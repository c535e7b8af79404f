"""Commands about scriptrun itself: `operator`, `bridge`, `crds` and `version`."""

from pathlib import Path
from typing import Annotated

import typer

from scriptrun.cli.commands.settings import read_settings
from scriptrun.cli.options import Context, Kubeconfig

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the commands of this group."""
    for command in (operator, bridge, crds, version):
        app.command()(command)


def operator(kubeconfig: Kubeconfig = "", context: Context = "") -> None:
    """Run the operator. Its settings are SCRIPTRUN_* environment variables: see docs/operations.md."""
    import asyncio

    from scriptrun.controller.operator import run_operator
    from scriptrun.settings import Settings

    asyncio.run(run_operator(read_settings(Settings), kubeconfig, context))


def bridge(kubeconfig: Kubeconfig = "", context: Context = "") -> None:
    """Run the bridge to orchestrators. Its settings are SCRIPTRUN_* environment variables: see docs/bridge.md."""
    import asyncio

    from scriptrun.bridges.process import run_bridges
    from scriptrun.settings import BridgeSettings

    asyncio.run(run_bridges(read_settings(BridgeSettings), kubeconfig, context))


def crds(
    output_dir: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write a file for each kind into this folder.")
    ] = None,
) -> None:
    """Print the CustomResourceDefinitions.

    Install them with: scriptrun crds | kubectl apply --server-side -f -
    """
    from scriptrun.cli.output.printing import emit
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
    from scriptrun.cli.output.printing import emit

    emit(__version__)
