"""Is there a cluster, and does it know our kinds as this command does?"""

from typing import Any

from scriptrun.cli.doctor.finding import Finding, failed, ok, warning
from scriptrun.cli.session import Session
from scriptrun.crdgen import build_crds
from scriptrun.errors import KubeError, NotFound
from scriptrun.kube.preflight import is_recent
from scriptrun.kube.resources import BRIDGES, CUSTOMRESOURCEDEFINITIONS, SCRIPTRUNS, SCRIPTS, WORKFLOWRUNS, WORKFLOWS
from scriptrun.models.base import GROUP, VERSION

__all__ = ["check_kinds", "check_version", "list_missing_fields"]

_KINDS = (SCRIPTS, SCRIPTRUNS, BRIDGES, WORKFLOWS, WORKFLOWRUNS)
_INSTALL = "install the chart (docs/operations.md), or: scriptrun crds | kubectl apply --server-side -f -"


async def check_version(session: Session) -> Finding:
    """Check that the API server answers and is recent enough. Raises ``KubeError`` where it does not answer."""
    found = await session.client.read("/version")
    text = f"Kubernetes {found['gitVersion']}"
    if not is_recent(found):
        return failed("cluster", f"{text} is too old", "upgrade to 1.30 or newer, which has ValidatingAdmissionPolicy")
    return ok("cluster", f"{text}, namespace {session.namespace}")


async def check_kinds(session: Session) -> Finding:
    """Check that our kinds are served in the version that this command speaks, with all its fields."""
    try:
        group = await session.client.read(f"/apis/{GROUP}")
    except NotFound:
        return failed("crds", f"the cluster does not know the kinds of {GROUP}", _INSTALL)
    served = [item["version"] for item in group["versions"]]
    if VERSION not in served:
        return failed("crds", f"{GROUP} is served as {', '.join(served)}, not as {VERSION}", _INSTALL)
    document = await session.client.read(f"/apis/{GROUP}/{VERSION}")
    kinds = {item["name"] for item in document["resources"]}
    absent = [item.plural for item in _KINDS if item.plural not in kinds]
    if absent:
        return failed("crds", f"{GROUP}/{VERSION} has no {', '.join(absent)}", _INSTALL)
    if missing := await _find_missing_fields(session):
        return warning(
            "crds",
            f"the CRDs are older than this command: they lack {', '.join(missing)}",
            f"upgrade the chart; with crds.install=false: {_INSTALL.partition('or: ')[2]}",
        )
    return ok("crds", f"{GROUP}/{VERSION} serves {', '.join(item.plural for item in _KINDS)}")


async def _find_missing_fields(session: Session) -> list[str]:
    """Find fields that the cluster's CRDs lack; none where these may not be read."""
    missing = []
    for crd in build_crds().values():
        try:
            installed = await session.client.get(CUSTOMRESOURCEDEFINITIONS, "", crd["metadata"]["name"])
        except KubeError:
            continue
        missing += list_missing_fields(crd, installed)
    return missing


def list_missing_fields(ours: dict[str, Any], installed: dict[str, Any]) -> list[str]:
    """List fields of spec and status that a CRD of this version has and an installed one lacks. Pure."""
    known, kind = _list_fields(installed), ours["spec"]["names"]["kind"]
    return [f"{kind}.{field}" for field in sorted(_list_fields(ours) - known)]


def _list_fields(crd: dict[str, Any]) -> set[str]:
    for version in crd["spec"]["versions"]:
        if version["name"] == VERSION:
            properties = version["schema"]["openAPIV3Schema"]["properties"]
            return {
                f"{part}.{field}"
                for part in ("spec", "status")
                for field in properties.get(part, {}).get("properties", ())
            }
    return set()
