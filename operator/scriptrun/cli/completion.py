"""What the shell offers after TAB. Asks the cluster, gives up soon, and never says anything but names."""

import typer

__all__ = [
    "complete_contexts",
    "complete_namespaces",
    "complete_runs",
    "complete_scripts",
    "complete_workflow_runs",
    "complete_workflows",
]

_PATIENCE_SECONDS = 3.0


def complete_runs(ctx: typer.Context, incomplete: str) -> list[str]:
    """Names of runs in the namespace."""
    return _complete(ctx, "scriptruns", incomplete)


def complete_scripts(ctx: typer.Context, incomplete: str) -> list[str]:
    """Names of Scripts in the namespace."""
    return [] if ctx.params.get("local") else _complete(ctx, "scripts", incomplete)


def complete_workflows(ctx: typer.Context, incomplete: str) -> list[str]:
    """Names of Workflows in the namespace."""
    return _complete(ctx, "workflows", incomplete)


def complete_workflow_runs(ctx: typer.Context, incomplete: str) -> list[str]:
    """Names of WorkflowRuns in the namespace."""
    return _complete(ctx, "workflowruns", incomplete)


def complete_namespaces(ctx: typer.Context, incomplete: str) -> list[str]:
    """Names of namespaces."""
    return _complete(ctx, "namespaces", incomplete)


def complete_contexts(ctx: typer.Context, incomplete: str) -> list[str]:
    """Names of contexts in the kubeconfig."""
    import os

    import yaml

    path = ctx.params.get("kubeconfig") or os.environ.get("KUBECONFIG") or "~/.kube/config"
    names = []
    for part in str(path).split(os.pathsep):
        try:
            with open(os.path.expanduser(part), encoding="utf-8") as file:
                names += [str(item["name"]) for item in yaml.safe_load(file)["contexts"]]
        except (OSError, ValueError, TypeError, KeyError, yaml.YAMLError):
            continue
    return [name for name in names if name.startswith(incomplete)]


def _complete(ctx: typer.Context, plural: str, incomplete: str) -> list[str]:
    """List names of one kind; none when the cluster does not answer at once: a shell is waiting."""
    from asyncio import timeout

    from scriptrun.cli.options import Target
    from scriptrun.cli.session import Session, call
    from scriptrun.errors import ScriptRunError
    from scriptrun.kube.client import METADATA_LIST_ONLY
    from scriptrun.kube.resources import NAMESPACES, SCRIPTRUNS, SCRIPTS, WORKFLOWRUNS, WORKFLOWS

    kinds = (NAMESPACES, SCRIPTRUNS, SCRIPTS, WORKFLOWRUNS, WORKFLOWS)
    resource = next(item for item in kinds if item.plural == plural)
    given = {field: str(ctx.params.get(field) or "") for field in ("namespace", "context", "kubeconfig")}

    async def read(session: Session) -> list[str]:
        async with timeout(_PATIENCE_SECONDS):
            namespace = "" if resource is NAMESPACES else session.namespace
            page = await session.client.list(resource, namespace, accept=METADATA_LIST_ONLY, limit="500")
        return [str(item["metadata"]["name"]) for item in page["items"]]

    try:
        names = call(Target(**given), read)
    except (ScriptRunError, TimeoutError):
        return []
    return [name for name in names if name.startswith(incomplete)]
