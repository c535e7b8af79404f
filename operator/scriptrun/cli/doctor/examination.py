"""Looks at everything, one after the other, and says what it found."""

from collections.abc import Awaitable, Callable

from scriptrun.cli.doctor.admission import check_admission
from scriptrun.cli.doctor.cluster import check_kinds, check_version
from scriptrun.cli.doctor.finding import Finding, decide_exit_code, failed, render_findings, skipped
from scriptrun.cli.doctor.installation import Installation, find_installation
from scriptrun.cli.doctor.operator import check_operator
from scriptrun.cli.doctor.rights import check_rights
from scriptrun.cli.doctor.services import check_api, check_bridges
from scriptrun.cli.doctor.storage import check_storage
from scriptrun.cli.doctor.workflows import check_workflows
from scriptrun.cli.options import Target
from scriptrun.cli.output.printing import dump_json, emit
from scriptrun.cli.session import Session, call
from scriptrun.errors import ClusterUnsuitable, KubeError, ScriptRunError, Unavailable

__all__ = ["examine"]

Check = Callable[[Session, Installation], Awaitable[Finding]]


async def _check_rights(session: Session, _: Installation) -> Finding:
    return await check_rights(session)


async def _check_admission(session: Session, _: Installation) -> Finding:
    return await check_admission(session)


_CHECKS: dict[str, Check] = {
    "rights": _check_rights,
    "operator": check_operator,
    "admission": _check_admission,
    "api": check_api,
    "bridges": check_bridges,
    "workflows": check_workflows,
    "storage": check_storage,
}


def examine(form: str | None, target: Target) -> int:
    """Look at cluster and installation, print what was found, and return the exit code."""
    try:
        findings = call(target, _examine)
    except ScriptRunError as error:
        advice = (
            "check kubeconfig, context and VPN: kubectl cluster-info says whether the cluster can be reached at all"
        )
        rest = [skipped(check, "no cluster to ask") for check in ("crds", *_CHECKS)]
        findings = [failed("cluster", str(error), advice), *rest]
    if form == "json":
        items = [
            {"check": item.check, "state": str(item.state), "message": item.message, "advice": item.advice}
            for item in findings
        ]
        emit(dump_json({"ok": not decide_exit_code(findings), "checks": items}))
    else:
        emit(render_findings(findings))
    return decide_exit_code(findings)


async def _examine(session: Session) -> list[Finding]:
    findings = [await check_version(session), await check_kinds(session)]
    installation = await find_installation(session)
    for name, check in _CHECKS.items():
        try:
            findings.append(await check(session, installation))
        except Unavailable as error:
            raise ClusterUnsuitable(f"the API server stopped to answer: {error}") from error
        except KubeError as error:
            findings.append(failed(name, f"it can't be looked at: {error}", "kubectl auth whoami; kubectl version"))
    return findings
