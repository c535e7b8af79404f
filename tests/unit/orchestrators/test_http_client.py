"""HTTP to an orchestrator: what every kind of trouble means, said so that its operator knows what to do."""

import asyncio
import gzip
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from scriptrun.errors import AnswerTooLarge, Gone, Refused, Rejected, TaskError, TryLater
from scriptrun.net.tls import build_tls
from scriptrun.orchestrators import http_client as module
from scriptrun.orchestrators.credentials import Fixed, build_basic, build_bearer
from scriptrun.orchestrators.http_client import Answer, Credentials, Http, build_error
from scriptrun.settings import BridgeSettings
from unit.orchestrators.standin import StandIn, say, say_text, serve


@asynccontextmanager
async def speak(*answers: web.Response, credentials: Credentials | None = None) -> AsyncIterator[tuple[Http, StandIn]]:
    async with serve(*answers) as server:
        http = Http(server.address + "/base/", credentials=credentials)
        try:
            yield http, server
        finally:
            await http.close()


async def ask(*answers: web.Response, credentials: Credentials | None = None) -> Answer:
    async with speak(*answers, credentials=credentials) as (http, _):
        return await http.ask("GET", "/things")


async def test_a_request_goes_below_the_address_as_json() -> None:
    async with speak(say(200, {"ok": 1})) as (http, server):
        answer = await http.ask("POST", "/a%2Fb", {"ä": 1}, query={"x": "1 2"})
    assert (answer.ok, answer.document) == (True, {"ok": 1})
    (asked,) = server.asked
    assert (asked.method, asked.path, asked.body, asked.query) == ("POST", "/base/a/b", '{"ä":1}', {"x": "1 2"})
    assert asked.headers["Content-Type"] == "application/json"


async def test_a_text_goes_as_it_is_and_a_form_as_a_form() -> None:
    async with speak(say(200)) as (http, server):
        await http.ask("POST", "", "a line")
        await http.ask("POST", "", form={"a": "1&2"})
    text, form = server.asked
    assert (text.path, text.body, text.headers["Content-Type"]) == ("/base/", "a line", "text/plain; charset=utf-8")
    assert (form.body, form.headers["Content-Type"]) == ("a=1%262", "application/x-www-form-urlencoded")


async def test_an_answer_need_not_be_json() -> None:
    answer = await ask(say_text(200, "task-1"))
    assert (answer.text, answer.document) == ("task-1", None)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, Rejected),
        (401, Refused),
        (403, Refused),
        (404, Gone),
        (409, Rejected),
        (410, Gone),
        (413, Rejected),
        (429, TryLater),
        (500, TryLater),
        (503, TryLater),
    ],
)
async def test_each_status_means_an_error(status: int, error: type[TaskError]) -> None:
    built = build_error(await ask(say(status, {"title": "NO", "detail": "because of that"})))
    assert type(built) is error
    assert f"/base/things answered {status}: because of that" in str(built)


async def test_a_server_that_asks_to_wait_is_heard() -> None:
    built = build_error(await ask(say(429, {}, **{"Retry-After": "7"})))
    assert isinstance(built, TryLater)
    assert built.after_seconds == 7
    built = build_error(await ask(say(429, {}, **{"Retry-After": "9" * 400})))
    assert isinstance(built, TryLater)
    assert built.after_seconds == 300
    built = build_error(await ask(say(503, {}, **{"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"})))
    assert isinstance(built, TryLater)
    assert built.after_seconds is None


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"detail": "a", "title": "b"}, "a"),
        ({"message": "m", "status": 404}, "m"),
        ({"error": "invalid_client", "error_description": "d"}, "d"),
        ({"error": "Not Found"}, "Not Found"),
        ({"error": {"code": 7}, "detail": ["x"], "message": 8}, "no explanation"),
        ({"secret": "t0p"}, "no explanation"),
        ([1], "no explanation"),
    ],
)
async def test_the_message_is_the_servers_own(body: object, message: str) -> None:
    assert (await ask(say(400, body))).message == message


