"""The application: its paths, and what stands in front of them."""

import asyncio
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from scriptrun import __version__
from scriptrun.api import metrics, problems
from scriptrun.api.auth.auth_middleware import AuthMiddleware
from scriptrun.api.context import Context, ContextOf
from scriptrun.api.docs.openapi import build_openapi
from scriptrun.api.docs.page import POLICY, render_page
from scriptrun.api.middleware.limits import Limits
from scriptrun.api.middleware.shares import Shares
from scriptrun.api.runs import overview_routes as routes_others
from scriptrun.api.runs import routes as routes_runs
from scriptrun.api.runs.schemas import Index
from scriptrun.history import metrics as history_metrics
from scriptrun.runtime.liveness import explain_silence

__all__ = ["build_app", "build_document"]

_DESCRIPTION = """Runs scripts on Kubernetes, each in its own Job. Send `Authorization: Bearer TOKEN`, with a token of
the cluster (its RBAC on `scriptruns.scriptrun.dev` decides what you may do) or an API token. What goes wrong is told as
`application/problem+json`; its `type` is stable."""

system = APIRouter(tags=["system"])


_NOT_NOW: dict[int | str, dict[str, Any]] = {
    503: {"description": "Why not.", "content": {"text/plain": {"schema": {"type": "string"}}}}
}


@system.get("/healthz", response_class=PlainTextResponse, operation_id="getHealth", responses=_NOT_NOW)
async def get_health(context: ContextOf) -> Response:
    """Say whether this process works; 503 when only a restart helps."""
    wrong = explain_silence(context.run_index.last_contact())
    return PlainTextResponse(f"{wrong or 'ok'}\n", 503 if wrong else 200)


@system.get("/readyz", response_class=PlainTextResponse, operation_id="getReadiness", responses=_NOT_NOW)
async def get_readiness(context: ContextOf) -> Response:
    """Say whether this process can answer; 503 while it does not know the cluster yet."""
    if not context.run_index.is_synced():
        return PlainTextResponse("the caches are being filled\n", 503)
    return PlainTextResponse("ok\n")


@system.get("/metrics", response_class=PlainTextResponse, operation_id="getMetrics")
async def get_metrics(context: ContextOf) -> Response:
    """Show what this process measures, for Prometheus."""
    metrics.STREAMS.set(context.streams.total)
    registries = [metrics.REGISTRY, *([history_metrics.REGISTRY] if context.store is not None else [])]
    # In a thread: with many series it takes long, and goes on in small pieces.
    text = b"".join(await asyncio.to_thread(lambda: [generate_latest(registry) for registry in registries]))
    return Response(text, headers={"Content-Type": CONTENT_TYPE_LATEST})


@system.get(
    "/",
    operation_id="getIndex",
    response_model=Index,
    responses={302: {"description": "To the docs page, for callers that accept `text/html`."}},
)
async def get_index(request: Request) -> Response:
    """Say what this server is and where to start; needs no token."""
    if "text/html" in request.headers.get("Accept", ""):
        # Relative, since an Ingress may serve all this below a path of its own.
        return Response(status_code=302, headers={"Location": "docs", "Vary": "Accept"})
    index = Index(name=request.app.title, version=request.app.version)
    return JSONResponse(index.model_dump(by_alias=True), headers={"Vary": "Accept"})


@system.get("/docs", response_class=HTMLResponse, operation_id="getDocs")
async def get_docs(request: Request) -> Response:
    """Show this API to people."""
    headers = {"Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff"}
    return HTMLResponse(render_page(request.app.openapi()), headers=headers)


def _assemble() -> FastAPI:
    app = FastAPI(
        title="scriptrun",
        version=__version__,
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        openapi_url="/openapi.json",
    )
    for router in (routes_runs.router, routes_others.router):
        app.include_router(router, prefix="/api/v1")
    app.include_router(system)
    document = build_openapi(app)
    app.openapi = lambda: document  # type: ignore[method-assign]  # FastAPI's own way to have it otherwise
    return app


def build_document() -> dict[str, Any]:
    """Build the OpenAPI document, without a server to show it."""
    return _assemble().openapi()


def build_app(context: Context) -> FastAPI:
    """Build the application.

    Args:
        context: what the process holds.
    """
    app = _assemble()
    app.state.context = context
    problems.register(app)
    app.add_middleware(AuthMiddleware, authorizer=context.authorizer, shares=Shares(context.settings.max_callers))
    app.add_middleware(Limits, settings=context.settings)
    return app
