"""What orchestrators answer that are none, or not ours: pages, endless bodies, and tasks that nobody would make.

The end is the reason of the Bridge's condition Connected; or, of a task that is handed out, what it is reported to have
come to.
"""

from typing import Any

from hostile.corpus.case import AnswerCase, Make, Reply
from hostile.corpus.make import dump, gzip_bomb, nest_json, nest_lists, text, wide

REFUSED, UNREACHABLE, CONNECTED = "Refused", "Unreachable", "Connected"
NO_SCRIPT, BAD_VARIABLES, TOO_LARGE = "ScriptNotAllowed", "InvalidVariables", "InputTooLarge"

KEY = 2251799813685249
TASK = "0d2f3c1e-6a52-4a6e-9d0b-6c8f0f6b1d11"


def _page(body: Make, status: int = 200) -> Reply:
    return Reply(status=status, headers={"Content-Type": "text/html"}, body=body)


_SERVERS = [
    AnswerCase(name=f"server-{name}", why=why, ends=ends, reply=reply)
    for name, why, ends, reply in (
        (
            "page-titles",
            "quadratic: 150,000 <title> tags that never end",
            (REFUSED,),
            _page(lambda: b"<title><title>" * 75_000),
        ),
        (
            "page-title-long",
            "quadratic: a <title> tag of 1 MB",
            (REFUSED,),
            _page(lambda: b"<title " + b"x" * 1_000_000),
        ),
        (
            "page-title-escapes",
            "terminal escapes in the title of a page",
            (REFUSED,),
            _page(lambda: b"<title>\x1b]0;owned\x07\x1b[2J</title>"),
        ),
        ("page-tags", "a million < characters", (REFUSED,), _page(lambda: b"<" * 1_000_000)),
        ("page-503", "a 503 page of 100,000 <title> tags", (UNREACHABLE,), _page(lambda: b"<title>" * 100_000, 503)),
        ("nested", "stack depth: 500,000 nested arrays", (UNREACHABLE,), Reply(body=lambda: nest_json(500_000))),
        ("whitespace", "20 MB of whitespace", (REFUSED, UNREACHABLE), Reply(body=lambda: b" " * 20_000_000)),
        (
            "message-20-mb",
            "an error message of 20 MB",
            (UNREACHABLE, REFUSED),
            Reply(status=500, body=lambda: b"x " * 10_000_000),
        ),
        (
            "number",
            "quadratic: the conversion of a long integer",
            (REFUSED,),
            Reply(body=lambda: b'{"jobs": ' + b"9" * 1_000_000 + b"}"),
        ),
        (
            "endless",
            "an endless body",
            (UNREACHABLE, REFUSED),
            Reply(framing="endless", body=lambda: b" " * 1_000_000),
        ),
        (
            "compressed",
            "compression bomb: 64 kB become 64 MB",
            (REFUSED, UNREACHABLE),
            Reply(headers={"Content-Encoding": "gzip"}, body=lambda: gzip_bomb(64)),
        ),
        (
            "compressed-badly",
            "an invalid compressed body",
            (REFUSED, UNREACHABLE),
            Reply(headers={"Content-Encoding": "gzip"}, body=lambda: b"{}"),
        ),
        (
            "short",
            "Content-Length larger than the body",
            (UNREACHABLE,),
            Reply(framing="short", body=lambda: b'{"jobs": []}'),
        ),
        (
            "slow",
            "slow body: a byte every half second",
            (UNREACHABLE,),
            Reply(framing="slow", body=lambda: b'{"jobs": []}' + b" " * 1000),
        ),
        (
            "not-http",
            "bytes that are not HTTP",
            (UNREACHABLE,),
            Reply(framing="raw", body=lambda: bytes(range(256)) * 100),
        ),
        (
            "headers-10000",
            "10,000 headers",
            (UNREACHABLE, REFUSED, CONNECTED),
            Reply(headers={f"X-{n}": "x" for n in range(10_000)}, body=lambda: b'{"jobs": []}'),
        ),
        ("header-1-mb", "a header of 1 MB", (UNREACHABLE, REFUSED), Reply(headers={"X": "x" * 1_000_000})),
        (
            "redirect-metadata",
            "SSRF: a redirect to the cloud's metadata service",
            (REFUSED,),
            Reply(status=307, headers={"Location": "http://169.254.169.254/"}),
        ),
        ("redirect-loop", "a redirect loop", (REFUSED,), Reply(status=307, headers={"Location": "{self}"})),
        ("retry-negative", "a negative Retry-After", (UNREACHABLE,), Reply(status=429, headers={"Retry-After": "-1"})),
        (
            "retry-1e99",
            "Retry-After: 1e99",
            (UNREACHABLE,),
            Reply(status=503, headers={"Retry-After": "1e99"}),
        ),
        (
            "retry-digits",
            "Retry-After with 400 digits",
            (UNREACHABLE,),
            Reply(status=503, headers={"Retry-After": "9" * 400}),
        ),
        ("retry-nan", "Retry-After: NaN", (UNREACHABLE,), Reply(status=503, headers={"Retry-After": "NaN"})),
        (
            "error-escapes",
            "terminal escapes in an error",
            (REFUSED, UNREACHABLE),
            Reply(status=400, body=lambda: dump({"title": "\x1b]0;x\x07", "detail": "\x1b[2J\r\n" * 50_000})),
        ),
    )
]


