"""Paths for Scripts and statistics."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query

from scriptrun.api.context import CallerOf, ContextOf, Namespace
from scriptrun.api.problems import Problem, describe
from scriptrun.api.runs.live_statistics import count_live_runs
from scriptrun.api.runs.schemas import Script, ScriptList, Statistics, StatisticsGroup, Time, show_script
from scriptrun.history.records import Query as RunQuery
from scriptrun.history.statistics import count_runs
from scriptrun.policies.aliases import explain_ambiguous

__all__ = ["router"]

_DEFAULT_DAYS = 30

router = APIRouter(prefix="/namespaces/{namespace}", responses=describe(400, 401, 403, 408, 422, 429, 500, 503))


@router.get("/scripts", tags=["scripts"], operation_id="listScripts")
async def list_scripts(namespace: Namespace, context: ContextOf, caller: CallerOf) -> ScriptList:
    """List the allow-list, with the schemas of variables and outputs."""
    await context.runs.allow(caller, "list", namespace, "scripts")
    found = [item for item in context.run_index.scripts(namespace) if caller.may_use(item["metadata"]["name"])]
    return ScriptList(items=[show_script(item) for item in found])


@router.get("/scripts/{script}", tags=["scripts"], operation_id="getScript", responses=describe(404))
async def get_script(
    namespace: Namespace,
    script: Annotated[str, Path(max_length=253, description="Name or alias of the Script.", examples=["hello.py"])],
    context: ContextOf,
    caller: CallerOf,
) -> Script:
    """Read one entry of the allow-list."""
    await context.runs.allow(caller, "get", namespace, "scripts")
    names = context.runs.find_scripts(caller, namespace, script)
    found = context.run_index.script(namespace, names[0]) if len(names) == 1 else None
    if found is None:
        detail = explain_ambiguous(script, names) if names else f"there is no Script {script} in namespace {namespace}"
        raise Problem("not-found", detail)
    return show_script(found)


@router.get("/stats", tags=["statistics"], operation_id="getStatistics")
async def get_statistics(
    namespace: Namespace,
    context: ContextOf,
    caller: CallerOf,
    by: Annotated[Literal["script", "day", "source"], Query(description="What to group by.")] = "script",
    script: Annotated[str, Query(max_length=253, description="Only runs of this Script.")] = "",
    since: Annotated[
        Time | None, Query(description="Only runs created at or after this time. Default: 30 days ago.")
    ] = None,
    until: Annotated[Time | None, Query(description="Only runs created before this time.")] = None,
) -> Statistics:
    """Count finished runs: why they ended, how long they took, how many succeeded."""
    await context.runs.allow(caller, "list", namespace)
    since = since or datetime.now(UTC) - timedelta(days=_DEFAULT_DAYS)
    query = RunQuery(namespace, script, caller.scripts, since=since, until=until)
    if context.store is not None:
        groups = await count_runs(context.store, query, by)
    else:
        groups = count_live_runs(context.run_index.all(query), by)
    return Statistics(by=by, since=since, until=until, groups=[StatisticsGroup.of(group) for group in groups])
