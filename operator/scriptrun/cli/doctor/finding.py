"""What the doctor says of one thing it looked at. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from scriptrun.policies.text import escape_controls

__all__ = ["Finding", "State", "decide_exit_code", "failed", "ok", "render_findings", "skipped", "warning"]


class State(StrEnum):
    """How a thing is."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        check: what was looked at.
        state: how it is.
        message: what was seen.
        advice: what to do; "" where there is nothing to be done.
    """

    check: str
    state: State
    message: str
    advice: str = ""


def ok(check: str, message: str) -> Finding:
    """Say that all is well."""
    return Finding(check, State.OK, message)


def warning(check: str, message: str, advice: str) -> Finding:
    """Say that something works, but not as it could."""
    return Finding(check, State.WARNING, message, advice)


def failed(check: str, message: str, advice: str) -> Finding:
    """Say that something keeps runs, or part of what is installed, from working."""
    return Finding(check, State.FAILED, message, advice)


def skipped(check: str, message: str, advice: str = "") -> Finding:
    """Say that something is not there or could not be looked at."""
    return Finding(check, State.SKIPPED, message, advice)


def decide_exit_code(findings: Iterable[Finding]) -> int:
    """Decide the exit code: 1 when something failed, else 0."""
    return int(any(finding.state is State.FAILED for finding in findings))


def render_findings(findings: Iterable[Finding]) -> str:
    """Write findings for people: state, check and message, and below it what to do."""
    shown = list(findings)
    width = max((len(finding.check) for finding in shown), default=0)
    lines = []
    for finding in shown:
        lines.append(f"{finding.state:<7}  {finding.check:<{width}}  {_join(finding.message)}")
        if finding.advice:
            lines.append(f"{'':<7}  {'':<{width}}  -> {_join(finding.advice)}")
    return "\n".join(lines)


def _join(text: str) -> str:
    return escape_controls(" ".join(text.split()))
