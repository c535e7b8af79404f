"""Which orders the scheduler's administrators ask for, and how their figures are shown. Pure."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from scriptrun.pipeline.order_statistics import OrderCount, OrderGroupBy
from scriptrun.pipeline.order_store import OrderQuery
from scriptrun.pipeline.requests import parse_bound

__all__ = ["read_runs_query", "read_statistics_query", "show_count"]

_LONGEST_PAGE = 1000
_KEYS: dict[OrderGroupBy, str] = {"base": "base_uuid", "day": "date"}


def read_runs_query(get: Callable[[str], str | None]) -> OrderQuery:
    """Read which orders are wanted.

    Args:
        get: a parameter of the request's query.

    Raises:
        ValueError: a parameter can't be read; says which.
    """
    bounds: dict[str, datetime | None] = {}
    for name in ("start", "end"):
        try:
            bounds[name] = parse_bound(get(name), end=name == "end")
        except (ValueError, OverflowError) as error:
            raise ValueError(f"Invalid value for {name} parameter") from error
    numbers: dict[str, int] = {}
    for name, default in (("page", "1"), ("per_page", "100")):
        text = get(name) or default
        if not text.isascii() or not text.isdigit() or len(text) > 9:
            raise ValueError(f"{name} must be an integer")
        numbers[name] = int(text)
    page, size = max(numbers["page"], 1), max(numbers["per_page"], 1)
    if size > _LONGEST_PAGE:
        raise ValueError(f"per_page cannot be greater than {_LONGEST_PAGE}")
    org_id = get("org_id") or ""
    if org_id and (len(org_id) > 18 or not org_id.isascii() or not org_id.removeprefix("-").isdigit()):
        raise ValueError("org_id must be an integer")
    return OrderQuery(
        get("base_uuid") or "",
        org_id=int(org_id) if org_id else None,
        since=bounds["start"],
        until=bounds["end"],
        offset=(page - 1) * size,
        limit=size,
        bulk=False,
    )


def read_statistics_query(get: Callable[[str], str | None], by: OrderGroupBy) -> OrderQuery:
    """Read of which orders figures are wanted: those of one organisation.

    Args:
        get: a parameter of the request's query.
        by: figures by base are of all bases, whatever ``base_uuid`` says.

    Raises:
        ValueError: a parameter is missing or can't be read; says which.
    """
    if not get("org_id"):
        raise ValueError("org_id is required")
    return read_runs_query(lambda name: None if (by, name) == ("base", "base_uuid") else get(name))


def show_count(count: OrderCount, by: OrderGroupBy) -> dict[str, Any]:
    """Show figures as the pipeline shows them."""
    return {
        _KEYS[by]: count.key,
        "number_of_runs": count.runs,
        "total_run_time": int(count.seconds),
        "triggered_manually": count.manually,
        "triggered_by_automation_rule": count.by_rule,
        "successful_runs": count.successful,
        "unsuccessful_runs": count.unsuccessful,
    }
