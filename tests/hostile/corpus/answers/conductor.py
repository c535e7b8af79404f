"""Tasks that no Conductor would hand out."""

from typing import Any

from hostile.corpus.case import (
    BAD_VARIABLES,
    CONNECTED,
    NO_SCRIPT,
    REFUSED,
    TOO_LARGE,
    UNREACHABLE,
    AnswerCase,
    Make,
    Reply,
)
from hostile.corpus.make import dump, nest_lists, text
from hostile.corpus.replies import METADATA

_ID = "0d2f3c1e-6a52-4a6e-9d0b-6c8f0f6b1d11"
_FIXED = {"script": "hello.py"}
"""A Bridge that runs one Script, whatever the task says."""


def _task(**changes: Any) -> dict[str, Any]:
    task = {"taskId": _ID, "taskType": "hostile", "workflowInstanceId": "w", "pollCount": 1, "inputData": {}}
    return {**task, "responseTimeoutSeconds": 60, **changes}


def _tasks(*tasks: object) -> Reply:
    return Reply(body=lambda: dump(list(tasks)))


def _large(field: str, make: Make) -> Reply:
    """A task with a field that is made when it is needed."""
    return Reply(body=lambda: dump([_task(**{field: make()})]))


_WITHOUT_SCRIPT = [
    AnswerCase(
        name=f"tasks-{name}", why=why, ends=(NO_SCRIPT,), reply=_tasks(_task(**changes)), orchestrator="conductor"
    )
    for name, why, changes in (
        ("id-slashes", "path traversal in an id", {"taskId": "../../workflow/x?y#z"}),
        ("workflow-slashes", "path traversal in a workflow's id", {"workflowInstanceId": "../x\r\n"}),
        ("type-mismatched", "a task of another type than requested", {"taskType": "x", "taskDefName": "\x1b[2J"}),
        ("counts-invalid", "negative and huge counts", {"pollCount": -(2**70), "responseTimeoutSeconds": -1}),
        ("timeout-huge", "a lease of 2^70 seconds", {"responseTimeoutSeconds": 2**70}),
        ("script-number", "a number instead of a Script's name", {"inputData": {"script": 7}}),
    )
]

_OTHERS = [
    AnswerCase(name=f"tasks-{name}", why=why, ends=ends, reply=reply, bridge=bridge, orchestrator="conductor")
    for name, why, ends, reply, bridge in (
        ("object", "an object instead of a list", (REFUSED,), Reply(body=lambda: b"{}"), {}),
        ("wrong-types", "a list of values that are not tasks", (CONNECTED,), _tasks(1, None, "x", []), {}),
        (
            "wrong-types-200000",
            "200,000 values that are not tasks",
            (CONNECTED,),
            Reply(body=lambda: b"[" + b"1," * 200_000 + b"1]"),
            {},
        ),
        (
            "id-100-kb",
            "size: an id of 100 kB",
            (NO_SCRIPT, CONNECTED, UNREACHABLE),
            _large("taskId", lambda: text(100_000)),
            {},
        ),
        ("input-list", "a list instead of an object of inputs", (BAD_VARIABLES,), _tasks(_task(inputData=[1])), {}),
        (
            "input-elsewhere",
            "SSRF: the input is kept at another address",
            (TOO_LARGE,),
            _tasks(_task(externalInputPayloadStoragePath=METADATA)),
            {},
        ),
        (
            "input-nested-300",
            "nesting beyond the limit of 200 levels",
            (BAD_VARIABLES,),
            _large("inputData", lambda: {"a": nest_lists(300)}),
            _FIXED,
        ),
        (
            "payload-nested-300",
            "nesting beyond the limit, beside the input",
            (BAD_VARIABLES,),
            _large("other", lambda: nest_lists(300)),
            _FIXED,
        ),
        (
            "payload-3-mb",
            "size: more than a run can hold",
            (TOO_LARGE,),
            _large("other", lambda: "x" * 3_000_000),
            _FIXED,
        ),
    )
]

TASKS: list[AnswerCase] = [*_WITHOUT_SCRIPT, *_OTHERS]
