"""What of a run's variables must not be shown or kept: what its Script's schema marks ``writeOnly``."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from scriptrun.policies.documents import dump_document, parse_document
from scriptrun.policies.patterns import is_match
from scriptrun.policies.text import escape_controls

__all__ = ["MASK", "Path", "Secrets", "find_secrets", "hide_text", "hide_values", "list_values", "mask"]

MASK = "********"
"""What stands in the place of a secret."""

_SHORTEST_HIDDEN = 4  # shorter texts are found by chance everywhere
_DEEPEST = 200

Path = tuple[str | int, ...]
"""Keys and indexes from the top of a document to a place in it; () is the whole."""


def find_secrets(document: object, schema: dict[str, Any]) -> list[Path]:
    """Find the places in a document that a schema marks ``writeOnly``, wherever in it that is said.

    Every branch of ``anyOf``, ``if`` and the like counts, and a place whose schema can't be found counts as secret: it
    is better to hide too much.
    """
    return sorted(set(_walk(document, schema, schema, ())), key=str)


def _walk(document: object, schema: object, root: dict[str, Any], path: Path) -> Iterator[Path]:
    if not isinstance(schema, dict):
        return
    if schema.get("writeOnly") is True or len(path) > _DEEPEST:
        yield path
        return
    for key in ("$ref", "$dynamicRef"):
        if key in schema:
            target = _resolve(str(schema[key]), root)
            if target is None or target is schema:
                yield path
                return
            if target is not root or path:
                yield from _walk_once(document, target, root, path)
    for key in ("allOf", "anyOf", "oneOf"):
        for part in schema.get(key) or ():
            yield from _walk(document, part, root, path)
    for key in ("if", "then", "else", "not"):
        yield from _walk(document, schema.get(key), root, path)
    if isinstance(document, dict):
        yield from _walk_object(document, schema, root, path)
    if isinstance(document, list):
        first = schema.get("prefixItems") or ()
        for index, item in enumerate(document):
            for part in (first[index] if index < len(first) else schema.get("items"), schema.get("contains")):
                yield from _walk(item, part, root, (*path, index))
            yield from _walk(item, schema.get("unevaluatedItems"), root, (*path, index))


def _walk_once(document: object, target: dict[str, Any], root: dict[str, Any], path: Path) -> Iterator[Path]:
    try:
        yield from _walk(document, target, root, path)
    except RecursionError:  # a $ref that leads back to itself without going deeper into the document
        yield path


def _walk_object(document: dict[str, Any], schema: dict[str, Any], root: dict[str, Any], path: Path) -> Iterator[Path]:
    properties, patterns = schema.get("properties") or {}, schema.get("patternProperties") or {}
    for key, value in document.items():
        parts = [part for pattern, part in patterns.items() if _matches(pattern, key)]
        if key in properties:
            parts.append(properties[key])
        if not parts:
            parts.append(schema.get("additionalProperties"))
        for part in (*parts, schema.get("unevaluatedProperties")):
            yield from _walk(value, part, root, (*path, key))
    for key, part in (schema.get("dependentSchemas") or {}).items():
        if key in document:
            yield from _walk(document, part, root, path)


def _matches(pattern: str, key: str) -> bool:
    return is_match(pattern, key) is not False  # a pattern that can't be used matches whatever it may mean


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
    """Return a copy of a document with the mask in some places."""
    wanted = list(paths)
    if () in wanted:
        return dict.fromkeys(document, MASK) if isinstance(document, dict) else MASK
    if isinstance(document, dict):
        pairs: Iterable[tuple[Any, Any]] = document.items()
    elif isinstance(document, list):
        pairs = enumerate(document)
    else:
        return document
    masked = [(key, mask(value, [path[1:] for path in wanted if path[0] == key])) for key, value in pairs]
    return dict(masked) if isinstance(document, dict) else [value for _, value in masked]


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


def hide_text(text: str, values: Iterable[str]) -> str:
    """Replace secret values wherever they stand in a text, plain or as JSON writes them."""
    for value in values:
        text = text.replace(value, MASK)
        for quoted in (json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]):
            text = text.replace(quoted, MASK)
    return text


def hide_values(document: Any, values: list[str]) -> Any:
    """Replace secret values in every text of a document; its keys stay, and so does its shape."""
    if not values:
        return document
    if isinstance(document, str):
        return hide_text(document, values)
    if isinstance(document, dict):
        return {key: hide_values(value, values) for key, value in document.items()}
    if isinstance(document, list):
        return [hide_values(value, values) for value in document]
    if isinstance(document, int | float) and not isinstance(document, bool) and json.dumps(document) in values:
        return MASK
    return document


@dataclass(frozen=True, slots=True)
class Secrets:
    """What must not be shown of one run.

    Attributes:
        paths: where in its variables.
        values: the texts that stand there; they are hidden wherever else they turn up.
        output_schema: its Script's.
    """

    paths: tuple[Path, ...] = ()
    values: tuple[str, ...] = ()
    output_schema: dict[str, Any] | None = None

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
        return hide_values(document, list(self.values))

    def hide_text(self, text: str) -> str:
        """Hide secret values in a text."""
        return hide_text(text, self.values)

    def mask(self, variables: dict[str, Any]) -> dict[str, Any]:
        """Mask a run's variables; places that these don't have don't matter."""
        masked: dict[str, Any] = mask(variables, self.paths)
        return masked
