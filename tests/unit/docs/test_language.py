"""Docs read as the style guide in docs/development.md wants them: phrases that it replaces don't come back."""

import re
from pathlib import Path

import pytest

from helm import ROOT

PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")])
BETTER = {
    r"whose doing": "who can fix it",
    r"(is|are) tried again": "is retried",
    r"least level": "minimum level",
    r"so often": "an interval",
    r"at one time": "at the same time",
    r"for ever": "forever, indefinitely",
    r"in silence": "silently",
    r"mend(s|ed)?": "fix",
    r"without a word": "crashes, silently",
    r"in the place of": "instead of, replaces",
    r"what is under way": "current work",
    r"it does not matter who": "say what happens",
    r"good (for|until) (one|a) ": "grants, expires",
    r"a minute a ": "per minute",
    r"one more write a run": "one extra write per run",
    r"beside(s)? others": "in parallel",
    r"it is no ": "it is not a",
    r"there is nobody": "no one",
    r"who has ": "if you have",
    r"how to come from": "migrate from",
}
_CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.MULTILINE | re.DOTALL)


def find_phrases(text: str) -> list[str]:
    """Find phrases outside of code, each with its line and what says it better."""
    prose = _CODE.sub(lambda match: "\n" * match[0].count("\n"), text)
    return [
        f"line {number}: {match[0]!r}: better {better!r}"
        for phrase, better in BETTER.items()
        for number, line in enumerate(prose.splitlines(), start=1)
        if (match := re.search(rf"\b{phrase}\b" if phrase[-1] != " " else rf"\b{phrase}", line, re.IGNORECASE))
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: Path(page).name)
def test_a_page_has_no_phrase_that_the_style_guide_replaces(page: Path) -> None:
    # The style guide shows what it replaces.
    text = re.sub(r"(?s)## Writing style\n.*?\n(?=## )", "", page.read_text())
    assert find_phrases(text) == []


def test_a_phrase_is_found_in_prose_and_not_in_code() -> None:
    text = "# A\n\n```sh\nfor ever\n```\n`for ever` is code.\nIt waits for ever, and is tried again.\n"
    assert find_phrases(text) == [
        "line 7: 'is tried again': better 'is retried'",
        "line 7: 'for ever': better 'forever, indefinitely'",
    ]
