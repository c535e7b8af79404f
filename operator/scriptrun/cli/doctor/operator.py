"""Does an operator work in the namespace?"""

from datetime import UTC, datetime
from typing import Any

from scriptrun.cli.doctor.finding import Finding, failed, ok, skipped, warning
from scriptrun.cli.doctor.installation import (
    SYSTEM_NAMESPACE,
    Installation,
    advise_logs,
    describe_shortage,
    read_environment,
)
from scriptrun.cli.session import Session
from scriptrun.errors import Forbidden, NotFound
from scriptrun.kube.resources import LEASES
from scriptrun.policies.attempts import parse_instant

__all__ = ["check_operator", "find_leader", "judge_operator", "read_lease"]

_LEASE = "scriptrun-operator"
_DURATION_SECONDS = 15


async def check_operator(session: Session, installation: Installation) -> Finding:
    """Look at the operator's Deployment and at the Lease that its leader renews."""
    deployment = installation.find("operator")
    if deployment is None and installation.deployments is None:
        return skipped(
            "operator", "you may not see Deployments", "ask an administrator to run scriptrun doctor, or start a run"
        )
    lease = await read_lease(session, deployment, _LEASE)
    return judge_operator(session.namespace, deployment, lease, datetime.now(UTC))


async def read_lease(session: Session, deployment: dict[str, Any] | None, default: str) -> dict[str, Any] | None:
    """Read the Lease that a process's leader renews; None: there is none; empty: it may not be seen.

    Args:
        session: to ask with.
        deployment: of the process, if there is one.
        default: name of the Lease, where the Deployment does not say otherwise.
    """
    environment = read_environment(deployment) if deployment else {}
    where = deployment["metadata"]["namespace"] if deployment else SYSTEM_NAMESPACE
    namespace = environment.get("SCRIPTRUN_LEASE_NAMESPACE") or where
    try:
        return await session.client.get(LEASES, namespace, environment.get("SCRIPTRUN_LEASE_NAME") or default)
    except NotFound:
        return None
    except Forbidden:
        return {}


def judge_operator(
    namespace: str, deployment: dict[str, Any] | None, lease: dict[str, Any] | None, now: datetime
) -> Finding:
    """Judge the operator. Pure.

    Args:
        namespace: in which it is to work.
        deployment: the operator's, if there is one.
        lease: its Lease; None: there is none; empty: it may not be seen.
        now: aware UTC.
    """
    leader = find_leader(lease, now) if lease else ""
    if deployment is None and not leader:
        return failed("operator", "no operator is installed", "install the chart: docs/operations.md")
    environment = read_environment(deployment) if deployment else {}
    watched = [name for name in environment.get("SCRIPTRUN_WATCH_NAMESPACES", "").split(",") if name]
    if watched and namespace not in watched:
        return failed(
            "operator",
            f"it works in {', '.join(watched)}, not in namespace {namespace}",
            "add the namespace to watchNamespaces in the chart, or choose another with -n",
        )
    shortage = describe_shortage(deployment) if deployment else ""
    if leader:
        if shortage:
            return warning("operator", f"{leader} leads, but {shortage}", _advise(deployment))
        return ok("operator", f"{leader} leads")
    if shortage or lease == {}:
        return (
            failed("operator", shortage, _advise(deployment)) if shortage else ok("operator", "its pods are available")
        )
    return failed("operator", "its pods are available, but none leads", f"{_advise(deployment)} says why")


def _advise(deployment: dict[str, Any] | None) -> str:
    return advise_logs(deployment) if deployment else "install the chart: docs/operations.md"


def find_leader(lease: dict[str, Any], now: datetime) -> str:
    """Find who holds a Lease, if it was renewed in time; "" otherwise. Pure."""
    spec = lease.get("spec", {})
    renewed = parse_instant(spec.get("renewTime"))
    seconds = spec.get("leaseDurationSeconds") or _DURATION_SECONDS
    if not spec.get("holderIdentity") or renewed is None or (now - renewed).total_seconds() > 2 * seconds:
        return ""
    return str(spec["holderIdentity"]).partition("_")[0]
