"""What of a run's variables must not be shown or kept: what its Script's schema marks ``writeOnly``."""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from ahocorasick_rs import BytesAhoCorasick, Implementation, MatchKind

from scriptrun.policies.documents import dump_document, parse_document
from scriptrun.policies.patterns import find_matches
from scriptrun.policies.text import escape_controls

__all__ = ["MASK", "Path", "Secrets", "find_secrets", "hide_text", "hide_values", "list_values", "mask"]

T = TypeVar("T", dict[str, Any], list[Any])

MASK = "********"
"""What stands in the place of a secret."""

_SHORTEST_HIDDEN = 4  # shorter texts are found by chance everywhere
_DEEPEST = 200
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")

Path = tuple[str | int, ...]
"""Keys and indexes from the top of a document to a place in it; () is the whole."""


_Step = tuple[Any, Any, Path]
"""A value, a schema that is applied to it, and where the value stands."""


def find_secrets(document: object, schema: dict[str, Any]) -> list[Path]:
    """Find the places in a document that a schema marks ``writeOnly``, wherever in it that is said.

    Every branch of ``anyOf``, ``if`` and the like counts, and a place whose schema can't be found counts as secret: it
    is better to hide too much. Each part of the schema is applied once per place, however many references lead to it.
    """
    found: set[Path] = set()
    seen: set[tuple[int, Path]] = set()
    targets: dict[str, dict[str, Any] | None] = {}
    rest: list[_Step] = [(document, schema, ())]
    while rest:
        value, part, path = rest.pop()
        if not isinstance(part, dict) or (id(part), path) in seen:
            continue
        seen.add((id(part), path))
        referred = [_find_target(str(part[key]), schema, targets) for key in _REFERENCES if key in part]
        unknown = any(target is None or target is part for target in referred)
        if part.get("writeOnly") is True or unknown or len(path) > _DEEPEST:
            found.add(path)
            continue
        rest.extend((value, target, path) for target in referred)
        rest.extend(_list_in_place(value, part, path))
        rest.extend(_list_inner(value, part, path))
    return sorted(found, key=str)


def _list_in_place(value: object, schema: dict[str, Any], path: Path) -> Iterator[_Step]:
    """List what a schema applies to a value itself."""
    for key in ("allOf", "anyOf", "oneOf"):
        yield from ((value, part, path) for part in _read(schema, key, list))
    yield from ((value, schema.get(key), path) for key in ("if", "then", "else", "not"))
    if isinstance(value, dict):
        for keyword in ("dependentSchemas", "dependencies"):  # the latter up to draft 7
            parts = _read(schema, keyword, dict)
            yield from ((value, part, path) for key, part in parts.items() if key in value)


def _list_inner(value: object, schema: dict[str, Any], path: Path) -> Iterator[_Step]:
    """List what a schema applies to the members or items of a value."""
    if isinstance(value, dict):
        properties, patterns = _read(schema, "properties", dict), _read(schema, "patternProperties", dict)
        names = tuple(patterns)
        for key, member in value.items():
            parts = [patterns[pattern] for pattern in find_matches(names, key)] if names else []
            parts += [properties[key]] if key in properties else []
            parts = parts or [schema.get("additionalProperties")]
            yield from ((member, part, (*path, key)) for part in (*parts, schema.get("unevaluatedProperties")))
    if isinstance(value, list):
        first, others = _read(schema, "prefixItems", list), schema.get("items")
        if isinstance(others, list):  # up to draft 2019-09
            first, others = others, schema.get("additionalItems")
        for index, item in enumerate(value):
            own = first[index] if index < len(first) else others
            parts = [own, schema.get("contains"), schema.get("unevaluatedItems")]
            yield from ((item, part, (*path, index)) for part in parts)


def _read(schema: dict[str, Any], keyword: str, kind: type[T]) -> T:
    """Read a keyword's value; empty where it is missing, or of another kind: nobody has said that this is a schema."""
    value = schema.get(keyword)
    return value if isinstance(value, kind) else kind()


def _find_target(
    reference: str, root: dict[str, Any], targets: dict[str, dict[str, Any] | None]
) -> dict[str, Any] | None:
    """Find what a reference names, each once."""
    if reference not in targets:
        targets[reference] = _resolve(reference, root)
    return targets[reference]


def _resolve(reference: str, root: dict[str, Any]) -> dict[str, Any] | None:
    """Find what a reference within the schema names: a JSON pointer or an anchor."""
    if not reference.startswith("#"):
        return None
    name = reference[1:]
    if name and not name.startswith("/"):
        return next(_find_anchor(root, name), None)
    target: Any = root
    for part in name.split("/")[1:]:
        part = part.replace("~1", "/").replace("~0", "~")
        if isinstance(target, list) and part.isdigit() and int(part) < len(target):
            target = target[int(part)]
        elif isinstance(target, dict) and part in target:
            target = target[part]
        else:
            return None
    return target if isinstance(target, dict) else None


def _find_anchor(node: object, name: str) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        if name in (node.get("$anchor"), node.get("$dynamicAnchor")):
            yield node
        for value in node.values():
            yield from _find_anchor(value, name)
    elif isinstance(node, list):
        for value in node:
            yield from _find_anchor(value, name)


