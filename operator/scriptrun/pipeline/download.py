"""Downloads scripts, from allowed hosts alone, and connects to the very address that was checked."""

import asyncio
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from scriptrun.errors import AddressNotAllowed, Rejected, TryLater
from scriptrun.net.http_client import is_compressed, open_session, read_body
from scriptrun.pipeline.addresses import check_url
from scriptrun.pipeline.settings import PipelineSettings
from scriptrun.policies.address_policy import AddressPolicy

__all__ = ["Downloader"]

_REDIRECTS = 3
_MOVED = (301, 302, 303, 307, 308)
_CONNECT_SECONDS = 10.0


class Downloader:
    """Downloads scripts.

    Args:
        settings: say from where, and how large.
        resolver: of names; None for the system's.
    """

    def __init__(self, settings: PipelineSettings, resolver: AbstractResolver | None = None) -> None:
        self.settings = settings
        self._resolver = resolver
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = open_session(
            AddressPolicy(frozenset({"public"}), self.settings.networks),
            headers={"Accept": "*/*"},
            timeout=aiohttp.ClientTimeout(total=self.settings.download_seconds, sock_connect=_CONNECT_SECONDS),
            connections=self.settings.workers,
            resolver=self._resolver,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def fetch(self, address: str) -> bytes:
        """Download a script.

        Args:
            address: where it is.

        Raises:
            Rejected: it may not be had from there, is not there, or is too large.
            TryLater: no answer, or one that says: later.
        """
        try:
            async with asyncio.timeout(self.settings.download_seconds):
                return await self._follow(check_url(self._move(address), self.settings.hosts))
        except TimeoutError as error:
            raise TryLater(f"the download took longer than {self.settings.download_seconds:g} s") from error
        except AddressNotAllowed as error:
            remedy = "" if error.final else "; to allow it, name its network in SCRIPTRUN_SCHEDULER_ALLOWED_NETWORKS"
            raise Rejected(f"the script's address (script_url) is refused: {error}{remedy}") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # Not their own words, which may repeat the address and the ticket in it.
            raise TryLater(f"the server with the script does not answer ({type(error).__name__})") from error

    def _move(self, address: str) -> str:
        root = self.settings.file_server_root
        if not root:
            return address
        try:
            return f"{root}{URL(address).raw_path_qs}"
        except (ValueError, TypeError) as error:
            raise Rejected("the script's address (script_url) is no URL") from error

    async def _follow(self, url: URL) -> bytes:
        for _ in range(_REDIRECTS + 1):
            found = await self._ask(url)
            if isinstance(found, bytes):
                return found
            url = check_url(found, self.settings.hosts)
        raise Rejected(f"the server with the script redirects more than {_REDIRECTS} times")

    async def _ask(self, url: URL) -> bytes | URL:
        """Ask once; returns the script, or where to ask instead."""
        if self._session is None:
            raise RuntimeError("the downloader is closed")
        async with self._session.get(url, allow_redirects=False) as answer:
            if answer.status in _MOVED and "Location" in answer.headers:
                return url.join(URL(answer.headers["Location"]))
            if answer.status >= 500 or answer.status in (408, 425, 429):
                raise TryLater(f"the server with the script answers {answer.status}")
            if not 200 <= answer.status < 300:
                raise Rejected(f"the server with the script answers {answer.status}")
            if is_compressed(answer):
                raise Rejected("the server sends the script compressed, though it was asked not to")
            return await self._read(answer)

    async def _read(self, answer: aiohttp.ClientResponse) -> bytes:
        limit = self.settings.script_limit_bytes
        too_large = Rejected(f"the script is larger than {limit:,} bytes (SCRIPTRUN_SCHEDULER_SCRIPT_LIMIT_BYTES)")
        if (answer.content_length or 0) > limit:
            raise too_large
        body, complete = await read_body(answer, limit)
        if not complete:
            raise too_large
        return body
