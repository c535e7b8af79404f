"""Logs that are read at once: as much of one as fits, and no more of them than there is memory for."""

from collections.abc import AsyncGenerator
from typing import Any, cast

import pytest

from builders import run_body
from scriptrun.api.auth.authorizer import Authorizer, Caller
from scriptrun.api.context import Context
from scriptrun.api.problems import Problem
from scriptrun.api.runs.found_run import Found
from scriptrun.api.runs.logs import WHOLE_LOG_BYTES, read_log
from scriptrun.api.runs.routes import get_logs
from scriptrun.api.runs.run_index import RunIndex
from scriptrun.api.runs.service import RunService
from scriptrun.api.settings import ApiSettings
from scriptrun.errors import NotFound
from scriptrun.kube.client import Client
from scriptrun.runtime.hiding import Hiding
from scriptrun.runtime.worker_pool import WorkerPool
from scriptrun.runtime.worker_process import WorkerLimits

RUN = run_body(status={"phase": "Running", "attempts": [{"number": 1, "pod": "hello-1-0-aaaaa"}]})


class _Cluster:
    """A pod's log, of which the API server gives as much as it is asked for."""

    def __init__(self, log: bytes) -> None:
        self._log = log

    async def get(self, *_: Any) -> dict[str, Any]:
        raise NotFound("no output yet")

    async def logs(self, _namespace: str, _pod: str, **query: str) -> AsyncGenerator[bytes, None]:
        for line in self._log[: int(query["limitBytes"])].splitlines(keepends=True):
            yield line


async def test_a_log_is_read_as_it_is() -> None:
    assert await read_log(cast(Client, _Cluster(b"a\n\nb")), RUN, None) == b"a\n\nb"


async def test_what_is_left_out_of_a_log_is_told() -> None:
    log = await read_log(cast(Client, _Cluster((b"x" * 1023 + b"\n") * (WHOLE_LOG_BYTES // 1024 + 5))), RUN, None)
    assert log is not None
    assert log.endswith(b"[the log goes on: these are its first 16,777,216 bytes; follow it to read on]\n")


class _Runs:
    async def allow(self, *_: Any) -> None:
        """Everything."""

    async def find(self, *_: Any) -> Found:
        return Found(RUN)


async def test_one_caller_reads_only_some_at_one_time() -> None:
    client = cast(Client, _Cluster(b"hello\n"))
    hiding = Hiding(WorkerPool(WorkerLimits()))
    runs, run_index, authorizer = cast(RunService, _Runs()), cast(RunIndex, None), cast(Authorizer, None)
    context = Context(client, authorizer, run_index, runs, ApiSettings(), hiding)

    async def read(name: str) -> bytes:
        answer = await get_logs("shop", "hello-1", context, Caller(name), follow=False, attempt=None)
        return bytes(answer.body)

    held = [context.whole_logs.hold("ada") for _ in range(context.whole_logs.each)]
    for hold in held:
        hold.__enter__()
    with pytest.raises(Problem) as refused:
        await read("ada")
    assert refused.value.kind == "busy"
    assert await read("bob") == b"hello\n"
    held[0].__exit__(None, None, None)
    assert await read("ada") == b"hello\n"
    assert context.whole_logs.total == context.whole_logs.each - 1
