"""Requests to the script pipeline's scheduler, and what servers answer that scripts are downloaded from.

The end of an order is the answer's status and text, or, where one is accepted, what is said of its script.
``{server}`` in them is the hostile server's own host and port, which scripts may be downloaded from.
"""

from hostile.corpus.case import Make, OrderCase, Reply
from hostile.corpus.make import dump, nest_json, nest_objects, text, wide
from hostile.corpus.replies import BROKEN, METADATA

BAD, PARAMETERS = "400 Bad request", "400 Parameters invalid"
NOT_FOUND = "not downloaded"
"""The order is accepted, and ends without its script."""
TIMED_OUT = "timed out"
"""The order is accepted, and its time is over before anybody has said where its script is."""
RAN = "ran"
"""The script was downloaded, and was run."""

_REACHES = "SSRF: an address that the scheduler must not connect to"


def _order(name: str, why: str, ends: tuple[str, ...], order: Make) -> OrderCase:
    return OrderCase(name=f"order-{name}", why=why, ends=ends, order=order)


_ORDERS = [
    _order("cut-off", "a body that is not JSON", (BAD,), lambda: b'{"dtable_uuid": '),
    _order("nan", "NaN", (BAD,), lambda: b'{"org_id": NaN}'),
    _order("nested-100000", "stack depth: 100,000 nested arrays", (BAD,), lambda: nest_json(100_000)),
    _order("array", "an array instead of an object", (BAD,), lambda: b"[]"),
    _order(
        "number-1-mb",
        "quadratic: the conversion of a long integer",
        (BAD, PARAMETERS),
        lambda: b'{"org_id": ' + b"9" * 1_000_000 + b"}",
    ),
    _order(
        "context-1-mb",
        "size: context_data over its limit",
        (PARAMETERS,),
        lambda: {"context_data": {"a": "x" * 1_000_000}},
    ),
    _order("context-keys-60000", "size: 60,000 members", (PARAMETERS,), lambda: {"context_data": wide(60_000)}),
    _order(
        "context-nested-300",
        "nesting beyond the limit of 200 levels",
        (BAD,),
        lambda: {"context_data": nest_objects(300)},
    ),
    _order("organisation-huge", "a number beyond 64 bits", (PARAMETERS,), lambda: {"org_id": 10**30}),
    _order("organisation-text", "digits that are not ASCII", (PARAMETERS,), lambda: {"org_id": "\u0661\u0662"}),
    _order(
        "limit-not-a-number", "a limit that is not a number", (PARAMETERS,), lambda: {"scripts_running_limit": "1e5"}
    ),
    _order("owner-nul", "NUL, which databases refuse", (PARAMETERS,), lambda: {"owner": "a\x00b"}),
    _order("owner-1-mb", "size: a name of 1 MB", (PARAMETERS,), lambda: {"owner": text(1_000_000)}),
    _order(
        "base-path-traversal",
        "path traversal in an id",
        (NOT_FOUND,),
        lambda: {"dtable_uuid": "../../x", "script_url": ""},
    ),
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

_MAY_RUN = ("headers-10000", "header-1-mb", "interim-responses")

_BROKEN = [
    OrderCase(name=f"script-{name}", why=broken.why, ends=ends, reply=broken.reply)
    for name, broken in BROKEN.items()
    for ends in [(NOT_FOUND, RAN) if name in _MAY_RUN else (NOT_FOUND,)]
]

_REPLIES = [
    OrderCase(name=f"script-{name}", why=why, ends=ends, reply=reply)
    for name, why, ends, reply in (
        ("600-kb", "size: a script over the limit", (NOT_FOUND,), Reply(body=lambda: b"#" * 600_000)),
        ("empty", "an empty script", (NOT_FOUND, RAN), Reply(status=204)),
        ("not-text", "a script of arbitrary bytes", (RAN,), Reply(body=lambda: bytes(range(256)) * 100)),
    )
]

_FOUND = [
    OrderCase(name=f"found-{name}", why=why, ends=(NOT_FOUND, TIMED_OUT), order=lambda: {"script_url": ""}, found=reply)
    for name, why, reply in (
        *((name, *broken) for name, broken in BROKEN.items()),
        ("not-json", "an answer that is not JSON", Reply(body=lambda: b"<html>")),
        ("nested", "stack depth: 30,000 nested arrays", Reply(body=lambda: nest_json(30_000))),
        ("number", "an integer of 60,000 digits", Reply(body=lambda: b'{"script_url": ' + b"9" * 60_000 + b"}")),
        (
            "metadata",
            "SSRF: the answer names the cloud's metadata service",
            Reply(body=lambda: dump({"script_url": METADATA})),
        ),
        (
            "token",
            "a token that is an object",
            Reply(body=lambda: dump({"script_url": "https://scripts.example/a.py", "temp_api_token": {"a": "b"}})),
        ),
    )
]

ORDERS: list[OrderCase] = [*_ORDERS, *_ADDRESSES, *_BROKEN, *_REPLIES, *_FOUND]
