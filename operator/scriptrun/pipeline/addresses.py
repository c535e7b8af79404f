"""Which URLs a script may be downloaded from: callers name them."""

from collections.abc import Sequence

from yarl import URL

from scriptrun.errors import Rejected
from scriptrun.policies.address_policy import matches_host

__all__ = ["check_url"]

_LONGEST_URL = 8192


def check_url(text: str | URL, hosts: Sequence[str]) -> URL:
    """Check an address against the hosts that are allowed.

    Args:
        text: the URL.
        hosts: as ``host`` (with the usual ports), ``host:port`` or ``*.domain``.

    Raises:
        Rejected: it is none of those; the message does not repeat its path, which may hold a ticket.
    """
    try:
        url = URL(text)
        if len(str(text)) > _LONGEST_URL:
            raise ValueError("it is too long")
        host, port = (url.raw_host or "").rstrip(".").lower(), url.port
    except (ValueError, TypeError) as error:
        raise Rejected("the script's address (script_url) is no URL") from error
    if url.scheme not in ("http", "https"):
        raise Rejected("the script's address (script_url) must begin with http:// or https://")
    if url.user or url.password:
        raise Rejected("the script's address (script_url) must not hold a user or a password")
    if not host or port is None or not any(matches_host(pattern, host, port) for pattern in hosts):
        raise Rejected(f"scripts may not be downloaded from {host}:{port}: see SCRIPTRUN_SCHEDULER_ALLOWED_HOSTS")
    return url.with_fragment(None)
