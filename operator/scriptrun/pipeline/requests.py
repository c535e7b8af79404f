"""What callers send, read without trusting it. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from scriptrun.pipeline.decisions import OUTPUT_CHARACTERS
from scriptrun.pipeline.orders import OrderOutcome
from scriptrun.policies.documents import parse_document
from scriptrun.policies.exactness import find_inexact

__all__ = [
    "BadCall",
    "Page",
    "ResultCall",
    "RunCall",
    "RunningCall",
    "StarterCall",
    "parse_bound",
    "parse_month",
    "parse_organisation",
    "parse_page",
    "parse_result_call",
    "parse_run_call",
    "parse_running_call",
    "parse_starter_call",
]

_TEXT_CHARACTERS = 255
_BASE_CHARACTERS = 64
_URL_CHARACTERS = 8192
_CONTEXT_BYTES = 390_000  # with the largest script it fits a run's input
_ENVIRONMENT_BYTES = 65_536
_REPORT_ID_CHARACTERS = 64
_LARGEST = 2**63 - 1
_LONGEST_PAGE = 1000
_SIXTY_YEARS_SECONDS = 2_000_000_000
_LAST_SECOND = 253_402_300_799  # of the year 9999


class BadCall(Exception):  # noqa: N818 - what the caller did
    """A call that is refused.

    Args:
        text: of the answer, in the pipeline's own words.
        status: HTTP status.
    """

    def __init__(self, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.text = text
        self.status = status


@dataclass(frozen=True, slots=True)
class RunCall:
    """``POST /run-script/``. A limit of None is none."""

    dtable_uuid: str
    script_name: str
    owner: str
    org_id: int | None = None
    context_data: dict[str, Any] | None = None
    script_url: str = ""
    api_token: str = field(default="", repr=False)
    limit: int | None = None
    operate_from: str = "manualy"


@dataclass(frozen=True, slots=True)
class StarterCall:
    """``POST /function/run-python``. ``report_id`` is what to report with, as JSON."""

    script_url: str
    environment: dict[str, Any] = field(default_factory=dict, repr=False)
    context_data: dict[str, Any] | None = None
    report_id: str = "null"


@dataclass(frozen=True, slots=True)
class ResultCall:
    """``POST /script-result/``."""

    order_id: int | None
    outcome: OrderOutcome
    started_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RunningCall:
    """``POST /script-running-callback/``."""

    order_id: int | None
    started_at: datetime | None


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list, from 1."""

    number: int
    size: int

    @property
    def offset(self) -> int:
        """How many come before it."""
        return min((self.number - 1) * self.size, _LARGEST)


def parse_run_call(body: bytes) -> RunCall:
    """Read a request to run a script.

    Raises:
        BadCall: it is none.
    """
    data = _parse_object(body, "Bad request")
    limit = data.get("scripts_running_limit", -1)
    try:
        return RunCall(
            dtable_uuid=_take_text(data, "dtable_uuid", _BASE_CHARACTERS, needed=True),
            script_name=_take_text(data, "script_name", _TEXT_CHARACTERS, needed=True),
            owner=_take_text(data, "owner", _TEXT_CHARACTERS, needed=True),
            org_id=_take_number(data.get("org_id")),
            context_data=_take_context(data, "Parameters invalid"),
            script_url=_take_text(data, "script_url", _URL_CHARACTERS),
            api_token=_take_text(data, "temp_api_token", _URL_CHARACTERS),
            limit=None if limit in (-1, None) else _take_number(limit),
            operate_from=_take_text(data, "operate_from", _TEXT_CHARACTERS) or "manualy",
        )
    except ValueError as error:
        raise BadCall("Parameters invalid") from error


def parse_starter_call(body: bytes) -> StarterCall:
    """Read what a scheduler asks a starter to run.

    Raises:
        BadCall: it is nothing of that kind.
    """
    data = _parse_object(body, "Bad Request.")
    report_id = json.dumps(data.get("script_id"))
    try:
        if len(report_id) > _REPORT_ID_CHARACTERS:
            raise ValueError("script_id is too long")
        return StarterCall(
            script_url=_take_text(data, "script_url", _URL_CHARACTERS, needed=True),
            environment=_take_object(data.get("env"), _ENVIRONMENT_BYTES) or {},
            context_data=_take_context(data, "Bad Request."),
            report_id=report_id,
        )
    except ValueError as error:
        raise BadCall("Bad Request.") from error


def parse_result_call(body: bytes) -> ResultCall:
    """Read what a starter reports.

    Raises:
        BadCall: it is no report.
    """
    data = _parse_object(body, "Bad Request.")
    try:
        code = _take_number(data.get("return_code"))
        if code is not None and not -(2**31) <= code < 2**31:
            raise ValueError("return_code is no exit code")
        output = data.get("output")
        if not isinstance(output, str | None):
            raise ValueError("output is no text")
        outcome = OrderOutcome(
            success=data.get("success") is True,
            return_code=code,
            output=output[:OUTPUT_CHARACTERS] if output is not None else None,
            spend_seconds=_take_seconds(data.get("spend_time")),
        )
        return ResultCall(_take_number(data.get("script_id")), outcome, _take_instant(data.get("started_at")))
    except ValueError as error:
        raise BadCall("Bad Request.") from error


