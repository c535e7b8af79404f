"""What a call is made of: the operation, where it goes, and how it signs in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = [
    "Action",
    "ApiKey",
    "Auth",
    "Basic",
    "Connection",
    "CustomHeaders",
    "NoAuth",
    "OAuth2",
    "Pagination",
    "Retry",
    "Schema",
]

Schema = Mapping[str, Any]
"""A JSON Schema."""

BodyEncoding = Literal["json", "form", "multipart", "text", "bytes"]
RetryClass = Literal["connect", "timeout", "protocol"]


@dataclass(frozen=True, slots=True)
class Retry:
    """When and how often a call is made again.

    Attributes:
        strategy: NONE, FIXED or EXPONENTIAL.
        max_attempts: the first one included.
        initial_delay_ms: before the second attempt.
        max_delay_ms: the longest delay, also of a ``Retry-After``.
        on: statuses (``429``, ``5xx``), and ``connect``, ``timeout``, ``protocol`` for calls without an answer.
    """

    strategy: Literal["NONE", "FIXED", "EXPONENTIAL"] = "NONE"
    max_attempts: int = 3
    initial_delay_ms: int = 500
    max_delay_ms: int = 30_000
    on: tuple[str, ...] = ("connect", "timeout", "protocol", "408", "425", "429", "5xx")


@dataclass(frozen=True, slots=True)
class Pagination:
    """How further pages of an answer are found; their items are joined.

    Attributes:
        style: ``link`` follows the header Link with rel="next"; ``cursor`` puts what ``cursor`` finds in an answer into
            the query parameter ``parameter``; ``page`` counts that parameter up from ``first_page``.
        items: JSONPath to the list of a page's items, in ``{status, headers, body}``.
        parameter: name of the query parameter.
        cursor: JSONPath to the next cursor.
        first_page: number of the first page.
        max_pages: cap; more pages are an error.
    """

    style: Literal["link", "cursor", "page"]
    items: str = "$.body"
    parameter: str = ""
    cursor: str = ""
    first_page: int = 1
    max_pages: int = 100


@dataclass(frozen=True, slots=True)
class Action:
    """One HTTP operation.

    Attributes:
        name: for messages.
        method: GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS.
        endpoint_template: path, with ``{name}`` for what the input gives; may have a query of its own.
        path_schema: JSON Schema of the path's parameters.
        query_schema: of the query's; an array is repeated, or joined by commas where its schema says
            ``explode: false``.
        headers_template: headers, with ``{name}`` for what the input gives.
        body_schema: of the body: members of an object are members of the input; anything else is its ``body``.
        body_encoding: how the body is written.
        response_schema: the answer's body has to match it.
        success_status: ``2xx``, ``404`` …
        retry: when it is called again.
        timeout_ms: of one attempt, from connecting to the end of the answer.
        idempotency_header: header that carries the key of the call; the same in every attempt.
        on_unknown: what to do when it can't be known whether an operation that must not be repeated took place.
        max_response_bytes: cap of an answer's body, unpacked.
        pagination: how further pages are found; None: there is one.
    """

    name: str
    method: str
    endpoint_template: str = ""
    path_schema: Schema | None = None
    query_schema: Schema | None = None
    headers_template: Mapping[str, str] = field(default_factory=dict)
    body_schema: Schema | None = None
    body_encoding: BodyEncoding = "json"
    response_schema: Schema | None = None
    success_status: tuple[str, ...] = ("2xx",)
    retry: Retry = Retry()
    timeout_ms: int = 30_000
    idempotency_header: str = ""
    on_unknown: Literal["Fail", "Retry"] = "Fail"
    max_response_bytes: int = 1_048_576
    pagination: Pagination | None = None

    @property
    def repeatable(self) -> bool:
        """Whether the same call twice does no more than once (RFC 9110, 9.2.2), or carries a key that makes it so."""
        return self.method in ("GET", "HEAD", "OPTIONS", "PUT", "DELETE") or bool(self.idempotency_header)


@dataclass(frozen=True, slots=True)
class NoAuth:
    """Signs in with nothing."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key in a header or in the query."""

    name: str
    value: str
    place: Literal["header", "query"] = "header"


@dataclass(frozen=True, slots=True)
class Basic:
    """HTTP basic authentication (RFC 7617)."""

    username: str
    password: str


@dataclass(frozen=True, slots=True)
class CustomHeaders:
    """Headers out of a Secret, such as ``Authorization: Bearer …``."""

    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class OAuth2:
    """OAuth 2.0: client credentials, or a refresh token, which may be rotated (RFC 6749).

    The tokens themselves are kept by a ``scriptrun_actions.oauth2.TokenStore``.
    """

    token_url: str
    client_id: str
    client_secret: str
    grant: Literal["client_credentials", "refresh_token"] = "client_credentials"
    scope: str = ""
    audience: str = ""


Auth = NoAuth | ApiKey | Basic | CustomHeaders | OAuth2


@dataclass(frozen=True, slots=True)
class Connection:
    """Where calls go, and how they sign in.

    Attributes:
        name: for messages.
        base_url: scheme, host, perhaps a path.
        auth: how calls sign in.
        allowed_hosts: hosts that a redirect may lead to, besides that of ``base_url``: ``host``, ``host:port``,
            ``*.domain``.
        ca_certificates: PEM, trusted instead of the system's; "" for those.
        client_certificate: PEM, certificate and key; "" for none.
        proxy: URL; "" for none.
        max_concurrent_requests: at the same time, in this process.
        rate_per_second: started per second, in this process; 0 for any number.
    """

    name: str
    base_url: str
    auth: Auth = NoAuth()
    allowed_hosts: tuple[str, ...] = ()
    ca_certificates: str = ""
    client_certificate: str = ""
    proxy: str = ""
    max_concurrent_requests: int = 16
    rate_per_second: float = 0.0
