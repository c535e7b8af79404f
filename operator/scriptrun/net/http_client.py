"""Opens HTTP sessions to servers that nobody here vouches for.

What holds for each of them: the connection goes to the very address that was checked, so that a name that changes its
mind after the check gains nothing; no proxy is used, which would resolve names on its own; no cookie is kept; nothing
is unpacked, since a few bytes could become very many.
"""

import socket
import ssl
from collections.abc import Mapping

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from scriptrun.errors import AddressNotAllowed
from scriptrun.policies.address_policy import AddressPolicy, parse_ip

__all__ = ["is_compressed", "open_session", "read_body"]

_READ_CHUNK = 64 * 1024


class _GuardedResolver(AbstractResolver):
    """Resolves names to addresses that may be connected to; a name with even one that may not stands for none."""

    def __init__(self, resolver: AbstractResolver, policy: AddressPolicy) -> None:
        self._resolver = resolver
        self._policy = policy

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await self._resolver.resolve(host, port, family)
        for item in found:
            _check(self._policy, host, port, item["host"])
        return found

    async def close(self) -> None:
        await self._resolver.close()


class _GuardedConnector(aiohttp.TCPConnector):
    """Checks addresses that stand in a URL themselves; no resolver is asked for those."""

    def __init__(
        self, policy: AddressPolicy, resolver: AbstractResolver | None, tls: ssl.SSLContext | bool, limit: int
    ) -> None:
        guarded = _GuardedResolver(resolver or aiohttp.ThreadedResolver(), policy)
        super().__init__(ssl=tls, limit=limit, resolver=guarded, use_dns_cache=False)
        self._policy = policy

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[aiohttp.tracing.Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - as aiohttp calls it
    ) -> aiohttp.connector.Connection:
        host, port = req.url.host or "", req.url.port or 0
        if parse_ip(host) is not None:
            _check(self._policy, host, port, host)
        return await super().connect(req, traces, timeout)


def _check(policy: AddressPolicy, host: str, port: int, text: str) -> None:
    address = parse_ip(text)
    if address is None:
        raise AddressNotAllowed(f"{host} leads to something that is no address", final=True)
    if refusal := policy.check(host, port, address):
        raise AddressNotAllowed(refusal.message, final=refusal.final)


def open_session(
    policy: AddressPolicy | None,
    *,
    headers: Mapping[str, str],
    timeout: aiohttp.ClientTimeout,
    tls: ssl.SSLContext | bool = True,
    connections: int = 64,
    resolver: AbstractResolver | None = None,
) -> aiohttp.ClientSession:
    """Open a session. Its requests raise ``AddressNotAllowed`` besides aiohttp's own errors.

    Args:
        policy: which addresses may be connected to; None for any.
        headers: sent with every request.
        timeout: of every request that has none of its own.
        tls: what to trust; True for the system's certificates.
        connections: at the same time.
        resolver: of names; None for the system's.
    """
    if policy is None:
        connector = aiohttp.TCPConnector(ssl=tls, limit=connections)
    else:
        connector = _GuardedConnector(policy, resolver, tls, connections)
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,
        timeout=timeout,
        headers={"Accept-Encoding": "identity", "User-Agent": "scriptrun", **headers},
    )


def is_compressed(answer: aiohttp.ClientResponse) -> bool:
    """Whether a server has compressed its answer, though it was asked not to."""
    return answer.headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity")


async def read_body(answer: aiohttp.ClientResponse, limit_bytes: int) -> tuple[bytes, bool]:
    """Read an answer's body up to a limit; returns it, and whether that is all of it."""
    parts, size = [], 0
    async for chunk in answer.content.iter_chunked(_READ_CHUNK):
        parts.append(chunk[: limit_bytes - size])
        size += len(chunk)
        if size > limit_bytes:
            answer.close()  # what else would come is not waited for
            return b"".join(parts), False
    return b"".join(parts), True
