"""From an Action and the input of a call to a request. Pure."""

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from scriptrun_actions.errors import ActionError
from scriptrun_actions.model import Action, Schema

__all__ = ["CheckValue", "File", "Request", "build_request"]

CheckValue = Callable[[Schema, Any, str], str | None]
"""Checks a value against a JSON Schema: (schema, value, what to call it); returns what is wrong, None if nothing."""

_PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_.-]*)\}")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2
_OURS = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "te", "upgrade", "keep-alive", "trailer"}
)
_URL_LIMIT = 16_384
_HEADERS_LIMIT = 32_768


@dataclass(frozen=True, slots=True)
class File:
    """One part of a multipart body."""

    name: str
    content: bytes
    filename: str = ""
    content_type: str = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Request:
    """One request, without what signs it in.

    Attributes:
        method: of HTTP.
        path: with everything encoded; begins with ``/`` or is empty.
        query: encoded pairs, in order.
        headers: by name, in lower case.
        content: the body; None for none.
        files: parts of a multipart body, instead of content.
    """

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = None
    files: tuple[File, ...] = ()

    def target(self) -> str:
        """Path and query as they are sent."""
        query = "&".join(f"{name}={value}" if value or name else "" for name, value in self.query)
        separator = "&" if "?" in self.path else "?"
        return self.path + (separator + query if query else "")

    def with_query(self, name: str, value: str) -> "Request":
        """The same with a query parameter put in the place of any of its name."""
        encoded = quote(name, safe="")
        kept = tuple(pair for pair in self.query if pair[0] != encoded)
        return replace(self, query=(*kept, (encoded, quote(value, safe=""))))


def build_request(action: Action, given: Mapping[str, Any], check: CheckValue) -> Request:
    """Build the request of a call.

    Each member of the input goes where a schema or a placeholder has its name; into several places, if several have.

    Args:
        action: the operation.
        given: the input of the call.
        check: checks values against schemas.

    Raises:
        ActionError: InvalidInput names the member; InvalidAction the field.
    """
    _check_template(action)
    in_path = set(_PLACEHOLDER.findall(action.endpoint_template)) | _names(action.path_schema)
    in_headers = {name for text in action.headers_template.values() for name in _PLACEHOLDER.findall(text)}
    in_query = _names(action.query_schema)
    body_names, takes_rest = _find_body_names(action)
    for name in given:
        if not (name in in_path or name in in_query or name in in_headers or name in body_names or takes_rest):
            known = sorted(in_path | in_query | in_headers | body_names)
            raise _invalid(f"input.{name} belongs nowhere: Action {action.name} knows {', '.join(known) or 'no input'}")
    rest = {name for name in given if name not in in_path | in_query | in_headers} if takes_rest else set()
    _check_part(check, action.path_schema, {name: given[name] for name in given if name in in_path}, "path")
    _check_part(check, action.query_schema, {name: given[name] for name in given if name in in_query}, "query")
    headers = _build_headers(action, given)
    content, files, content_type = _build_body(action, {n: given[n] for n in given if n in body_names | rest}, check)
    if content_type and "content-type" not in headers:
        headers["content-type"] = content_type
    request = Request(
        action.method,
        _PLACEHOLDER.sub(lambda match: _encode_path(match[1], given), action.endpoint_template),
        tuple(pair for name in given if name in in_query for pair in _encode_query(name, given[name], action)),
        headers,
        content,
        files,
    )
    if len(request.target()) > _URL_LIMIT:
        raise _invalid(f"path and query have {len(request.target())} characters, at most {_URL_LIMIT} are allowed")
    return request


def _invalid(message: str) -> ActionError:
    return ActionError("InvalidInput", message)


def _check_template(action: Action) -> None:
    template = action.endpoint_template
    if template and (not template.startswith("/") or template.startswith("//") or urlsplit(template).fragment):
        raise ActionError("InvalidAction", f"endpointTemplate {template!r} must begin with one / and have no fragment")


def _names(schema: Schema | None) -> set[str]:
    return set((schema or {}).get("properties") or ())


def _find_body_names(action: Action) -> tuple[set[str], bool]:
    """Find which members go into the body, and whether all go there that go nowhere else."""
    schema = action.body_schema
    if schema is None:
        return set(), False
    kind = schema.get("type", "object")
    if kind != "object" or action.body_encoding in ("text", "bytes"):
        return {"body"}, False
    return _names(schema), not _names(schema) and schema.get("additionalProperties", True) is not False


def _check_part(check: CheckValue, schema: Schema | None, value: Any, where: str) -> None:
    if schema is not None and (wrong := check(schema, value, where)):
        raise _invalid(wrong)


