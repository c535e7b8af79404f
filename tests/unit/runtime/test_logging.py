"""Lines of the log: their form, their level, and that they end nothing."""

import json
import logging
import re
import sys
from collections.abc import Iterator

import pytest
import structlog

from scriptrun.policies.text import escape_controls
from scriptrun.runtime.logging import configure_logs


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    before = root.handlers[:], root.level, structlog.get_config()
    yield
    root.handlers[:], root.level = before[0], before[1]
    structlog.configure(**before[2])


def _said(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_own_lines_and_those_of_libraries_look_alike(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("info", "json")
    structlog.get_logger("scriptrun.here").warning("it happened", run="hello", text="ä\n")
    logging.getLogger("library").warning("it happened %d times", 3)
    ours, theirs = _said(capsys)
    assert ours.keys() - {"run", "text"} == theirs.keys() == {"event", "level", "logger", "timestamp"}
    assert (ours["logger"], ours["level"], ours["text"]) == ("scriptrun.here", "warning", "ä\n")
    assert (theirs["logger"], theirs["event"]) == ("library", "it happened 3 times")


def test_what_is_below_the_level_is_not_said(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("warning", "json")
    for log in (structlog.get_logger("ours"), logging.getLogger("theirs")):
        log.info("no")
        log.error("yes")
    assert [line["event"] for line in _said(capsys)] == ["yes", "yes"]


def test_exceptions_are_told_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("info", "json")
    try:
        raise ValueError("why")
    except ValueError as error:
        structlog.get_logger("ours").exception("failed")
        structlog.get_logger("ours").error("failed", exc_info=error)
    assert all("ValueError: why" in str(line["exception"]) for line in _said(capsys))


NASTY = "\x1b[31mred\x1b[0m \x9b2J\x7f\u202e\x1b]52;c;AAAA\x07"


def test_json_lines_keep_what_they_quote_and_command_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("info", "json")
    structlog.get_logger("ours").warning(NASTY, quoted=NASTY, several=[NASTY])
    logging.getLogger("theirs").warning("it said %s", NASTY)
    text = capsys.readouterr().err
    assert escape_controls(text) == text
    ours, theirs = map(json.loads, text.splitlines())
    assert (ours["event"], ours["quoted"], ours["several"]) == (NASTY, NASTY, [NASTY])
    assert theirs["event"] == f"it said {NASTY}"


def test_console_lines_command_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("info", "console")
    try:
        raise ValueError(NASTY)
    except ValueError:
        structlog.get_logger("ours").exception(NASTY, quoted=NASTY, several=[NASTY])
    logging.getLogger("theirs").warning("it said %s", NASTY)
    text = re.sub("\x1b\\[[0-9;]*m", "", capsys.readouterr().err)  # structlog's own colours
    assert escape_controls(text) == text
    assert "it said red \\x7f\\u202e" in text


def test_a_stderr_that_nobody_reads_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    configure_logs("info", "json")

    class Broken:
        def write(self, _text: str) -> int:
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stderr", Broken())
    structlog.get_logger("ours").info("to nobody")
