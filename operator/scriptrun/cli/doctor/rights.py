"""May whoever asks see runs, read their logs, and start them? Asked of the cluster itself (SelfSubjectAccessReview)."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from scriptrun.cli.doctor.finding import Finding, failed, ok, warning
from scriptrun.cli.session import Session
from scriptrun.kube.resources import SELFSUBJECTACCESSREVIEWS

__all__ = ["RIGHTS", "Right", "check_rights", "judge_rights"]


@dataclass(frozen=True, slots=True)
class Right:
    """One right that commands need.

    Attributes:
        verb: of the API.
        group: "" for core.
        resource: with its subresource, as in a Role.
        role: the role that has it, of Kubernetes' own.
    """

    verb: str
    group: str
    resource: str
    role: str = "view"

    def __str__(self) -> str:
        return f"{self.verb} {self.resource}"


_OURS = "scriptrun.dev"
RIGHTS = (
    *(Right(verb, _OURS, "scripts") for verb in ("get", "list")),
    *(Right(verb, _OURS, "scriptruns") for verb in ("get", "list", "watch")),
    *(Right(verb, _OURS, "workflows") for verb in ("get", "list")),
    *(Right(verb, _OURS, "workflowruns") for verb in ("get", "list", "watch")),
    *(Right(verb, "", "pods") for verb in ("list", "watch")),
    Right("get", "", "pods/log"),
    Right("get", "", "configmaps"),
    *(Right(verb, _OURS, kind, "edit") for verb in ("create", "patch") for kind in ("scriptruns", "workflowruns")),
)
"""What `list`, `get`, `logs`, `run` and `cancel` ask for, also those of `workflows`."""


async def check_rights(session: Session) -> Finding:
    """Ask for each right, in the namespace that commands work in."""
    answers = await asyncio.gather(*(_ask(session, right) for right in RIGHTS))
    return judge_rights(session.namespace, dict(zip(RIGHTS, answers, strict=True)))


async def _ask(session: Session, right: Right) -> bool:
    resource, _, subresource = right.resource.partition("/")
    attributes = {
        "namespace": session.namespace,
        "verb": right.verb,
        "group": right.group,
        "resource": resource,
        "subresource": subresource,
    }
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    answer = await session.client.create(SELFSUBJECTACCESSREVIEWS, "", body)
    return bool(answer["status"].get("allowed"))


def judge_rights(namespace: str, allowed: Mapping[Right, bool]) -> Finding:
    """Judge rights: who may not look can't work, who may only look can't run. Pure."""
    missing = [right for right, answer in allowed.items() if not answer]
    if not missing:
        return ok("rights", f"you may see and start runs in namespace {namespace}")
    said = f"in namespace {namespace} you may not {', '.join(map(str, missing))}"
    looks = all(right.role == "edit" for right in missing)
    advice = (
        f"ask an administrator for the role edit: kubectl create rolebinding NAME --namespace {namespace} "
        "--clusterrole edit --user YOU (the chart adds its rights to it with rbac.userRoles.aggregate)"
    )
    return warning("rights", f"{said}: you can look, not run", advice) if looks else failed("rights", said, advice)
