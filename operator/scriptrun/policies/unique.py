"""``uniqueItems`` in time linear in the list.

The engine hashes items by what they contain, and somebody who knows how can write lists in which all hashes are equal:
20,000 integers beyond 64 bits take it minutes. Texts are hashed with a secret key, so items are compared as texts here.
"""

import json
import re
from typing import Any

__all__ = ["UniqueItems"]

_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode
_FRACTION = re.compile("[0-9][.e]")
"""Only numbers with a point or an exponent can be equal to one that is written otherwise."""


def _normalize(value: Any) -> Any:
    """Write numbers that JSON Schema calls equal (1 and 1.0) in one way."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_normalize(item) for item in value]
    if isinstance(value, dict):
        return {key: _normalize(item) for key, item in value.items()}
    return value


def _identify(item: Any) -> str:
    if type(item) is str:
        return f'"{item}'
    text = str(item) if type(item) is int else _encode(item)
    return _encode(_normalize(item)) if _FRACTION.search(text) else text


class UniqueItems:
    """The keyword ``uniqueItems``, as `jsonschema_rs` calls it.

    Args:
        parent_schema: the schema that it stands in.
        value: its value.
        schema_path: where it stands.
    """

    def __init__(self, parent_schema: dict[str, Any], value: Any, schema_path: list[str | int]) -> None:
        self._unique = value is True

    def validate(self, instance: Any) -> None:
        """Check a value.

        Raises:
            ValueError: two of its items are equal.
        """
        if not self._unique or not isinstance(instance, list):
            return
        seen: set[str] = set()
        for item in instance:
            text = _identify(item)
            if text in seen:
                raise ValueError("has non-unique elements")
            seen.add(text)
