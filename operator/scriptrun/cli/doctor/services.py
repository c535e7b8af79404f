"""The parts that not every installation has: the REST API and bridges."""

import os
from typing import Any

from scriptrun.cli.api_client import SERVER, ask_remote, is_configured
from scriptrun.cli.doctor.finding import Finding, failed, ok, skipped
from scriptrun.cli.doctor.installation import Installation, advise_logs, describe_shortage
from scriptrun.cli.options import Target
from scriptrun.cli.session import Session
from scriptrun.errors import Forbidden, NotFound, ScriptRunError
from scriptrun.kube.resources import BRIDGES

__all__ = ["check_api", "check_bridges", "judge_bridges"]


async def check_api(session: Session, installation: Installation) -> Finding:
    """Ask the server that the environment names, else look at the API's Deployment."""
    if is_configured():
        try:
            await ask_remote(Target(namespace=session.namespace), lambda remote: remote.read("runs", [("limit", "1")]))
        except ScriptRunError as error:
            return failed("api", str(error), "check SCRIPTRUN_SERVER and SCRIPTRUN_TOKEN: docs/api.md")
        return ok("api", f"{os.environ[SERVER]} answers")
    deployment = installation.find("api")
    if deployment is None:
        return skipped("api", "none is installed, and SCRIPTRUN_SERVER names none")
    return _judge_deployment("api", deployment)


async def check_bridges(session: Session, installation: Installation) -> Finding:
    """Look at the namespace's Bridges and at the process that serves them."""
    try:
        page = await session.client.list(BRIDGES, session.namespace)
    except (Forbidden, NotFound):
        return skipped("bridges", f"you may not see Bridges in namespace {session.namespace}")
    return judge_bridges(session.namespace, list(page.get("items") or ()), installation)


def judge_bridges(namespace: str, bridges: list[dict[str, Any]], installation: Installation) -> Finding:
    """Judge Bridges by what the bridge's process says of them. Pure."""
    if not bridges:
        return skipped("bridges", f"namespace {namespace} has none")
    deployment = installation.find("bridge")
    if deployment is None and installation.deployments is not None:
        return failed(
            "bridges", "there are Bridges, and nothing that serves them", "set bridge.create=true in the chart"
        )
    cut_off = [said for bridge in bridges if (said := _describe_cut_off(bridge))]
    if cut_off:
        return failed(
            "bridges", "; ".join(cut_off), "kubectl describe bridges; docs/bridge.md says what each reason means"
        )
    if deployment and (shortage := describe_shortage(deployment)):
        return failed("bridges", shortage, advise_logs(deployment))
    return ok("bridges", f"{len(bridges)} connected")


def _describe_cut_off(bridge: dict[str, Any]) -> str:
    name = bridge["metadata"]["name"]
    for condition in bridge.get("status", {}).get("conditions") or ():
        if condition["type"] == "Connected":
            if condition["status"] == "True":
                return ""
            return f"{name}: {condition.get('reason', '')}: {condition.get('message', '')}"
    return "" if bridge["spec"].get("suspend") else f"{name}: nobody has looked at it"


def _judge_deployment(check: str, deployment: dict[str, Any]) -> Finding:
    if shortage := describe_shortage(deployment):
        return failed(check, shortage, advise_logs(deployment))
    return ok(check, f"Deployment {deployment['metadata']['namespace']}/{deployment['metadata']['name']} is available")
