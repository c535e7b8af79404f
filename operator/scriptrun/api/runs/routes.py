"""Paths below ``/namespaces/{namespace}/runs``."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Header, Path, Query, Response
from fastapi.responses import PlainTextResponse, StreamingResponse

from scriptrun.api.auth.authorizer import Caller
from scriptrun.api.auth.permit import Permit
from scriptrun.api.context import CallerOf, Context, ContextOf, Namespace
from scriptrun.api.middleware.strict_json import StrictRoute
from scriptrun.api.problems import Problem, describe
from scriptrun.api.runs.found_run import Found
from scriptrun.api.runs.logs import PLACE, LogFollower, LogPosition, cut_kept, parse_position, read_log
from scriptrun.api.runs.presenters import needs_output, show_run
from scriptrun.api.runs.schemas import (
    CURSOR,
    RUN_NAME,
    CreateRun,
    Rerun,
    Run,
    RunList,
    RunSummary,
    Time,
    dump_cursor,
    parse_cursor,
)
from scriptrun.errors import ScriptRunError, WorkTooLarge
from scriptrun.history.records import Query as RunQuery
from scriptrun.history.snapshot import summarize
from scriptrun.models.scriptrun import NAME_LIMIT
from scriptrun.policies.text import escape_controls

__all__ = ["router"]

_SUMMARY_LIMIT = 500
_COMMON = describe(400, 401, 403, 408, 422, 429, 500, 503)

_EVENT = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "description": "The place behind this event: give it back as Last-Event-ID."},
        "event": {"enum": ["log", "gap", "end"]},
        "data": {"type": "string", "description": "JSON."},
    },
}

router = APIRouter(prefix="/namespaces/{namespace}/runs", tags=["runs"], route_class=StrictRoute, responses=_COMMON)

Name = Annotated[
    str,
    Path(pattern=RUN_NAME, max_length=NAME_LIMIT, description="Name of the run.", examples=["hello-py-x7k2p"]),
]
Wait = Annotated[
    float,
    Query(ge=0, le=3600, description="Hold the answer until the run is over, or so many seconds. Default: 0."),
]
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=r"^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$",
        description="Requests with the same key create the same run, however often they are sent. A key applies to one "
        "caller in one namespace, as long as the cluster or the history knows the run.",
        examples=["order-4711"],
    ),
]
Phase = Literal["Pending", "Queued", "Running", "Succeeded", "Failed", "Canceled"]


def _path_of(run: dict[str, Any]) -> str:
    metadata = run["metadata"]
    return f"/api/v1/namespaces/{metadata['namespace']}/runs/{metadata['name']}"


async def _show(context: Context, found: Found) -> Run:
    try:
        output = await context.runs.read_output(found) if needs_output(found) else None
    except WorkTooLarge:
        output = None  # …/output says why
    return await show_run(found, context.hiding, output)


def _permit(context: Context, caller: Caller, verb: str, run: dict[str, Any]) -> Permit:
    """Describe what a caller was allowed to do with a run, for what takes long."""
    namespace, script = run["metadata"]["namespace"], run["spec"]["scriptRef"]["name"]
    return Permit(context.authorizer, caller, verb, namespace, script, context.settings.auth_cache_seconds)


async def _wait(context: Context, permit: Permit, run: dict[str, Any], seconds: float) -> dict[str, Any]:
    """Wait for a run's end, for as long as the caller may have it."""
    if not seconds:
        return run
    return await permit.hold(context.runs.wait(run, min(seconds, context.settings.max_wait_seconds)))


async def _show_new(
    context: Context, caller: Caller, response: Response, made: tuple[dict[str, Any], bool], wait_seconds: float
) -> Run:
    run, new = made
    response.status_code = 201 if new else 200
    response.headers["Location"] = _path_of(run)
    run = await _wait(context, _permit(context, caller, "create", run), run, wait_seconds)
    return await _show(context, await context.runs.examine(run))


@router.post(
    "",
    status_code=201,
    operation_id="createRun",
    responses={
        200: {"model": Run, "description": "The Idempotency-Key was seen before; this is its run."},
        **describe(409, 413, 415),
    },
)
async def create_run(
    namespace: Namespace,
    asked: Annotated[CreateRun, Body()],
    context: ContextOf,
    caller: CallerOf,
    response: Response,
    wait: Wait = 0,
    key: Key = None,
) -> Run:
    """Create a run of a Script.

    What the operator would refuse is refused at once where that can be told: an unknown Script, variables that don't
    match its schema, limits above the Script's.
    """
    await context.runs.allow(caller, "create", namespace)
    made = await context.runs.create(caller, namespace, asked, key)
    return await _show_new(context, caller, response, made, wait)


