"""In front of the scheduler's paths: the shared secret is checked before any of a body is read."""

import hmac
import time

import structlog
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from scriptrun.pipeline.settings import PipelineSettings

__all__ = ["PipelineAuthMiddleware"]

_log = structlog.get_logger(__name__)
_OPEN = ("/ping",)
_STARTERS = ("/function/run-python", "/script-result", "/script-running-callback")
_FORBIDDEN = "Forbidden: the auth token is not correct."


class PipelineAuthMiddleware:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, settings: PipelineSettings) -> None:
        self._app = app
        token = settings.token.get_secret_value()
        self._accepted = tuple(f"{scheme} {token}".encode() for scheme in ("Token", "Bearer"))
        self._unguarded = _OPEN if settings.starter_auth else (*_OPEN, *_STARTERS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on that shows the secret, or needs none."""
        started, status = time.monotonic(), 0

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        path: str = scope["path"]
        try:
            if path.rstrip("/") in self._unguarded or self._knows_secret(scope):
                await self._app(scope, receive, watched)
            else:
                text = "Forbidden" if path.startswith("/tasks/") else _FORBIDDEN
                await PlainTextResponse(text, 403)(scope, receive, watched)
        finally:
            seconds = round(time.monotonic() - started, 4)
            _log.info("request", method=scope["method"], path=path, status=status, seconds=seconds, caller="scheduler")

    def _knows_secret(self, scope: Scope) -> bool:
        shown = [value for name, value in scope["headers"] if name == b"authorization"]
        # Both are compared, whatever the first says: the time it takes tells nothing.
        same = [hmac.compare_digest(shown[0], accepted) for accepted in self._accepted] if len(shown) == 1 else []
        return any(same)
