"""Jobs that no Zeebe would hand out."""

from collections.abc import Callable
from typing import Any

from hostile.corpus.case import BAD_VARIABLES, NO_SCRIPT, REFUSED, TOO_LARGE, AnswerCase, Reply
from hostile.corpus.make import dump, nest_lists, text, wide

_KEY = 2251799813685249
_FIXED = {"script": "hello.py"}
"""A Bridge that runs one Script, whatever the job says."""


def _job(**changes: Any) -> dict[str, Any]:
    job = {"key": _KEY, "type": "hostile", "processInstanceKey": 1, "retries": 3, "customHeaders": {}, "variables": {}}
    return {**job, **changes}


def _jobs(*jobs: object) -> Reply:
    return Reply(body=lambda: dump({"jobs": list(jobs)}))


def _headers(script: object) -> Reply:
    """A job whose header names a Script."""
    return _jobs(_job(customHeaders={"script": script}))


def _large(make: Callable[[], dict[str, Any]]) -> Reply:
    """A job with parts that are made when they are needed."""
    return Reply(body=lambda: dump({"jobs": [_job(**make())]}))


def _written(old: bytes, new: bytes, **changes: Any) -> Reply:
    """A job as text, with a part that Python would not write."""
    return Reply(body=lambda: dump({"jobs": [_job(**changes)]}).replace(old, new))


_LISTS = [
    AnswerCase(name=f"jobs-{name}", why=why, ends=(REFUSED,), reply=reply)
    for name, why, reply in (
        ("null", "null instead of a list", Reply(body=lambda: b'{"jobs": null}')),
        ("object", "an object instead of a list", Reply(body=lambda: b'{"jobs": {"a": 1}}')),
        ("array", "a list instead of an object", Reply(body=lambda: b"[]")),
        ("wrong-types", "a list of values that are not jobs", _jobs(1, None, "x", [])),
        ("without-key", "a job without a key", _jobs({"retries": 3})),
        ("key-negative", "a negative key", _jobs(_job(key=-1))),
        ("key-path", "path traversal in a key", _jobs(_job(key="1/../../x"))),
        ("retries-negative", "negative retries", _jobs(_job(retries=-5))),
        ("retries-infinite", "infinite retries", _written(b'"retries":3', b'"retries":1e999')),
    )
]

_WITHOUT_SCRIPT = [
    AnswerCase(name=f"jobs-{name}", why=why, ends=(NO_SCRIPT,), reply=reply)
    for name, why, reply in (
        ("duplicate", "the same job twice in one answer", _jobs(_job(), _job())),
        ("script-unknown", "an unknown Script", _headers("nowhere.py")),
        (
            "script-line-break",
            "injection: line breaks and terminal escapes in a Script's name",
            _headers("a\r\nb\x1b[2J"),
        ),
        ("script-path", "path traversal in a Script's name", _headers("../../secrets/x")),
        ("script-nul", "NUL in a Script's name", _headers("\x00")),
        (
            "script-500-kb",
            "size: a Script's name of 500 kB",
            _large(lambda: {"customHeaders": {"script": "x" * 500_000}}),
        ),
        (
            "script-lone-surrogate",
            "a lone surrogate in a Script's name",
            _written(b"HALF", b"\\ud800", customHeaders={"script": "HALF"}),
        ),
        (
            "headers-not-strings",
            "headers that are not strings",
            _jobs(_job(customHeaders={"script": ["a"], "x": {"y": None}})),
        ),
        ("headers-list", "a list of headers instead of an object", _jobs(_job(customHeaders=["script"]))),
        (
            "headers-10000",
            "10,000 headers",
            _large(lambda: {"customHeaders": {**wide(10_000, value="x"), "script": "nowhere.py"}}),
        ),
        ("type-500-kb", "size: a type of 500 kB", _large(lambda: {"type": text(500_000)})),
    )
]

_OTHERS = [
    AnswerCase(name=f"jobs-{name}", why=why, ends=ends, reply=reply, bridge=bridge)
    for name, why, ends, reply, bridge in (
        (
            "key-1-mb",
            "size: a key of 1,000,000 digits",
            (REFUSED, NO_SCRIPT),
            _large(lambda: {"key": "9" * 1_000_000}),
            {},
        ),
        ("retries-4301-digits", "retries with 4,301 digits", (REFUSED, NO_SCRIPT), _jobs(_job(retries="9" * 4301)), {}),
        (
            "20000",
            "20,000 jobs, though 2 were asked for",
            (NO_SCRIPT,),
            Reply(body=lambda: dump({"jobs": [_job(key=_KEY + n) for n in range(20_000)]})),
            {"maxConcurrentRuns": 2},
        ),
        (
            "glob",
            "ReDoS: a wildcard pattern of a Bridge with 40 stars",
            (NO_SCRIPT,),
            _headers("a" * 250),
            {"scripts": ["*a" * 40 + "b"]},
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
            _large(lambda: {"variables": {"a": "x" * 3_000_000}}),
            _FIXED,
        ),
        (
            "variables-nested-300",
            "nesting beyond the limit of 200 levels",
            (BAD_VARIABLES,),
            _large(lambda: {"variables": {"a": nest_lists(300)}}),
            _FIXED,
        ),
        (
            "variables-lone-surrogate",
            "a lone surrogate",
            (BAD_VARIABLES,),
            _written(b"HALF", b"\\udc00", variables={"a": "HALF"}),
            _FIXED,
        ),
        (
            "variables-nan",
            "NaN",
            (BAD_VARIABLES, REFUSED),
            _written(b'"variables":{}', b'"variables":{"a":NaN}'),
            _FIXED,
        ),
        (
            "variables-1e400",
            "a number beyond 64-bit floating point",
            (BAD_VARIABLES, REFUSED),
            _written(b'"variables":{}', b'"variables":{"a":1e400}'),
            _FIXED,
        ),
    )
]

JOBS: list[AnswerCase] = [*_LISTS, *_WITHOUT_SCRIPT, *_OTHERS]
