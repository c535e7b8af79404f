"""Commands about scriptrun itself: `operator`, `bridge`, `workflows`, `crds` and `version`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from scriptrun.cli.options import Context, Kubeconfig

if TYPE_CHECKING:
    from scriptrun.settings import ProcessSettings

SettingsType = TypeVar("SettingsType", bound="ProcessSettings")

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the commands of this group."""
    for command in (operator, bridge, workflows, crds, version):
        app.command()(command)


def operator(kubeconfig: Kubeconfig = "", context: Context = "") -> None:
    """Run the operator. Its settings are SCRIPTRUN_* environment variables: see docs/operations.md."""
    import asyncio

    from scriptrun.controller.operator import run_operator
    from scriptrun.settings import Settings

    asyncio.run(run_operator(_read_settings(Settings), kubeconfig, context))


def bridge(kubeconfig: Kubeconfig = "", context: Context = "") -> None:
    """Run the bridge to orchestrators. Its settings are SCRIPTRUN_* environment variables: see docs/bridge.md."""
    import asyncio

    from scriptrun.bridges.process import run_bridges
    from scriptrun.settings import BridgeSettings

    asyncio.run(run_bridges(_read_settings(BridgeSettings), kubeconfig, context))


def workflows(kubeconfig: Kubeconfig = "", context: Context = "") -> None:
    """Run workflows. Its settings are SCRIPTRUN_* environment variables: see docs/workflowrun.md."""
    import asyncio

    from scriptrun.settings import WorkflowSettings
    from scriptrun.workflows.process import run_workflows

    asyncio.run(run_workflows(_read_settings(WorkflowSettings), kubeconfig, context))


def _read_settings(kind: "type[SettingsType]") -> "SettingsType":
    """Read a process's settings from the environment, and set up its logs by them."""
    from pydantic import ValidationError

    from scriptrun.errors import UsageError
    from scriptrun.runtime.logging import configure_logs

    try:
        settings = kind()
    except ValidationError as error:
        wrong = error.errors()[0]
        raise UsageError(f"SCRIPTRUN_{str(wrong['loc'][0]).upper()}={wrong['input']}: {wrong['msg']}") from error
    configure_logs(settings.log_level, settings.log_format)
    return settings


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
