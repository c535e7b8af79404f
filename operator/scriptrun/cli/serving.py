"""The command that serves the REST API."""

from typing import TYPE_CHECKING, TypeVar

import typer

from scriptrun.cli.options import Context, Kubeconfig

if TYPE_CHECKING:
    from pydantic_settings import BaseSettings

__all__ = ["register"]

SettingsType = TypeVar("SettingsType", bound="BaseSettings")


def register(app: typer.Typer) -> None:
    """Add the commands of this group."""
    app.command()(api)


def api(kubeconfig: Kubeconfig = "", context: Context = "") -> None:
    """Serve the REST API and keep the history. Its settings are SCRIPTRUN_* environment variables: see docs/api.md."""
    import asyncio

    from scriptrun.errors import UsageError
    from scriptrun.logs import configure_logs

    try:
        from scriptrun.api.server import run_api
        from scriptrun.api.settings import ApiSettings
        from scriptrun.history.settings import HistorySettings
    except ModuleNotFoundError as error:
        raise UsageError(f"the API needs more than is installed ({error}): pip install 'scriptrun[api]'") from error

    settings, history = _read_settings(ApiSettings), _read_settings(HistorySettings)
    configure_logs(settings.log_level, settings.log_format)
    asyncio.run(run_api(settings, history, kubeconfig, context))


def _read_settings(kind: "type[SettingsType]") -> "SettingsType":
    from pydantic import ValidationError

    from scriptrun.errors import UsageError

    try:
        return kind()
    except ValidationError as error:
        wrong = error.errors(include_input=False)[0]
        name = f"{kind.model_config.get('env_prefix', '')}{wrong['loc'][0]}".upper()
        raise UsageError(f"{name}: {wrong['msg']}") from error
