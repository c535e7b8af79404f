"""Has the history the volume that it needs?"""

from typing import Any

from scriptrun.cli.doctor.finding import Finding, failed, ok, skipped
from scriptrun.cli.doctor.installation import PART_OF, Installation
from scriptrun.cli.session import Session
from scriptrun.errors import Forbidden
from scriptrun.kube.resources import PERSISTENTVOLUMECLAIMS, STORAGECLASSES

__all__ = ["check_storage", "judge_storage"]

_DEFAULT = "storageclass.kubernetes.io/is-default-class"
_ADVICE = (
    "name a class in history.persistence.storageClassName or a claim in history.persistence.existingClaim, "
    "make a class the default one, or give the history a database (docs/history.md)"
)


async def check_storage(session: Session, installation: Installation) -> Finding:
    """Look at the history's claim, and at the StorageClasses where it is not bound."""
    deployment = installation.find("api")
    if deployment is None:
        return skipped("storage", "not needed: no history is installed")
    namespace = deployment["metadata"]["namespace"]
    try:
        claims = await session.client.list(PERSISTENTVOLUMECLAIMS, namespace, labelSelector=PART_OF)
        classes = await session.client.list(STORAGECLASSES)
    except Forbidden:
        return skipped("storage", f"you may not see volumes in namespace {namespace}")
    return judge_storage(deployment, list(claims.get("items") or ()), list(classes.get("items") or ()))


def judge_storage(deployment: dict[str, Any], claims: list[dict[str, Any]], classes: list[dict[str, Any]]) -> Finding:
    """Judge the claim that a Deployment mounts. Pure.

    Args:
        deployment: the API's.
        claims: PersistentVolumeClaims of its namespace.
        classes: the cluster's StorageClasses.
    """
    volumes = deployment["spec"]["template"]["spec"].get("volumes") or ()
    needed = {item["persistentVolumeClaim"]["claimName"] for item in volumes if "persistentVolumeClaim" in item}
    if not needed:
        return skipped("storage", "not needed: the history is not on a claim")
    for claim in claims:
        name, phase = claim["metadata"]["name"], claim.get("status", {}).get("phase", "Pending")
        if name not in needed:
            continue
        if phase == "Bound":
            return ok("storage", f"claim {name} is bound to {claim['spec'].get('volumeName', 'a volume')}")
        return failed("storage", f"claim {name} is {phase}: {_describe_class(claim, classes)}", _ADVICE)
    return failed("storage", f"claim {', '.join(sorted(needed))} is not there", _ADVICE)


def _describe_class(claim: dict[str, Any], classes: list[dict[str, Any]]) -> str:
    names = [item["metadata"]["name"] for item in classes]
    wanted = claim["spec"].get("storageClassName")
    if wanted:
        return f"StorageClass {wanted} " + ("made no volume for it yet" if wanted in names else "is not there")
    default = [item for item in classes if item["metadata"].get("annotations", {}).get(_DEFAULT) == "true"]
    return "the cluster has no default StorageClass" if not default else "no volume was made for it yet"
