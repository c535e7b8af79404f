"""The REST API against people who mean no good: strangers, the wrong people, liars, and those who never finish."""

import json
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from clusterlab.apiprocess import HELLO, ApiProcess, Caller, log_in, write_token
from clusterlab.space import Space
from kubeapi import wait_for

pytestmark = pytest.mark.cluster
pytest_plugins = ["clusterlab.fixtures", "clusterlab.apifixtures"]

SECRET = "hunter2-and-more"
WAITING = "unfinished business"
LEAK = """
import json, sys
variables = json.load(open(sys.argv[1]))
print("the password is", variables["password"], flush=True)
print("and on stderr", variables["password"], file=sys.stderr, flush=True)
json.dump({"deep": {"echo": ["<" + variables["password"] + ">"]}}, open(sys.argv[2], "w"))
sys.exit(3)
"""
OPERATIONS = (
    ("GET", "runs"),
    ("POST", "runs"),
    ("GET", "runs/known"),
    ("DELETE", "runs/known"),
    ("POST", "runs/known/cancel"),
    ("POST", "runs/known/rerun"),
    ("GET", "runs/known/output"),
    ("GET", "runs/known/logs"),
    ("GET", "runs/known/logs?follow=true"),
    ("GET", "scripts"),
    ("GET", "scripts/hello.py"),
    ("GET", "stats"),
)
BODY = {"script": "hello.py"}


def ask_all(caller: Caller, token: str) -> Iterator[tuple[str, str, int, str]]:
    other = Caller(caller.url, caller.namespace, token)
    for method, path in OPERATIONS:
        reply = other.ask(method, path, (BODY if path == "runs" else {}) if method == "POST" else None)
        yield method, path, reply.status, reply.problem


def test_strangers_learn_nothing(space: Space, caller: Caller) -> None:
    caller.create("hello.py", name="known", wait=60)
    expired = write_token(Path("/tmp"), "unused", space.name, "*")  # well made, and known to nobody
    for token in ("", "x", "null", expired, caller.token[:-2], f"{caller.token}x", "a.b.c", "é", "x" * 20_000):
        answers = set(ask_all(caller, token)) if token.isascii() else set()
        assert {(status, problem) for _, _, status, problem in answers} <= {(401, "unauthorized")}, token[:20]
    assert caller.ask("GET", "runs", Authorization="Basic YTpi").status == 401
    answer = Caller(caller.url, space.name).get("runs")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_who_may_only_look_changes_nothing(space: Space, caller: Caller) -> None:
    caller.create("hello.py", name="known", wait=60)
    for method, path, status, problem in ask_all(caller, log_in(space, "view")):
        assert (status == 200) == (method == "GET"), (method, path, status)
        if method != "GET":
            assert problem == "forbidden"


def test_who_may_nothing_here_is_told_nothing(space: Space, caller: Caller, make_space: Callable[[], Space]) -> None:
    caller.create("hello.py", name="known", wait=60)
    elsewhere = make_space()
    for token in (log_in(space, ""), log_in(elsewhere, "admin")):
        assert {(status, problem) for _, _, status, problem in ask_all(caller, token)} == {(403, "forbidden")}


def test_a_right_that_is_taken_away_is_gone_within_the_caches_time(
    space: Space, caller: Caller, make_api: Callable[..., ApiProcess]
) -> None:
    quick = make_api(AUTH_CACHE_SECONDS="1").start_and_serve()
    token = log_in(space, "edit", "fickle")
    fickle = Caller(quick.url, space.name, token)
    assert fickle.get("runs").status == 200
    path = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{space.name}/rolebindings/fickle"
    assert space.api.delete(path).status == 200
    wait_for("the right to be gone", lambda: fickle.get("runs").status == 403, 5)
    assert space.api.delete(f"/api/v1/namespaces/{space.name}/serviceaccounts/fickle").status == 200
    wait_for("the caller to be gone", lambda: fickle.get("runs").status == 401, 15)
    assert caller.get("runs").status == 200


ENDLESS = """
import time
print("first", flush=True)
time.sleep(600)
"""


