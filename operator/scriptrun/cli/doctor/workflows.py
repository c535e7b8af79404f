"""Are the namespace's Workflows ready, and does a process run them?"""

from datetime import UTC, datetime
from typing import Any

from scriptrun.cli.doctor.finding import Finding, failed, ok, skipped, warning
from scriptrun.cli.doctor.installation import Installation, advise_logs, describe_shortage, read_environment
from scriptrun.cli.doctor.operator import find_leader, read_lease
from scriptrun.cli.session import Session
from scriptrun.errors import Forbidden, NotFound
from scriptrun.kube.resources import WORKFLOWS

__all__ = ["check_workflows", "judge_workflows"]

_LEASE = "scriptrun-workflows"
_INSTALL = "set workflows.create=true in the chart"


async def check_workflows(session: Session, installation: Installation) -> Finding:
    """Look at the namespace's Workflows, the Deployment of the process, and the Lease of its leader."""
    try:
        page = await session.client.list(WORKFLOWS, session.namespace)
    except (Forbidden, NotFound):
        return skipped("workflows", f"you may not see Workflows in namespace {session.namespace}")
    found = list(page.get("items") or ())
    if not found:
        return skipped("workflows", f"namespace {session.namespace} has none")
    deployment = installation.find("workflows")
    lease = await read_lease(session, deployment, _LEASE)
    if deployment is None:
        # Who may not see Deployments can't tell that there is no process.
        lease = lease or ({} if installation.deployments is None else None)
    return judge_workflows(session.namespace, found, deployment, lease, datetime.now(UTC))


def judge_workflows(
    namespace: str,
    workflows: list[dict[str, Any]],
    deployment: dict[str, Any] | None,
    lease: dict[str, Any] | None,
    now: datetime,
) -> Finding:
    """Judge the process that runs Workflows, and then these. Pure.

    Args:
        namespace: they are in.
        workflows: at least one.
        deployment: of the process, if there is one.
        lease: its Lease; None: there is none; empty: it may not be seen.
        now: aware UTC.
    """
    leader = find_leader(lease, now) if lease else ""
    environment = read_environment(deployment) if deployment else {}
    watched = [name for name in environment.get("SCRIPTRUN_WATCH_NAMESPACES", "").split(",") if name]
    if watched and namespace not in watched:
        return failed(
            "workflows",
            f"`scriptrun workflows` works in {', '.join(watched)}, not in namespace {namespace}",
            "add the namespace to watchNamespaces in the chart, or choose another with -n",
        )
    shortage = describe_shortage(deployment) if deployment else ""
    if not leader and (shortage or lease != {}):
        if deployment is None:
            return failed("workflows", "there are Workflows, and no `scriptrun workflows` that runs them", _INSTALL)
        message = shortage or "the pods of `scriptrun workflows` are available, but none leads"
        return failed("workflows", message, advise_logs(deployment))
    if wrong := [said for workflow in workflows if (said := _describe_fault(workflow))]:
        return warning("workflows", "; ".join(wrong), "scriptrun workflows describe NAME says what is wrong, and where")
    if shortage and deployment:
        return warning("workflows", f"{leader} leads, but {shortage}", advise_logs(deployment))
    return ok("workflows", f"{len(workflows)} ready" + (f", {leader} leads" if leader else ""))


def _describe_fault(workflow: dict[str, Any]) -> str:
    name = workflow["metadata"]["name"]
    for condition in (workflow.get("status") or {}).get("conditions") or ():
        if condition["type"] == "Ready":
            return "" if condition["status"] == "True" else f"{name}: {condition.get('reason', '')}"
    return f"{name}: not checked yet"
