"""Requests to the REST API, by callers who may do what they ask for, or nothing at all.

Unless said otherwise it is ``POST …/runs``. ``{namespace}`` in a path is the namespace.
"""

from hostile.corpus.case import Make, RequestCase
from hostile.corpus.make import dump, gzip_bomb, nest_json, nest_lists, text, wide

SCRIPT = "hello.py"
"""A Script that is there."""

_NO_JSON = "invalid JSON that lenient parsers accept"
_PARAMETERS = "a parameter outside its bounds"

BAD, INVALID, LARGE = "400 bad-request", "422 invalid", "413 too-large"


def _body(name: str, why: str, ends: tuple[str, ...], body: Make, **headers: str) -> RequestCase:
    return RequestCase(name=f"body-{name}", why=why, ends=ends, body=body, headers=headers)


def _with_variables(value: str) -> Make:
    return lambda: f'{{"script": "{SCRIPT}", "variables": {{"a": {value}}}}}'.encode("utf-8", "surrogatepass")


_BODIES = [
    _body("empty", "an empty body", (INVALID, BAD), bytes),
    _body("cut-off", _NO_JSON, (BAD,), lambda: b'{"script": "hello.py"'),
    _body("nan", _NO_JSON, (BAD,), _with_variables("NaN")),
    _body("infinity", _NO_JSON, (BAD,), _with_variables("-Infinity")),
    _body("number-1e400", "a number beyond 64-bit floating point", (BAD, INVALID), _with_variables("1e400")),
    _body(
        "number-4301-digits",
        "Python refuses to convert integers of more than 4,300 digits",
        (BAD, INVALID),
        _with_variables("9" * 4301),
    ),
    _body(
        "number-900-kb", "quadratic: the conversion of a long integer", (BAD, INVALID), _with_variables("9" * 900_000)
    ),
    _body(
        "number-exponent-long",
        "an exponent of 100,000 digits",
        (BAD, INVALID),
        _with_variables("1e" + "9" * 100_000),
    ),
    _body("lone-surrogate", "a lone surrogate", (BAD, INVALID), _with_variables('"\\ud800"')),
    _body(
        "nested-300",
        "nesting beyond the limit of 200 levels",
        (BAD, INVALID),
        lambda: dump({"script": SCRIPT, "variables": {"a": nest_lists(300)}}),
    ),
    _body("nested-100000", "stack depth: 100,000 nested arrays", (BAD,), lambda: nest_json(100_000)),
    _body(
        "nested-objects-100000",
        "stack depth: 100,000 nested objects",
        (BAD,),
        lambda: nest_json(100_000, '{"a":', "1", "}"),
    ),
    _body("byte-order-mark", "a byte order mark", (BAD,), lambda: b"\xef\xbb\xbf" + dump({"script": SCRIPT})),
    _body("utf-16", "UTF-16 instead of UTF-8", (BAD,), lambda: f'{{"script": "{SCRIPT}"}}'.encode("utf-16")),
    _body("overlong", "overlong UTF-8", (BAD,), lambda: b'{"script": "\xc0\xaf"}'),
    _body("whitespace-900-kb", "900 kB of whitespace around an object", (INVALID,), lambda: b" " * 900_000 + b"{}"),
    _body(
        "megabytes",
        "size: a body over the limit",
        (LARGE,),
        lambda: dump({"script": SCRIPT, "variables": {"a": "x" * 2_000_000}}),
    ),
    _body("array", "an array instead of an object", (INVALID,), lambda: b"[" + b"{}," * 100_000 + b"{}]"),
    _body(
        "fields-unknown-60000",
        "amplification: an error for each of 60,000 unknown fields",
        (BAD,),
        lambda: dump({"script": SCRIPT, **wide(60_000)}),
    ),
    _body(
        "duplicate-fields",
        "duplicate keys: parsers disagree on which one counts",
        ("404 script-not-found", "422 script-not-found", BAD, INVALID),
        lambda: b'{"script": "hello.py", "script": "no-such.py"}',
    ),
    _body(
        "fields-wrong-types",
        "booleans and strings instead of numbers",
        (INVALID,),
        lambda: dump({"script": SCRIPT, "backoffLimit": True, "activeDeadlineSeconds": "9"}),
    ),
    _body(
        "script-wildcards",
        "injection: wildcards in a name",
        ("404 script-not-found", "422 script-not-found", INVALID),
        lambda: dump({"script": "*" * 253}),
    ),
    _body(
        "script-control-characters",
        "injection: line breaks and terminal escapes in a name",
        ("404 script-not-found", "422 script-not-found", INVALID),
        lambda: dump({"script": "a\r\nb\x1b[2J\x00/../x"}),
    ),
    _body(
        "script-path",
        "path traversal in a name",
        ("404 script-not-found", "422 script-not-found", INVALID),
        lambda: dump({"script": "../scriptruns/x"}),
    ),
    _body("script-1-mb", "size: a name of 900 kB", (INVALID,), lambda: dump({"script": "x" * 900_000})),
    _body(
        "name-900-kb",
        "ReDoS: the pattern for names meets 900 kB",
        (INVALID,),
        lambda: dump({"script": SCRIPT, "name": text(900_000)}),
    ),
    _body(
        "gzip",
        "compression bomb: 40 kB become 40 MB",
        (BAD, INVALID, "415 unsupported-media-type"),
        lambda: gzip_bomb(40),
        Content_Encoding="gzip",
    ),
    _body(
        "form",
        "an unexpected content type",
        ("415 unsupported-media-type", BAD, INVALID),
        lambda: b"script=hello.py&" * 50_000,
        Content_Type="application/x-www-form-urlencoded",
    ),
    _body(
        "multipart",
        "90,000 multipart sections",
        ("415 unsupported-media-type", BAD, INVALID),
        lambda: b"--b\r\n\r\n\r\n" * 90_000,
        Content_Type="multipart/form-data; boundary=b",
    ),
    _body(
        "charset",
        "an unknown charset",
        ("422 script-not-found", BAD, INVALID, "415 unsupported-media-type"),
        lambda: dump({"script": "no-such.py"}),
        Content_Type="application/json; charset=\\x00utf-7",
    ),
]