def _take_role(space: Space, _api: ApiProcess) -> None:
    path = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{space.name}/rolebindings/leaver"
    assert space.api.delete(path).status == 200


def _take_account(space: Space, _api: ApiProcess) -> None:
    assert space.api.delete(f"/api/v1/namespaces/{space.name}/serviceaccounts/leaver").status == 200


def _take_token(_space: Space, api: ApiProcess) -> None:
    (api.folder / "leaver").unlink()


@pytest.mark.parametrize(
    ("take", "problem"), [(_take_role, "forbidden"), (_take_account, "unauthorized"), (_take_token, "unauthorized")]
)
def test_what_takes_long_ends_with_the_right_to_it(
    space: Space, make_api: Callable[..., ApiProcess], take: Callable[[Space, ApiProcess], None], problem: str
) -> None:
    """A log that is followed and a ?wait, by somebody who leaves meanwhile."""
    quick = make_api(AUTH_CACHE_SECONDS="1", HEARTBEAT_SECONDS="1").start_and_serve()
    space.add_script("endless.py", ENDLESS, handler="python")
    if take is _take_token:
        token = write_token(quick.folder, "leaver", space.name, "*")
        wait_for("the token", lambda: Caller(quick.url, space.name, token).get("runs").status == 200, 10)
    else:
        token = log_in(space, "edit", "leaver")
    leaver = Caller(quick.url, space.name, token)
    name = leaver.create("endless.py").body["name"]
    with ThreadPoolExecutor() as threads:
        waiting = threads.submit(leaver.get, f"runs/{name}?wait=50")
        events = leaver.follow(name)
        first = next(event for event in events if event.get("event") == "log")
        assert json.loads(first["data"])["text"] == "first\n"
        assert not waiting.done()
        take(space, quick)
        reply = waiting.result(50)
        left = list(events)
    assert (reply.status, reply.problem) == ({"forbidden": 403, "unauthorized": 401}[problem], problem)
    assert [event for event in left if event.get("event") in ("log", "end")] == []
    assert quick.stop() == 0


def test_an_api_token_is_good_for_its_scripts_in_its_namespace_until_its_day(
    space: Space, caller: Caller, rest: ApiProcess, make_space: Callable[[], Space]
) -> None:
    for name in ("etl-load.py", "secret.py"):
        space.add_script(name, HELLO, handler="python")
    caller.create("secret.py", name="known", wait=60)
    elsewhere = make_space()
    good = write_token(rest.folder, "shop", space.name, "etl-*", "hello.py")
    late = write_token(rest.folder, "late", space.name, "*", days=-1)
    (rest.folder / "broken").write_text('{"sha256": "x"}')
    (rest.folder / "..data").mkdir(exist_ok=True)
    shop = Caller(rest.url, space.name, good)
    wait_for("the token", lambda: shop.get("runs").status == 200, 10)
    assert shop.create("etl-load.py", wait=60).body["phase"] == "Succeeded"
    assert shop.create("hello.py").body["requestedBy"] == "token:shop"
    refused = shop.create("secret.py")
    assert (refused.status, refused.problem) == (403, "forbidden")
    # What it has no business with is not there.
    assert {item["script"] for item in shop.get("runs").body["items"]} == {"etl-load.py", "hello.py"}
    assert {item["name"] for item in shop.get("scripts").body["items"]} == {"etl-load.py", "hello.py"}
    assert all(group["key"] != "secret.py" for group in shop.get("stats").body["groups"])
    for method, path, status, _ in ask_all(caller, good):
        if "known" in path:
            assert status == 404, (method, path)
    assert Caller(rest.url, elsewhere.name, good).get("runs").status == 403
    assert Caller(rest.url, space.name, late).get("runs").status == 401
    for wrong in (
        good[:-1] + ("a" if good[-1] != "a" else "b"),
        good.replace("shop", "late"),
        "srt_broken_" + "a" * 43,
    ):
        assert Caller(rest.url, space.name, wrong).get("runs").status == 401
    (rest.folder / "shop").unlink()
    wait_for("the token to be gone", lambda: shop.get("runs").status == 401, 10)


