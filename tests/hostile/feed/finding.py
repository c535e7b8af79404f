"""The outcome of a case, and whether it is the expected one."""

import unicodedata
from dataclasses import dataclass

from hostile.corpus.case import Case

_QUOTED = 300


@dataclass(frozen=True)
class Finding:
    """The outcome of a case.

    Attributes:
        end: In the words of the case's kind.
        message: What people read.
    """

    end: str
    message: str = ""


def judge(case: Case, finding: Finding) -> str:
    """Say what is wrong with an outcome; "" if it is right."""
    said = finding.message[:_QUOTED]
    if finding.end not in case.ends:
        return f"{case.name} ended as {finding.end!r} instead of {' or '.join(case.ends)}: {said!r}"
    if case.says not in finding.message:
        return f"{case.name} says {said!r} without {case.says!r}"
    if found := find_control(finding.message):
        return f"{case.name} shows the control character {found!r}: {said!r}"
    return ""


def find_control(text: str) -> str:
    """Find a character that a terminal would interpret; "" if there is none."""
    return next((item for item in text if item not in "\n\t" and unicodedata.category(item) in ("Cc", "Cf", "Cs")), "")