_QUERIES = [
    RequestCase(name=f"query-{name}", why=_PARAMETERS, ends=ends, method="GET", path=path)
    for name, ends, path in (
        ("limit-huge", (INVALID,), "runs?limit=" + "9" * 4400),
        ("limit-negative", (INVALID,), "runs?limit=-1"),
        ("cursor-forged", ("200", INVALID), "runs?cursor=9999999999999.x"),
        ("cursor-beyond-time", (INVALID,), "runs?cursor=99999999999999999999.x"),
        ("cursor-unicode-digits", (INVALID,), "runs?cursor=%D9%A1.x"),
        ("since-before-time", ("200", INVALID), "runs?since=0001-01-01T00:00:00%2B23:59"),
        ("until-after-time", ("200", INVALID), "runs?until=9999-12-31T23:59:59-23:59"),
        ("since-number", (INVALID,), "runs?since=1e309"),
        ("reasons-5000", (INVALID,), "runs?" + "&".join(["reason=x"] * 5000)),
        ("phase-nul", (INVALID,), "runs?phase=%00"),
        ("script-nul", ("200", INVALID), "runs?script=%00%1b%5b2J"),
        ("source-lone-surrogate", ("200", INVALID), "runs?source=%ed%a0%80"),
        ("stats-all-time", ("200", INVALID), "stats?since=0001-01-01T00:00:00Z&until=9999-12-31T00:00:00Z&by=day"),
        ("path-traversal", ("404 not-found", INVALID), "runs/..%2f..%2fsecrets"),
        ("path-line-break", ("404 not-found", INVALID), "runs/a%0d%0aSet-Cookie:%20x"),
        ("path-nul", ("404 not-found", INVALID), "runs/%00"),
        ("path-7-kb", ("404 not-found", INVALID, BAD, "414", "404"), "runs/" + "a" * 7000),
        ("namespace-other", ("403 forbidden",), "/api/v1/namespaces/kube-system/runs"),
        (
            "namespace-path-traversal",
            ("403 forbidden", "404 not-found", INVALID),
            "/api/v1/namespaces/..%2f..%2fapi/runs",
        ),
    )
]

_WAITS = [
    RequestCase(
        name=f"wait-{name}", why=_PARAMETERS, ends=(INVALID,), path=f"runs?wait={value}", body=_with_variables("1")
    )
    for name, value in (("1e309", "1e309"), ("nan", "nan"), ("negative", "-1"), ("digits", "9" * 4400))
]

_HEADERS = [
    RequestCase(
        name="key-8-kb",
        why="size: an Idempotency-Key of 8 kB",
        ends=(INVALID, BAD, "431"),
        headers={"Idempotency-Key": "k" * 8000},
        body=_with_variables("1"),
    ),
    RequestCase(
        name="key-control-characters",
        why="control characters in a header",
        ends=(INVALID, BAD, "400"),
        headers={"Idempotency-Key": "a\x7f\x01b"},
        body=_with_variables("1"),
    ),
    RequestCase(
        name="event-id-huge",
        why="a huge position in a log",
        ends=(INVALID, "404 not-found"),
        method="GET",
        path="runs/no-such-run/logs?follow=true",
        headers={"Last-Event-ID": "1." + "9" * 7000},
    ),
    RequestCase(
        name="event-id-negative",
        why="a negative position in a log",
        ends=(INVALID,),
        method="GET",
        path="runs/no-such-run/logs?follow=true",
        headers={"Last-Event-ID": "-1.-5@0000-00-00T00:00:00Z"},
    ),
    RequestCase(
        name="token-15-kb",
        why="ReDoS: the pattern for API tokens meets 14 kB",
        ends=("401 unauthorized",),
        method="GET",
        headers={"Authorization": "Bearer srt_" + "a-" * 7000},
    ),
    RequestCase(
        name="token-latin-1",
        why="a token that is not ASCII",
        ends=("401 unauthorized", "400"),
        method="GET",
        headers={"Authorization": "Bearer \xff\xfe"},
    ),
    RequestCase(
        name="token-none",
        why="without a token the body is not even read",
        ends=("401 unauthorized",),
        headers={"Authorization": None},
        body=lambda: nest_json(400_000),
    ),
    RequestCase(
        name="host-twice",
        why="conflicting Host headers",
        ends=("200", "400"),
        method="GET",
        headers={"Host ": "a", "X-Forwarded-Host": "evil"},
    ),
]

