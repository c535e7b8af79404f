"""Servers that are no orchestrators."""

from hostile.corpus.case import REFUSED, UNREACHABLE, AnswerCase, Make, Reply
from hostile.corpus.make import dump, nest_json
from hostile.corpus.replies import BROKEN

_EITHER = (REFUSED, UNREACHABLE)


def _page(body: Make, status: int = 200) -> Reply:
    return Reply(status=status, headers={"Content-Type": "text/html"}, body=body)


def _retry_after(value: str, status: int = 503) -> Reply:
    return Reply(status=status, headers={"Retry-After": value})


_BROKEN = [
    AnswerCase(name=f"server-{name}", why=broken.why, ends=ends, reply=broken.reply)
    for name, broken in BROKEN.items()
    for ends in [("Connected", *_EITHER) if name.startswith("header") else _EITHER]
]

_SPOKEN = [
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
        ("whitespace", "20 MB of whitespace", _EITHER, Reply(body=lambda: b" " * 20_000_000)),
        ("message-20-mb", "an error message of 20 MB", _EITHER, Reply(status=500, body=lambda: b"x " * 10_000_000)),
        (
            "number",
            "quadratic: the conversion of a long integer",
            (REFUSED,),
            Reply(body=lambda: b'{"jobs": ' + b"9" * 1_000_000 + b"}"),
        ),
        ("retry-negative", "a negative Retry-After", (UNREACHABLE,), _retry_after("-1", 429)),
        ("retry-1e99", "Retry-After: 1e99", (UNREACHABLE,), _retry_after("1e99")),
        ("retry-digits", "Retry-After with 400 digits", (UNREACHABLE,), _retry_after("9" * 400)),
        ("retry-nan", "Retry-After: NaN", (UNREACHABLE,), _retry_after("NaN")),
        (
            "error-escapes",
            "terminal escapes in an error",
            _EITHER,
            Reply(status=400, body=lambda: dump({"title": "\x1b]0;x\x07", "detail": "\x1b[2J\r\n" * 50_000})),
        ),
    )
]

SERVERS: list[AnswerCase] = [*_BROKEN, *_SPOKEN]