async def test_a_message_is_short_and_on_one_line() -> None:
    assert (await ask(say(400, {"detail": "a\n  b"}))).message == "a b"
    assert len((await ask(say(400, {"detail": "x" * 10_000}))).message) == 500
    assert (await ask(say(400))).message == "no explanation"


@pytest.mark.parametrize("status", [200, 400, 403, 500])
async def test_what_is_no_error_of_an_orchestrator_is_not_shown(status: int) -> None:
    """Whoever may name an address must not read by it what other servers have to say."""
    for answer in (say_text(status, "root:x:0:0"), say(status, {"root": "x:0:0"}), say(status, ["root:x:0:0"])):
        assert "x:0:0" not in str(build_error(await ask(answer)))


LOGIN = "<!doctype html><html><head><TITLE>Sign\n in</TITLE></head></html>"


@pytest.mark.parametrize("status", [200, 400, 404])
@pytest.mark.parametrize("content_type", ["text/html", "text/plain"])
async def test_a_web_page_is_no_answer(status: int, content_type: str) -> None:
    with pytest.raises(Refused, match=r"answered \d+ with a web page instead of JSON") as caught:
        await ask(say_text(status, LOGIN, content_type))
    assert "Sign" not in str(caught.value)


async def test_a_proxys_page_says_later() -> None:
    with pytest.raises(TryLater, match="answered 502 with a web page: a proxy") as caught:
        await ask(say_text(502, "<html>Bad Gateway</html>", "text/html"))
    assert not isinstance(caught.value, Refused)


async def test_a_proxy_that_takes_no_large_request_rejects_it() -> None:
    with pytest.raises(Rejected, match="answered 413 with a web page: a proxy before the server takes no"):
        await ask(say_text(413, "<html><title>413 Request Entity Too Large</title></html>", "text/html"))


@pytest.mark.parametrize(
    ("location", "there"),
    [
        ("https://login.example/s3cret/auth?state=s3cret", r"to https://login\.example"),
        ("/s3cret/login", "to another path"),
        ("http://[s3cret", "to what is no URL"),
        ("file:///s3cret", "to what is no URL"),
        ("", "to another path"),
    ],
)
async def test_a_redirect_is_not_followed(location: str, there: str) -> None:
    async with speak(say(302, None, Location=location), credentials=build_bearer("tok")) as (http, server):
        with pytest.raises(Refused, match=rf"sends us on {there} \(302\)") as caught:
            await http.ask("GET", "/things")
    assert "s3cret" not in str(caught.value)
    assert len(server.asked) == 1


async def test_nobody_listens() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, and not listening
        http = Http(f"http://127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(
            TryLater, match=r"127\.0\.0\.1:\d+ can't be reached \(Connection refused\): is the address right"
        ):
            await http.ask("GET", "/")
        await http.close()


async def test_no_such_host() -> None:
    http = Http("http://nothing.invalid")
    with pytest.raises(TryLater, match=r"there is no host nothing\.invalid"):
        await http.ask("GET", "/")
    await http.close()


