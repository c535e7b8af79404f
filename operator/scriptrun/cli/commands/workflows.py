"""Commands about workflows: `workflows` alone is the process that runs them, its subcommands are for people."""

from typing import Annotated, Literal

import typer

from scriptrun.cli.commands.settings import read_settings
from scriptrun.cli.completion import complete_workflow_runs, complete_workflows
from scriptrun.cli.options import (
    AllNamespaces,
    Color,
    Context,
    Kubeconfig,
    ListOutput,
    Namespace,
    NoWait,
    ObjectFormat,
    Phase,
    Target,
)

__all__ = ["register"]

_RUN_EPILOG = """Exit code: 0 Succeeded, 124 Timeout, 130 Canceled or Ctrl-C, 125 the Workflow, its input or an
expression was not accepted. If a step failed, the code that scriptrun run has for its script: the script's own,
137 OutOfMemory and so on. 1 an error of this command, 2 wrong usage."""

WorkflowName = Annotated[
    str, typer.Argument(metavar="WORKFLOW", help="Name of a Workflow.", autocompletion=complete_workflows)
]
WorkflowRunName = Annotated[
    str, typer.Argument(metavar="NAME", help="Name of the WorkflowRun.", autocompletion=complete_workflow_runs)
]
Follow = Annotated[
    bool, typer.Option("--follow", "-f", help="Show the logs of the steps' scripts on stderr as they come.")
]
Output = Annotated[
    ObjectFormat | None, typer.Option("--output", "-o", help="Print the WorkflowRun itself: json, yaml or name.")
]


def register(app: typer.Typer) -> None:
    """Add the commands of this group."""
    group = typer.Typer()
    group.callback(invoke_without_command=True)(workflows)
    group.command("list")(list_workflows)
    group.command()(describe)
    group.command(epilog=_RUN_EPILOG)(run)
    group.command(epilog=_RUN_EPILOG)(rerun)
    group.command("runs")(list_runs)
    for command in (get, logs, cancel):
        group.command()(command)
    app.add_typer(group, name="workflows")


def workflows(ctx: typer.Context, kubeconfig: Kubeconfig = "", context: Context = "") -> None:
    """Start, follow and cancel runs of Workflows. Without a subcommand: the process that runs them.

    The process's settings are SCRIPTRUN_* environment variables: see docs/workflowrun.md.
    """
    from scriptrun.errors import UsageError

    if ctx.invoked_subcommand:
        if kubeconfig or context:
            option = "--kubeconfig" if kubeconfig else "--context"
            raise UsageError(
                f"write {option} after the subcommand: scriptrun workflows {ctx.invoked_subcommand} {option} …"
            )
        return
    import asyncio

    from scriptrun.settings import WorkflowSettings
    from scriptrun.workflows.process import run_workflows

    asyncio.run(run_workflows(read_settings(WorkflowSettings), kubeconfig, context))


def list_workflows(
    all_namespaces: AllNamespaces = False,
    output: ListOutput = None,
    namespace: Namespace = "",
    context: Context = "",
    kubeconfig: Kubeconfig = "",
) -> None:
    """List Workflows."""
    from scriptrun.cli.listing import Listing, print_list
    from scriptrun.kube.resources import WORKFLOWS

    print_list(Listing(WORKFLOWS, all_namespaces, output), Target(namespace, context, kubeconfig))


def describe(
    name: WorkflowName,
    runs: Annotated[int, typer.Option(metavar="COUNT", min=0, help="Show so many of its last runs.")] = 10,
    output: Annotated[
        Literal["json", "yaml"] | None, typer.Option("--output", "-o", help="Print json or yaml.")
    ] = None,
    namespace: Namespace = "",
    context: Context = "",
    kubeconfig: Kubeconfig = "",
) -> None:
    """Show one Workflow: its steps and limits, whether it is ready, its schema and its last runs.

    With -o json or yaml: an object with `workflow`, the Workflow itself, and `runs`, its last runs, newest first.
    """
    from scriptrun.cli.workflows.inspection import show_workflow

    show_workflow(name, runs, output, Target(namespace, context, kubeconfig))


