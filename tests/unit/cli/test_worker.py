"""`scriptrun worker exec`: its command line, and which server it means."""

import os
import signal
import subprocess
import sys
from dataclasses import fields
from typing import Any

import pytest

from scriptrun.errors import Refused, UsageError
from scriptrun.orchestrators.conductor.adapter import Conductor
from scriptrun.orchestrators.zeebe.adapter import Zeebe
from scriptrun.worker import process as worker_exec
from scriptrun.worker.process import Wishes
from scriptrun.worker.server import Server, open_conductor, open_zeebe
from unit.cli.conftest import Scriptrun
from unit.orchestrators.standin import say, serve


@pytest.fixture
def wishes(monkeypatch: pytest.MonkeyPatch) -> list[Wishes]:
    """What the command line asked for, instead of doing it."""
    asked: list[Wishes] = []

    def execute(wishes: Wishes) -> int:
        asked.append(wishes)
        return 0

    monkeypatch.setattr(worker_exec, "execute", execute)
    return asked


def _changed(wishes: Wishes) -> dict[str, Any]:
    plain = Wishes(task_type="greet_task", command=["python3", "worker.py"])
    names = [item.name for item in fields(Wishes)]
    return {name: getattr(wishes, name) for name in names if getattr(wishes, name) != getattr(plain, name)}


@pytest.mark.parametrize(
    ("line", "changed"),
    [
        ("greet_task python3 worker.py", {}),
        ("greet_task python3 worker.py --count 5", {"count": 5}),
        (
            "greet_task python3 worker.py --worker-id worker-1 --domain production",
            {"worker_id": "worker-1", "domain": "production"},
        ),
        ("greet_task python3 worker.py --exec-timeout 30", {"exec_timeout_seconds": 30}),
        (
            "--poll-timeout 500 greet_task --back-off=3 python3 worker.py",
            {"poll_timeout_milliseconds": 500, "back_off_seconds": 3},
        ),
        ("greet_task python3 -u worker.py --mine -x", {"command": ["python3", "-u", "worker.py", "--mine", "-x"]}),
        (
            "greet_task --count 2 -- python3 worker.py --count 5 -h",
            {"count": 2, "command": ["python3", "worker.py", "--count", "5", "-h"]},
        ),
        (
            "greet_task python3 worker.py --server http://c/api --auth-key k --auth-secret s --zeebe",
            {"server": "http://c/api", "auth_key": "k", "auth_secret": "s", "orchestrator": "zeebe"},
        ),
        ("greet_task python3 worker.py --zeebe --contract stdio", {"orchestrator": "zeebe", "contract": "stdio"}),
    ],
)
def test_flags_may_stand_anywhere(
    scriptrun: Scriptrun, wishes: list[Wishes], line: str, changed: dict[str, Any]
) -> None:
    done = scriptrun("worker", "exec", *line.split())
    assert (done.code, done.stderr) == (0, "")
    (asked,) = wishes
    assert _changed(asked) == changed


def test_the_documents_defaults() -> None:
    plain = Wishes(task_type="t", command=["c"])
    assert (plain.worker_id, plain.domain) == ("", "")
    assert (plain.poll_timeout_milliseconds, plain.exec_timeout_seconds, plain.count) == (100, 0, 1)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("greet_task", "COMMAND"),
        ("greet_task python3 --count 0", "--count"),
        ("greet_task python3 --count many", "--count"),
        ("greet_task python3 --poll-timeout 5001", "--poll-timeout"),
        ("greet_task python3 --exec-timeout -1", "--exec-timeout"),
    ],
)
def test_wrong_usage(scriptrun: Scriptrun, wishes: list[Wishes], line: str, words: str) -> None:
    done = scriptrun("worker", "exec", *line.split())
    assert done.code == 2
    assert words in done.stderr
    assert wishes == []


def server(**changes: Any) -> Server:
    plain = {
        "url": "",
        "key": "",
        "secret": "",
        "task_type": "greet",
        "domain": "",
        "worker_id": "w",
        "poll_seconds": 0.1,
        "back_off_seconds": 10,
    }
    return Server(**{**plain, **changes})


async def test_conductor_by_its_own_variables() -> None:
    async with serve(say(200, {"token": "t0"}), say(200, [])) as stub:
        environ = {
            "CONDUCTOR_SERVER_URL": f"{stub.address}/api",
            "CONDUCTOR_AUTH_KEY": "k",
            "CONDUCTOR_AUTH_SECRET": "hush",
        }
        adapter = open_conductor(server(domain="prod"), environ)
        assert isinstance(adapter, Conductor)
        assert await adapter.claim(1) == []
        await adapter.close()
    token, poll = stub.asked
    assert token.path == "/api/token"
    assert poll.headers["X-Authorization"] == "t0"
    assert (poll.path, poll.query) == (
        "/api/tasks/poll/batch/greet",
        {"workerid": "w", "count": "1", "timeout": "100", "domain": "prod"},
    )