def mask(document: Any, paths: Iterable[Path]) -> Any:
    """Return a document with the mask in some places; parts without any are not copied."""
    inner: defaultdict[str | int, list[Path]] = defaultdict(list)
    for path in paths:
        if not path:
            return dict.fromkeys(document, MASK) if isinstance(document, dict) else MASK
        inner[path[0]].append(path[1:])
    if isinstance(document, dict):
        return {key: mask(value, inner[key]) if key in inner else value for key, value in document.items()}
    if isinstance(document, list):
        return [mask(value, inner[index]) if index in inner else value for index, value in enumerate(document)]
    return document


def list_values(document: Any, paths: Iterable[Path]) -> list[str]:
    """List the texts that stand in some places of a document and below, the longest first."""
    found: set[str] = set()
    for path in paths:
        place = document
        for key in path:
            place = place[key]
        # Texts for people have it without control characters.
        found.update(form for text in _list_texts(place) for form in (text, escape_controls(text)))
    return sorted((text for text in found if len(text) >= _SHORTEST_HIDDEN), key=lambda text: (-len(text), text))


def _list_texts(place: Any) -> Iterator[str]:
    if isinstance(place, str):
        yield place
    elif isinstance(place, dict):
        for value in place.values():
            yield from _list_texts(value)
    elif isinstance(place, list):
        for value in place:
            yield from _list_texts(value)
    elif not isinstance(place, bool) and place is not None:
        yield json.dumps(place)


def hide_text(text: str, values: Iterable[str], mask_text: str = MASK) -> str:
    """Replace secret values wherever they stand in a text, plain or as JSON writes them."""
    shown: str = _Hider(values, mask_text).hide(text)
    return shown


def hide_values(document: Any, values: Collection[str]) -> Any:
    """Replace secret values in every text of a document; its keys stay, and so does its shape."""
    return _Hider(values).hide(document) if values else document


class _Hider:
    """Replaces secret values, all at once: takes time linear in the values and in what they are hidden in."""

    def __init__(self, values: Iterable[str], mask_text: str = MASK) -> None:
        self._values, self._mask = frozenset(values), mask_text
        forms = {form for value in self._values for form in _list_forms(value)}
        # To build a DFA of it, as the library does for few values, takes time quadratic in the longest.
        kind, machine = MatchKind.LeftmostLongest, Implementation.NoncontiguousNFA
        self._search = BytesAhoCorasick([_encode(form) for form in forms], kind, machine)

    def hide(self, document: Any) -> Any:
        """Hide them in every text of a document, and in its numbers."""
        if isinstance(document, str):
            return self._hide_text(document)
        if isinstance(document, dict):
            return {key: self.hide(value) for key, value in document.items()}
        if isinstance(document, list):
            return [self.hide(value) for value in document]
        if isinstance(document, int | float) and not isinstance(document, bool):
            return self._mask if json.dumps(document) in self._values else document
        return document

    def _hide_text(self, text: str) -> str:
        encoded, shown, done = _encode(text), [], 0
        for _index, start, end in self._search.find_matches_as_indexes(encoded):
            shown.append(encoded[done:start])
            done = end
        return _decode(_encode(self._mask).join([*shown, encoded[done:]])) if done else text


def _list_forms(value: str) -> tuple[str, ...]:
    return (value, json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1])


def _encode(text: str) -> bytes:
    return text.encode(errors="surrogatepass")


def _decode(text: bytes) -> str:
    return text.decode(errors="surrogatepass")


@dataclass(frozen=True, slots=True)
class Secrets:
    """What must not be shown of one run.

    Attributes:
        paths: where in its variables.
        values: the texts that stand there; they are hidden wherever else they turn up.
        output_schema: its Script's.
        withheld: why they could not be told from the rest, so that nothing may be shown that could hold one; else "".
    """

    paths: tuple[Path, ...] = ()
    values: tuple[str, ...] = ()
    output_schema: dict[str, Any] | None = None
    withheld: str = ""

    @classmethod
    def of(cls, variables: dict[str, Any], script: dict[str, Any] | None) -> "Secrets":
        """Find a run's secrets.

        Args:
            variables: all it was given.
            script: its Script's spec; None: that is gone, and nobody can say any more what is secret.
        """
        schema = {"writeOnly": True} if script is None else script.get("variablesSchema") or {}
        paths = tuple((key,) for key in variables) if script is None else tuple(find_secrets(variables, schema))
        return cls(paths, tuple(list_values(variables, paths)), (script or {}).get("outputSchema") or None)

    @classmethod
    def withhold(cls, variables: dict[str, Any], why: str) -> "Secrets":
        """Take everything for a secret.

        Args:
            variables: all the run was given.
            why: it can't be told what is secret of it.
        """
        return cls(tuple((key,) for key in variables), withheld=why)

    def hide_output(self, text: str | None) -> str | None:
        """Hide secrets in an output, which is JSON text; one without any stays as the script wrote it."""
        if text is None or not (self.values or self.output_schema):
            return text
        try:
            document = parse_document(text, keep_digits=True)
        except ValueError:
            return hide_text(text, self.values)
        shown = self.hide(mask(document, find_secrets(document, self.output_schema or {})))
        return text if shown == document else dump_document(shown)

    def hide(self, document: Any) -> Any:
        """Hide secret values in any JSON document."""
        return hide_values(document, self.values)

    def hide_text(self, text: str) -> str:
        """Hide secret values in a text."""
        return hide_text(text, self.values)

    def mask(self, variables: dict[str, Any]) -> dict[str, Any]:
        """Mask a run's variables; places that these don't have don't matter."""
        masked: dict[str, Any] = mask(variables, self.paths)
        return masked
