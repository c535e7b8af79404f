"""What every run of the tests says at its end: how many tests needed a second try."""

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Count the second tries of pytest-rerunfailures; each is a defect of the test or of the product."""
    tried = terminalreporter.stats.get("rerun", [])
    terminalreporter.write_line(f"second tries: {len(tried)}")
    for report in tried:
        terminalreporter.write_line(f"  {report.nodeid}")
