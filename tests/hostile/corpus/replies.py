"""Answers that break the rules of HTTP, whatever was asked for: of orchestrators and of script servers alike."""

from typing import Final, NamedTuple

from hostile.corpus.case import Reply
from hostile.corpus.make import gzip_bomb

METADATA = "http://169.254.169.254/"
"""The metadata service of a cloud, which gives credentials to whoever can connect to it."""


class Broken(NamedTuple):
    """What attack it stands for, and the answer."""

    why: str
    reply: Reply


def redirect(target: str) -> Reply:
    """A redirect that keeps the method; ``{self}`` in its target is the address that was asked."""
    return Reply(status=307, headers={"Location": target})


BROKEN: Final[dict[str, Broken]] = {
    "redirect-metadata": Broken("SSRF: a redirect to the cloud's metadata service", redirect(METADATA)),
    "redirect-file": Broken("SSRF: a redirect to a file", redirect("file:///etc/passwd")),
    "redirect-loop": Broken("a redirect loop", redirect("{self}")),
    "redirect-nowhere": Broken("a redirect without a target", Reply(status=307)),
    "redirect-invalid": Broken("a redirect to an invalid URL", redirect("http://[::1/\x7f")),
    "compressed": Broken(
        "compression bomb: 64 kB become 64 MB",
        Reply(headers={"Content-Encoding": "gzip"}, body=lambda: gzip_bomb(64)),
    ),
    "compressed-badly": Broken(
        "an invalid compressed body", Reply(headers={"Content-Encoding": "gzip"}, body=lambda: b"{}")
    ),
    "endless": Broken("an endless body", Reply(framing="endless", body=lambda: b" " * 65_536)),
    "slow": Broken("slow body: a byte every half second", Reply(framing="slow", body=lambda: b" " * 1000)),
    "short": Broken("Content-Length larger than the body", Reply(framing="short", body=lambda: b'{"jobs": []}')),
    "length-huge": Broken(
        "a Content-Length of 1 TiB",
        Reply(framing="raw", body=lambda: b"HTTP/1.1 200 OK\r\nContent-Length: 1099511627776\r\n\r\n{}"),
    ),
    "not-http": Broken("bytes that are not HTTP", Reply(framing="raw", body=lambda: bytes(range(256)) * 100)),
    "interim-responses": Broken(
        "100,000 interim responses",
        Reply(framing="raw", body=lambda: b"HTTP/1.1 103 Early Hints\r\n\r\n" * 100_000),
    ),
    "headers-10000": Broken(
        "10,000 headers", Reply(headers={f"X-{n}": "x" for n in range(10_000)}, body=lambda: b'{"jobs": []}')
    ),
    "header-1-mb": Broken("a header of 1 MB", Reply(headers={"X": "x" * 1_000_000}, body=lambda: b'{"jobs": []}')),
}
