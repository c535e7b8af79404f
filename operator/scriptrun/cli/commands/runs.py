"""Commands about runs that exist: `list`, `get`, `logs` and `cancel`."""

from typing import Annotated, Literal

import typer

from scriptrun.cli.options import (
    AllNamespaces,
    Color,
    Context,
    Kubeconfig,
    ListOutput,
    Namespace,
    Phase,
    RunName,
    RunNames,
    ScriptFilter,
    Target,
)

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the commands of this group."""
    app.command("list")(list_runs)
    for command in (get, logs, cancel):
        app.command()(command)


def list_runs(
    script: ScriptFilter = "",
    phase: Annotated[
        list[Phase] | None,
        typer.Option(metavar="PHASE", help=f"Only runs in this phase ({', '.join(Phase)}); may be repeated."),
    ] = None,
    failed: Annotated[bool, typer.Option("--failed", help="The same as --phase Failed.")] = False,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Go on with each change, until Ctrl-C.")] = False,
    all_namespaces: AllNamespaces = False,
    output: ListOutput = None,
    namespace: Namespace = "",
    context: Context = "",
    kubeconfig: Kubeconfig = "",
) -> None:
    """List runs, newest first."""
    from scriptrun.cli.listing import Listing, print_list
    from scriptrun.errors import UsageError
    from scriptrun.kube.resources import SCRIPTRUNS

    if watch and output not in (None, "wide"):
        raise UsageError("--watch prints a table: leave out -o, or use -o wide")
    phases = frozenset([*(phase or ()), *((Phase.FAILED,) if failed else ())])
    listing = Listing(SCRIPTRUNS, all_namespaces, output, newest_first=True, watch=watch, script=script, phases=phases)
    print_list(listing, Target(namespace, context, kubeconfig))


def get(
    name: RunName,
    output: Annotated[
        Literal["json", "yaml", "name", "output"] | None,
        typer.Option("--output", "-o", help="Print json, yaml or name, or the run's output alone: output."),
    ] = None,
    namespace: Namespace = "",
    context: Context = "",
    kubeconfig: Kubeconfig = "",
) -> None:
    """Show one run: where it stands or why it ended, its attempts and its output."""
    from scriptrun.cli.inspection import show_run

    show_run(name, output, Target(namespace, context, kubeconfig))


def logs(
    name: RunName,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with the log until the run ends.")] = False,
    attempt: Annotated[
        int | None,
        typer.Option(metavar="NUMBER", min=1, help="Of this attempt alone. Default: of all, each under a heading."),
    ] = None,
    color: Color = False,
    namespace: Namespace = "",
    context: Context = "",
    kubeconfig: Kubeconfig = "",
) -> None:
    """Print what a run's script wrote.

    Of a run with several attempts all logs are printed, oldest first; a heading for each goes to stderr. A log is read
    from the attempt's pod, or, when that is gone, from its output ConfigMap, which keeps the last 64 KiB.
    A pipe or file gets the script's bytes; on a terminal control characters are escaped, so that they can't command it.
    """
    from scriptrun.cli.inspection import show_log

    show_log(name, Target(namespace, context, kubeconfig), follow=follow, attempt=attempt, color=color)


def cancel(
    names: RunNames,
    namespace: Namespace = "",
    context: Context = "",
    kubeconfig: Kubeconfig = "",
) -> None:
    """End runs: the script gets SIGTERM, the run ends as Canceled."""
    from scriptrun.cli.inspection import cancel_runs

    cancel_runs(names, Target(namespace, context, kubeconfig))
