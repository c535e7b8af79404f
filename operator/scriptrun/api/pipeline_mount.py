"""Puts the scheduler's paths in front of the API's: they have a secret, limits and errors of their own."""

from starlette.types import ASGIApp, Receive, Scope, Send

from scriptrun.api.middleware.limits import Limits
from scriptrun.api.settings import ApiSettings
from scriptrun.pipeline.auth_middleware import PipelineAuthMiddleware
from scriptrun.pipeline.routes import build_routes
from scriptrun.pipeline.service import OrderService

__all__ = ["PREFIXES", "mount_pipeline"]

PREFIXES = (
    "/ping",
    "/run-script",
    "/tasks",
    "/scripts-running-count",
    "/admin",
    "/script-running-callback",
    "/script-result",
    "/function",
)
"""First parts of the scheduler's paths; the API has none of them."""


def mount_pipeline(app: ASGIApp, service: OrderService, settings: ApiSettings) -> ASGIApp:
    """Mount the scheduler.

    Args:
        app: the API.
        service: what callers can do.
        settings: the API's.
    """
    own = service.settings
    limits = settings.model_copy(
        update={
            "rate_per_second": own.rate_per_second,
            "rate_burst": own.rate_burst,
            "body_limit_bytes": own.body_limit_bytes,
        }
    )
    scheduler = Limits(PipelineAuthMiddleware(build_routes(service), own), limits)

    async def choose(scope: Scope, receive: Receive, send: Send) -> None:
        first = "/" + str(scope.get("path", "")).removeprefix("/").partition("/")[0]
        mine = scope["type"] == "http" and first in PREFIXES
        await (scheduler if mine else app)(scope, receive, send)

    return choose
