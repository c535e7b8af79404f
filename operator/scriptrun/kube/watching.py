"""Watching a few objects for as long as a person waits: list, watch, and again when the server has had enough."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from scriptrun.errors import KubeError, Unavailable
from scriptrun.kube.client import Client
from scriptrun.kube.resources import Resource

__all__ = ["GONE", "LISTED", "watch_objects"]

GONE = 410
"""HTTP status, and code of an ERROR event: the version to watch from is too old. List again."""

LISTED = "LISTED"
"""Event after each list; what existed was told as ADDED before it, again after an interruption."""

_SERVER_SECONDS = 290
_SILENCE_SECONDS = 90.0  # the API server sends a bookmark about once a minute
_PATIENCE_SECONDS = 60.0
_PAUSE_SECONDS = 1.0


async def watch_objects(
    client: Client, resource: Resource, namespace: str, **query: str
) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    """Yield (ADDED, MODIFIED, DELETED or LISTED, object) until the consumer has seen enough.

    Args:
        client: to the API server.
        resource: what to watch.
        namespace: where; "" means everywhere.
        query: the API's own parameters, such as labelSelector and fieldSelector.

    Raises:
        Unavailable: the API server has been away for a minute.
        KubeError: it refused.
    """
    heard_at = time.monotonic()
    while True:
        try:
            listed = await client.list(resource, namespace, **query)
            for item in listed["items"]:
                yield "ADDED", item
            yield LISTED, {}
            heard_at = time.monotonic()
            async for type_, item in _watch(client, resource, namespace, listed["metadata"]["resourceVersion"], query):
                heard_at = time.monotonic()
                yield type_, item
        except (Unavailable, TimeoutError) as error:
            if time.monotonic() - heard_at > _PATIENCE_SECONDS:
                raise Unavailable(f"the API server has been away for a minute: {error}") from error
            await asyncio.sleep(_PAUSE_SECONDS)
        except KubeError as error:
            if error.status != GONE:
                raise


async def _watch(
    client: Client, resource: Resource, namespace: str, version: str, query: dict[str, str]
) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    """Yield events until the server ends the stream or says that the version is too old."""
    stream = client.watch(resource, namespace, **query, resourceVersion=version, timeoutSeconds=str(_SERVER_SECONDS))
    async with aclosing(stream) as events:
        while True:
            # Around this one await: around the loop it would also run while the consumer does something else.
            # Not wait_for, which swallows a cancellation that comes together with an event (until Python 3.12).
            async with asyncio.timeout(_SILENCE_SECONDS):
                event = await anext(events, None)
            if event is None or event["type"] == "ERROR":
                return
            if event["type"] != "BOOKMARK":
                yield event["type"], event["object"]
