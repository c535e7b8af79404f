"""Makes the large parts of the corpus: small functions with a size, so that nothing large is committed."""

import gzip
import json
from collections.abc import Callable
from functools import partial
from typing import Any

Json = dict[str, Any]

COLLIDING = 2**61 - 1
"""Python hashes a multiple of this to 0: a set of such numbers is a list."""


def dump(document: object) -> bytes:
    """Write JSON as it is sent."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def text(length: int, character: str = "a", end: str = "!") -> str:
    """A long string that almost matches ``(a+)+``."""
    return character * length + end


def nest_lists(levels: int) -> list[Any]:
    """Lists in lists."""
    inner: list[Any] = []
    for _ in range(levels - 1):
        inner = [inner]
    return inner


def nest_objects(levels: int, key: str = "a") -> Json:
    """Objects in objects."""
    inner: Json = {}
    for _ in range(levels - 1):
        inner = {key: inner}
    return inner


def nest_json(levels: int, opening: str = "[", inside: str = "", closing: str = "]") -> bytes:
    """The same as text, deeper than Python can build it."""
    return (opening * levels + inside + closing * levels).encode()


def wide(members: int, name: str = "k", value: object = 0) -> Json:
    """An object with many members."""
    return {f"{name}{number}": value for number in range(members)}


def objects(count: int) -> list[Json]:
    """Many small objects, each of its own."""
    return [{"a": number} for number in range(count)]


def colliding(count: int) -> list[int]:
    """Numbers of 64 bits at most that share few hashes."""
    return [number % 4 * COLLIDING + number // 4 % 2 for number in range(count)]


def string(pattern: str, **more: Any) -> Callable[[], Json]:
    """A schema whose one property must match a pattern."""
    return partial(_object, {"s": {"type": "string", "pattern": pattern, **more}})


def member(schema: object, **more: Any) -> Callable[[], Json]:
    """A schema of an object whose one property must match another."""
    return partial(_object, {"s": schema}, **more)


def _object(properties: Json, **more: Any) -> Json:
    return {"type": "object", "properties": properties, **more}


def branch_refs(depth: int, keyword: str = "allOf", leaf: object = True) -> Json:
    """Definitions each of which refers twice to the next: whoever follows them all, takes 2^depth steps."""
    definitions = {f"d{level}": {keyword: [{"$ref": f"#/$defs/d{level + 1}"}] * 2} for level in range(depth)}
    return {"$ref": "#/$defs/d0", "$defs": {**definitions, f"d{depth}": leaf}}


def branch_down(depth: int, leaf: object) -> Json:
    """The same, a level deeper in the document with each."""
    definitions = {
        f"d{level}": {"anyOf": [{"properties": {"a": {"$ref": f"#/$defs/d{level + 1}"}}}] * 2} for level in range(depth)
    }
    return {"$ref": "#/$defs/d0", "$defs": {**definitions, f"d{depth}": leaf}}


def nest_schema(levels: int, opening: str = '{"anyOf":[', closing: str = "]}") -> bytes:
    """A schema in a schema in a schema, as text."""
    return nest_json(levels, opening, '{"type":"object"}', closing)


def gzip_bomb(megabytes: int) -> bytes:
    """A thousandth of what it becomes."""
    return gzip.compress(bytes(megabytes * 1_000_000), 9)