def parse_running_call(body: bytes) -> RunningCall:
    """Read that a starter began to run a script.

    Raises:
        BadCall: it is nothing of that kind.
    """
    data = _parse_object(body, "Bad Request.")
    try:
        return RunningCall(_take_number(data.get("script_id")), _take_instant(data.get("started_at")))
    except ValueError as error:
        raise BadCall("Bad Request.") from error


def _parse_object(body: bytes, refusal: str) -> dict[str, Any]:
    try:
        document = parse_document(body)
    except ValueError as error:
        raise BadCall(refusal) from error
    if not isinstance(document, dict):
        raise BadCall(refusal)
    return document


def _take_text(data: Mapping[str, Any], name: str, limit: int, *, needed: bool = False) -> str:
    value = data.get(name)
    if value is None:
        value = ""
    if not isinstance(value, str) or len(value) > limit or (needed and not value) or "\x00" in value:
        raise ValueError(f"{name} is no text of at most {limit} characters")
    return value


def _take_number(value: Any) -> int | None:
    """Take a whole number, also one written as a text, as the pipeline's database did."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError("a whole number is wanted")
    number = int(value) if isinstance(value, int) else _parse_number(value)
    if abs(number) > _LARGEST:
        raise ValueError("the number is too large")
    return number


def _parse_number(text: str) -> int:
    digits = text.strip()
    if len(digits) > 20 or not digits.removeprefix("-").isdecimal() or not digits.isascii():
        raise ValueError("a whole number is wanted")
    return int(digits)


def _take_object(value: Any, limit_bytes: int) -> dict[str, Any] | None:
    if value is None:
        return None
    if not isinstance(value, dict):
        raise ValueError("an object is wanted")
    if len(json.dumps(value, ensure_ascii=False).encode()) > limit_bytes:
        raise ValueError(f"the object is larger than {limit_bytes} bytes")
    return value


def _take_context(data: Mapping[str, Any], refusal: str) -> dict[str, Any] | None:
    """Take what becomes the variables of a run.

    Raises:
        BadCall: Kubernetes would round a number in it; says which.
        ValueError: it is no object, or too large.
    """
    context = _take_object(data.get("context_data"), _CONTEXT_BYTES)
    if wrong := find_inexact(context, "context_data"):
        raise BadCall(f"{refusal.rstrip('.')}: {wrong}")
    return context


def _take_seconds(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _SIXTY_YEARS_SECONDS:
        raise ValueError("spend_time is no number of seconds")
    return float(value)


def _take_instant(value: Any) -> datetime | None:
    """Take seconds since 1970, as starters say when they began."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LAST_SECOND:
        raise ValueError("started_at is no number of seconds since 1970")
    return datetime.fromtimestamp(value, UTC)


def parse_page(query: Mapping[str, str], size: int) -> Page:
    """Read which page is wanted; what can't be read means the first, as in the pipeline.

    Args:
        query: of the request.
        size: of a page, where nothing is said.
    """
    try:
        wanted = Page(_parse_number(query.get("page", "1")), _parse_number(query.get("per_page", str(size))))
    except ValueError:
        wanted = Page(1, size)
    return Page(max(wanted.number, 1), min(max(wanted.size, 1), _LONGEST_PAGE))


def parse_month(text: str | None, now: datetime) -> str:
    """Read a month, ``2026-01``; None or "" means this one.

    Raises:
        BadCall: it is none.
    """
    if not text:
        return now.strftime("%Y-%m")
    try:
        return datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC).strftime("%Y-%m")
    except ValueError as error:
        raise BadCall("month invalid.") from error


def parse_bound(text: str | None, *, end: bool = False) -> datetime | None:
    """Read from when, or before when; None where nothing is said.

    Args:
        text: a day (``2026-01-31``), or a time in ISO 8601, which is UTC where it does not say otherwise.
        end: the day, or the second, belongs to the span: the instant after it is returned.

    Raises:
        ValueError: it is neither.
        OverflowError: as UTC it is beyond the years 1 to 9999.
    """
    if not text:
        return None
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        instant = datetime.fromisoformat(text)
        instant = instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
        # Times are shown in whole seconds: one that was read here and is asked for again finds its run.
        return instant.replace(microsecond=0) + timedelta(seconds=1) if end else instant
    return day + timedelta(days=1) if end else day


def parse_organisation(text: str | None) -> int | None:
    """Read an organisation's id.

    Raises:
        BadCall: it is none.
    """
    if not text:
        return None
    try:
        number = _take_number(text)
    except ValueError as error:
        raise BadCall("org_id invalid.") from error
    if number == -1:
        raise BadCall("org_id invalid.")
    return number
