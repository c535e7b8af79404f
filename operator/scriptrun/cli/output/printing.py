"""What goes to the terminal: data to stdout, everything said about it to stderr."""

import codecs
import json
import re
import sys
from collections.abc import Callable
from typing import Any, TextIO

from scriptrun.policies.text import escape_controls, escape_json

__all__ = ["dump_json", "dump_yaml", "emit", "emit_json", "name_of", "note", "open_log", "strip"]

_OVERRIDES = re.compile(r"[\u202a-\u202e\u2066-\u2069]")
# PyYAML loses some of them unquoted.
_YAML_BREAKS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff]")
_YAML_1_2 = re.compile(r"[-+.\d].*|[yYnN]")  # texts to PyYAML, numbers or booleans to kubectl: 1e3, 0o7, y
_COLOUR = re.compile("(\x1b\\[[0-9;:]*m)")


def emit(text: str) -> None:
    """Write data to stdout, with a line end."""
    sys.stdout.write(text if text.endswith("\n") else f"{text}\n")
    sys.stdout.flush()


def emit_json(text: str) -> None:
    """Write a JSON text that a script wrote: as it is; to a terminal with its control characters escaped."""
    emit(escape_json(text) if sys.stdout.isatty() else text)


def note(text: str) -> None:
    """Say something on stderr."""
    sys.stderr.write(f"{escape_controls(text)}\n")
    sys.stderr.flush()


def open_log(stream: TextIO, *, color: bool) -> Callable[[bytes], None]:
    """Open a stream for a script's log: a file or pipe gets its bytes, a terminal a text that can't command it.

    Args:
        stream: stdout or stderr.
        color: let colours through to a terminal; everything else stays escaped.
    """
    decode = codecs.getincrementaldecoder("utf-8")("replace").decode

    def pass_on(data: bytes) -> None:
        stream.buffer.write(data)
        stream.flush()

    def show(data: bytes) -> None:
        parts = _COLOUR.split(decode(data)) if color else [decode(data)]
        stream.write("".join(part if index % 2 else escape_controls(part) for index, part in enumerate(parts)))
        stream.flush()

    return show if stream.isatty() else pass_on


def dump_json(value: object) -> str:
    """Write JSON for people and programs."""
    return escape_json(json.dumps(value, indent=2, ensure_ascii=False))


def dump_yaml(*documents: object) -> str:
    """Write YAML, one document after the other; texts of several lines as blocks, so that they can be read."""
    import yaml

    class Dumper(yaml.SafeDumper):
        """PyYAML's, with the style of texts decided here."""

    def represent(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=_choose_style(text))

    Dumper.add_representer(str, represent)
    text = yaml.dump_all(documents, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=120)
    # PyYAML writes them raw. They stand in double quotes only, where an escape is read as the character.
    return _OVERRIDES.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def _choose_style(text: str) -> str | None:
    """Choose how a text is quoted: so that every reader of YAML gets the same text back."""
    if _YAML_BREAKS.search(text):
        return '"'
    if "\n" in text:
        return "|"
    return "'" if _YAML_1_2.fullmatch(text) else None


def strip(obj: dict[str, Any]) -> dict[str, Any]:
    """Leave out what kubectl leaves out: who manages which field."""
    metadata = {key: value for key, value in obj["metadata"].items() if key != "managedFields"}
    return {**obj, "metadata": metadata}


def name_of(plural: str, name: str) -> str:
    """Name an object as ``kubectl -o name`` does."""
    return f"{plural.removesuffix('s')}.scriptrun.dev/{name}"