@router.get("", operation_id="listRuns")
async def list_runs(
    namespace: Namespace,
    context: ContextOf,
    caller: CallerOf,
    script: Annotated[str, Query(max_length=253, description="Only runs of this Script.")] = "",
    phase: Annotated[list[Phase] | None, Query(description="Only runs in this phase; may be repeated.")] = None,
    reason: Annotated[
        list[Annotated[str, Path(max_length=64)]] | None,
        Query(max_length=20, description="Only runs with this reason; may be repeated."),
    ] = None,
    source: Annotated[str | None, Query(max_length=63, description="Only runs asked for by this source.")] = None,
    since: Annotated[Time | None, Query(description="Only runs created at or after this time.")] = None,
    until: Annotated[Time | None, Query(description="Only runs created before this time.")] = None,
    cursor: Annotated[str | None, Query(pattern=CURSOR, description="nextCursor of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=_SUMMARY_LIMIT, description="Runs a page at most.")] = 100,
) -> RunList:
    """List runs, the newest first: those in the cluster and those that only the history knows, in one."""
    await context.runs.allow(caller, "list", namespace)
    query = RunQuery(
        namespace,
        script,
        caller.scripts,
        tuple(phase or ()),
        tuple(reason or ()),
        source,
        since,
        until,
        parse_cursor(cursor) if cursor else None,
        limit + 1,
    )
    found = await context.runs.list(query)
    items = [RunSummary.of(summary, in_cluster=in_cluster) for summary, in_cluster in found[:limit]]
    return RunList(items=items, next_cursor=dump_cursor(found[limit - 1][0].position) if len(found) > limit else None)


@router.get("/{name}", operation_id="getRun", responses=describe(404))
async def get_run(namespace: Namespace, name: Name, context: ContextOf, caller: CallerOf, wait: Wait = 0) -> Run:
    """Read a run; with `wait`, at its end."""
    await context.runs.allow(caller, "get", namespace)
    found = await context.runs.find(caller, namespace, name)
    if wait and found.in_cluster:
        run = await _wait(context, _permit(context, caller, "get", found.run), found.run, wait)
        found = await context.runs.examine(run)
    return await _show(context, found)


@router.delete("/{name}", status_code=204, operation_id="deleteRun", responses=describe(404, 409))
async def delete_run(namespace: Namespace, name: Name, context: ContextOf, caller: CallerOf) -> Response:
    """Delete a run from the cluster, and end it if it is not over. What is over stays in the history."""
    await context.runs.allow(caller, "delete", namespace)
    await context.runs.delete(await context.runs.find(caller, namespace, name))
    return Response(status_code=204)


@router.post("/{name}/cancel", status_code=202, operation_id="cancelRun", responses=describe(404, 409))
async def cancel_run(namespace: Namespace, name: Name, context: ContextOf, caller: CallerOf) -> Run:
    """Ask for a run's end: its script gets SIGTERM, the run ends as Canceled."""
    await context.runs.allow(caller, "patch", namespace)
    run = await context.runs.cancel(await context.runs.find(caller, namespace, name))
    return await _show(context, await context.runs.examine(run))


@router.post(
    "/{name}/rerun",
    status_code=201,
    operation_id="rerunRun",
    responses={
        200: {"model": Run, "description": "The Idempotency-Key was seen before; this is its run."},
        **describe(404, 409, 413, 415),
    },
)
async def rerun_run(
    namespace: Namespace,
    name: Name,
    context: ContextOf,
    caller: CallerOf,
    response: Response,
    asked: Annotated[Rerun | None, Body()] = None,
    wait: Wait = 0,
    key: Key = None,
) -> Run:
    """Run again what a run ran: a new run of the same Script, as that is now, with the same variables and limits."""
    await context.runs.allow(caller, "get", namespace)
    await context.runs.allow(caller, "create", namespace)
    found = await context.runs.find(caller, namespace, name)
    made = await context.runs.rerun(caller, found, asked or Rerun(), key)
    return await _show_new(context, caller, response, made, wait)


@router.get(
    "/{name}/output",
    operation_id="getOutput",
    response_class=Response,
    responses={
        200: {"description": "The output, as the script wrote it.", "content": {"application/json": {"schema": {}}}},
        **describe(404),
    },
)
async def get_output(namespace: Namespace, name: Name, context: ContextOf, caller: CallerOf) -> Response:
    """Read a run's whole output."""
    await context.runs.allow(caller, "get", namespace)
    found = await context.runs.find(caller, namespace, name)
    output = await context.runs.read_output(found)
    if output is None:
        raise Problem("no-output", f"run {name} has no output{'' if found.finished else ' yet'}")
    return Response(output.encode(errors="replace"), media_type="application/json")


@router.get(
    "/{name}/logs",
    operation_id="getLogs",
    response_class=PlainTextResponse,
    responses={
        200: {
            "description": "The log; followed, as server-sent events: `log` and `gap` with "
            '`{"attempt": 1, "text": "…"}`, and `end` with the run in brief.',
            "content": {
                "text/plain": {"schema": {"type": "string"}},
                "text/event-stream": {"schema": _EVENT},
            },
        },
        **describe(404),
    },
)
async def get_logs(
    namespace: Namespace,
    name: Name,
    context: ContextOf,
    caller: CallerOf,
    follow: Annotated[bool, Query(description="Go on to the run's end, as server-sent events.")] = False,
    attempt: Annotated[
        int | None, Query(ge=1, le=1000, description="Of this attempt. Default: the last; followed: all.")
    ] = None,
    last_event_id: Annotated[
        str | None,
        Header(alias="Last-Event-ID", pattern=PLACE, description="When following: continue after this event."),
    ] = None,
) -> Response:
    """Read what a run's script wrote for people.

    Of a run that only the history knows, the end of the last attempt's log is there.
    """
    await context.runs.allow(caller, "get", namespace)
    found = await context.runs.find(caller, namespace, name)
    if follow:
        place = parse_position(last_event_id)
        if context.streams.is_full() or context.streams.is_used_up(caller.name):
            detail = f"{context.streams.total} logs are being followed, by one caller at most {context.streams.each}"
            raise Problem("too-many-streams", f"{detail}: try again later")
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        events = _count(context, caller, _stream(context, _permit(context, caller, "get", found.run), found, place))
        return StreamingResponse(events, media_type="text/event-stream", headers=headers)
    if found.in_cluster:
        if context.whole_logs.is_full() or context.whole_logs.is_used_up(caller.name):
            raise Problem("busy", "too many whole logs are being read: follow this one, or try again later")
        with context.whole_logs.hold(caller.name):
            log = await read_log(context.client, found.run, attempt)
            if log is not None:
                text = log.decode(errors="replace")
                return PlainTextResponse(await context.hiding.hide_text(namespace, found.secrets, text))
    if context.store is None or not found.finished:
        raise Problem("no-log", f"run {name} has no log{' (any more)' if found.finished else ' yet'}")
    return PlainTextResponse(await context.store.read_log(found.run["metadata"]["uid"]))


async def _count(context: Context, caller: Caller, events: AsyncGenerator[str, None]) -> AsyncIterator[str]:
    """Count a log as followed while its events are read."""
    with context.streams.hold(caller.name):
        async with aclosing(events):
            async for event in events:
                yield event


async def _follow(context: Context, permit: Permit, found: Found, place: LogPosition) -> AsyncGenerator[str, None]:
    """Write the log of a run in the cluster as events, for as long as the caller may have it.

    Raises:
        NotPermitted: they may not any more.
        Problem: their token is not good any more.
        KubeError: it can't be read any further, or nobody says whether they may.
    """
    follower = LogFollower(context.client, context.run_index, found.run, context.settings.heartbeat_seconds)
    async with permit.watched() as watching, aclosing(follower.follow(place)) as pieces:
        async for piece in pieces:
            hidden = None if piece is None else await piece.hide(found.key[0], found.secrets, context.hiding)
            if watching.done():
                watching.result()
            yield ": still here\n\n" if hidden is None else hidden.render()
            if context.runs.stopping.is_set():
                return


async def _stream(context: Context, permit: Permit, found: Found, place: LogPosition) -> AsyncGenerator[str, None]:
    """Write a run's log as events, and end with the run in brief."""
    try:
        if found.in_cluster:
            async with aclosing(_follow(context, permit, found, place)) as events:
                async for event in events:
                    yield event
            if context.runs.stopping.is_set():
                return  # another replica goes on behind the last event
            found = await context.runs.examine(await context.runs.wait(found.run, 1))
        elif context.store is not None:
            last = len(found.run["status"].get("attempts") or ()) or 1
            log = await context.store.read_log(found.run["metadata"]["uid"])
            if place.attempt <= last:
                start = place if place.attempt == last else LogPosition(last)
                for piece in cut_kept(log.encode(), start):
                    yield piece.render()
        shown = RunSummary.of(summarize(found.run), in_cluster=found.in_cluster)
        yield f"event: end\ndata: {shown.model_dump_json(by_alias=True)}\n\n"
    except (ScriptRunError, Problem, TimeoutError) as error:
        # Too late for a status: the caller comes again, with the id of the last event.
        yield f": {' '.join(escape_controls(str(error)).split())}\n\n"
