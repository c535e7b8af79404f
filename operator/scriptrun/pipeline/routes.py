"""The paths of the script pipeline's scheduler and starter, with the pipeline's own shapes, statuses and texts."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from scriptrun.errors import ScriptRunError
from scriptrun.pipeline.order_queries import read_runs_query, read_statistics_query, show_count
from scriptrun.pipeline.order_statistics import OrderGroupBy, count_orders
from scriptrun.pipeline.order_store import OrderQuery, simplify_base
from scriptrun.pipeline.orders import Order, Stage, Target
from scriptrun.pipeline.requests import (
    BadCall,
    parse_month,
    parse_organisation,
    parse_page,
    parse_result_call,
    parse_run_call,
    parse_running_call,
    parse_starter_call,
)
from scriptrun.pipeline.service import OrderService

__all__ = ["build_routes", "show_order"]

_log = structlog.get_logger(__name__)
Handler = Callable[[Request], Awaitable[Response]]

_STATES = {Stage.RUNNING: "running", Stage.HANDED_OVER: "running", Stage.FINISHED: "finished"}
_NAMES: dict[Target, str] = {"user": "username", "org": "org_id", "base": "base_uuid"}
_ORDERS = {"total_run_time": "seconds", "total_run_count": "runs"}
_LARGEST_ID = 2**63 - 1


def _format(instant: datetime | None) -> str | None:
    return instant.astimezone(UTC).replace(microsecond=0).isoformat() if instant else None


def show_order(order: Order, *, bulk: bool = True) -> dict[str, Any]:
    """Show an order as the pipeline shows a script's log.

    Args:
        order: a server's.
        bulk: with context and output.
    """
    request, outcome = order.request, order.outcome
    shown = {
        "id": order.id,
        "dtable_uuid": request.dtable_uuid,
        "owner": request.owner,
        "org_id": request.org_id,
        "script_name": request.script_name,
        "context_data": request.context_data or None,
        "started_at": _format(order.started_at) or "",
        "finished_at": _format(order.finished_at),
        "success": outcome.success if outcome else None,
        "return_code": outcome.return_code if outcome else None,
        "output": outcome.output if outcome else None,
        "operate_from": request.operate_from,
        "state": _STATES.get(order.stage, "pending"),
        "created_at": _format(request.created_at),
    }
    if bulk:
        return shown
    return {key: value for key, value in shown.items() if key not in ("context_data", "output")}


def _read_id(text: str) -> int:
    if not text.isascii() or not text.removeprefix("-").isdigit():
        raise BadCall("Bad request")
    return int(text) if len(text) <= 19 and abs(int(text)) <= _LARGEST_ID else 0


class _Handlers:
    """One method a path."""

    def __init__(self, service: OrderService) -> None:
        self._service = service
        self._orders = service.orders

    async def ping(self, _request: Request) -> Response:
        return PlainTextResponse("Pong")

    async def run_script(self, request: Request) -> Response:
        return JSONResponse({"script_id": await self._service.start(parse_run_call(await request.body()))})

    async def get_script(self, request: Request) -> Response:
        order_id = _read_id(request.path_params["script_id"])
        dtable_uuid, script_name = request.query_params.get("dtable_uuid"), request.query_params.get("script_name")
        if not dtable_uuid or not script_name:
            raise BadCall("Parameters invalid")
        order = await self._service.find(order_id)
        if order is None:
            raise BadCall("Not found", 404)
        if not _belongs(order, dtable_uuid, script_name):
            raise BadCall("Bad request")
        return JSONResponse({"script": show_order(order)})

    async def list_logs(self, request: Request) -> Response:
        page = parse_page(request.query_params, 20)
        order_by = request.query_params.get("order_by") or request.query_params.get("org_by") or "-id"
        if order_by.strip("-") != "id":
            raise BadCall("order_by invalid.")
        query = OrderQuery(
            request.path_params["dtable_uuid"],
            request.path_params["script_name"],
            offset=page.offset,
            limit=page.size,
            newest_first=order_by.startswith("-"),
        )
        orders, count = await self._orders.list(query)
        return JSONResponse({"task_logs": [show_order(order) for order in orders], "count": count})

    async def get_log(self, request: Request) -> Response:
        order = await self._service.find(_read_id(request.path_params["log_id"]))
        if order is None or not _belongs(order, request.path_params["dtable_uuid"], request.path_params["script_name"]):
            return JSONResponse({"error_msg": "Script log not found"}, 404)
        return JSONResponse({"task_log": show_order(order)})

    async def count_running(self, request: Request) -> Response:
        query = request.query_params
        month = parse_month(query.get("month"), self._service.clock())
        username, org_id = query.get("username"), query.get("org_id")
        if not username and not org_id:
            raise BadCall("username or org_id invalid.")
        organisation = parse_organisation(org_id)
        target: tuple[Target, str] = (
            ("org", str(organisation)) if organisation is not None else ("user", username or "")
        )
        return JSONResponse({"count": await self._orders.count_started(*target, month)})

    def build_statistics(self, target: Target) -> Handler:
        async def get_statistics(request: Request) -> Response:
            query = request.query_params
            month = parse_month(query.get("month"), self._service.clock())
            order_by = query.get("order_by") or ""
            if order_by and order_by.strip("-") not in _ORDERS:
                raise BadCall("order_by invalid.")
            page = parse_page(query, 25)
            down = order_by.startswith("-") or query.get("direction") == "desc"
            by = ("-" if down else "") + _ORDERS[order_by.strip("-")] if order_by else ""
            rows, count = await self._orders.list_usage(target, month, by, page.offset, page.size)
            results = [
                {
                    "total_run_count": row.runs,
                    "total_run_time": int(row.seconds),
                    _NAMES[target]: int(row.subject) if target == "org" else row.subject,
                }
                for row in rows
            ]
            return JSONResponse({"month": month, "count": count, "results": results})

        return get_statistics

    async def list_runs(self, request: Request) -> Response:
        try:
            wanted = read_runs_query(request.query_params.get)
        except ValueError as error:
            return JSONResponse({"error": str(error)}, 400)
        orders, count = await self._orders.list(wanted)
        runs = [show_order(order, bulk=False) for order in orders]
        return JSONResponse({"runs": runs, "count": count, "total_count": count})

    def build_counts(self, by: OrderGroupBy) -> Handler:
        async def get_counts(request: Request) -> Response:
            try:
                wanted = read_statistics_query(request.query_params.get, by)
            except ValueError as error:
                return JSONResponse({"error": str(error)}, 400)
            counts, total = await count_orders(self._orders.store, wanted, by)
            return JSONResponse({"results": [show_count(count, by) for count in counts], "total_count": total})

        return get_counts

    async def take_start(self, request: Request) -> Response:
        return _acknowledge(await self._service.take_start(parse_running_call(await request.body())))

    async def take_result(self, request: Request) -> Response:
        return _acknowledge(await self._service.take_result(parse_result_call(await request.body())))

    async def run_function(self, request: Request) -> Response:
        await self._service.start_for_scheduler(parse_starter_call(await request.body()))
        return PlainTextResponse("Received")


def _acknowledge(known: bool) -> Response:
    return JSONResponse({"success": True}) if known else JSONResponse({"error_msg": "Script not found"}, 404)


def _belongs(order: Order, dtable_uuid: str, script_name: str) -> bool:
    same_base = simplify_base(dtable_uuid) == simplify_base(order.request.dtable_uuid)
    return same_base and script_name == order.request.script_name


def _guard(handler: Handler) -> Handler:
    """Answer whatever goes wrong in the pipeline's words."""

    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except BadCall as refused:
            return PlainTextResponse(refused.text, refused.status)
        except Exception as error:
            expected = isinstance(error, ScriptRunError)
            facts = {"error": str(error)} if expected else {"exc_info": error}
            _log.error("request failed", method=request.method, path=request.url.path, **facts)
            return PlainTextResponse("Internal server error", 500)

    return answer


