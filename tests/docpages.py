"""Reads the documentation: its fenced blocks, links and headings."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted(
    path
    for pattern in (
        "*.md",
        "docs/**/*.md",
        "examples/**/*.md",
        "charts/**/*.md",
        "operator/**/*.md",
        "runner-image/**/*.md",
    )
    for path in ROOT.glob(pattern)
)

_FENCE = re.compile(r"^```(?P<language>\w*)[^\n]*\n(?P<text>.*?)^```\s*$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"(?<!!)\[[^\]\n]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+\s+(.+?)\s*$", re.MULTILINE)
_FILE_NAME = re.compile(r"\A# (\S+\.\w+)\n")


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
        page: where it stands.
        line: of its fence, from 1.
        language: the word after the fence.
        text: what is in it.
    """

    page: Path
    line: int
    language: str
    text: str

    @property
    def file_name(self) -> str:
        """The file a block is to be saved as: what its first line, a comment, names."""
        named = _FILE_NAME.match(self.text)
        return named[1] if named else ""

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


@dataclass(frozen=True)
class Command:
    """A command of a ``console`` block and what it printed."""

    text: str
    output: str


def read_blocks(page: Path, *languages: str) -> list[Block]:
    """Read a page's fenced blocks of some languages; of all, when none is named."""
    text = page.read_text(encoding="utf-8")
    found = [
        Block(page, text.count("\n", 0, match.start()) + 1, match["language"], match["text"])
        for match in _FENCE.finditer(text)
    ]
    return [block for block in found if not languages or block.language in languages]


def read_prose(page: Path) -> str:
    """Read a page without its fenced blocks."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def read_links(page: Path) -> list[str]:
    """Read the targets of a page's links; not those of pictures."""
    return _LINK.findall(_SPAN.sub("", read_prose(page)))


def read_spans(page: Path) -> list[str]:
    """Read a page's code spans."""
    return _SPAN.findall(read_prose(page))


def read_anchors(page: Path) -> set[str]:
    """Read what can stand behind `#` in a link to a page: its headings, as GitHub writes them."""
    headings = _HEADING.findall(read_prose(page))
    words = (re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower()) for heading in headings)
    return {word.replace(" ", "-") for word in words}


def read_commands(block: Block) -> Iterator[Command]:
    """Take a ``console`` block apart: `$ ` begins a command, `> ` goes on with it, the rest is what it printed."""
    command: list[str] = []
    output: list[str] = []
    for line in block.text.splitlines():
        if line.startswith("$ "):
            if command:
                yield Command("\n".join(command), "\n".join(output))
            command, output = [line[2:]], []
        elif line.startswith("> ") and not output:
            command.append(line[2:])
        else:
            output.append(line)
    if command:
        yield Command("\n".join(command), "\n".join(output))
