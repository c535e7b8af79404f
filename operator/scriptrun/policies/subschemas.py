"""The subschemas of a JSON Schema and how a check gets from one to the next, for every draft from 4 to 2020-12."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import urljoin

from scriptrun.policies.references import References, Scope, is_metaschema

__all__ = ["SUBSCHEMAS_LIMIT", "Graph", "Place", "Subschema", "json_path", "read_graph"]

SUBSCHEMAS_LIMIT = 3_000
"""Subschemas that a schema may have."""

_IN_PLACE = ("not", "if", "then", "else")
_IN_PLACE_LISTS = ("allOf",)
_BRANCHES = ("anyOf", "oneOf")
_IN_PLACE_MAPS = ("dependentSchemas", "dependencies")
_ONE_OF_THEM = ("additionalProperties", "items", "additionalItems")
_EACH = ("unevaluatedProperties", "propertyNames", "contains", "unevaluatedItems")
_NEVER_CHECKED = ("$defs", "definitions")
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")


class Place(NamedTuple):
    """Where a subschema stands, as a chain up to the root (None)."""

    parent: "Place | None"
    key: str | int

    def keys(self) -> list[str | int]:
        """List the keys and indexes from the root."""
        keys: list[str | int] = []
        place: Place | None = self
        while place is not None:
            keys.append(place.key)
            place = place.parent
        return keys[::-1]


def json_path(keys: Sequence[str | int], root: str = "$") -> str:
    """Write a place as a JSON path, such as ``$.properties.a`` or ``variables.items[1]``."""
    parts = [root]
    for key in keys:
        if isinstance(key, int):
            parts.append(f"[{key}]")
        elif key.isascii() and key.removeprefix("$").isidentifier() and not key.startswith("_"):
            parts.append(f".{key}")
        else:
            escaped = key.replace("\\", "\\\\").replace("'", "\\'")
            parts.append(f"['{escaped}']")
    return "".join(parts)


@dataclass(slots=True)
class Subschema:
    """One subschema. The lists hold indexes of others in the graph.

    Attributes:
        place: where it stands; None: the root.
        schema: itself.
        scope: what its references are relative to.
        in_place: those that are applied to the same value (``allOf``, ``$ref`` and the like).
        branches: those of ``in_place`` whose errors are all collected when none fits (``anyOf``, ``oneOf``).
        targets: those of ``in_place`` that it refers to.
        one_of_them: those applied to the value's members and items, of which each member gets one at most.
        each: those of which one member or item may get all.
        external: whether it refers, or may refer, to a metaschema.
        unresolved: references of it that name nothing within the schema.
    """

    place: Place | None
    schema: dict[str, Any]
    scope: Scope
    in_place: list[int] = field(default_factory=list)
    branches: list[int] = field(default_factory=list)
    targets: list[int] = field(default_factory=list)
    one_of_them: list[int] = field(default_factory=list)
    each: list[int] = field(default_factory=list)
    external: bool = False
    unresolved: list[str] = field(default_factory=list)

    @property
    def is_unevaluated(self) -> bool:
        """Whether it has to know what its subschemas evaluated."""
        return "unevaluatedProperties" in self.schema or "unevaluatedItems" in self.schema

    @property
    def is_reference(self) -> bool:
        """Whether it refers to another one."""
        return any(keyword in self.schema for keyword in _REFERENCES)

    @property
    def keys(self) -> list[str | int]:
        """Where it stands, from the root."""
        return self.place.keys() if self.place else []


@dataclass(slots=True)
class Graph:
    """All subschemas of a schema, the root first.

    Attributes:
        subschemas: each once, however many references lead to it.
        wrong: why the schema was not read to its end, or "".
    """

    subschemas: list[Subschema]
    wrong: str
    _index: dict[int, int]

    def find(self, schema: dict[str, Any]) -> Subschema:
        """Find the entry of one of the schema's own subschemas."""
        return self.subschemas[self._index[id(schema)]]


def _children(schema: dict[str, Any]) -> Iterator[tuple[str, tuple[str | int, ...], Any]]:
    """List a subschema's own subschemas: the list of `Subschema` that they belong to, their keys, themselves."""
    for key, value in schema.items():
        if key in _IN_PLACE:
            yield "in_place", (key,), value
        elif key in _ONE_OF_THEM and not isinstance(value, list):
            yield "one_of_them", (key,), value
        elif key in _EACH:
            yield "each", (key,), value
        elif key in ("prefixItems", "items", *_IN_PLACE_LISTS, *_BRANCHES) and isinstance(value, list):
            kind = "in_place" if key in _IN_PLACE_LISTS else "branches" if key in _BRANCHES else "one_of_them"
            yield from ((kind, (key, index), part) for index, part in enumerate(value))
        elif key in ("properties", "patternProperties", *_IN_PLACE_MAPS, *_NEVER_CHECKED) and isinstance(value, dict):
            kind = {"properties": "one_of_them", "patternProperties": "each"}.get(key, "")
            kind = "in_place" if key in _IN_PLACE_MAPS else kind
            yield from ((kind, (key, name), part) for name, part in value.items())


class _Reader:
    def __init__(self, root: dict[str, Any]) -> None:
        self._references = References()
        self._index: dict[int, int] = {}
        self._subschemas: list[Subschema] = []
        self._unread = 0
        self._add(root, None, None)

    def _add(self, schema: dict[str, Any], place: Place | None, outer: Scope | None) -> int:
        index = self._index.get(id(schema))
        if index is None:
            index = self._index[id(schema)] = len(self._subschemas)
            self._subschemas.append(Subschema(place, schema, self._references.add(schema, outer)))
        return index

    def _read_children(self) -> None:
        """Read all subschemas that were found and their own, but follow no references."""
        while self._unread < len(self._subschemas) <= SUBSCHEMAS_LIMIT:
            subschema = self._subschemas[self._unread]
            self._unread += 1
            for kind, keys, part in _children(subschema.schema):
                if not isinstance(part, dict):
                    continue
                place = subschema.place
                for key in keys:
                    place = Place(place, key)
                index = self._add(part, place, subschema.scope)
                if kind:
                    getattr(subschema, kind).append(index)
                if kind == "branches":
                    subschema.in_place.append(index)

    def read(self) -> Graph:
        """Read everything, and what references lead to outside of the places that hold subschemas."""
        self._read_children()
        wrong, at = self._references.ambiguous, 0
        while at < len(self._subschemas) <= SUBSCHEMAS_LIMIT and not wrong:
            self._follow(self._subschemas[at])
            self._read_children()
            at += 1
        if len(self._subschemas) > SUBSCHEMAS_LIMIT:
            wrong = f"it has more than {SUBSCHEMAS_LIMIT} subschemas"
        return Graph(self._subschemas, wrong, self._index)

    def _follow(self, subschema: Subschema) -> None:
        for keyword in _REFERENCES:
            reference = subschema.schema.get(keyword)
            if not isinstance(reference, str):
                continue
            targets = self._references.find(keyword, reference, subschema.scope)
            if is_metaschema(urljoin(subschema.scope[0], reference)):
                subschema.external = True
            elif not targets:
                subschema.unresolved.append(reference)
            place = Place(subschema.place, keyword)
            found = [self._add(target, place, subschema.scope) for target in targets if isinstance(target, dict)]
            subschema.targets += found
            subschema.in_place += found


def read_graph(schema: dict[str, Any]) -> Graph:
    """Read a schema, which need not be a correct one, in time linear in its size and its references.

    References are followed within the schema. Where a place can't be told for certain (dynamic references) every
    candidate counts.
    """
    return _Reader(schema).read()
