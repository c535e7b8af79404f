"""One command's talk with the API server, and its failures in words that say what to do."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from scriptrun.cli.options import Target
from scriptrun.errors import ClusterUnsuitable, KubeError, Unavailable
from scriptrun.kube.client import Client
from scriptrun.kube.connection import open_connection

__all__ = ["Session", "call"]

T = TypeVar("T")

_MAX_CONNECTIONS = 8
_UNAUTHORIZED = 401
_NOT_FOUND = 404


@dataclass(frozen=True, slots=True)
class Session:
    """An open client, and the namespace that the command works in."""

    client: Client
    namespace: str


def call(target: Target, work: Callable[[Session], Awaitable[T]]) -> T:
    """Connect, work, disconnect.

    Raises:
        ScriptRunError: the message says what to do.
        KeyboardInterrupt: Ctrl-C; the connection is closed by then.
    """
    return asyncio.run(_call(target, work))


async def _call(target: Target, work: Callable[[Session], Awaitable[T]]) -> T:
    async with open_connection(target.kubeconfig, target.context, _MAX_CONNECTIONS) as connection:
        try:
            return await work(Session(Client(connection), target.namespace or connection.namespace))
        except KubeError as error:
            if advice := _advise(error, connection.server):
                raise ClusterUnsuitable(advice) from error
            raise


def _advise(error: KubeError, server: str) -> str:
    """Say what is wrong where the API server's own words don't; "" where they do."""
    # The API server answers for a kind it does not know with a page, not with a Status that has a reason.
    if error.status == _NOT_FOUND and not error.reason:
        return (
            f"the cluster at {server} does not know the kinds of scriptrun.dev: install the chart, "
            "or choose another cluster with --context or --kubeconfig"
        )
    if error.status == _UNAUTHORIZED:
        return f"the cluster at {server} does not accept the credentials of this context: log in again ({error})"
    if isinstance(error, Unavailable) and not error.status:
        return f"{error}: is the cluster at {server} up, and the one you mean? (--context, --kubeconfig)"
    return ""
