"""What reaches a terminal can't command it, and what reaches a program is what was said."""

import io
import json
import sys
from typing import Any, cast

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from scriptrun.cli.output.printing import dump_json, dump_yaml, emit_json, name_of, open_log, strip
from scriptrun.policies.text import escape_controls

# YAML 1.1 has no way to write half a surrogate pair; neither has UTF-8.
TEXTS = st.text(alphabet=st.characters(exclude_categories=["Cs"]))
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


@given(DOCUMENTS)
def test_json_is_safe_and_the_same(document: Any) -> None:
    text = dump_json(document)
    assert json.loads(text) == document
    assert escape_controls(text) == text


@given(DOCUMENTS, DOCUMENTS)
@example({"\u202ea": "b\u2066\n"}, "\\u202e")
def test_yaml_is_safe_and_the_same(first: Any, second: Any) -> None:
    text = dump_yaml(first, second)
    assert list(yaml.safe_load_all(text)) == [first, second]
    assert escape_controls(text) == text


class _Terminal(io.TextIOWrapper):
    def isatty(self) -> bool:
        return True

    def shown(self) -> str:
        self.flush()
        return cast("io.BytesIO", self.buffer).getvalue().decode()


LOG = "\x1b[1;31mred\x1b[0m \x1b]0;title\x07\x1b[2J\x07é\n".encode()


def test_a_log_is_passed_on_as_it_is() -> None:
    pipe = io.TextIOWrapper(io.BytesIO())
    open_log(pipe, color=False)(b"\xff" + LOG)
    assert cast("io.BytesIO", pipe.buffer).getvalue() == b"\xff" + LOG


@pytest.mark.parametrize(
    ("color", "shown"), [(False, "red \\x07é\n"), (True, "\x1b[1;31mred\x1b[0m \\x07é\n")], ids=["plain", "colours"]
)
def test_a_log_can_not_command_a_terminal(color: bool, shown: str) -> None:
    terminal = _Terminal(io.BytesIO(), encoding="utf-8")
    log = open_log(terminal, color=color)
    middle = LOG.index("é".encode()) + 1  # within a character
    log(LOG[:middle])
    log(LOG[middle:])
    assert terminal.shown() == shown


def test_an_output_is_escaped_for_terminals_only(monkeypatch: pytest.MonkeyPatch) -> None:
    text = '{"a": 1.50, "\x9b": "\u202e"}\n'
    terminal = _Terminal(io.BytesIO(), encoding="utf-8")
    pipe = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    for stream in (terminal, pipe):
        monkeypatch.setattr(sys, "stdout", stream)
        emit_json(text)
    assert terminal.shown() == '{"a": 1.50, "\\u009b": "\\u202e"}\n'
    assert cast("io.BytesIO", pipe.buffer).getvalue().decode() == text


def test_sources_are_blocks_in_yaml() -> None:
    assert dump_yaml({"data": {"hello.py": "import json\n\nprint('ä')\n"}, "name": "x"}) == (
        "data:\n  hello.py: |\n    import json\n\n    print('ä')\nname: x\n"
    )


@pytest.mark.parametrize("text", ["1e3", "0o7", "+1", ".5", "y", "N", "yes", "null", "2026-01-01", "0x1F"])
def test_texts_that_look_like_something_else_are_quoted(text: str) -> None:
    assert dump_yaml([text]) == f"- '{text}'\n"


def test_managed_fields_are_left_out() -> None:
    obj = {"metadata": {"name": "x", "managedFields": [{}]}, "spec": {}}
    assert strip(obj) == {"metadata": {"name": "x"}, "spec": {}}


def test_names_are_kubectls() -> None:
    assert name_of("scriptruns", "hello-1") == "scriptrun.scriptrun.dev/hello-1"
    assert name_of("scripts", "hello.py") == "script.scriptrun.dev/hello.py"
