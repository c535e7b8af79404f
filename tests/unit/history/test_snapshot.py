"""A run in brief, and where the history's databases are."""

from datetime import UTC, datetime

import pytest

from scriptrun.database.engine import parse_url
from scriptrun.errors import UsageError
from scriptrun.history.records import Query
from scriptrun.history.snapshot import summarize
from scriptrun.policies.wildcards import matches_wildcards

RUN = {
    "metadata": {"namespace": "n", "name": "r", "uid": "u", "creationTimestamp": "2026-01-31T12:00:00Z"},
    "spec": {"scriptRef": {"name": "hello.py"}},
}


def test_a_run_nobody_has_looked_at_is_pending() -> None:
    summary = summarize(RUN)
    assert (summary.phase, summary.reason, summary.source, summary.finished_at) == ("Pending", "", "", None)
    assert summary.created_at == datetime(2026, 1, 31, 12, tzinfo=UTC)


def test_a_finished_run_in_brief() -> None:
    status = {
        "phase": "Failed",
        "reason": "Timeout",
        "startedAt": "2026-01-31T12:00:01.5Z",
        "finishedAt": "2026-01-31T12:00:03Z",
        "durationSeconds": 1.5,
        "exitCode": 143,
        "attemptCount": 2,
    }
    summary = summarize({**RUN, "spec": {**RUN["spec"], "task": {"source": "zeebe"}}, "status": status})
    assert (summary.phase, summary.reason, summary.source, summary.attempts) == ("Failed", "Timeout", "zeebe", 2)
    assert summary.finished_at == datetime(2026, 1, 31, 12, 0, 3, tzinfo=UTC)
    assert Query("n", phases=("Failed",), script="hello.py").matches(summary)
    assert not Query("n", source="api").matches(summary)


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("hello.py", "hello.py", True),
        ("hello.py", "helloxpy", False),
        ("etl-*", "etl-load.py", True),
        ("etl-*", "my-etl-load.py", False),
        ("?.py", "a.py", True),
        ("?.py", "ab.py", False),
        ("[a]*", "a", False),
        ("*", "", True),
    ],
)
def test_patterns_know_two_signs(pattern: str, name: str, *, expected: bool) -> None:
    assert matches_wildcards(pattern, name) is expected


@pytest.mark.parametrize(
    ("text", "driver"),
    [
        ("sqlite:///relative.db", "sqlite+aiosqlite"),
        ("sqlite:////var/lib/x.db", "sqlite+aiosqlite"),
        ("postgres://u:p@h/d", "postgresql+asyncpg"),
        ("postgresql://u:p%40@h:5433/d", "postgresql+asyncpg"),
        ("postgresql+psycopg2://u:p@h/d", "postgresql+asyncpg"),
        ("mysql://u:p@h/d", "mysql+asyncmy"),
        ("mariadb://u:p@h/d", "mariadb+asyncmy"),
    ],
)
def test_a_databases_driver_is_chosen(text: str, driver: str) -> None:
    assert parse_url(text).drivername == driver


@pytest.mark.parametrize("text", ["nonsense", "oracle://u:secret@h/d", "://", "postgresql://u:secret@h", "sqlite://"])
def test_another_url_is_refused_without_its_password(text: str) -> None:
    with pytest.raises(UsageError) as refusal:
        parse_url(text)
    assert "SCRIPTRUN_HISTORY_URL" in str(refusal.value)
    assert "secret" not in str(refusal.value)
