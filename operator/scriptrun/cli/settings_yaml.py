"""Reads YAML as JSON has it: what a manifest may hold, and nothing that only PyYAML makes of a text.

As kubectl reads manifests: dates and times are texts. Unlike it, `NO`, `yes`, `on` and `y` are texts, too, as in YAML
1.2: the country, not the boolean.
"""

import math
import re
from typing import Any

import yaml

__all__ = ["read_yaml"]

_NODES = 1_000_000  # an alias counts whenever it is used: else nine lines would be a billion
_DEPTH = 100
_TAG = "tag:yaml.org,2002:"
_JSON = ("null", "bool", "int", "float", "seq", "map")
_TEXTS = ("str", "timestamp", "binary")
_SCALARS = {
    "bool": (re.compile(r"true|True|TRUE|false|False|FALSE"), "tTfF"),
    "int": (re.compile(r"[-+]?(0[0-7_]+|0b[01_]+|0x[0-9a-fA-F_]+|0|[1-9][0-9_]*)"), "-+0123456789"),
    "float": (re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"), "-+.0123456789"),
    "null": (re.compile(r"~|null|Null|NULL|"), ["~", "n", "N", ""]),
    "merge": (re.compile(r"<<"), "<"),
}


class _Loader(yaml.SafeLoader):
    """PyYAML's, with the scalars of JSON alone."""

    yaml_implicit_resolvers: dict[str, list[Any]] = {}  # noqa: RUF012 - as the base class has it
    yaml_constructors = {  # noqa: RUF012
        **{f"{_TAG}{name}": yaml.SafeLoader.yaml_constructors[f"{_TAG}{name}"] for name in _JSON},
        **{f"{_TAG}{name}": yaml.SafeLoader.construct_yaml_str for name in _TEXTS},
        None: yaml.SafeLoader.construct_undefined,
    }

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """Construct a mapping whose keys are texts."""
        self.flatten_mapping(node)
        return {self._name(key): self.construct_object(value, deep=deep) for key, value in node.value}

    def _name(self, node: Any) -> str:
        key = self.construct_object(node, deep=True)
        if isinstance(key, (dict, list)):
            raise yaml.constructor.ConstructorError(None, None, "a key is no text", node.start_mark)
        return {True: "true", False: "false", None: "null"}[key] if key is None or isinstance(key, bool) else str(key)


for _name, (_pattern, _first) in _SCALARS.items():
    _Loader.add_implicit_resolver(f"{_TAG}{_name}", re.compile(rf"(?:{_pattern.pattern})\Z"), list(_first))


def read_yaml(text: str) -> Any:
    """Read one YAML document; the keys of its mappings become texts.

    Raises:
        ValueError: it is no YAML, or JSON has nothing for what is in it; says what and where.
    """
    try:
        return _Plain().convert(yaml.load(text, Loader=_Loader), "", _DEPTH)  # noqa: S506 - made of the safe one
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from error
    except KeyError as error:  # of PyYAML: !!bool of a text that is none
        raise ValueError(f"{error} is not what its tag says") from error
    except RecursionError:
        raise ValueError(f"it is nested more than {_DEPTH} levels deep") from None


class _Plain:
    """Converts one document, and counts what is in it."""

    def __init__(self) -> None:
        self._left = _NODES

    def convert(self, value: Any, where: str, depth: int) -> Any:
        """Convert a value.

        Raises:
            ValueError: JSON has nothing for it, or it is too much.
        """
        self._left -= 1
        if self._left < 0:
            raise ValueError(f"it has more than {_NODES:,} values, aliases included")
        if depth < 0:
            raise ValueError(f"it is nested more than {_DEPTH} levels deep")
        if isinstance(value, dict):
            return {key: self.convert(item, f"{where}.{key}".lstrip("."), depth - 1) for key, item in value.items()}
        if isinstance(value, list):
            return [self.convert(item, f"{where}[{number}]", depth - 1) for number, item in enumerate(value)]
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"{where} is no number that JSON has")
        return value
