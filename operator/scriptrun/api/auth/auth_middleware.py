"""In front of every operation: who asks is found out before any of the body is read; and what became of it is told."""

import time

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from scriptrun.api import metrics
from scriptrun.api.auth.authorizer import Authorizer
from scriptrun.api.middleware.shares import Shares
from scriptrun.api.problems import Problem, build_response, problem_of

__all__ = ["AuthMiddleware"]

_log = structlog.get_logger(__name__)
_GUARDED = "/api/"


class AuthMiddleware:
    """ASGI middleware. Leaves the caller in ``request.state.caller``.

    Args:
        app: what is behind it.
        authorizer: finds out who callers are.
        shares: how many requests are answered at one time.
    """

    def __init__(self, app: ASGIApp, authorizer: Authorizer, shares: Shares) -> None:
        self._app = app
        self._authorizer = authorizer
        self._shares = shares

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with its caller."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status, caller = time.monotonic(), 0, ""

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _observe(scope, status, time.monotonic() - started)
            await send(message)

        try:
            if not scope["path"].startswith(_GUARDED):
                await self._app(scope, receive, watched)
                return
            try:
                shown = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")
                identified = await self._authorizer.identify(shown)
                caller = identified.name
                if self._shares.is_used_up(caller):
                    detail = f"at most {self._shares.each} requests at one time: wait for the end of some"
                    raise Problem("too-many-requests", detail, headers={"Retry-After": "1"})
            except Exception as error:
                await build_response(problem_of(error), scope["path"])(scope, receive, watched)
                return
            scope.setdefault("state", {})["caller"] = identified
            with self._shares.hold(caller):
                await self._app(scope, receive, watched)
        finally:
            if scope["path"].startswith(_GUARDED):
                facts = {"method": scope["method"], "path": scope["path"], "status": status, "caller": caller}
                _log.info("request", seconds=round(time.monotonic() - started, 4), **facts)


def _observe(scope: Scope, status: int, seconds: float) -> None:
    route = scope.get("route")
    operation = getattr(route, "operation_id", None) or getattr(route, "name", None) or "none"
    metrics.REQUESTS.labels(operation, scope["method"] if route else "other", str(status)).inc()
    if b"wait=" not in scope["query_string"]:
        metrics.REQUEST_SECONDS.labels(operation).observe(seconds)
