"""What reaches a terminal can't command it, and what reaches a program is what was said."""

import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from scriptrun.cli.printing import dump_json, dump_yaml, escape, name_of, strip

# YAML 1.1 has no way to write half a surrogate pair; neither has UTF-8.
TEXTS = st.text(alphabet=st.characters(exclude_categories=["Cs"]))
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


@given(TEXTS)
def test_no_control_character_is_left(text: str) -> None:
    shown = escape(text)
    assert not [
        character
        for character in shown
        if (ord(character) < 32 or 127 <= ord(character) < 160) and character not in "\n\t"
    ]


def test_escapes_are_visible() -> None:
    assert escape("a\x1b[2Jb\r\x9b\tc\n") == "a\\x1b[2Jb\\x0d\\x9b\tc\n"
    assert escape("Grüße 🎉") == "Grüße 🎉"


@given(DOCUMENTS)
def test_json_is_safe_and_the_same(document: Any) -> None:
    text = dump_json(document)
    assert json.loads(text) == document
    assert escape(text) == text


@given(DOCUMENTS, DOCUMENTS)
def test_yaml_is_the_same(first: Any, second: Any) -> None:
    assert list(yaml.safe_load_all(dump_yaml(first, second))) == [first, second]


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