def build_routes(service: OrderService) -> Starlette:
    """Build the application with every path of the scheduler and the starter.

    Args:
        service: what callers can do.
    """
    handlers = _Handlers(service)
    statistics = "/admin/statistics/scripts-running"
    paths: list[tuple[str, str, Handler]] = [
        ("GET", "/ping", handlers.ping),
        ("POST", "/run-script", handlers.run_script),
        ("GET", "/run-script/{script_id}", handlers.get_script),
        ("GET", "/tasks/{dtable_uuid}/{script_name}/logs", handlers.list_logs),
        ("GET", "/tasks/{dtable_uuid}/{script_name}/logs/{log_id}", handlers.get_log),
        ("GET", "/scripts-running-count", handlers.count_running),
        ("GET", f"{statistics}/by-user", handlers.build_statistics("user")),
        ("GET", f"{statistics}/by-org", handlers.build_statistics("org")),
        ("GET", f"{statistics}/by-base", handlers.build_statistics("base")),
        ("GET", "/admin/runs", handlers.list_runs),
        ("GET", "/admin/statistics/by-base", handlers.build_counts("base")),
        ("GET", "/admin/statistics/by-day", handlers.build_counts("day")),
        ("POST", "/script-running-callback", handlers.take_start),
        ("POST", "/script-result", handlers.take_result),
        ("POST", "/function/run-python", handlers.run_function),
    ]
    # The pipeline's servers ask with a slash at the end, but for the starter's path; both are answered everywhere.
    routes = [
        Route(path + slash, _guard(handler), methods=[method]) for method, path, handler in paths for slash in ("/", "")
    ]
    return Starlette(routes=routes)
