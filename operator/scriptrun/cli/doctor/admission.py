"""Are the admission policies there that keep outputs and runs from being forged?"""

from typing import Any

from scriptrun.cli.doctor.finding import Finding, failed, ok, skipped
from scriptrun.cli.doctor.installation import PART_OF
from scriptrun.cli.session import Session
from scriptrun.errors import Forbidden
from scriptrun.kube.resources import ADMISSIONPOLICIES, ADMISSIONPOLICYBINDINGS

__all__ = ["POLICIES", "check_admission", "judge_admission"]

POLICIES = ("bridges", "credentials", "outputs", "pods", "requests", "runner", "runs")
"""What the names of the chart's policies end in."""


async def check_admission(session: Session) -> Finding:
    """List the chart's ValidatingAdmissionPolicies and their bindings."""
    try:
        policies = await session.client.list(ADMISSIONPOLICIES, labelSelector=PART_OF)
        bindings = await session.client.list(ADMISSIONPOLICYBINDINGS)
    except Forbidden:
        return skipped(
            "admission", "you may not see admission policies", "ask an administrator to run scriptrun doctor"
        )
    return judge_admission(list(policies.get("items") or ()), list(bindings.get("items") or ()))


def judge_admission(policies: list[dict[str, Any]], bindings: list[dict[str, Any]]) -> Finding:
    """Judge policies and their bindings. Pure."""
    bound = {item["spec"]["policyName"] for item in bindings}
    names = {item["metadata"]["name"] for item in policies}
    missing = [part for part in POLICIES if not any(name.endswith(f"-{part}") for name in names & bound)]
    if missing:
        return failed(
            "admission",
            f"there is no policy, or no binding of one, for: {', '.join(missing)}. Scripts could forge outputs or runs",
            "upgrade the chart with admissionPolicy.create=true",
        )
    return ok("admission", f"{len(names)} policies are in force")
