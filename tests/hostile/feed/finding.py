"""What a case came to, and whether that is right."""

import unicodedata
from dataclasses import dataclass

from hostile.corpus.case import Case

_QUOTED = 300


@dataclass(frozen=True)
class Finding:
    """What a case came to.

    Attributes:
        end: In the words of its kind.
        message: What people are told.
    """

    end: str
    message: str = ""


def judge(case: Case, finding: Finding) -> str:
    """Say what is wrong with what a case came to; "" when it is right."""
    said = finding.message[:_QUOTED]
    if finding.end not in case.ends:
        return f"{case.name} came to {finding.end!r}, and should to {' or '.join(case.ends)}: {said!r}"
    if case.says not in finding.message:
        return f"{case.name} says {said!r}, and should {case.says!r}"
    if found := find_control(finding.message):
        return f"{case.name} sends {found!r} to people's terminals: {said!r}"
    return ""


def find_control(text: str) -> str:
    """Find a character in a text for people that their terminals would obey; "" when there is none."""
    return next((item for item in text if item not in "\n\t" and unicodedata.category(item) in ("Cc", "Cf", "Cs")), "")
