"""Requests to the script pipeline's scheduler, and what servers answer that scripts are downloaded from.

The end of an order is the answer's status and text, or, where one is accepted, what is said of its script.
``{server}`` in them is the hostile server's own host and port, which scripts may be downloaded from.
"""

from hostile.corpus.case import Make, OrderCase, Reply
from hostile.corpus.make import dump, gzip_bomb, nest_json, nest_objects, text, wide

BAD, PARAMETERS = "400 Bad request", "400 Parameters invalid"
NOT_FOUND = "not downloaded"
"""The order is accepted, and ends without its script."""
RAN = "ran"
"""The script was downloaded, and was run."""

_REACHES = "an address of the caller's choosing that only the scheduler reaches"


def _order(name: str, why: str, ends: tuple[str, ...], order: Make) -> OrderCase:
    return OrderCase(name=f"order-{name}", why=why, ends=ends, order=order)


_ORDERS = [
    _order("cut-off", "a body that is no JSON", (BAD,), lambda: b'{"dtable_uuid": '),
    _order("nan", "a number that is none", (BAD,), lambda: b'{"org_id": NaN}'),
    _order("nested-100000", "a hundred thousand open brackets", (BAD,), lambda: nest_json(100_000)),
    _order("array", "an array where an object is wanted", (BAD,), lambda: b"[]"),
    _order(
        "number-1-mb",
        "a conversion of digits is quadratic",
        (BAD, PARAMETERS),
        lambda: b'{"org_id": ' + b"9" * 1_000_000 + b"}",
    ),
    _order(
        "context-1-mb",
        "data larger than a run may have",
        (PARAMETERS,),
        lambda: {"context_data": {"a": "x" * 1_000_000}},
    ),
    _order("context-keys-60000", "sixty thousand members", (PARAMETERS,), lambda: {"context_data": wide(60_000)}),
    _order(
        "context-nested-300", "data deeper than a document may be", (BAD,), lambda: {"context_data": nest_objects(300)}
    ),
    _order("organisation-huge", "a number that no column holds", (PARAMETERS,), lambda: {"org_id": 10**30}),
    _order(
        "organisation-text", "a number in digits of another script", (PARAMETERS,), lambda: {"org_id": "\u0661\u0662"}
    ),
    _order("limit-odd", "a limit that is none", (PARAMETERS,), lambda: {"scripts_running_limit": "1e5"}),
    _order("owner-nul", "a character that databases refuse", (PARAMETERS,), lambda: {"owner": "a\x00b"}),
    _order("owner-1-mb", "a name larger than its column", (PARAMETERS,), lambda: {"owner": text(1_000_000)}),
    _order("base-climbs", "a base that is a path", (NOT_FOUND,), lambda: {"dtable_uuid": "../../x", "script_url": ""}),
]

_ADDRESSES = [
    _order(f"address-{name}", _REACHES, (NOT_FOUND, PARAMETERS), lambda address=address: {"script_url": address})
    for name, address in {
        "file": "file:///etc/passwd",
        "gopher": "gopher://{server}/x",
        "metadata": "http://169.254.169.254/latest/meta-data/",
        "metadata-mapped": "http://[::ffff:169.254.169.254]/",
        "metadata-decimal": "http://2852039166/",
        "metadata-hexadecimal": "http://0xa9fea9fe/",
        "user": "http://{server}@169.254.169.254/",
        "backslash": "http://169.254.169.254\\@{server}/",
        "line-break": "http://{server}/a\r\nHost: evil\r\n\r\n",
        "8-kb": "http://{server}/" + "a" * 8100,
        "9-kb": "http://{server}/" + "a" * 9000,
        "idn": "http://\u2488\u2488\u2488.\u24ea/",
        "port": "http://127.0.0.1:99999/",
        "brackets": "http://[::1/",
        "own-api": "http://127.0.0.1:6443/api/v1/secrets",
    }.items()
]