_GLOBS = [
    RequestCase(
        name="glob-of-an-api-token",
        why="ReDoS: a wildcard pattern with 40 stars",
        ends=("403 forbidden",),
        body=lambda: dump({"script": "a" * 250}),
        token_scripts=("*a" * 40 + "b",),
    ),
    RequestCase(
        name="glob-of-an-api-token-list",
        why="ReDoS: wildcard patterns with 40 stars filter a list",
        ends=("200",),
        method="GET",
        token_scripts=("*?" * 40 + "b", "*a" * 40 + "b"),
    ),
]


def _raw(name: str, why: str, ends: tuple[str, ...], head: str, body: bytes = b"") -> RequestCase:
    """A whole request; ``{path}`` is that of the runs, and ``{token}`` the caller's."""
    return RequestCase(
        name=f"http-{name}", why=why, ends=ends, framing="raw", body=lambda: head.encode("latin-1") + body
    )


_LINE = "POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n"

_HTTP = [
    RequestCase(
        name="http-endless-chunks",
        why="an endless chunked body",
        ends=(LARGE,),
        framing="endless",
        body=lambda: b"x" * 65_536,
    ),
    RequestCase(
        name="http-slow-body",
        why="slow body: a byte every half second",
        ends=("408 request-timeout",),
        framing="slow",
        body=_with_variables("1"),
    ),
    RequestCase(
        name="http-short-body",
        why="Content-Length larger than the body",
        ends=("408 request-timeout",),
        framing="short",
        body=_with_variables("1"),
    ),
    RequestCase(
        name="http-chunked",
        why="a valid body in chunks of one byte",
        ends=("201",),
        framing="chunked",
        body=_with_variables("1"),
    ),
    _raw(
        "chunk-size-huge",
        "a chunk size beyond 64 bits",
        ("400", BAD, LARGE, "closed"),
        _LINE + "Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
    ),
    _raw(
        "chunk-size-negative",
        "a negative chunk size",
        ("400", BAD, "closed"),
        _LINE + "Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n",
    ),
    _raw(
        "two-lengths",
        "request smuggling: two lengths",
        ("400", BAD, "closed"),
        _LINE + "Content-Length: 2\r\nContent-Length: 40\r\n\r\n{}",
    ),
    _raw(
        "length-and-chunks",
        "request smuggling: a length and chunks",
        ("400", BAD, "closed"),
        _LINE + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    ),
    _raw("length-negative", "a negative length", ("400", BAD, "closed"), _LINE + "Content-Length: -1\r\n\r\n{}"),
    _raw(
        "length-huge",
        "a length of 30 digits",
        (LARGE, "400", "closed"),
        _LINE + "Content-Length: " + "9" * 30 + "\r\n\r\n{}",
    ),
    _raw(
        "length-lying",
        "a length over the limit",
        (LARGE,),
        _LINE + "Content-Length: 999999999\r\n\r\n",
    ),
    _raw(
        "headers-10000",
        "10,000 headers",
        ("400", "431", BAD, "closed"),
        _LINE + "".join(f"X-{number}: {number}\r\n" for number in range(10_000)) + "\r\n",
    ),
    _raw(
        "header-1-mb",
        "a header of 1 MB",
        ("400", "431", BAD, "closed"),
        _LINE + "X: " + "x" * 1_000_000 + "\r\n\r\n",
    ),
    _raw(
        "headers-without-end",
        "slow headers: they never end",
        ("400", "408", "408 request-timeout", "closed"),
        _LINE + "X: ",
    ),
    _raw(
        "line-100-kb",
        "a request line of 100 kB",
        ("400", "414", "431", BAD, "closed"),
        "GET /" + "a" * 100_000 + " HTTP/1.1\r\nHost: x\r\n\r\n",
    ),
    _raw(
        "method-unknown",
        "an unknown method",
        ("400", "405 method-not-allowed", "401 unauthorized", "closed"),
        _LINE.replace("POST", "BREW") + "Content-Length: 0\r\n\r\n",
    ),
    _raw(
        "upgrade",
        "an upgrade to WebSocket",
        ("200",),
        _LINE.replace("POST", "GET")
        + "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: eA==\r\nSec-WebSocket-Version: 13\r\n\r\n",
    ),
    _raw("http-2", "the HTTP/2 preface", ("400", "505", "closed"), "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    _raw("not-http", "bytes that are not HTTP", ("400", "closed"), "", bytes(range(256)) * 200),
]

REQUESTS: list[RequestCase] = [*_BODIES, *_QUERIES, *_WAITS, *_HEADERS, *_GLOBS, *_HTTP]