def test_a_script_of_another_namespace_can_not_be_named(
    space: Space, caller: Caller, make_space: Callable[[], Space]
) -> None:
    """With the API's rights it would be found there, and its limits and schema be told."""
    elsewhere = make_space()
    elsewhere.add_script("theirs", HELLO, handler="python", activeDeadlineSeconds=7)
    for name in (f"../../{elsewhere.name}/scripts/theirs", f"hello.py/../../../{elsewhere.name}/scripts/theirs"):
        refused = caller.create(name, activeDeadlineSeconds=8)
        assert (refused.status, refused.problem) == (422, "script-not-found"), refused


def test_bodies_have_a_limit(caller: Caller) -> None:
    huge = b'{"script": "hello.py", "variables": {"x": "' + b"x" * 50_000_000 + b'"}}'
    host, port = caller.url.removeprefix("http://").split(":")
    for length in (f"Content-Length: {len(huge)}", "Transfer-Encoding: chunked"):
        with socket.create_connection((host, int(port)), timeout=20) as connection:
            head = f"POST {caller.path('runs')} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {caller.token}\r\n"
            connection.sendall(f"{head}Content-Type: application/json\r\n{length}\r\n\r\n".encode())
            try:
                if "chunked" in length:
                    for start in range(0, 4_000_000, 65_536):
                        part = huge[start : start + 65_536]
                        connection.sendall(f"{len(part):x}\r\n".encode() + part + b"\r\n")
                else:
                    connection.sendall(huge)
            except (BrokenPipeError, ConnectionResetError):
                pass
            try:
                answer = connection.recv(65_536).decode()
            except ConnectionResetError:
                answer = ""
        assert not answer or answer.startswith("HTTP/1.1 413"), answer[:200]
    deep = b'{"script": "hello.py", "variables": ' + b'{"a":' * 5_000 + b"1" + b"}" * 5_001
    for body in (
        deep,
        b"{",
        b"\xff",
        b'{"script": "hello.py", "variables": {"x": NaN}}',
        b'{"script": "hello.py", "variables": {"x": 1e999}}',
    ):
        reply = caller.post("runs", body)
        assert (reply.status, reply.problem) == (400, "bad-request"), (body[:60], reply)
    assert caller.post("runs", b"<xml/>", Content_Type="application/xml").status in (415, 422)
    assert caller.get("runs").body["items"] == []


@pytest.mark.parametrize(
    "start",
    [
        b"GET /api/v1/namespaces/x/runs HTTP/1.1\r\nHost: x\r\n",
        b"GET / HTTP/1.1\r\nX-Slow: " + b"a" * 1000,
        b"",
        b"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n"
        b'Content-Length: 100\r\n\r\n{"script"',
    ],
    ids=["headers that never end", "a header that never ends", "nothing at all", "a body that never ends"],
)
def test_who_never_finishes_is_hung_up_on(caller: Caller, impatient: ApiProcess, start: bytes) -> None:
    start = start.replace(b"{path}", caller.path("runs").encode()).replace(b"{token}", caller.token.encode())
    with socket.create_connection(("127.0.0.1", impatient.port), timeout=10) as connection:
        connection.sendall(start)
        began, answer = time.monotonic(), b""
        while part := connection.recv(65_536):  # a byte every now and then does not help
            answer += part
        assert time.monotonic() - began < 5
    assert answer == b"" or answer.startswith(b"HTTP/1.1 408"), answer


@pytest.fixture(scope="module")
def impatient(make_api: Callable[..., ApiProcess]) -> ApiProcess:
    return make_api(BODY_SECONDS="1", HEADER_SECONDS="1", RATE_PER_SECOND="5", RATE_BURST="10").start_and_serve()


def test_a_drip_of_bytes_is_no_progress(caller: Caller, impatient: ApiProcess) -> None:
    with socket.create_connection(("127.0.0.1", impatient.port), timeout=10) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\n")
        began = time.monotonic()
        try:
            while time.monotonic() - began < 8:
                connection.sendall(b"X-Drip: drip\r\n")
                time.sleep(0.2)
        except OSError:
            pass  # reset or broken pipe, whichever is noticed first
        assert time.monotonic() - began < 5


