"""Calls to a real server on loopback, with every fault that a server can have."""

from __future__ import annotations

import asyncio
import gzip
import logging
import ssl
import struct
from email.utils import formatdate
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from scriptrun_actions.client import Attempt
from scriptrun_actions.errors import ActionError
from scriptrun_actions.extract import extract
from scriptrun_actions.model import Action, ApiKey, Basic, CustomHeaders, Pagination, Retry
from unit.actions.conftest import Clock, Open
from unit.actions.server import Received, Server, answer

GET = Action("get", "GET", "/x")
POST = Action("post", "POST", "/x", body_schema={"type": "object"})
AGAIN = Retry("EXPONENTIAL", max_attempts=4, initial_delay_ms=1000, max_delay_ms=10_000)


def action(method: str = "GET", **fields: Any) -> Action:
    return Action("a", method, "/x", **fields)


async def fail(open_client: Open, server: Server, call: Action = GET, **fields: Any) -> ActionError:
    async with open_client(server.url, **fields) as client:
        with pytest.raises(ActionError) as caught:
            await client.call(call, {})
    return caught.value


async def test_an_answer_becomes_status_headers_and_body(open_client: Open) -> None:
    async with Server([answer(201, {"id": 7}, {"X-A": "1", "Set-Cookie": "session=1"})]) as server:
        async with open_client(server.url + "/v1/") as client:
            response = await client.call(Action("a", "GET", "/orders/{id}"), {"id": "7"})
    assert response.document() == {
        "status": 201,
        "headers": {"content-type": "application/json", "content-length": "9", "x-a": "1"},
        "body": {"id": 7},
    }
    assert extract({"id": "$.body.id", "all": "$.body.*"}, response.document()) == {"id": 7, "all": [7]}
    [request] = server.received
    assert (request.method, request.target, request.headers["user-agent"]) == ("GET", "/v1/orders/7", "scriptrun")


@pytest.mark.parametrize(
    ("kind", "raw", "body"),
    [
        ("application/problem+json; charset=utf-8", b'{"a": 1}', {"a": 1}),
        ("text/plain; charset=iso-8859-1", b"\xe4", "ä"),
        ("text/csv", "ä".encode(), "ä"),
        ("image/png", b"\x00\xff", "AP8="),
        ("", b"\x00", "AA=="),
        ("application/json", b"", None),
    ],
)
async def test_a_body_by_its_media_type(open_client: Open, kind: str, raw: bytes, body: Any) -> None:
    async with Server([answer(raw=raw, headers={"content-type": kind})]) as server, open_client(server.url) as client:
        assert (await client.call(GET, {})).body == body


async def test_what_is_no_body_of_its_media_type(open_client: Open) -> None:
    for kind, raw in (("application/json", b"{"), ("text/plain; charset=nope", b"a"), ("text/plain", b"\xff")):
        async with Server([answer(raw=raw, headers={"content-type": kind})]) as server:
            assert (await fail(open_client, server)).reason == "InvalidResponse"


@pytest.mark.parametrize(
    ("auth", "header", "value"),
    [
        (Basic("me", "päss:w"), "authorization", "Basic bWU6cMOkc3M6dw=="),
        (ApiKey("X-Key", "secret-1"), "x-key", "secret-1"),
        (CustomHeaders({"Authorization": "Bearer t-1", "X-Org": "9"}), "authorization", "Bearer t-1"),
    ],
)
async def test_signing_in(open_client: Open, auth: Any, header: str, value: str) -> None:
    async with Server([answer()]) as server, open_client(server.url, auth) as client:
        await client.call(GET, {})
    assert server.received[0].headers[header] == value


async def test_a_key_in_the_query(open_client: Open) -> None:
    async with Server([answer()]) as server, open_client(server.url, ApiKey("key", "a&b=", "query")) as client:
        await client.call(action(query_schema={"properties": {"key": {}, "q": {}}}), {"key": "mine", "q": "1"})
    assert server.received[0].query == [("q", "1"), ("key", "a&b=")]


async def test_secrets_never_show(open_client: Open) -> None:
    said: list[Attempt] = []
    leak = "tok-1234/5 and tok-1234%2F5"
    async with Server([answer(500, {"error": leak})]) as server:
        async with open_client(server.url, ApiKey("X-Key", "tok-1234/5")) as client:
            with pytest.raises(ActionError) as caught:
                await client.call(GET, {}, on_attempt=said.append)
    assert caught.value.message == 'GET answered 500: {"error": "[hidden] and [hidden]"}'
    assert said[0].error is not None
    assert "tok-1234" not in said[0].error.message