def _write(value: Any, where: str) -> str:
    """Write a value into a URL or a header."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return json.dumps(value)
    raise _invalid(f"{where} is {_describe(value)}, where only a text, a number or a boolean can stand")


def _describe(value: Any) -> str:
    return {type(None): "null", list: "an array", dict: "an object"}.get(type(value), type(value).__name__)


def _encode_path(name: str, given: Mapping[str, Any]) -> str:
    where = f"input.{name}"
    if name not in given:
        raise _invalid(f"{where} is missing, which the path needs")
    value = given[name]
    text = ",".join(_write(item, where) for item in value) if isinstance(value, list) else _write(value, where)
    if not text:
        raise _invalid(f"{where} is empty, which would leave a part of the path out")
    if "/" in text or "\\" in text or text in (".", ".."):
        raise _invalid(f"{where} is {text!r}, which would lead to another path")
    return quote(text, safe="")


def _encode_query(name: str, value: Any, action: Action) -> list[tuple[str, str]]:
    where, encoded = f"input.{name}", quote(name, safe="")
    if value is None:
        return []
    if not isinstance(value, list):
        return [(encoded, quote(_write(value, where), safe=""))]
    items = [quote(_write(item, where), safe="") for item in value]
    about = ((action.query_schema or {}).get("properties") or {}).get(name)
    if isinstance(about, Mapping) and about.get("explode") is False:
        return [(encoded, ",".join(items))]
    return [(encoded, item) for item in items]


def _build_headers(action: Action, given: Mapping[str, Any]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, template in action.headers_template.items():
        if not _HEADER_NAME.fullmatch(name) or name.lower() in _OURS:
            raise ActionError("InvalidAction", f"headersTemplate has {name!r}, which is no header that can be set")
        wanted = _PLACEHOLDER.findall(template)
        if any(given.get(part) is None for part in wanted):
            if wanted and template.strip("{}") == wanted[0]:
                continue  # a header that is nothing but an input which was not given
            missing = next(part for part in wanted if given.get(part) is None)
            raise _invalid(f"input.{missing} is missing, which the header {name} needs")
        value = _PLACEHOLDER.sub(lambda match: _write(given[match[1]], f"input.{match[1]}"), template)
        if any(character in value for character in "\r\n\0"):
            raise _invalid(f"the header {name} would have a line break in it")
        headers[name.lower()] = value.strip()
    if sum(len(name) + len(value) for name, value in headers.items()) > _HEADERS_LIMIT:
        raise _invalid(f"the headers have more than {_HEADERS_LIMIT} characters")
    return headers


def _build_body(
    action: Action, members: Mapping[str, Any], check: CheckValue
) -> tuple[bytes | None, tuple[File, ...], str]:
    """Build body, parts of it, and its media type."""
    schema = action.body_schema
    if schema is None:
        return None, (), ""
    whole = schema.get("type", "object") != "object" or action.body_encoding in ("text", "bytes")
    value: Any = members.get("body") if whole else dict(members)
    if whole and "body" not in members:
        raise _invalid("input.body is missing, which is the body")
    _check_part(check, schema, value, "body")
    if action.body_encoding == "json":
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(), (), "application/json"
    if action.body_encoding == "form":
        return _encode_form(value), (), "application/x-www-form-urlencoded"
    if action.body_encoding == "multipart":
        return None, tuple(_build_part(name, item) for name, item in value.items() if item is not None), ""
    if action.body_encoding == "text":
        return _write(value, "input.body").encode(), (), "text/plain; charset=utf-8"
    return _decode_base64(value, "input.body"), (), "application/octet-stream"


def _encode_form(members: Mapping[str, Any]) -> bytes:
    pairs: list[tuple[str, str]] = []
    for name, value in members.items():
        items = value if isinstance(value, list) else [] if value is None else [value]
        pairs += [(name, _write(item, f"input.{name}")) for item in items]
    return urlencode(pairs).encode()


def _build_part(name: str, value: Any) -> File:
    """Build a part: a field, or a file as ``{filename, content | contentBase64, contentType}``."""
    where = f"input.{name}"
    if not isinstance(value, Mapping):
        return File(name, _write(value, where).encode(), content_type="")
    unknown = set(value) - {"filename", "content", "contentBase64", "contentType"}
    if unknown or ("content" in value) == ("contentBase64" in value):
        raise _invalid(f"{where} must have filename, contentType, and content or contentBase64")
    content = value["content"].encode() if "content" in value else _decode_base64(value["contentBase64"], where)
    kind = str(value.get("contentType") or "application/octet-stream")
    return File(name, content, str(value.get("filename") or name), kind)


def _decode_base64(value: Any, where: str) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, TypeError, ValueError):
        raise _invalid(f"{where} is no base64") from None
