"""References within a schema: JSON pointers, anchors and embedded resources, as each draft has them."""

import re
from typing import Any
from urllib.parse import unquote, urljoin

__all__ = ["References", "Scope", "is_metaschema"]

_MOST_CANDIDATES = 20
_METASCHEMAS = ("http://json-schema.org/", "https://json-schema.org/")
_PLAIN = re.compile(r"[A-Za-z0-9._~:/-]*")
"""URIs that every library resolves in the same way."""

Scope = tuple[str, int]
"""What a subschema's names and references are relative to: its base URI, and its draft (4, 6, 2019, 2020)."""


def is_metaschema(reference: str) -> bool:
    """Whether a reference names one of the metaschemas, which the engine has at hand."""
    return reference.startswith(_METASCHEMAS)


def _read_draft(schema: dict[str, Any], inherited: int) -> int:
    declared = schema.get("$schema")
    if not isinstance(declared, str):
        return inherited
    known = {"draft-04": 4, "draft-06": 6, "draft-07": 6, "2019-09": 2019, "2020-12": 2020}
    return next((draft for name, draft in known.items() if name in declared), inherited)


class References:
    """The names that subschemas give to themselves, and what references to them lead to.

    Where libraries could differ in how they resolve a URI, and where a reference is dynamic, all subschemas that may be
    meant are candidates.
    """

    def __init__(self) -> None:
        self._resources: dict[str, list[dict[str, Any]]] = {}
        self._anchors: dict[str, list[tuple[str, dict[str, Any]]]] = {}
        self._dynamic: dict[str, list[dict[str, Any]]] = {}
        self._recursive: list[dict[str, Any]] = []
        self._roots: list[dict[str, Any]] = []

    def add(self, schema: dict[str, Any], outer: Scope | None) -> Scope:
        """Take note of a subschema's names.

        Args:
            schema: the subschema.
            outer: the scope that it stands in; None: it is the whole schema.

        Returns:
            The scope of what stands within it.
        """
        base, draft = outer or ("", 2020)
        draft = _read_draft(schema, draft)
        name = schema.get("id" if draft == 4 else "$id")
        if not isinstance(name, str) or (draft <= 6 and "$ref" in schema):
            name = ""
        uri, _, anchor = name.partition("#")
        if uri:
            base = urljoin(base, uri)
        if uri or outer is None:
            self._resources.setdefault(base, []).append(schema)
            self._roots.append(schema)
        for key in ("$anchor", "$dynamicAnchor"):
            if draft >= 2019 and isinstance(named := schema.get(key), str):
                self._anchors.setdefault(named, []).append((base, schema))
        if isinstance(named := schema.get("$dynamicAnchor"), str):
            self._dynamic.setdefault(named, []).append(schema)
        if anchor:
            self._anchors.setdefault(anchor, []).append((base, schema))
        if schema.get("$recursiveAnchor") is True:
            self._recursive.append(schema)
        return base, draft

    @property
    def ambiguous(self) -> str:
        """Why references have too many candidates to look at all of them, or ""."""
        sizes = [len(self._roots), len(self._recursive)]
        sizes += [len(named) for named in self._anchors.values()]
        if max(sizes) > _MOST_CANDIDATES:
            return f"more than {_MOST_CANDIDATES} subschemas have an $id, or the same anchor"
        return ""

    def find(self, keyword: str, reference: str, scope: Scope) -> list[dict[str, Any] | bool]:
        """Find the subschemas that a reference may name; none if it leads out of the schema or nowhere.

        Args:
            keyword: ``$ref``, ``$dynamicRef`` or ``$recursiveRef``.
            reference: its value.
            scope: the scope of the subschema that it stands in.
        """
        uri, _, fragment = reference.partition("#")
        target = urljoin(scope[0], uri) if uri else scope[0]
        fragment = unquote(fragment)
        is_plain = not uri or _PLAIN.fullmatch(scope[0] + uri)
        roots = self._resources.get(target, []) if is_plain else self._roots
        found = self._follow(roots, fragment, target)
        if keyword == "$dynamicRef":
            found += self._dynamic.get(fragment, [])
        if keyword == "$recursiveRef":
            found += self._recursive
        return found

    def _follow(self, roots: list[dict[str, Any]], fragment: str, base: str) -> list[dict[str, Any] | bool]:
        if not fragment:
            return list(roots)
        if not fragment.startswith("/"):
            named = self._anchors.get(fragment, [])
            return [schema for at, schema in named if at == base] or [schema for _, schema in named]
        found = (_follow_pointer(root, fragment) for root in roots)
        return [target for target in found if isinstance(target, dict | bool)]


def _follow_pointer(root: dict[str, Any], pointer: str) -> Any:
    target: Any = root
    for part in pointer.split("/")[1:]:
        part = part.replace("~1", "/").replace("~0", "~")
        if isinstance(target, list) and part.isdecimal() and len(part) < 6 and int(part) < len(target):
            target = target[int(part)]
        elif isinstance(target, dict) and part in target:
            target = target[part]
        else:
            return None
    return target