async def test_secrets_are_in_no_librarys_log(
    open_client: Open, certificates: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("hpack", "httpcore"):
        logging.getLogger(name).setLevel(logging.NOTSET)
    authority = (certificates / "ca.pem").read_text()
    async with Server([answer()], context(certificates, alpn=["h2"])) as server:
        async with open_client(server.url, ApiKey("X-Key", "tok-1234"), ca_certificates=authority) as client:
            await client.call(GET, {})
    assert server.received[0].headers["x-key"] == "tok-1234"
    assert "tok-1234" not in caplog.text


async def test_failures_are_tried_again_with_growing_delays(open_client: Open, clock: Clock) -> None:
    replies = [answer(500), answer(429, headers={"Retry-After": "7"}), answer(503), answer(200, {"ok": True})]
    said: list[Attempt] = []
    async with Server([*replies]) as server, open_client(server.url) as client:
        assert (await client.call(action(retry=AGAIN), {}, on_attempt=said.append)).body == {"ok": True}
    assert clock.waits == [0.75, 7.0, 3.0]
    assert [attempt.number for attempt in said] == [1, 2, 3, 4]


async def test_fixed_delays_and_the_end_of_attempts(open_client: Open, clock: Clock) -> None:
    async with Server([answer(503, {"a": "b"})]) as server:
        error = await fail(open_client, server, action(retry=Retry("FIXED", 3, 200)))
    assert (error.reason, error.status, error.attempts, clock.waits) == ("HttpError", 503, 3, [0.2, 0.2])


@pytest.mark.parametrize(("after", "seconds"), [("60", 10.0), ("4", 4.0), ("date", 5.0), ("soon", 0.75), ("-1", 0.75)])
async def test_retry_after(open_client: Open, clock: Clock, after: str, seconds: float) -> None:
    value = formatdate(clock.time + 5, usegmt=True) if after == "date" else after
    async with Server([answer(429, headers={"Retry-After": value}), answer()]) as server:
        async with open_client(server.url) as client:
            await client.call(action(retry=AGAIN), {})
    assert clock.waits == [seconds]


async def test_what_is_not_listed_is_not_tried_again(open_client: Open, clock: Clock) -> None:
    for call, status in ((action(retry=AGAIN), 404), (action(retry=Retry("FIXED", on=("429",))), 500), (GET, 503)):
        async with Server([answer(status)]) as server:
            assert (await fail(open_client, server, call)).attempts == 1
    assert clock.waits == []


async def test_other_statuses_may_be_successes(open_client: Open) -> None:
    async with Server([answer(404)]) as server, open_client(server.url) as client:
        assert (await client.call(action(success_status=("2xx", "404")), {})).status == 404


async def reset(writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    sock.setsockopt(1, 13, struct.pack("ii", 1, 0))  # SO_LINGER: a RST
    writer.close()


async def hang(writer: asyncio.StreamWriter) -> None:
    await writer.drain()
    await asyncio.Event().wait()


async def drip(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 x\r\ncontent-length: 100000\r\n\r\n")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.01)


async def flood(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 x\r\ntransfer-encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"10000\r\n" + b"x" * 65_536 + b"\r\n")
        await writer.drain()


async def cut(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 x\r\ncontent-length: 100\r\n\r\nhalf")
    await writer.drain()


async def babble(writer: asyncio.StreamWriter) -> None:
    writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")
    await writer.drain()


async def heads(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 x\r\n")
    while True:
        writer.write(b"x: " + b"y" * 10_000 + b"\r\n")
        await writer.drain()


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (hang, "Timeout"),
        (drip, "Timeout"),
        (flood, "ResponseTooLarge"),
        (cut, "ConnectionBroken"),
        (reset, "ConnectionBroken"),
        (babble, "ConnectionBroken"),
        (heads, "ConnectionBroken"),
    ],
)
async def test_faults_of_servers(open_client: Open, fault: Any, reason: str) -> None:
    async with Server([fault]) as server:
        error = await fail(open_client, server, action(timeout_ms=500, max_response_bytes=100_000))
    assert error.reason == reason, error.message


async def test_a_bomb_is_not_unpacked(open_client: Open) -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)
    async with Server([answer(raw=bomb, headers={"content-encoding": "gzip"})]) as server:
        error = await fail(open_client, server, action(max_response_bytes=1_000_000))
    assert (error.reason, "1000000 bytes (maxResponseBytes)" in error.message) == ("ResponseTooLarge", True)
    fine = gzip.compress(b'{"a": 1}')
    async with Server([answer(raw=fine, headers={"content-encoding": "gzip"})]) as server:
        async with open_client(server.url) as client:
            assert (await client.call(GET, {})).body == {"a": 1}
    for raw, encoding in ((fine[:-9], "gzip"), (b"no gzip", "gzip"), (b"x", "br")):
        async with Server([answer(raw=raw, headers={"content-encoding": encoding})]) as server:
            assert (await fail(open_client, server)).reason == "InvalidResponse"


@pytest.mark.parametrize("fault", [hang, cut, reset, answer(502), answer(504)])
async def test_what_may_have_been_carried_out_is_not_repeated(open_client: Open, clock: Clock, fault: Any) -> None:
    async with Server([fault]) as server:
        error = await fail(open_client, server, action("POST", retry=AGAIN, timeout_ms=2000))
    assert (error.reason, error.attempts, len(server.received), clock.waits) == ("OutcomeUnknown", 1, 1, [])


@pytest.mark.parametrize(
    "repeatable", [{"method": "PUT"}, {"idempotency_header": "Idempotency-Key"}, {"on_unknown": "Retry"}]
)
async def test_what_may_be_repeated_is(open_client: Open, repeatable: dict[str, Any]) -> None:
    call = action(**{"method": "POST", **repeatable}, retry=AGAIN)
    async with Server([reset, cut, answer()]) as server, open_client(server.url) as client:
        await client.call(call, {}, key="run-1/step/0")
    assert len(server.received) == 3
    if call.idempotency_header:
        assert {request.headers["idempotency-key"] for request in server.received} == {"run-1/step/0"}


async def test_an_answered_failure_is_repeated_also_of_a_post(open_client: Open) -> None:
    async with Server([answer(503), answer()]) as server, open_client(server.url) as client:
        await client.call(action("POST", retry=AGAIN), {})
    assert len(server.received) == 2


async def test_a_server_that_is_not_there_was_not_sent_anything(open_client: Open, clock: Clock) -> None:
    async with Server([answer()]) as server:
        url = server.url
    async with open_client(url) as client:
        with pytest.raises(ActionError) as caught:
            await client.call(action("POST", retry=AGAIN), {})
    assert (caught.value.reason, caught.value.attempts, len(clock.waits)) == ("ConnectFailed", 4, 3)


@pytest.mark.parametrize("address", ["169.254.169.254", "10.0.0.1", "::1"])
async def test_addresses_are_checked_as_they_are_connected_to(open_client: Open, address: str) -> None:
    """A name that leads to a good address when it is looked at, and to another one when it is connected to."""
    answers = [[ip_address("127.0.0.1")], [ip_address("127.0.0.1"), ip_address(address)]]

    async def resolve(host: str, port: int) -> list[Any]:
        return answers.pop(0)

    def allow(host: str, port: int, found: Any) -> str | None:
        return None if str(found) == "127.0.0.1" else f"{host}:{port} leads to a private address"

    async with Server([answer(headers={"connection": "close"})]) as server:
        url = f"http://shop.example:{server.port}"
        async with open_client(url, resolve=resolve, check_address=allow) as client:
            await client.call(GET, {})
            with pytest.raises(ActionError) as caught:
                await client.call(action(retry=AGAIN), {})
    assert (caught.value.reason, caught.value.attempts) == ("AddressNotAllowed", 1)
    assert len(server.received) == 1


async def test_redirects_keep_credentials_at_home(open_client: Open) -> None:
    async with Server([answer()]) as other:
        replies = [answer(302, headers={"location": "/y"}), answer(307, headers={"location": f"{other.url}/z"})]
        async with Server([*replies]) as server:
            async with open_client(
                server.url, ApiKey("X-Key", "secret"), allowed_hosts=(f"127.0.0.1:{other.port}",)
            ) as client:
                await client.call(GET, {})
    assert [request.headers.get("x-key") for request in (*server.received, *other.received)] == [
        "secret",
        "secret",
        None,
    ]
    assert other.received[0].target == "/z"


@pytest.mark.parametrize(
    ("status", "method", "body"), [(303, "GET", b""), (301, "GET", b""), (308, "POST", b'{"a":1}')]
)
async def test_what_a_redirect_makes_of_a_post(open_client: Open, status: int, method: str, body: bytes) -> None:
    async with Server([answer(status, headers={"location": "/y"}), answer()]) as server:
        async with open_client(server.url) as client:
            await client.call(POST, {"a": 1})
    assert (server.received[1].method, server.received[1].body) == (method, body)


@pytest.mark.parametrize(
    "target",
    [
        "http://169.254.169.254/latest",
        "http://other.example/",
        "file:///etc/passwd",
        "//other.example/",
        "http://u:p@127.0.0.1/",
    ],
)
async def test_redirects_elsewhere_are_not_followed(open_client: Open, target: str) -> None:
    async with Server([answer(302, headers={"location": target})]) as server:
        error = await fail(open_client, server)
    assert (error.reason, len(server.received)) == ("AddressNotAllowed", 1)


async def test_redirects_without_end(open_client: Open) -> None:
    async with Server([answer(302, headers={"location": "/x"})]) as server:
        error = await fail(open_client, server)
    assert (error.reason, len(server.received)) == ("TooManyRedirects", 6)


def context(folder: Path, *, alpn: list[str] | None = None, ask: bool = False) -> ssl.SSLContext:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(folder / "server.pem", folder / "server.key")
    if alpn:
        tls.set_alpn_protocols(alpn)
    if ask:
        tls.verify_mode = ssl.CERT_REQUIRED
        tls.load_verify_locations(folder / "ca.pem")
    return tls


async def test_http2_over_tls_with_an_own_authority(open_client: Open, certificates: Path) -> None:
    authority = (certificates / "ca.pem").read_text()
    async with Server([answer()], context(certificates, alpn=["h2", "http/1.1"])) as server:
        async with open_client(server.url, ca_certificates=authority) as client:
            assert (await client.call(GET, {})).body == {"http": 2}
        assert (await fail(open_client, server)).reason == "ConnectFailed"  # not by the system's authorities


async def test_a_client_certificate(open_client: Open, certificates: Path) -> None:
    authority = (certificates / "ca.pem").read_text()
    own = (certificates / "client.pem").read_text() + (certificates / "client.key").read_text()
    async with Server([answer(body="in")], context(certificates, ask=True)) as server:
        async with open_client(server.url, ca_certificates=authority, client_certificate=own) as client:
            assert (await client.call(GET, {})).body == "in"
        assert (await fail(open_client, server, ca_certificates=authority)).reason in (
            "ConnectFailed",
            "ConnectionBroken",
        )
    with pytest.raises(ActionError, match="Connection shop: a certificate can't be read"):
        async with open_client("https://127.0.0.1", client_certificate="none"):
            pass


async def test_pages_by_link_cursor_and_number(open_client: Open) -> None:
    def links(request: Received) -> bytes:
        page = dict(request.query).get("page", "1")
        header = {"link": '</x?page=1>; rel="prev", </x?page=2>; rel="next"'} if page == "1" else {}
        return answer(200, [page], header)

    def cursors(request: Received) -> bytes:
        cursor = dict(request.query).get("after", "")
        return answer(200, {"items": [cursor], "next": {"": "a/b", "a/b": "c"}.get(cursor)})

    def numbers(request: Received) -> bytes:
        number = int(dict(request.query)["p"])
        return answer(200, {"rows": [number] if number < 3 else []})

    cases: list[tuple[Any, Pagination, list[Any]]] = [
        (links, Pagination("link"), ["1", "2"]),
        (cursors, Pagination("cursor", "$.body.items", "after", "$.body.next"), ["", "a/b", "c"]),
        (numbers, Pagination("page", "$.body.rows", "p"), [1, 2]),
    ]
    for replies, pages, items in cases:
        async with Server(replies) as server, open_client(server.url) as client:
            assert (await client.call(action(pagination=pages), {})).body == items


async def test_pages_have_a_cap_and_stay_with_their_server(open_client: Open) -> None:
    endless = Pagination("page", "$.body", "p", max_pages=3)
    async with Server([answer(200, [1])]) as server:
        error = await fail(open_client, server, action(pagination=endless))
    assert (error.reason, len(server.received)) == ("TooManyPages", 3)
    for link in ("http://other.example/x", "/elsewhere"):
        async with Server([answer(200, [1], {"link": f'<{link}>; rel="next"'})]) as server:
            async with open_client(server.url + "/v1") as client:
                with pytest.raises(ActionError) as caught:
                    await client.call(action(pagination=Pagination("link")), {})
        assert caught.value.reason == "AddressNotAllowed"
    async with Server([answer(200, {"a": 1})]) as server:
        assert (await fail(open_client, server, action(pagination=Pagination("link")))).reason == "InvalidResponse"


async def test_an_answer_of_another_shape(open_client: Open) -> None:
    schema = {"type": "object", "required": ["id"]}
    async with Server([answer(200, {"a": 1})]) as server:
        error = await fail(open_client, server, action(response_schema=schema))
    assert (error.reason, error.message) == ("InvalidResponse", 'response.body: "id" is a required property')


async def test_calls_at_the_same_time_and_per_second(open_client: Open, clock: Clock) -> None:
    now, most = 0, 0

    async def count(writer: asyncio.StreamWriter) -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.05)
        now -= 1
        writer.write(answer())
        await writer.drain()

    async with Server([count]) as server:
        async with open_client(server.url, max_concurrent_requests=2, rate_per_second=4) as client:
            await asyncio.gather(*(client.call(GET, {}) for _ in range(6)))
    assert most <= 2
    assert clock.time - 1_800_000_000.0 == 1.25
