"""The REST API as commands ask it: for runs that have left the cluster."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote

import aiohttp

from scriptrun.cli.options import Target
from scriptrun.errors import NotFound, ScriptRunError, UsageError
from scriptrun.kube.connection import open_connection
from scriptrun.models.base import API_VERSION

__all__ = ["SERVER", "TOKEN", "Remote", "ask_remote", "build_object", "call_remote", "is_configured"]

T = TypeVar("T")

SERVER = "SCRIPTRUN_SERVER"
TOKEN = "SCRIPTRUN_TOKEN"  # noqa: S105 - the name of a variable
_SECONDS = 60.0
_NOT_FOUND = 404
_COPIED = (
    "phase",
    "reason",
    "message",
    "queuedAt",
    "startedAt",
    "finishedAt",
    "durationSeconds",
    "exitCode",
    "attempts",
    "attemptCount",
    "resultStatus",
)


def is_configured() -> bool:
    """Whether the environment names a server to ask."""
    return bool(os.environ.get(SERVER))


@dataclass(frozen=True, slots=True)
class Remote:
    """A server, in one namespace."""

    session: aiohttp.ClientSession
    server: str
    namespace: str

    async def read(self, path: str, query: Sequence[tuple[str, str]] = ()) -> Any:
        """Read a JSON document below the namespace.

        Raises:
            NotFound: there is none.
            ScriptRunError: the server refused, or does not answer.
        """
        async with self._ask(path, query) as answer:
            await _check(answer)
            return await answer.json(content_type=None)

    async def read_text(self, path: str) -> bytes:
        """Read a text below the namespace; errors are those of ``read``."""
        async with self._ask(path, ()) as answer:
            await _check(answer)
            raw: bytes = await answer.read()
            return raw

    def _ask(self, path: str, query: Any) -> Any:
        url = f"{self.server}/api/v1/namespaces/{quote(self.namespace)}/{path}"
        return self.session.get(url, params=list(query))


async def _check(answer: aiohttp.ClientResponse) -> None:
    if answer.status < 400:
        return
    try:
        detail = (await answer.json(content_type=None))["detail"]
    except (ValueError, KeyError, TypeError):
        detail = f"{answer.url.origin()} answered {answer.status}: is it the server of `scriptrun api`?"
    raise NotFound(detail, _NOT_FOUND) if answer.status == _NOT_FOUND else ScriptRunError(detail)


def call_remote(target: Target, work: Callable[[Remote], Awaitable[T]]) -> T:
    """Ask the server that the environment names.

    Raises:
        UsageError: it names none.
        ScriptRunError: the message says what to do.
    """
    return asyncio.run(ask_remote(target, work))


async def ask_remote(target: Target, work: Callable[[Remote], Awaitable[T]]) -> T:
    """Do what ``call_remote`` does, where there is an event loop already."""
    server, token = os.environ.get(SERVER, "").rstrip("/"), os.environ.get(TOKEN, "")
    if not server.startswith(("http://", "https://")):
        raise UsageError(f"set {SERVER} to the address of `scriptrun api`, such as https://runs.example")
    if not token:
        raise UsageError(f"set {TOKEN} to a token for {server}: `kubectl create token NAME` prints one")
    namespace = target.namespace
    if not namespace:
        async with open_connection(target.kubeconfig, target.context, 1) as connection:
            namespace = connection.namespace
    timeout = aiohttp.ClientTimeout(total=_SECONDS)
    try:
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}, timeout=timeout) as session:
            return await work(Remote(session, server, namespace))
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        raise ScriptRunError(f"{server} does not answer: {error or type(error).__name__}") from error


def build_object(run: dict[str, Any]) -> dict[str, Any]:
    """Build the ScriptRun that a run of the API is or was. Pure.

    Args:
        run: as the API shows it.
    """
    spec = {
        "scriptRef": {"name": run["script"]},
        **({"variables": run["variables"]} if run["variables"] else {}),
        **{key: run[key] for key in ("activeDeadlineSeconds", "backoffLimit") if run.get(key) is not None},
        **({"task": run["task"]} if run.get("task") else {}),
    }
    status = {key: run[key] for key in _COPIED if run.get(key) not in (None, "", [])}
    attempts = [{key: value for key, value in item.items() if value is not None} for item in status.pop("attempts", ())]
    return {
        "apiVersion": API_VERSION,
        "kind": "ScriptRun",
        "metadata": {
            "name": run["name"],
            "namespace": run["namespace"],
            "uid": run["uid"],
            "creationTimestamp": run["createdAt"],
        },
        "spec": spec,
        "status": {**status, **({"attempts": attempts} if attempts else {})},
    }