def test_callers_who_ask_too_often_are_slowed_down_one_by_one(
    space: Space, caller: Caller, impatient: ApiProcess
) -> None:
    greedy = Caller(impatient.url, space.name, caller.token)
    answers = [greedy.get("runs") for _ in range(30)]
    slowed = [answer for answer in answers if answer.status == 429]
    assert len(slowed) >= 10
    assert {answer.problem for answer in slowed} == {"too-many-requests"}
    assert int(slowed[0].headers["Retry-After"]) >= 1
    assert Caller(impatient.url, space.name, log_in(space, "view")).get("runs").status == 200


@pytest.mark.parametrize("value", ["a\r\nX-Injected: 1", "a\nX-Injected: 1", "\x00", "é", " ", "a" * 256])
def test_headers_inject_nothing(caller: Caller, value: str) -> None:
    host, port = caller.url.removeprefix("http://").split(":")
    body = json.dumps(BODY)
    request = (
        f"POST {caller.path('runs')} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {caller.token}\r\n"
        f"Content-Type: application/json\r\nIdempotency-Key: {value}\r\nConnection: close\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    )
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(request.encode())
        answer = b""
        while part := connection.recv(65_536):
            answer += part
    head = answer.partition(b"\r\n\r\n")[0]
    assert b"X-Injected" not in head
    # What a second header line makes of it is a key without it: that one is fine.
    assert head.split()[1] in (b"400", b"422") or "\n" in value, head


@pytest.mark.parametrize(
    "path",
    ["runs/..%2f..%2f..%2fsecrets", "runs/%2e%2e", "runs/a%00b", "runs/A", "runs/" + "a" * 300, "runs/x/secrets"],
)
def test_paths_lead_nowhere_else(caller: Caller, path: str) -> None:
    reply = caller.get(path)
    assert reply.status in (404, 422), reply
    assert reply.problem in ("not-found", "invalid")


def test_secrets_are_shown_nowhere(space: Space, caller: Caller, rest: ApiProcess) -> None:
    schema = {"type": "object", "properties": {"password": {"type": "string", "writeOnly": True}}}
    space.add_script("leak.py", LEAK, handler="python", variablesSchema=schema)
    wait_for("the Script", lambda: caller.get("scripts/leak.py").status == 200)
    variables = {"password": SECRET, "name": "Ada"}
    made = caller.create("leak.py", wait=60, key="leak", variables=variables)
    assert (made.status, made.body["reason"]) == (201, "ScriptFailed")
    name = made.body["name"]
    assert made.body["variables"] == {"password": "********", "name": "Ada"}
    assert made.body["masked"] == ["/password"]
    said = [made.text]

    def look() -> None:
        for path in (f"runs/{name}", "runs", f"runs/{name}/output", f"runs/{name}/logs", "stats", "scripts"):
            said.append(caller.get(path).text)
        said.extend(event.get("data", "") for event in caller.follow(name))

    look()
    assert "the password is ********" in "".join(said)
    wrong = caller.create("leak.py", variables={"password": {"not a text": SECRET}})
    assert wrong.status == 422
    said.append(wrong.text)
    space.wait_run(name, "stored", lambda run: "Stored" in run.conditions)
    assert caller.ask("DELETE", f"runs/{name}").status == 204
    wait_for("its end", lambda: caller.get(f"runs/{name}").body["inCluster"] is False)
    look()
    again = caller.post(f"runs/{name}/rerun", {})
    assert (again.status, again.problem) == (409, "run-has-secrets")
    said.append(again.text)
    assert caller.post(f"runs/{name}/rerun?wait=60", {"variables": {"password": "x-other-x"}}).status == 201
    assert SECRET not in "".join(said)
    assert SECRET not in "\n".join(rest.log)
    assert caller.token not in "\n".join(rest.log)
    database = sqlite3.connect(rest.folder / "history.db")
    rows = [str(row) for table in ("runs", "run_contents") for row in database.execute(f"SELECT * FROM {table}")]
    database.close()
    assert any("********" in row for row in rows)
    assert SECRET not in "".join(rows)
