"""The other processes of a pipeline: the server, a scheduler that asked this starter, a starter that scripts go to."""

import asyncio
import json
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import aiohttp

from scriptrun.errors import Rejected, TryLater
from scriptrun.pipeline.orders import Order
from scriptrun.pipeline.settings import PipelineSettings
from scriptrun.policies.documents import parse_document

__all__ = ["FoundScript", "PipelineClients"]

_SECONDS = 30.0
_ANSWER_LIMIT_BYTES = 65_536
_UNSAID = "the server did not say where the script is"


@dataclass(frozen=True, slots=True)
class FoundScript:
    """Where a script is, and the token that the server gives it with that; "" where it gives none."""

    script_url: str
    api_token: str = field(default="", repr=False)


class PipelineClients:
    """Talks to them. Their addresses are the settings' own, so they may be anywhere."""

    def __init__(self, settings: PipelineSettings) -> None:
        self._settings = settings
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=_SECONDS),
            headers={
                "Authorization": f"Token {self._settings.token.get_secret_value()}",
                "User-Agent": "scriptrun",
            },
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def find_script(self, dtable_uuid: str, script_name: str) -> FoundScript:
        """Ask the server where a script is.

        Raises:
            Rejected: it does not say.
            TryLater: no answer, or one that says: later.
        """
        if not self._settings.server_url:
            raise Rejected("no script_url was given, and there is no server to ask (SCRIPTRUN_SCHEDULER_SERVER_URL)")
        base, name = quote(_write_uuid(dtable_uuid), safe=""), quote(script_name, safe="")
        path = f"/api/v2.1/dtable/{base}/run-script/{name}/task/file/"
        text = await self._ask("GET", self._settings.server_url + path, "the server")
        try:
            answer = parse_document(text)
            address, token = answer["script_url"], answer.get("temp_api_token") or ""
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Rejected(_UNSAID) from error
        if not isinstance(address, str) or not address or not isinstance(token, str):
            raise Rejected(_UNSAID)
        return FoundScript(address, token)

    async def report(self, order: Order) -> None:
        """Tell the scheduler that asked what became of its script.

        Raises:
            Rejected: it does not want to know.
            TryLater: no answer, or one that says: later.
        """
        outcome = order.outcome
        if outcome is None:
            raise Rejected("the script has not ended")
        body = {
            "success": outcome.success,
            "return_code": outcome.return_code,
            "output": outcome.output,
            "started_at": (order.started_at or order.request.created_at).timestamp(),
            "spend_time": outcome.spend_seconds,
            "script_id": json.loads(order.request.report_id or "null"),
        }
        await self._ask("POST", f"{self._settings.report_url}/script-result/", "the scheduler", body)

    async def hand_over(self, order: Order, script_url: str, environment: dict[str, str]) -> None:
        """Hand a script over to another starter, which will report.

        Raises:
            Rejected: it does not take it.
            TryLater: no answer, or one that says: later.
        """
        body = {
            "script_url": script_url,
            "env": environment,
            "context_data": order.request.context_data,
            "script_id": order.id,
        }
        await self._ask("POST", f"{self._settings.starter_url}/function/run-python", "the starter", body)

    async def _ask(self, method: str, url: str, who: str, body: Any = None) -> bytes:
        if self._session is None:
            raise RuntimeError("the session is closed")
        try:
            async with self._session.request(method, url, json=body, allow_redirects=False) as answer:
                text = await answer.content.read(_ANSWER_LIMIT_BYTES)
                while len(text) < _ANSWER_LIMIT_BYTES and (more := await answer.content.read(_ANSWER_LIMIT_BYTES)):
                    text += more
        except (aiohttp.ClientError, TimeoutError, asyncio.IncompleteReadError, OSError) as error:
            raise TryLater(f"{who} does not answer ({type(error).__name__})") from error
        if answer.status >= 500 or answer.status in (408, 429):
            raise TryLater(f"{who} answers {answer.status}")
        if answer.status != 200:
            raise Rejected(f"{who} answers {answer.status}")
        return text


def _write_uuid(text: str) -> str:
    """Write a base's uuid with dashes, which the server asks for; what is no uuid stays as it is."""
    bare = text.replace("-", "")
    if len(bare) != 32:
        return text
    return "-".join((bare[:8], bare[8:12], bare[12:16], bare[16:20], bare[20:]))
