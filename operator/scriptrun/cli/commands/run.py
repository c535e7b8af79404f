"""Commands that start runs: `run` and `rerun`. Only their options are here; the work is imported when it is done."""

from typing import Annotated, Literal

import typer

from scriptrun.cli.completion import complete_scripts
from scriptrun.cli.options import Color, Context, Follow, Kubeconfig, Namespace, NoWait, Output, RunName, Target

__all__ = ["register"]

_RUN_EPILOG = """Exit code: the script's own. Besides: 0 Succeeded, 124 Timeout, 125 refused or failed by the cluster,
130 Canceled or Ctrl-C, 137 OutOfMemory, 1 an error of this command or an output that is not accepted, 2 wrong usage."""


def register(app: typer.Typer) -> None:
    """Add the commands of this group."""
    app.command(epilog=_RUN_EPILOG)(run)
    app.command(epilog=_RUN_EPILOG)(rerun)


def run(
    script: Annotated[
        str,
        typer.Argument(
            metavar="SCRIPT", help="Name of a Script; with --local a file or folder.", autocompletion=complete_scripts
        ),
    ],
    var: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=TEXT", help="A variable; NAME:=JSON for numbers, lists and so on. Wins over --vars."
        ),
    ] = None,
    vars_: Annotated[
        list[str] | None,
        typer.Option("--vars", metavar="FILE", help="A JSON object of variables; - is stdin. A later file wins."),
    ] = None,
    from_: Annotated[
        list[str] | None,
        typer.Option(
            "--from", metavar="CONFIGMAP[/KEY]", help="Variables from a ConfigMap: each key, or the JSON object in KEY."
        ),
    ] = None,
    source: Annotated[
        str, typer.Option(metavar="CONFIGMAP/KEY", help="The run's own source, for a Script that says fromRun.")
    ] = "",
    name: Annotated[
        str, typer.Option(metavar="NAME", help="Name of the run. Default: the Script's and five characters.")
    ] = "",
    timeout: Annotated[
        str,
        typer.Option(
            metavar="DURATION",
            help="Time for the whole run: seconds, or 90s, 5m, 1h30m. At most the Script's activeDeadlineSeconds.",
        ),
    ] = "",
    retries: Annotated[
        int | None,
        typer.Option(metavar="COUNT", min=0, help="Retries after a failed attempt, at most the Script's backoffLimit."),
    ] = None,
    ttl: Annotated[
        str, typer.Option(metavar="DURATION", help="Delete the run so long after its end. Default: the Script's.")
    ] = "",
    follow: Follow = False,
    color: Color = False,
    no_wait: NoWait = False,
    output: Output = None,
    local: Annotated[
        bool,
        typer.Option(
            "--local",
            help="Run the file or folder SCRIPT under its contract on this machine, without a cluster; as with -f.",
        ),
    ] = False,
    contract: Annotated[
        Literal["files", "stdio", "stream", "package"] | None,
        typer.Option(help="With --local: the contract. Default: as in scripts.yaml beside the file, else files."),
    ] = None,
    handler: Annotated[
        Literal["python", "shell", "node", "exec"] | None,
        typer.Option(help="With --local: what executes the file. Default: by its ending."),
    ] = None,
    config: Annotated[
        str, typer.Option(metavar="FILE", help="With --local: a JSON object, the config of contract package.")
    ] = "",
    namespace: Namespace = "",
    context: Context = "",
    kubeconfig: Kubeconfig = "",
) -> None:
    """Run a Script and wait for its end.

    The output is printed on stdout as JSON; all else goes to stderr. Ctrl-C stops waiting, not the run.
    """
    from scriptrun.cli import launch

    flags = launch.Flags(follow, no_wait, output, color)
    wishes = launch.Wishes(
        var=var or [],
        vars=vars_ or [],
        from_=from_ or [],
        source=source,
        name=name,
        timeout=timeout,
        retries=retries,
        ttl=ttl,
        contract=contract,
        handler=handler,
        config=config,
    )
    if local:
        code = launch.launch_local(script, wishes, flags)
    else:
        code = launch.launch(script, wishes, flags, Target(namespace, context, kubeconfig))
    raise typer.Exit(code)


def rerun(
    name: RunName,
    new_name: Annotated[
        str, typer.Option("--name", metavar="NAME", help="Name of the new run. Default: as for run.")
    ] = "",
    follow: Follow = False,
    color: Color = False,
    no_wait: NoWait = False,
    output: Output = None,
    namespace: Namespace = "",
    context: Context = "",
    kubeconfig: Kubeconfig = "",
) -> None:
    """Run again what another run ran: a new run of the same Script with the same variables, limits and source.

    The Script is taken as it is now. The task that the other run answered is not taken over.
    """
    from scriptrun.cli import launch

    flags = launch.Flags(follow, no_wait, output, color)
    raise typer.Exit(launch.relaunch(name, new_name, flags, Target(namespace, context, kubeconfig)))