def _job(**changes: Any) -> dict[str, Any]:
    job = {"key": KEY, "type": "hostile", "processInstanceKey": 1, "retries": 3, "customHeaders": {}, "variables": {}}
    return {**job, **changes}


def _jobs(*jobs: object) -> Reply:
    return Reply(body=lambda: dump({"jobs": list(jobs)}))


_JOBS = [
    AnswerCase(name=f"jobs-{name}", why=why, ends=ends, reply=reply, bridge=bridge)
    for name, why, ends, reply, bridge in (
        ("null", "null instead of a list", (REFUSED,), Reply(body=lambda: b'{"jobs": null}'), {}),
        ("object", "an object instead of a list", (REFUSED,), Reply(body=lambda: b'{"jobs": {"a": 1}}'), {}),
        ("array", "a list instead of an object", (REFUSED,), Reply(body=lambda: b"[]"), {}),
        ("wrong-types", "a list of values that are not jobs", (REFUSED,), _jobs(1, None, "x", []), {}),
        ("without-key", "a job without a key", (REFUSED,), _jobs({"retries": 3}), {}),
        (
            "key-1-mb",
            "size: a key of 1,000,000 digits",
            (REFUSED, NO_SCRIPT),
            Reply(body=lambda: dump({"jobs": [_job(key="9" * 1_000_000)]})),
            {},
        ),
        ("key-negative", "a negative key", (REFUSED,), _jobs(_job(key=-1)), {}),
        ("key-path", "path traversal in a key", (REFUSED,), _jobs(_job(key="1/../../x")), {}),
        ("retries-negative", "negative retries", (REFUSED,), _jobs(_job(retries=-5)), {}),
        (
            "retries-infinite",
            "infinite retries",
            (REFUSED,),
            Reply(body=lambda: dump({"jobs": [_job()]}).replace(b'"retries":3', b'"retries":1e999')),
            {},
        ),
        (
            "retries-4301-digits",
            "retries with 4,301 digits",
            (REFUSED, NO_SCRIPT),
            Reply(body=lambda: dump({"jobs": [_job(retries="9" * 4301)]})),
            {},
        ),
        ("duplicate", "the same job twice in one answer", (NO_SCRIPT,), _jobs(_job(), _job()), {}),
        (
            "20000",
            "20,000 jobs, though 2 were asked for",
            (NO_SCRIPT,),
            Reply(body=lambda: dump({"jobs": [_job(key=KEY + n) for n in range(20_000)]})),
            {"maxConcurrentRuns": 2},
        ),
        (
            "script-unknown",
            "an unknown Script",
            (NO_SCRIPT,),
            _jobs(_job(customHeaders={"script": "nowhere.py"})),
            {},
        ),
        (
            "script-line-break",
            "injection: line breaks and terminal escapes in a Script's name",
            (NO_SCRIPT,),
            _jobs(_job(customHeaders={"script": "a\r\nb\x1b[2J"})),
            {},
        ),
        (
            "script-path",
            "path traversal in a Script's name",
            (NO_SCRIPT,),
            _jobs(_job(customHeaders={"script": "../../secrets/x"})),
            {},
        ),
        ("script-nul", "NUL in a Script's name", (NO_SCRIPT,), _jobs(_job(customHeaders={"script": "\x00"})), {}),
        (
            "script-500-kb",
            "size: a Script's name of 500 kB",
            (NO_SCRIPT,),
            Reply(body=lambda: dump({"jobs": [_job(customHeaders={"script": "x" * 500_000})]})),
            {},
        ),
        (
            "script-lone-surrogate",
            "a lone surrogate in a Script's name",
            (NO_SCRIPT,),
            Reply(body=lambda: dump({"jobs": [_job(customHeaders={"script": "HALF"})]}).replace(b"HALF", b"\\ud800")),
            {},
        ),
        (
            "headers-not-strings",
            "headers that are not strings",
            (NO_SCRIPT,),
            _jobs(_job(customHeaders={"script": ["a"], "x": {"y": None}})),
            {},
        ),
        (
            "headers-list",
            "a list of headers instead of an object",
            (NO_SCRIPT,),
            _jobs(_job(customHeaders=["script"])),
            {},
        ),
        (
            "headers-10000",
            "10,000 headers",
            (NO_SCRIPT,),
            Reply(
                body=lambda: dump({"jobs": [_job(customHeaders={**wide(10_000, value="x"), "script": "nowhere.py"})]})
            ),
            {},
        ),
        (
            "variables-list",
            "a list instead of an object of variables",
            (BAD_VARIABLES,),
            _jobs(_job(variables=[1])),
            {},
        ),
        (
            "variables-3-mb",
            "size: more than a run can hold",
            (TOO_LARGE,),
            Reply(body=lambda: dump({"jobs": [_job(variables={"a": "x" * 3_000_000})]})),
            {"script": "hello.py"},
        ),
        (
            "variables-nested-300",
            "nesting beyond the limit of 200 levels",
            (BAD_VARIABLES,),
            Reply(body=lambda: dump({"jobs": [_job(variables={"a": nest_lists(300)})]})),
            {"script": "hello.py"},
        ),
        (
            "variables-lone-surrogate",
            "a lone surrogate",
            (BAD_VARIABLES,),
            Reply(body=lambda: dump({"jobs": [_job(variables={"a": "HALF"})]}).replace(b"HALF", b"\\udc00")),
            {"script": "hello.py"},
        ),
        (
            "variables-nan",
            "NaN",
            (BAD_VARIABLES, REFUSED),
            Reply(
                body=lambda: b'{"jobs": [' + dump(_job()).replace(b'"variables":{}', b'"variables":{"a":NaN}') + b"]}"
            ),
            {"script": "hello.py"},
        ),
        (
            "variables-1e400",
            "a number beyond 64-bit floating point",
            (BAD_VARIABLES, REFUSED),
            Reply(
                body=lambda: b'{"jobs": [' + dump(_job()).replace(b'"variables":{}', b'"variables":{"a":1e400}') + b"]}"
            ),
            {"script": "hello.py"},
        ),
        (
            "glob",
            "ReDoS: a wildcard pattern of a Bridge with 40 stars",
            (NO_SCRIPT,),
            _jobs(_job(customHeaders={"script": "a" * 250})),
            {"scripts": ["*a" * 40 + "b"]},
        ),
        (
            "type-500-kb",
            "size: a type of 500 kB",
            (NO_SCRIPT,),
            Reply(body=lambda: dump({"jobs": [_job(type=text(500_000))]})),
            {},
        ),
    )
]