def run(
    workflow: WorkflowName,
    var: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=TEXT",
            help="A member of the input; NAME:=JSON for numbers, lists and so on. Wins over --vars.",
        ),
    ] = None,
    vars_: Annotated[
        list[str] | None,
        typer.Option("--vars", metavar="FILE", help="The input as a JSON object; - is stdin. A later file wins."),
    ] = None,
    name: Annotated[
        str, typer.Option(metavar="NAME", help="Name of the run. Default: the Workflow's and five characters.")
    ] = "",
    ttl: Annotated[
        str, typer.Option(metavar="DURATION", help="Delete the run so long after its end. Default: the Workflow's.")
    ] = "",
    follow: Follow = False,
    color: Color = False,
    no_wait: NoWait = False,
    output: Output = None,
    namespace: Namespace = "",
    context: Context = "",
    kubeconfig: Kubeconfig = "",
) -> None:
    """Run a Workflow and wait for its end.

    On a terminal, a tree shows its steps as they go; otherwise, each change is a line on stderr. The output is printed
    on stdout as JSON. Ctrl-C stops waiting, not the run.
    """
    from scriptrun.cli.launch import Flags
    from scriptrun.cli.workflows.launch import WorkflowWishes, launch_workflow

    wishes = WorkflowWishes(var or [], vars_ or [], name, ttl)
    flags = Flags(follow, no_wait, output, color)
    raise typer.Exit(launch_workflow(workflow, wishes, flags, Target(namespace, context, kubeconfig)))


def rerun(
    name: WorkflowRunName,
    from_failed: Annotated[
        bool,
        typer.Option(
            "--from-failed",
            help="Resume with the step that failed; the steps before it keep their outputs and don't run again.",
        ),
    ] = False,
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
    """Run again what another WorkflowRun ran: a new run of the same Workflow with the same input.

    The Workflow is taken as it is now.
    """
    from scriptrun.cli.launch import Flags
    from scriptrun.cli.workflows.launch import relaunch_workflow

    flags, target = Flags(follow, no_wait, output, color), Target(namespace, context, kubeconfig)
    raise typer.Exit(relaunch_workflow(name, new_name, flags, target, from_failed=from_failed))


def list_runs(
    workflow: Annotated[
        str,
        typer.Argument(metavar="[WORKFLOW]", help="Only runs of this Workflow.", autocompletion=complete_workflows),
    ] = "",
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
    """List WorkflowRuns, newest first."""
    from dataclasses import replace

    from scriptrun.cli.listing import Listing, print_list
    from scriptrun.errors import UsageError
    from scriptrun.kube.resources import WORKFLOWRUNS

    if watch and output not in (None, "wide"):
        raise UsageError("--watch prints a table: leave out -o, or use -o wide")
    phases = frozenset([*(phase or ()), *((Phase.FAILED,) if failed else ())])
    shown = Listing(WORKFLOWRUNS, all_namespaces, output, newest_first=True, watch=watch)
    listing = replace(shown, workflow=workflow, phases=phases)
    print_list(listing, Target(namespace, context, kubeconfig))


def get(
    name: WorkflowRunName,
    output: Annotated[
        Literal["json", "yaml", "name", "output"] | None,
        typer.Option("--output", "-o", help="Print json, yaml or name, or the run's output alone: output."),
    ] = None,
    namespace: Namespace = "",
    context: Context = "",
    kubeconfig: Kubeconfig = "",
) -> None:
    """Show one WorkflowRun: where it stands or why it ended, its steps and its output."""
    from scriptrun.cli.workflows.inspection import show_workflow_run

    show_workflow_run(name, output, Target(namespace, context, kubeconfig))


def logs(
    name: WorkflowRunName,
    step: Annotated[str, typer.Option(metavar="STEP", help="Only of this step. Default: of all steps.")] = "",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with the logs until the run ends.")] = False,
    color: Color = False,
    namespace: Namespace = "",
    context: Context = "",
    kubeconfig: Kubeconfig = "",
) -> None:
    """Print what the scripts of a WorkflowRun's steps wrote, one step after the other.

    A heading for each goes to stderr.
    """
    from scriptrun.cli.workflows.inspection import show_workflow_log

    show_workflow_log(name, step, Target(namespace, context, kubeconfig), follow=follow, color=color)


def cancel(
    names: Annotated[
        list[str],
        typer.Argument(metavar="NAME", help="Names of WorkflowRuns.", autocompletion=complete_workflow_runs),
    ],
    namespace: Namespace = "",
    context: Context = "",
    kubeconfig: Kubeconfig = "",
) -> None:
    """Cancel WorkflowRuns: the step that runs is canceled, further ones are skipped, `finally` runs."""
    from scriptrun.cli.workflows.inspection import cancel_workflow_runs

    cancel_workflow_runs(names, Target(namespace, context, kubeconfig))
