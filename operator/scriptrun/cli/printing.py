"""What goes to the terminal: data to stdout, everything said about it to stderr."""

import json
import re
import sys
from typing import Any

__all__ = ["dump_json", "dump_yaml", "emit", "emit_bytes", "escape", "name_of", "note", "note_bytes", "strip"]

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_YAML_BREAKS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff]")  # PyYAML loses some of them unquoted
_YAML_1_2 = re.compile(r"[-+.\d].*|[yYnN]")  # texts to PyYAML, numbers or booleans to kubectl: 1e3, 0o7, y
_JSON_CONTROLS = re.compile(r"[\x7f-\x9f]")  # the others are escaped by JSON itself


def escape(text: str) -> str:
    """Make control characters visible, so that a script's words can't command the terminal; lines and tabs stay."""
    return _CONTROLS.sub(lambda match: f"\\x{ord(match[0]):02x}", text)


def emit(text: str) -> None:
    """Write data to stdout, with a line end."""
    sys.stdout.write(text if text.endswith("\n") else f"{text}\n")
    sys.stdout.flush()


def emit_bytes(data: bytes) -> None:
    """Write bytes to stdout as they are."""
    sys.stdout.buffer.write(data)
    sys.stdout.flush()


def note(text: str) -> None:
    """Say something on stderr."""
    sys.stderr.write(f"{escape(text)}\n")
    sys.stderr.flush()


def note_bytes(data: bytes) -> None:
    """Pass a script's log on to stderr as it is, as `kubectl logs` does on stdout."""
    sys.stderr.buffer.write(data)
    sys.stderr.flush()


def dump_json(value: object) -> str:
    """Write JSON for people and programs."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return _JSON_CONTROLS.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def dump_yaml(*documents: object) -> str:
    """Write YAML, one document after the other; texts of several lines as blocks, so that they can be read."""
    import yaml

    class Dumper(yaml.SafeDumper):
        """PyYAML's, with the style of texts decided here."""

    def represent(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=_choose_style(text))

    Dumper.add_representer(str, represent)
    return yaml.dump_all(documents, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=120)


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
