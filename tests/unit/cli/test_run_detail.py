"""One run in full, and in one line."""

from datetime import UTC, datetime
from typing import Any

import pytest

from scriptrun.cli.output.progress import describe_progress
from scriptrun.cli.output.result_output import describe_end
from scriptrun.cli.output.run_detail import describe_run, format_age

NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
FAILED: dict[str, Any] = {
    "metadata": {"name": "hello-1", "namespace": "team", "creationTimestamp": "2026-01-01T11:55:00Z"},
    "spec": {
        "scriptRef": {"name": "hello.py"},
        "variables": {"name": "Ada"},
        "variablesFrom": [{"configMap": {"name": "defaults"}}, {"configMap": {"name": "more", "key": "vars.json"}}],
        "task": {"source": "zeebe", "type": "script-python", "id": "42"},
    },
    "status": {
        "phase": "Failed",
        "reason": "ScriptFailed",
        "message": "exit code 3\nboom \x1b[31mred\x1b[0m",
        "exitCode": 3,
        "jobName": "hello-1",
        "startedAt": "2026-01-01T11:55:01.000Z",
        "finishedAt": "2026-01-01T11:55:31.500Z",
        "durationSeconds": 30.5,
        "attempts": [
            {
                "number": 1,
                "pod": "hello-1-0-abcde",
                "startedAt": "2026-01-01T11:55:01.000Z",
                "finishedAt": "2026-01-01T11:55:02.250Z",
                "exitCode": 3,
                "reason": "ScriptFailed",
            },
            {"number": 2, "pod": "hello-1-0-fghij"},
        ],
    },
}


def test_everything_is_said() -> None:
    assert describe_run(FAILED, '{\n  "partial": true\n}', NOW) == "\n".join(
        [
            "Name:       hello-1",
            "Namespace:  team",
            "Script:     hello.py",
            "Phase:      Failed",
            "Reason:     ScriptFailed - The script ended with an exit code other than 0, or said FAILED. "
            "Trying again can help.",
            "Task:       zeebe script-python 42",
            "Created:    2026-01-01T11:55:00Z (5m ago)",
            "Started:    2026-01-01T11:55:01.000Z (4m59s ago)",
            "Finished:   2026-01-01T11:55:31.500Z (4m28s ago)",
            "Duration:   30.5 s",
            "Exit code:  3",
            "Job:        hello-1",
            "",
            "Message:",
            "  exit code 3",
            "  boom red",
            "",
            "Attempts:",
            "  #   POD               REASON         EXIT   DURATION",
            "  1   hello-1-0-abcde   ScriptFailed   3      1.25 s",
            "  2   hello-1-0-fghij",
            "",
            "Variables:",
            "  {",
            '    "name": "Ada"',
            "  }",
            "",
            "Variables from ConfigMaps:",
            "  defaults",
            "  more/vars.json",
            "",
            "Output:",
            "  {",
            '    "partial": true',
            "  }",
        ]
    )


def test_a_run_nobody_looked_at() -> None:
    run = {"metadata": {"name": "x", "namespace": "y"}, "spec": {"scriptRef": {"name": "z"}, "cancel": True}}
    assert describe_run(run, None, NOW).splitlines() == [
        "Name:       x",
        "Namespace:  y",
        "Script:     z",
        "Phase:      Pending (no operator has looked at it yet)",
        "Cancel:     asked for",
    ]


def test_what_is_waited_for_explains_itself() -> None:
    run = {**FAILED, "status": {"phase": "Pending", "reason": "ScriptMissing", "message": "waiting for Script"}}
    assert "Reason:     ScriptMissing\n" in describe_run(run, None, NOW)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-3, "0s"),
        (119, "119s"),
        (120, "2m"),
        (185, "3m5s"),
        (1200, "20m"),
        (7199, "119m"),
        (7200, "2h"),
        (9000, "2h30m"),
        (90_000, "25h"),
        (172_800, "2d"),
        (180_000, "2d2h"),
        (2_000_000, "23d"),
    ],
)
def test_ages_are_kubectls(seconds: float, text: str) -> None:
    assert format_age(seconds) == text


def test_the_end_in_one_line_when_the_log_was_seen() -> None:
    assert describe_end(FAILED, log_shown=True) == "hello-1: Failed in 30.5 s: ScriptFailed: exit code 3"
    assert describe_end(FAILED, log_shown=False).splitlines()[1].startswith("boom")
    done = {"metadata": {"name": "a"}, "status": {"phase": "Succeeded", "reason": "Completed", "durationSeconds": 0.1}}
    assert describe_end(done, log_shown=False) == "a: Succeeded in 0.1 s"
    canceled = {"metadata": {"name": "a"}, "status": {"phase": "Canceled", "reason": "Canceled", "message": "by me"}}
    assert describe_end(canceled, log_shown=False) == "a: Canceled: by me"


@pytest.mark.parametrize(
    ("status", "text"),
    [
        ({}, "Pending"),
        ({"phase": "Running", "attemptCount": 1}, "Running"),
        ({"phase": "Running", "attemptCount": 2}, "Running, attempt 2"),
        (
            {"phase": "Queued", "reason": "ConcurrencyLimit", "message": "place 3\nmore"},
            "Queued: ConcurrencyLimit: place 3",
        ),
    ],
)
def test_progress_in_one_line(status: dict[str, Any], text: str) -> None:
    assert describe_progress(status) == text