def _task(**changes: Any) -> dict[str, Any]:
    task = {"taskId": TASK, "taskType": "hostile", "workflowInstanceId": "w", "pollCount": 1, "inputData": {}}
    return {**task, "responseTimeoutSeconds": 60, **changes}


def _tasks(*tasks: object) -> Reply:
    return Reply(body=lambda: dump(list(tasks)))


_TASKS = [
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
        ("id-slashes", "path traversal in an id", (NO_SCRIPT,), _tasks(_task(taskId="../../workflow/x?y#z")), {}),
        (
            "id-100-kb",
            "size: an id of 100 kB",
            (NO_SCRIPT, CONNECTED, UNREACHABLE),
            Reply(body=lambda: dump([_task(taskId=text(100_000))])),
            {},
        ),
        (
            "workflow-slashes",
            "path traversal in a workflow's id",
            (NO_SCRIPT,),
            _tasks(_task(workflowInstanceId="../x\r\n")),
            {},
        ),
        (
            "type-mismatched",
            "a task of another type than requested",
            (NO_SCRIPT,),
            _tasks(_task(taskType="x", taskDefName="\x1b[2J")),
            {},
        ),
        (
            "counts-invalid",
            "negative and huge counts",
            (NO_SCRIPT,),
            _tasks(_task(pollCount=-(2**70), responseTimeoutSeconds=-1)),
            {},
        ),
        (
            "timeout-huge",
            "a lease of 2^70 seconds",
            (NO_SCRIPT,),
            _tasks(_task(responseTimeoutSeconds=2**70)),
            {},
        ),
        (
            "script-number",
            "a number instead of a Script's name",
            (NO_SCRIPT,),
            _tasks(_task(inputData={"script": 7})),
            {},
        ),
        ("input-list", "a list instead of an object of inputs", (BAD_VARIABLES,), _tasks(_task(inputData=[1])), {}),
        (
            "input-elsewhere",
            "SSRF: the input is kept at another address",
            (TOO_LARGE,),
            _tasks(_task(externalInputPayloadStoragePath="http://169.254.169.254/")),
            {},
        ),
        (
            "input-nested-300",
            "nesting beyond the limit of 200 levels",
            (BAD_VARIABLES,),
            Reply(body=lambda: dump([_task(inputData={"a": nest_lists(300)})])),
            {"script": "hello.py"},
        ),
        (
            "payload-nested-300",
            "nesting beyond the limit, beside the input",
            (BAD_VARIABLES,),
            Reply(body=lambda: dump([_task(other=nest_lists(300))])),
            {"script": "hello.py"},
        ),
        (
            "payload-3-mb",
            "size: more than a run can hold",
            (TOO_LARGE,),
            Reply(body=lambda: dump([_task(other="x" * 3_000_000)])),
            {"script": "hello.py"},
        ),
    )
]

ANSWERS: list[AnswerCase] = [*_SERVERS, *_JOBS, *_TASKS]
