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
            "a page of a megabyte of titles that never end",
            (REFUSED,),
            _page(lambda: b"<title><title>" * 75_000),
        ),
        (
            "page-title-long",
            "a title that begins and does not end",
            (REFUSED,),
            _page(lambda: b"<title " + b"x" * 1_000_000),
        ),
        (
            "page-title-escapes",
            "a title with terminal escapes",
            (REFUSED,),
            _page(lambda: b"<title>\x1b]0;owned\x07\x1b[2J</title>"),
        ),
        ("page-less-than", "a million tags that never end", (REFUSED,), _page(lambda: b"<" * 1_000_000)),
        ("page-away", "a page that says: later", (UNREACHABLE,), _page(lambda: b"<title>" * 100_000, 503)),
        ("nested", "half a million open brackets", (REFUSED,), Reply(body=lambda: nest_json(500_000))),
        ("white-space", "20 MB of nothing", (REFUSED, UNREACHABLE), Reply(body=lambda: b" " * 20_000_000)),
        (
            "words",
            "20 MB of words in an error",
            (UNREACHABLE, REFUSED),
            Reply(status=500, body=lambda: b"x " * 10_000_000),
        ),
        (
            "number",
            "a conversion of digits is quadratic",
            (REFUSED,),
            Reply(body=lambda: b'{"jobs": ' + b"9" * 1_000_000 + b"}"),
        ),
        (
            "endless",
            "a body without end",
            (UNREACHABLE, REFUSED),
            Reply(framing="endless", body=lambda: b" " * 1_000_000),
        ),
        (
            "compressed",
            "64 kB that become 64 MB",
            (REFUSED, UNREACHABLE),
            Reply(headers={"Content-Encoding": "gzip"}, body=lambda: gzip_bomb(64)),
        ),
        (
            "compressed-badly",
            "what is not compressed, though it is said to be",
            (REFUSED, UNREACHABLE),
            Reply(headers={"Content-Encoding": "gzip"}, body=lambda: b"{}"),
        ),
        ("short", "less than was promised", (UNREACHABLE,), Reply(framing="short", body=lambda: b'{"jobs": []}')),
        ("slow", "a byte a second", (UNREACHABLE,), Reply(framing="slow", body=lambda: b'{"jobs": []}' + b" " * 1000)),
        (
            "no-http",
            "an answer that is no HTTP",
            (UNREACHABLE,),
            Reply(framing="raw", body=lambda: bytes(range(256)) * 100),
        ),
        (
            "headers-10000",
            "ten thousand headers",
            (UNREACHABLE, REFUSED, CONNECTED),
            Reply(headers={f"X-{n}": "x" for n in range(10_000)}, body=lambda: b'{"jobs": []}'),
        ),
        ("header-1-mb", "a header of a megabyte", (UNREACHABLE, REFUSED), Reply(headers={"X": "x" * 1_000_000})),
        (
            "redirect-metadata",
            "a redirect to where only the bridge reaches",
            (REFUSED,),
            Reply(status=307, headers={"Location": "http://169.254.169.254/"}),
        ),
        ("redirect-loop", "a redirect without end", (REFUSED,), Reply(status=307, headers={"Location": "{self}"})),
        ("retry-negative", "later, since yesterday", (UNREACHABLE,), Reply(status=429, headers={"Retry-After": "-1"})),
        (
            "retry-1e99",
            "later, when the sun is cold",
            (UNREACHABLE,),
            Reply(status=503, headers={"Retry-After": "1e99"}),
        ),
        (
            "retry-digits",
            "later, in a number that is infinite",
            (UNREACHABLE,),
            Reply(status=503, headers={"Retry-After": "9" * 400}),
        ),
        ("retry-nan", "later, at no time", (UNREACHABLE,), Reply(status=503, headers={"Retry-After": "NaN"})),
        (
            "error-escapes",
            "an error with terminal escapes",
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
        ("null", "nothing where a list is", (REFUSED,), Reply(body=lambda: b'{"jobs": null}'), {}),
        ("object", "an object where a list is", (REFUSED,), Reply(body=lambda: b'{"jobs": {"a": 1}}'), {}),
        ("array", "a list where an object is", (REFUSED,), Reply(body=lambda: b"[]"), {}),
        ("of-no-kind", "a list of what are no jobs", (REFUSED,), _jobs(1, None, "x", []), {}),
        ("without-key", "a job that can't be reported", (REFUSED,), _jobs({"retries": 3}), {}),
        (
            "key-1-mb",
            "a key of a million digits",
            (REFUSED, NO_SCRIPT),
            Reply(body=lambda: dump({"jobs": [_job(key="9" * 1_000_000)]})),
            {},
        ),
        ("key-negative", "a key that is no key", (REFUSED,), _jobs(_job(key=-1)), {}),
        ("key-path", "a key that is a path", (REFUSED,), _jobs(_job(key="1/../../x")), {}),
        ("retries-negative", "fewer than no retries", (REFUSED,), _jobs(_job(retries=-5)), {}),
        (
            "retries-infinite",
            "more retries than numbers",
            (REFUSED,),
            Reply(body=lambda: dump({"jobs": [_job()]}).replace(b'"retries":3', b'"retries":1e999')),
            {},
        ),
        (
            "retries-4301-digits",
            "retries that Python can't convert",
            (REFUSED, NO_SCRIPT),
            Reply(body=lambda: dump({"jobs": [_job(retries="9" * 4301)]})),
            {},
        ),
        ("doubled", "one job twice in one answer", (NO_SCRIPT,), _jobs(_job(), _job()), {}),
        (
            "20000",
            "more jobs than were asked for",
            (NO_SCRIPT,),
            Reply(body=lambda: dump({"jobs": [_job(key=KEY + n) for n in range(20_000)]})),
            {"maxConcurrentRuns": 2},
        ),
        (
            "script-unknown",
            "a Script that does not exist",
            (NO_SCRIPT,),
            _jobs(_job(customHeaders={"script": "nowhere.py"})),
            {},
        ),
        (
            "script-line-break",
            "a Script's name with line breaks and terminal escapes",
            (NO_SCRIPT,),
            _jobs(_job(customHeaders={"script": "a\r\nb\x1b[2J"})),
            {},
        ),
        (
            "script-path",
            "a Script's name that is a path",
            (NO_SCRIPT,),
            _jobs(_job(customHeaders={"script": "../../secrets/x"})),
            {},
        ),
        ("script-nul", "a Script's name with NUL", (NO_SCRIPT,), _jobs(_job(customHeaders={"script": "\x00"})), {}),
        (
            "script-500-kb",
            "a Script's name of 500 kB",
            (NO_SCRIPT,),
            Reply(body=lambda: dump({"jobs": [_job(customHeaders={"script": "x" * 500_000})]})),
            {},
        ),
        (
            "script-half-character",
            "half a character in a Script's name",
            (NO_SCRIPT,),
            Reply(body=lambda: dump({"jobs": [_job(customHeaders={"script": "HALF"})]}).replace(b"HALF", b"\\ud800")),
            {},
        ),
        (
            "headers-odd",
            "headers that are no texts",
            (NO_SCRIPT,),
            _jobs(_job(customHeaders={"script": ["a"], "x": {"y": None}})),
            {},
        ),
        ("headers-list", "headers that are a list", (NO_SCRIPT,), _jobs(_job(customHeaders=["script"])), {}),
        (
            "headers-10000",
            "ten thousand headers",
            (NO_SCRIPT,),
            Reply(
                body=lambda: dump({"jobs": [_job(customHeaders={**wide(10_000, value="x"), "script": "nowhere.py"})]})
            ),
            {},
        ),
        ("variables-list", "variables that are a list", (BAD_VARIABLES,), _jobs(_job(variables=[1])), {}),
        (
            "variables-3-mb",
            "more than a run can have",
            (TOO_LARGE,),
            Reply(body=lambda: dump({"jobs": [_job(variables={"a": "x" * 3_000_000})]})),
            {"script": "hello.py"},
        ),
        (
            "variables-nested-300",
            "deeper than a document may be",
            (BAD_VARIABLES,),
            Reply(body=lambda: dump({"jobs": [_job(variables={"a": nest_lists(300)})]})),
            {"script": "hello.py"},
        ),
        (
            "variables-half-character",
            "half a surrogate pair",
            (BAD_VARIABLES,),
            Reply(body=lambda: dump({"jobs": [_job(variables={"a": "HALF"})]}).replace(b"HALF", b"\\udc00")),
            {"script": "hello.py"},
        ),
        (
            "variables-nan",
            "a number that is none",
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
            "a pattern of a Bridge with forty stars, and a name that almost matches it",
            (NO_SCRIPT,),
            _jobs(_job(customHeaders={"script": "a" * 250})),
            {"scripts": ["*a" * 40 + "b"]},
        ),
        (
            "type-500-kb",
            "a type of 500 kB",
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
        ("object", "an object where a list is", (REFUSED,), Reply(body=lambda: b"{}"), {}),
        ("of-no-kind", "a list of what are no tasks", (CONNECTED,), _tasks(1, None, "x", []), {}),
        (
            "of-no-kind-200000",
            "the same 200,000 times",
            (CONNECTED,),
            Reply(body=lambda: b"[" + b"1," * 200_000 + b"1]"),
            {},
        ),
        ("id-slashes", "an id that is a path", (NO_SCRIPT,), _tasks(_task(taskId="../../workflow/x?y#z")), {}),
        (
            "id-100-kb",
            "an id of 100 kB",
            (NO_SCRIPT, CONNECTED, UNREACHABLE),
            Reply(body=lambda: dump([_task(taskId=text(100_000))])),
            {},
        ),
        (
            "workflow-slashes",
            "a workflow's id that is a path",
            (NO_SCRIPT,),
            _tasks(_task(workflowInstanceId="../x\r\n")),
            {},
        ),
        (
            "type-mismatched",
            "a task of another type than was asked for",
            (NO_SCRIPT,),
            _tasks(_task(taskType="x", taskDefName="\x1b[2J")),
            {},
        ),
        (
            "counts-odd",
            "numbers that are none",
            (NO_SCRIPT,),
            _tasks(_task(pollCount=-(2**70), responseTimeoutSeconds=-1)),
            {},
        ),
        (
            "timeout-huge",
            "a lease until the sun is cold",
            (NO_SCRIPT,),
            _tasks(_task(responseTimeoutSeconds=2**70)),
            {},
        ),
        ("script-number", "a Script's name that is a number", (NO_SCRIPT,), _tasks(_task(inputData={"script": 7})), {}),
        ("input-list", "input that is a list", (BAD_VARIABLES,), _tasks(_task(inputData=[1])), {}),
        (
            "input-elsewhere",
            "input that is kept elsewhere",
            (TOO_LARGE,),
            _tasks(_task(externalInputPayloadStoragePath="http://169.254.169.254/")),
            {},
        ),
        (
            "input-nested-300",
            "deeper than a document may be",
            (BAD_VARIABLES,),
            Reply(body=lambda: dump([_task(inputData={"a": nest_lists(300)})])),
            {"script": "hello.py"},
        ),
        (
            "payload-nested-300",
            "the same beside the input",
            (BAD_VARIABLES,),
            Reply(body=lambda: dump([_task(other=nest_lists(300))])),
            {"script": "hello.py"},
        ),
        (
            "payload-3-mb",
            "more than a run can have",
            (TOO_LARGE,),
            Reply(body=lambda: dump([_task(other="x" * 3_000_000)])),
            {"script": "hello.py"},
        ),
    )
]

ANSWERS: list[AnswerCase] = [*_SERVERS, *_JOBS, *_TASKS]