@asynccontextmanager
async def answer_bytes(raw: bytes | None) -> AsyncIterator[Http]:
    """A server that writes this and hangs up; None: says nothing at all."""
    release = asyncio.Event()

    async def serve_raw(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if raw is None:
            await release.wait()
        else:
            writer.write(raw)
        writer.close()

    server = await asyncio.start_server(serve_raw, "127.0.0.1", 0)
    http = Http(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    async with server:
        try:
            yield http
        finally:
            release.set()
            await http.close()


async def test_an_answer_that_is_cut_off_may_mean_it_arrived() -> None:
    async with answer_bytes(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"jobs"') as http:
        with pytest.raises(TryLater, match="the connection broke"):
            await http.ask("GET", "/")


async def test_a_server_that_hangs_up_may_have_heard() -> None:
    async with answer_bytes(b"") as http:
        with pytest.raises(TryLater, match=r"GET http://.*: the connection broke"):
            await http.ask("GET", "/")


async def test_a_server_that_speaks_another_protocol() -> None:
    async with answer_bytes(b"\x00\x00\x12\x04\x00\x00\x00\x00\x00") as http:
        with pytest.raises(TryLater, match="the connection broke"):
            await http.ask("GET", "/")


async def test_no_answer_in_time() -> None:
    async with answer_bytes(None) as http:
        with pytest.raises(TryLater, match=r"was not answered within 0\.05 s"):
            await http.ask("GET", "/", seconds=0.05)


async def test_a_flood_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ANSWER_LIMIT_BYTES", 100_000)
    with pytest.raises(AnswerTooLarge, match=r"more than 100,000 bytes"):
        await ask(say_text(200, "x" * 200_000))


async def test_of_an_error_little_is_read() -> None:
    """A page of titles took a minute of everybody's time, and a text as long as an answer may be took memory."""
    with pytest.raises(Refused, match="a web page"):
        await ask(say_text(404, "<title>" * 1_000_000, "text/html"))
    answer = await ask(say(500, {"detail": "x" * 1_000_000}))
    assert (len(answer.text), answer.document) == (module.ERROR_LIMIT_BYTES, None)


@pytest.mark.parametrize("encoding", ["gzip", "br", "zstd", "deflate, gzip"])
async def test_nothing_is_unpacked(encoding: str) -> None:
    bomb = gzip.compress(b" " * 50_000_000)
    async with speak(web.Response(body=bomb, headers={"Content-Encoding": encoding})) as (http, server):
        with pytest.raises(Refused, match="answered compressed, though it was asked not to"):
            await http.ask("GET", "/things")
    assert server.asked[0].headers["Accept-Encoding"] == "identity"


@pytest.mark.parametrize("unit", ["[],", "{},", "1,", '{"a":[]},', '"",'])
async def test_a_few_bytes_do_not_become_an_object_of_many(unit: str) -> None:
    with pytest.raises(AnswerTooLarge, match="which is the most that is parsed"):
        await ask(say_text(200, f"[{unit * 600_000}0]", "application/json"))


async def test_long_texts_are_no_bomb() -> None:
    """Brackets, commas and quotes within strings are text."""
    rows = ['a,b;[1],{"x":2}\\' * 20_000] * 30
    answer = await ask(say(200, {"rows": rows}))
    assert answer.document == {"rows": rows}


async def test_an_answer_of_bytes_that_are_no_text() -> None:
    answer = await ask(web.Response(body=b"\xff" * 1000))
    assert (answer.text, answer.document, answer.message) == ("", None, "no explanation")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0x7f.1"])
async def test_an_address_that_is_not_allowed_is_not_connected_to(host: str) -> None:
    async with serve(say(200, {})) as server:
        address = server.address.replace("127.0.0.1", host)
        http = Http(address, credentials=build_bearer("tok"), policy=BridgeSettings().address_policy)
        with pytest.raises(
            Refused, match=r"leads to a loopback address.* add it to bridge\.settings\.allowedAddresses"
        ):
            await http.ask("GET", "/")
        await http.close()
        assert server.asked == []
        for allowed in (BridgeSettings(allowed_addresses="127.0.0.0/8").address_policy, None):
            http = Http(address, policy=allowed)
            assert (await http.ask("GET", "/")).ok
            await http.close()


@pytest.mark.parametrize("address", ["http://169.254.169.254", "http://[fd00:ec2::254]", "http://0.0.0.0:8080"])
async def test_a_metadata_service_is_never_connected_to(address: str) -> None:
    http = Http(address, policy=BridgeSettings(allowed_addresses="0.0.0.0/0,::/0").address_policy)
    with pytest.raises(Refused, match=r"which is never allowed$"):
        await http.ask("GET", "/")
    await http.close()


async def test_plain_http_is_told_from_tls() -> None:
    async with serve(say(200)) as server:
        http = Http(server.address.replace("http:", "https:"))
        with pytest.raises(Refused, match=r"does not speak TLS as it should \(.*\): is it http:// instead"):
            await http.ask("GET", "/")
        await http.close()


@pytest.mark.parametrize("body", [{"a": float("nan")}, {"a": "\ud800"}, {"a": object()}])
async def test_what_is_no_json_is_rejected_before_it_is_sent(body: object) -> None:
    async with speak(say(200)) as (http, server):
        with pytest.raises(Rejected, match="can't be sent as JSON"):
            await http.ask("POST", "/", body)
    assert server.asked == []


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("http://me:s3cret@zeebe:8080", "has a user or password in it"),
        ("zeebe:8080", "no HTTP address"),
        ("http://", "no HTTP address"),
        ("http://zeebe:port", "is no URL"),
    ],
)
def test_an_address_that_can_be_none(address: str, message: str) -> None:
    with pytest.raises(Refused, match=message) as caught:
        Http(address)
    assert "s3cret" not in str(caught.value)


def test_certificates_that_are_none() -> None:
    with pytest.raises(Refused, match="are no PEM"):
        build_tls("hello")
    assert build_tls("") is True


@pytest.mark.parametrize("credentials", [build_bearer("tok-s3cret-en"), build_basic("me", "s3cret-password")])
async def test_a_secret_that_is_sent_back_does_not_show(credentials: Fixed) -> None:
    (header,) = (await credentials.build_headers()).values()
    secret = header.split()[1]
    answer = await ask(say(401, {"detail": f"bad header {header}"}), credentials=credentials)
    assert secret not in str(build_error(answer))
    assert "[hidden]" in str(build_error(answer))
    with pytest.raises(Refused) as caught:
        await ask(say(302, None, Location=f"/login/{secret}"), credentials=credentials)
    assert secret not in str(caught.value)


@pytest.mark.parametrize(
    ("secret", "said"),
    [
        ("s3\x07cr\x1bet", "bad password s3\x07cr\x1bet!"),
        ("s3\x1b[1mcret", "bad password s3\x1b[1mcret!"),
        ("s3cret", "bad password s3\x1b[1mcret!"),  # the sequence is left out, and the secret is whole again
        ("s3\ncr  et", "bad password s3\ncr  et!"),
        ("s3\x07cret", "bad password s3\\x07cret!"),
        ('s3"cret', 'bad password {\\"p\\": \\"s3\\\\"cret\\"}!'.replace("\\\\", "\\")),
    ],
)
async def test_a_secret_with_control_characters_does_not_show(secret: str, said: str) -> None:
    async with serve(say(401, {"detail": said, "title": said})) as server:
        http = Http(server.address, secrets=[secret])
        answer = await http.ask("GET", "")
        await http.close()
    for shown in (answer.message, answer.reason):
        assert "cr" not in shown
        assert "[hidden]" in shown


async def test_a_secret_that_another_begins_with_leaves_nothing_of_it() -> None:
    async with serve(say(401, {"detail": "bad s3cret-longer"})) as server:
        http = Http(server.address, secrets=["s3cret", "s3cret-longer", "s3c"])
        answer = await http.ask("GET", "")
        await http.close()
    assert answer.message == "bad [hidden]"


async def test_what_a_task_says_is_never_hidden() -> None:
    answer = await ask(say(200, {"variables": {"a": "tok"}}), credentials=build_bearer("tok"))
    assert answer.document == {"variables": {"a": "tok"}}


async def test_a_line_break_in_a_token_is_explained() -> None:
    with pytest.raises(Refused, match="is there a line break in them") as caught:
        await ask(say(200), credentials=build_bearer("s3\ncret"))
    assert "cret" not in str(caught.value)


class Fresh:
    """Credentials of which the first are refused."""

    def __init__(self) -> None:
        self.number = 0

    async def build_headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer number-{self.number}"}

    def forget(self, headers: object) -> bool:
        self.number += 1
        return True

    async def close(self) -> None:
        self.number = -1


async def test_refused_credentials_are_replaced_once() -> None:
    credentials = Fresh()
    async with speak(say(401, {}), say(200, {"ok": 1}), credentials=credentials) as (http, server):
        assert (await http.ask("GET", "/")).ok
        assert [asked.headers["Authorization"] for asked in server.asked] == ["Bearer number-0", "Bearer number-1"]
    assert credentials.number == -1  # closed with it
    async with speak(say(401, {}), credentials=Fresh()) as (http, server):
        assert (await http.ask("GET", "/")).status == 401
        assert len(server.asked) == 2
