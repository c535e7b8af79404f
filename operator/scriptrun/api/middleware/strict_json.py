"""JSON from callers, held to what Kubernetes can keep."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import HTTPException, Request, Response
from fastapi.routing import APIRoute

from scriptrun.policies.documents import parse_document
from scriptrun.policies.effort import QUICK_BYTES

__all__ = ["StrictRoute"]

_MOST_MEMBERS = 100
"""At the top of a body; no request has more than a few."""


class _StrictRequest(Request):
    async def json(self) -> Any:
        """Read the body as JSON: no NaN, no number beyond 64-bit floating point, no bottomless nesting."""
        body = await self.body()
        try:
            document = parse_document(body)
        except ValueError as error:
            raise json.JSONDecodeError(str(error), "", 0) from error
        if isinstance(document, dict) and len(document) > _MOST_MEMBERS:
            # Each unknown member would become an error of its own in the answer.
            raise HTTPException(400, f"the body has {len(document):,} members, at most {_MOST_MEMBERS} are read")
        if len(body) > QUICK_BYTES:
            await asyncio.sleep(0)  # others come in between this and what is done with it
        return document


class StrictRoute(APIRoute):
    """A route that reads its body so."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Hand the request on as one that reads strictly."""
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            return await handler(_StrictRequest(request.scope, request.receive))

        return handle
