"""Options that several commands share, spelled as kubectl spells them."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Literal

import typer

from scriptrun.cli.completion import complete_contexts, complete_namespaces, complete_runs, complete_scripts

__all__ = [
    "AllNamespaces",
    "Color",
    "Context",
    "Follow",
    "Kubeconfig",
    "ListOutput",
    "Namespace",
    "NoWait",
    "ObjectFormat",
    "Output",
    "Phase",
    "RunName",
    "RunNames",
    "ScriptFilter",
    "Target",
]

ObjectFormat = Literal["json", "yaml", "name"]
TableFormat = Literal["json", "yaml", "name", "wide"]


class Phase(StrEnum):
    """A run's phase. An enumeration, since typer takes no list of literals."""

    PENDING = "Pending"
    QUEUED = "Queued"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    CANCELED = "Canceled"


@dataclass(frozen=True, slots=True)
class Target:
    """Where a command works: "" stands for what the kubeconfig says."""

    namespace: str = ""
    context: str = ""
    kubeconfig: str = ""


Namespace = Annotated[
    str,
    typer.Option(
        "--namespace",
        "-n",
        metavar="NAME",
        help="Namespace to work in. Default: that of the kubeconfig's context.",
        autocompletion=complete_namespaces,
    ),
]
Context = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="Context in the kubeconfig. Default: the current one.",
        autocompletion=complete_contexts,
    ),
]
Kubeconfig = Annotated[
    str,
    typer.Option(metavar="FILE", help="Kubeconfig. Default: $KUBECONFIG, ~/.kube/config, or the pod's own account."),
]
AllNamespaces = Annotated[bool, typer.Option("--all-namespaces", "-A", help="Look into every namespace.")]
Output = Annotated[
    ObjectFormat | None,
    typer.Option("--output", "-o", help="Print the ScriptRun itself: json, yaml or name."),
]
ListOutput = Annotated[TableFormat | None, typer.Option("--output", "-o", help="Print json, yaml, name or wide.")]
Follow = Annotated[bool, typer.Option("--follow", "-f", help="Show the script's log on stderr as it comes.")]
Color = Annotated[bool, typer.Option("--color", help="On a terminal, show the colours of the script's log.")]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Print the run's name and don't wait for its end.")]
RunName = Annotated[str, typer.Argument(metavar="NAME", help="Name of the run.", autocompletion=complete_runs)]
RunNames = Annotated[list[str], typer.Argument(metavar="NAME", help="Names of runs.", autocompletion=complete_runs)]
ScriptFilter = Annotated[
    str, typer.Option(metavar="NAME", help="Only runs of this Script.", autocompletion=complete_scripts)
]