_REPLIES = [
    OrderCase(name=f"script-{name}", why=why, ends=ends, reply=reply)
    for name, why, ends, reply in (
        (
            "redirect-metadata",
            "a redirect to where only the scheduler reaches",
            (NOT_FOUND,),
            Reply(status=302, headers={"Location": "http://169.254.169.254/"}),
        ),
        (
            "redirect-file",
            "a redirect to a file",
            (NOT_FOUND,),
            Reply(status=302, headers={"Location": "file:///etc/passwd"}),
        ),
        ("redirect-loop", "a redirect without end", (NOT_FOUND,), Reply(status=302, headers={"Location": "{self}"})),
        ("redirect-nowhere", "a redirect to nowhere", (NOT_FOUND,), Reply(status=302)),
        (
            "redirect-invalid",
            "a redirect to what is no address",
            (NOT_FOUND,),
            Reply(status=302, headers={"Location": "http://[::1/\x7f"}),
        ),
        (
            "compressed",
            "64 kB that become 64 MB",
            (NOT_FOUND,),
            Reply(headers={"Content-Encoding": "gzip"}, body=lambda: gzip_bomb(64)),
        ),
        ("endless", "a body without end", (NOT_FOUND,), Reply(framing="endless", body=lambda: b"x" * 65_536)),
        ("slow", "a byte a second", (NOT_FOUND,), Reply(framing="slow", body=lambda: b"print(1)\n" * 100)),
        ("short", "less than was promised", (NOT_FOUND,), Reply(framing="short", body=lambda: b"print(1)\n")),
        (
            "length-huge",
            "a length of a terabyte",
            (NOT_FOUND,),
            Reply(framing="raw", body=lambda: b"HTTP/1.1 200 OK\r\nContent-Length: 1099511627776\r\n\r\nprint(1)\n"),
        ),
        ("600-kb", "more than a script may be", (NOT_FOUND,), Reply(body=lambda: b"#" * 600_000)),
        (
            "no-http",
            "an answer that is no HTTP",
            (NOT_FOUND,),
            Reply(framing="raw", body=lambda: bytes(range(256)) * 100),
        ),
        (
            "headers-10000",
            "ten thousand headers",
            (NOT_FOUND, RAN),
            Reply(headers={f"X-{n}": "x" for n in range(10_000)}, body=lambda: b"print(1)\n"),
        ),
        (
            "hints",
            "a hundred thousand answers before the answer",
            (NOT_FOUND, RAN),
            Reply(framing="raw", body=lambda: b"HTTP/1.1 103 Early Hints\r\n\r\n" * 100_000),
        ),
        ("empty", "a script of nothing", (NOT_FOUND, RAN), Reply(status=204)),
        ("no-text", "a script that is no text", (RAN,), Reply(body=lambda: bytes(range(256)) * 100)),
    )
]

_FOUND = [
    OrderCase(name=f"found-{name}", why=why, ends=ends, order=lambda: {"script_url": ""}, found=reply)
    for name, why, ends, reply in (
        ("no-json", "an answer that is no JSON", (NOT_FOUND,), Reply(body=lambda: b"<html>")),
        ("nested", "60,000 open brackets", (NOT_FOUND,), Reply(body=lambda: nest_json(30_000))),
        (
            "number",
            "an address that is a number of 60,000 digits",
            (NOT_FOUND,),
            Reply(body=lambda: b'{"script_url": ' + b"9" * 60_000 + b"}"),
        ),
        ("endless", "a body without end", (NOT_FOUND,), Reply(framing="endless", body=lambda: b" " * 65_536)),
        (
            "compressed",
            "64 kB that become 64 MB",
            (NOT_FOUND,),
            Reply(headers={"Content-Encoding": "gzip"}, body=lambda: gzip_bomb(64)),
        ),
        (
            "metadata",
            "an address that only the scheduler reaches",
            (NOT_FOUND,),
            Reply(body=lambda: dump({"script_url": "http://169.254.169.254/"})),
        ),
        (
            "redirect",
            "a redirect to another server",
            (NOT_FOUND,),
            Reply(status=302, headers={"Location": "http://169.254.169.254/"}),
        ),
    )
]

ORDERS: list[OrderCase] = [*_ORDERS, *_ADDRESSES, *_REPLIES, *_FOUND]
