"""Calls Actions by way of one Connection: retries, sign-in, pages, and nothing that shows a secret."""

import asyncio
import json
import os
import random
import re
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

import httpcore

from scriptrun_actions.auth import list_secrets, sign_in
from scriptrun_actions.build import CheckValue, Request, build_request
from scriptrun_actions.errors import ActionError
from scriptrun_actions.exchange import Exchange, Sent, with_path
from scriptrun_actions.extract import find_all
from scriptrun_actions.limits import Limiter
from scriptrun_actions.masking import Mask
from scriptrun_actions.model import Action, Connection, OAuth2, Pagination
from scriptrun_actions.oauth2 import MemoryStore, TokenSource, TokenStore
from scriptrun_actions.response import Response
from scriptrun_actions.retry import decide_delay, is_unknown, matches_status, parse_retry_after
from scriptrun_actions.transport import CheckAddress, Resolve, open_pool, resolve

__all__ = ["Attempt", "Client", "Outside"]

_TOKEN_SECONDS = 20.0
_TOKEN_BYTES = 65_536
_ERROR_CHARACTERS = 500
_NEXT = re.compile(r'<([^<>]*)>[^,<]*?;\s*rel="?(?:[^",]* )?next(?: [^",]*)?"?', re.IGNORECASE)
_LINK_CHARACTERS = 8192
_ITEMS = 100_000


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of a call, for logs.

    Attributes:
        number: from 1.
        error: how it failed; None where it did not.
        delay_seconds: until the next one; None where there is none.
    """

    number: int
    error: ActionError | None = None
    delay_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Outside:
    """What a client needs of the world around it; tests have clocks of their own.

    Attributes:
        check_value: checks values against schemas.
        check_address: says which addresses may be connected to.
        resolve: names.
        sleep: waits.
        now: seconds since 1970.
        chance: random numbers from 0 up to 1.
    """

    check_value: CheckValue
    check_address: CheckAddress
    resolve: Resolve = resolve
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    now: Callable[[], float] = time.time
    chance: Callable[[], float] = random.random


class Client:
    """Calls Actions by way of one Connection; an async context manager. Any number of calls may be under way."""

    def __init__(self, connection: Connection, outside: Outside, store: TokenStore | None = None) -> None:
        self._connection = connection
        self._outside = outside
        self._mask = Mask(list_secrets(connection.auth))
        self._limiter = Limiter(
            connection.max_concurrent_requests, connection.rate_per_second, outside.now, outside.sleep
        )
        self._tokens: TokenSource | None = None
        if isinstance(connection.auth, OAuth2):
            self._tokens = TokenSource(
                connection.auth, store or MemoryStore(), self._ask_for_tokens, outside.now, outside.sleep
            )
        self._pool: httpcore.AsyncConnectionPool

    async def __aenter__(self) -> Self:
        """Open it.

        Raises:
            ActionError: InvalidAction, a certificate can't be read.
        """
        pem = self._connection.client_certificate
        if not pem:
            self._pool = open_pool(self._connection, "", self._outside.check_address, self._outside.resolve)
            return self
        descriptor, name = tempfile.mkstemp()  # of mode 0600
        try:
            with os.fdopen(descriptor, "w") as file:
                file.write(pem)
            self._pool = open_pool(self._connection, name, self._outside.check_address, self._outside.resolve)
        finally:
            os.unlink(name)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._tokens is not None:
            await self._tokens.aclose()
        await self._pool.aclose()

    async def call(
        self,
        action: Action,
        given: Mapping[str, Any],
        key: str = "",
        on_attempt: Callable[[Attempt], object] = lambda attempt: None,
    ) -> Response:
        """Call an operation.

        Args:
            action: the operation.
            given: its input.
            key: for the idempotency header: the same for everything that is the same call.
            on_attempt: is told of each try.

        Raises:
            ActionError: with secrets hidden in its message, and the number of attempts.
        """
        attempts = _Attempts(on_attempt)
        try:
            request = build_request(action, given, self._outside.check_value)
            if action.idempotency_header and key:
                request = replace(request, headers={**request.headers, action.idempotency_header.lower(): key})
            response = await self._call_pages(action, request, attempts)
            if action.response_schema is not None:
                if wrong := self._outside.check_value(action.response_schema, response.body, "response.body"):
                    raise ActionError("InvalidResponse", wrong, response.status)
            return response
        except ActionError as error:
            raise self._hide(error, attempts.count) from None

    def _hide(self, error: ActionError, attempts: int) -> ActionError:
        hidden = ActionError(error.reason, self._mask.hide(error.message), error.status)
        hidden.attempts = attempts
        return hidden

    async def _call_pages(self, action: Action, request: Request, attempts: "_Attempts") -> Response:
        pages = action.pagination
        if pages is None:
            return await self._try(action, request, attempts)
        if pages.style == "page":
            request = request.with_query(pages.parameter, str(pages.first_page))
        items: list[Any] = []
        for number in range(1, pages.max_pages + 1):
            response = await self._try(action, request, attempts)
            found = _find_items(pages, response)
            items += found
            if len(items) > _ITEMS:
                raise ActionError("ResponseTooLarge", f"the pages have more than {_ITEMS} items together")
            following = self._find_next(pages, request, response, number, found)
            if following is None:
                return replace(response, body=items)
            request = following
        raise ActionError("TooManyPages", f"there are more than {pages.max_pages} pages (pagination.maxPages)")

    def _find_next(
        self, pages: Pagination, request: Request, response: Response, number: int, found: list[Any]
    ) -> Request | None:
        if pages.style == "link":
            link = _NEXT.search(response.headers.get("link", "")[:_LINK_CHARACTERS])
            return with_path(request, link[1], self._connection.base_url) if link else None
        if pages.style == "page":
            return request.with_query(pages.parameter, str(pages.first_page + number)) if found else None
        cursors = [item for item in find_all(pages.cursor, response.document()) if item not in (None, "", False)]
        return request.with_query(pages.parameter, str(cursors[0])) if cursors else None

    async def _try(self, action: Action, request: Request, attempts: "_Attempts") -> Response:
        number = 0
        while True:
            number += 1
            sent, headers = Sent(), dict[str, str]()
            try:
                response = await self._send_once(action, request, sent, headers)
                attempts.note(None, None)
                return response
            except ActionError as error:
                asked = headers.get("retry-after")
                now = datetime.fromtimestamp(self._outside.now(), UTC)
                delay = decide_delay(
                    action,
                    number,
                    error,
                    sent=sent.started,
                    retry_after=parse_retry_after(asked, now) if asked else None,
                    chance=self._outside.chance(),
                )
                attempts.note(self._hide(error, number), delay)
                if delay is None:
                    raise _as_unknown(action, error, sent) from None
            await self._outside.sleep(delay)

    async def _send_once(self, action: Action, request: Request, sent: Sent, headers: dict[str, str]) -> Response:
        async with self._limiter.enter():
            exchange = Exchange(
                self._pool,
                self._connection.base_url,
                self._connection.allowed_hosts,
                action.timeout_ms / 1000,
                action.max_response_bytes,
            )
            signed = await sign_in(request, self._connection.auth, self._tokens)
            response = await exchange.send(request, signed.request, sent)
            if response.status == 401 and signed.token:  # it may have been taken back before its time
                signed = await sign_in(request, self._connection.auth, self._tokens, refused=signed.token)
                response = await exchange.send(request, signed.request, sent)
        headers.update(response.headers)
        if matches_status(action.success_status, response.status):
            return response
        text = response.body if isinstance(response.body, str) else _write_json(response.body)
        said = " ".join(text.split())[:_ERROR_CHARACTERS]
        raise ActionError(
            "HttpError", f"{action.method} answered {response.status}: {said or 'nothing'}", response.status
        )

    async def _ask_for_tokens(self, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        auth = self._connection.auth
        assert isinstance(auth, OAuth2)  # noqa: S101 - for the type checker; only then is there a source of tokens
        exchange = Exchange(self._pool, auth.token_url, (), _TOKEN_SECONDS, _TOKEN_BYTES)
        return await exchange.post_form(body, headers)


class _Attempts:
    """Counts the tries of a call, over all its pages."""

    def __init__(self, tell: Callable[[Attempt], object]) -> None:
        self.count = 0
        self._tell = tell

    def note(self, error: ActionError | None, delay: float | None) -> None:
        self.count += 1
        self._tell(Attempt(self.count, error, delay))


def _as_unknown(action: Action, error: ActionError, sent: Sent) -> ActionError:
    if not is_unknown(action, error, sent=sent.started):
        return error
    text = f"{action.method} may have been carried out and is not repeated: {error.message}"
    return ActionError("OutcomeUnknown", text, error.status)


def _find_items(pages: Pagination, response: Response) -> list[Any]:
    found = find_all(pages.items, response.document())
    if len(found) != 1 or not isinstance(found[0], list):
        raise ActionError("InvalidResponse", f"pagination.items {pages.items} does not lead to an array")
    return found[0]


def _write_json(value: Any) -> str:
    return "" if value is None else json.dumps(value, ensure_ascii=False)
