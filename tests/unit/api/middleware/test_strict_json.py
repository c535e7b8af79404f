"""How bodies are read."""

import asyncio
import json
from typing import Any

import pytest
from fastapi import HTTPException

from scriptrun.api.middleware.strict_json import _StrictRequest
from scriptrun.policies.effort import QUICK_BYTES


def _request(body: bytes) -> _StrictRequest:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    return _StrictRequest({"type": "http", "method": "POST", "headers": []}, receive)


@pytest.mark.parametrize("body", [b"{", b"[NaN]", b"[1e999]", b"[" * 1000 + b"]" * 1000], ids=str)
async def test_what_kubernetes_can_not_keep_is_no_json(body: bytes) -> None:
    with pytest.raises(json.JSONDecodeError):
        await _request(body).json()


async def test_a_body_with_many_members_is_refused_as_a_whole() -> None:
    body = json.dumps({f"k{number}": 0 for number in range(60_000)}).encode()
    with pytest.raises(HTTPException, match="the body has 60,000 members, at most 100 are read"):
        await _request(body).json()
    assert len(await _request(b"[" + b"0," * 60_000 + b"0]").json()) == 60_001


@pytest.mark.parametrize(("size", "others"), [(10, []), (QUICK_BYTES, ["another request"])], ids=["small", "large"])
async def test_after_a_large_body_others_have_their_turn(size: int, others: list[str]) -> None:
    request, done = _request(json.dumps("x" * size).encode()), list[str]()
    await request.body()
    asyncio.get_running_loop().call_soon(done.append, "another request")
    assert await request.json() == "x" * size
    assert done == others
