"""What an answer shows of a run's output: exactly that, or nothing."""

import json
from typing import Any

import pytest

from scriptrun.api.runs.found_run import Found
from scriptrun.api.runs.presenters import needs_output, show_run
from scriptrun.runtime.hiding import Hiding
from scriptrun.runtime.worker_pool import WorkerPool
from scriptrun.runtime.worker_process import WorkerLimits

HIDING = Hiding(WorkerPool(WorkerLimits()))
REFERENCE = {"configMap": "x-0-aaaaa-output", "key": "output.json", "bytes": 40, "sha256": "0" * 64}


def found(in_cluster: bool = True, **status: Any) -> Found:
    metadata = {"namespace": "shop", "name": "x", "uid": "u", "creationTimestamp": "2026-01-31T12:00:00Z"}
    return Found({"metadata": metadata, "spec": {"scriptRef": {"name": "x"}}, "status": status}, in_cluster)


@pytest.mark.parametrize(
    ("run", "needed"),
    [
        (found(), False),
        (found(output={}, outputRef=REFERENCE), False),
        (found(output={}), False),
        (found(outputRef=REFERENCE), True),
        (found(outputRef={**REFERENCE, "bytes": 8193}), False),
        (found(in_cluster=False), True),
    ],
)
def test_an_output_is_looked_for_where_it_can_be_shown(run: Found, needed: bool) -> None:
    assert needs_output(run) is needed


@pytest.mark.parametrize("number", ["18446744073709551616", "9" * 4000, "1.5", "6.022e+23", "-0.0"])
async def test_numbers_of_any_size_are_shown(number: str) -> None:
    text = f'{{"n": {number}}}'
    shown = await show_run(found(outputRef=REFERENCE), HIDING, text)
    assert json.dumps(shown.output) == text
    assert shown.output_bytes == len(text)


@pytest.mark.parametrize(
    "text", ['{"n": 0.12345678901234567890}', '{"n": 1e-400}', "garbage", '["\\ud800"]', '{"n": NaN}']
)
async def test_what_can_not_be_shown_as_it_is_is_not_shown(text: str) -> None:
    shown = await show_run(found(outputRef=REFERENCE), HIDING, text)
    assert (shown.output, shown.output_bytes) == (None, len(text))
