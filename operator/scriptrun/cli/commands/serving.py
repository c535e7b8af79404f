"""Commands about the REST API and the history it keeps: `api`, `history` and `token create`."""

from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from scriptrun.cli.options import Context, Kubeconfig, Namespace, Output, Phase, ScriptFilter, Target

if TYPE_CHECKING:
    from pydantic_settings import BaseSettings

__all__ = ["register"]

SettingsType = TypeVar("SettingsType", bound="BaseSettings")


def register(app: typer.Typer) -> None:
    """Add the commands of this group."""
    app.command()(api)
    app.command()(history)
    group = typer.Typer(no_args_is_help=True, help="Tokens for callers of the REST API outside the cluster.")
    group.command("create")(create_token)
    group.callback()(_keep_group)
    app.add_typer(group, name="token")


def _keep_group() -> None:
    """Keep `create` a command of its own: typer leaves out the name of an only one."""


def api(kubeconfig: Kubeconfig = "", context: Context = "") -> None:
    """Serve the REST API and keep the history. Its settings are SCRIPTRUN_* environment variables: see docs/api.md."""
    import asyncio

    from scriptrun.errors import UsageError
    from scriptrun.runtime.logging import configure_logs

    try:
        from scriptrun.api.server import run_api
        from scriptrun.api.settings import ApiSettings
        from scriptrun.history.settings import HistorySettings
        from scriptrun.pipeline.settings import PipelineSettings
    except ModuleNotFoundError as error:
        raise UsageError(f"the API needs more than is installed ({error}): pip install 'scriptrun[api]'") from error

    settings, history = _read_settings(ApiSettings), _read_settings(HistorySettings)
    scheduling = _read_settings(PipelineSettings)
    configure_logs(settings.log_level, settings.log_format)
    asyncio.run(run_api(settings, history, scheduling, kubeconfig, context))


def history(
    script: ScriptFilter = "",
    since: Annotated[
        str, typer.Option(metavar="DURATION", help="Only runs made in this time: seconds, or 90s, 5m, 12h, 2d.")
    ] = "",
    phase: Annotated[
        list[Phase] | None,
        typer.Option(metavar="PHASE", help=f"Only runs in this phase ({', '.join(Phase)}); may be repeated."),
    ] = None,
    failed: Annotated[bool, typer.Option("--failed", help="The same as --phase Failed.")] = False,
    source: Annotated[
        str, typer.Option(metavar="NAME", help="Only runs asked for by this source: api, zeebe, conductor …")
    ] = "",
    limit: Annotated[int, typer.Option(metavar="COUNT", min=1, help="At most so many.")] = 50,
    output: Output = None,
    namespace: Namespace = "",
    context: Context = "",
    kubeconfig: Kubeconfig = "",
) -> None:
    """List runs, newest first, also those that have left the cluster.

    The server of `scriptrun api` is asked: $SCRIPTRUN_SERVER is its address, $SCRIPTRUN_TOKEN a token for it. With
    these set, get, logs and rerun ask it too for runs that the cluster does not know.
    """
    from scriptrun.cli.history import print_history
    from scriptrun.cli.variables import parse_duration

    filters = [("phase", str(item)) for item in {*(phase or ()), *((Phase.FAILED,) if failed else ())}]
    filters += [(name, value) for name, value in (("script", script), ("source", source)) if value]
    seconds = parse_duration(since, "--since") if since else None
    print_history(filters, seconds, limit, output, Target(namespace, context, kubeconfig))


def create_token(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the token: a DNS label.")],
    namespace: Annotated[
        str, typer.Option("--namespace", "-n", metavar="NAME", help="The one namespace it is good for.")
    ],
    script: Annotated[
        list[str], typer.Option(metavar="NAME", help="A Script it is good for; * and ? as usual; may be repeated.")
    ],
    days: Annotated[int, typer.Option(metavar="COUNT", min=1, max=3650, help="Days until it expires.")] = 90,
) -> None:
    """Make an API token: print it on stdout, this once, and on stderr what to put into the Secret of tokens.

    No cluster is asked. Only a hash of the token goes into the Secret.
    """
    from scriptrun.cli.tokens import print_token

    print_token(name, namespace, script, days)


def _read_settings(kind: "type[SettingsType]") -> "SettingsType":
    from pydantic import ValidationError

    from scriptrun.errors import UsageError

    try:
        return kind()
    except ValidationError as error:
        wrong = error.errors(include_input=False)[0]
        name = f"{kind.model_config.get('env_prefix', '')}{wrong['loc'][0]}".upper()
        raise UsageError(f"{name}: {wrong['msg']}") from error