async def test_options_win_over_variables() -> None:
    async with serve(say(200, {"token": "t0"}), say(200, [])) as stub:
        environ = {
            "CONDUCTOR_SERVER_URL": "http://127.0.0.1:9",
            "CONDUCTOR_AUTH_KEY": "x",
            "CONDUCTOR_AUTH_SECRET": "y",
        }
        adapter = open_conductor(server(url=stub.address, key="k", secret="s"), environ)
        await adapter.claim(1)
        await adapter.close()
    assert stub.asked[0].body == '{"keyId":"k","keySecret":"s"}'


async def test_zeebe_by_its_own_variables() -> None:
    async with serve(say(200, {"access_token": "t1", "expires_in": 300}), say(200, {"jobs": []})) as stub:
        environ = {
            "ZEEBE_REST_ADDRESS": stub.address,
            "ZEEBE_CLIENT_ID": "c",
            "ZEEBE_CLIENT_SECRET": "hush",
            "ZEEBE_AUTHORIZATION_SERVER_URL": f"{stub.address}/oauth/token",
            "ZEEBE_TOKEN_AUDIENCE": "zeebe",
            "ZEEBE_TOKEN_SCOPE": "jobs",
        }
        adapter = open_zeebe(server(poll_seconds=0.0), environ)
        assert isinstance(adapter, Zeebe)
        assert await adapter.claim(1) == []
        await adapter.close()
    token, activation = stub.asked
    assert token.path == "/oauth/token"
    assert "audience=zeebe" in token.body
    assert "scope=jobs" in token.body
    assert activation.headers["Authorization"] == "Bearer t1"
    assert '"type":"greet"' in activation.body
    assert '"worker":"w"' in activation.body


async def test_without_credentials() -> None:
    async with serve(say(200, {"jobs": []})) as stub:
        adapter = open_zeebe(server(url=stub.address), {})
        await adapter.claim(1)
        await adapter.close()
    assert "Authorization" not in stub.asked[0].headers


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"CONDUCTOR_AUTH_KEY": "k"}, "CONDUCTOR_AUTH_KEY is given, but CONDUCTOR_AUTH_SECRET is not"),
        ({"CONDUCTOR_AUTH_SECRET": "s"}, "CONDUCTOR_AUTH_SECRET is given, but CONDUCTOR_AUTH_KEY is not"),
    ],
)
def test_half_of_a_pair(environ: dict[str, str], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        open_conductor(server(), environ)


@pytest.mark.parametrize(
    ("changes", "environ", "words"),
    [
        ({"domain": "prod"}, {}, "--domain is Conductor's"),
        ({"key": "k"}, {}, "ZEEBE_CLIENT_ID is given, but ZEEBE_CLIENT_SECRET is not"),
        ({"key": "k", "secret": "s"}, {}, "ZEEBE_AUTHORIZATION_SERVER_URL is not set"),
        ({"url": "localhost:26500"}, {}, "zeebe.address"),
    ],
)
def test_what_zeebe_can_not_use(changes: dict[str, str], environ: dict[str, str], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        open_zeebe(server(**changes), environ)


def test_an_address_that_is_none_ends_the_command(scriptrun: Scriptrun) -> None:
    done = scriptrun("worker", "exec", "t", "true", "--server", "conductor")
    assert done.code == 1
    assert "is no HTTP address" in done.stderr
    with pytest.raises(Refused):
        open_conductor(server(url="http://user:hush@c"), {})


BELOW = "import sys; from scriptrun.worker.init_process import run_below; sys.exit(run_below(sys.argv[1:]))"


def test_the_first_process_returns_what_its_child_did() -> None:
    for code, script in ((0, "exit 0"), (7, "exit 7"), (128 + 9, "kill -9 $$")):
        assert subprocess.run([sys.executable, "-c", BELOW, "/bin/sh", "-c", script], check=False).returncode == code


def test_the_first_process_passes_signals_on_and_buries_orphans() -> None:
    script = "trap 'echo got it; exit 5' TERM; (sleep 0.01 &); echo up; while :; do sleep 0.05; done"
    process = subprocess.Popen(
        [sys.executable, "-c", BELOW, "/bin/sh", "-c", script], stdout=subprocess.PIPE, text=True, env=dict(os.environ)
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=20) == ("got it\n", None)
    assert process.returncode == 5
