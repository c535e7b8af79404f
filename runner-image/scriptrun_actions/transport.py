"""Connections to servers that others chose: to the very address that was checked, over httpcore's pools."""

import asyncio
import logging
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

import httpcore

from scriptrun_actions.errors import ActionError
from scriptrun_actions.model import Connection

__all__ = ["CheckAddress", "Resolve", "open_pool", "resolve"]

Address = IPv4Address | IPv6Address
CheckAddress = Callable[[str, int, Address], str | None]
"""Checks an address that is about to be connected to: (host, port, address); returns why not, None if it may be."""
Resolve = Callable[[str, int], Awaitable[list[Address]]]

_KEEPALIVE_SECONDS = 30.0
_RESOLVED_LIMIT = 16
# At level debug these write headers into the log: what signs a call in, and cookies.
_TALKATIVE = ("hpack", "httpcore")


async def resolve(host: str, port: int) -> list[Address]:
    """Resolve a name as the system does."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
    return list(dict.fromkeys(addresses))[:_RESOLVED_LIMIT]


class _GuardedBackend(httpcore.AsyncNetworkBackend):
    """Connects only to addresses that were checked; a name that has even one that may not be is refused."""

    def __init__(self, check: CheckAddress, resolve: Resolve) -> None:
        self._check = check
        self._resolve = resolve
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - as httpcore calls it
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            addresses = [ip_address(host.strip("[]"))]
        except ValueError:
            try:
                addresses = await self._resolve(host, port)
            except OSError as error:
                raise httpcore.ConnectError(f"there is no host {host}") from error
        for address in addresses:
            if why := self._check(host, port, address):
                raise ActionError("AddressNotAllowed", why)
        failed: Exception = httpcore.ConnectError(f"there is no host {host}")
        for address in addresses:
            try:
                return await self._inner.connect_tcp(str(address), port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
        raise failed

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        raise ActionError("AddressNotAllowed", "sockets of this machine are not connected to")

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def open_pool(
    connection: Connection, certificate_file: str, check: CheckAddress, resolve: Resolve = resolve
) -> httpcore.AsyncConnectionPool:
    """Open the pool of a Connection: keep-alive, HTTP/2 where the server has it.

    Args:
        connection: where it goes.
        certificate_file: of the client's certificate and key; "" for none. OpenSSL reads them from files alone.
        check: addresses that may be connected to.
        resolve: names.

    Raises:
        ActionError: InvalidAction, a certificate can't be read.
    """
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
    options: dict[str, Any] = {
        "ssl_context": _build_context(connection, certificate_file),
        "max_connections": connection.max_concurrent_requests,
        "max_keepalive_connections": connection.max_concurrent_requests,
        "keepalive_expiry": _KEEPALIVE_SECONDS,
        "http2": True,
        "network_backend": _GuardedBackend(check, resolve),
    }
    if connection.proxy:
        return httpcore.AsyncHTTPProxy(connection.proxy, **options)
    return httpcore.AsyncConnectionPool(**options)


def _build_context(connection: Connection, certificate_file: str) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cadata=connection.ca_certificates or None)
        if certificate_file:
            context.load_cert_chain(certificate_file)
    except (ssl.SSLError, OSError, ValueError) as error:
        text = f"Connection {connection.name}: a certificate can't be read: {error}"
        raise ActionError("InvalidAction", text) from error
    return context
