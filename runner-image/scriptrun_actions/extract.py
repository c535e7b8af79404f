"""Takes values out of an answer by JSONPath (RFC 9535), within bounds whatever the path and the answer."""

from functools import lru_cache
from typing import Any

from jsonpath_rfc9535 import JSONPathEnvironment, JSONPathError, JSONPathQuery
from jsonpath_rfc9535.filter_expressions import (
    ComparisonExpression,
    Expression,
    FilterExpression,
    FilterQuery,
    FunctionExtension,
    LogicalExpression,
    PrefixExpression,
    RootFilterQuery,
)
from jsonpath_rfc9535.segments import JSONPathRecursiveDescentSegment
from jsonpath_rfc9535.selectors import FilterSelector

from scriptrun_actions.errors import ActionError

__all__ = ["check_path", "extract", "find_all"]

_LENGTH_LIMIT = 1024
_MATCHES_LIMIT = 10_000
_CHOICES_LIMIT = 16


class _Environment(JSONPathEnvironment):
    """Without ``match`` and ``search``: their regular expressions may take for ever."""

    def setup_function_extensions(self) -> None:
        super().setup_function_extensions()
        for name in ("match", "search"):
            self.function_extensions.pop(name)


_ENVIRONMENT = _Environment()


@lru_cache(maxsize=512)
def _compile(path: str) -> JSONPathQuery:
    if len(path) > _LENGTH_LIMIT:
        raise ActionError(
            "InvalidAction", f"a JSONPath has {len(path)} characters, at most {_LENGTH_LIMIT} are allowed"
        )
    try:
        query = _ENVIRONMENT.compile(path)
    except (JSONPathError, RecursionError, ValueError) as error:
        raise ActionError("InvalidAction", f"JSONPath {path}: {str(error).splitlines()[0]}") from None
    if trouble := _find_cost(query):
        raise ActionError("InvalidAction", f"JSONPath {path}: {trouble}")
    return query


def _find_cost(query: JSONPathQuery) -> str:
    """Say what lets the cost of a query grow faster than the answer; "" if nothing does.

    The parsed query is looked at, not its text: ``..`` and ``$`` within a string cost nothing.
    """
    if sum(isinstance(segment, JSONPathRecursiveDescentSegment) for segment in query.segments) > 1:
        return "it may have one '..'"
    choices, filters = 1, 0
    for segment in query.segments:
        choices *= len(segment.selectors)  # [*,*][*,*] visits each value four times, and so on
        for selector in segment.selectors:
            if isinstance(selector, FilterSelector):
                filters += 1
                if trouble := _find_cost_of_filter(selector.expression):
                    return trouble
    if filters > 1:
        return "it may have one filter"
    if choices > _CHOICES_LIMIT:
        return f"its brackets make {choices} combinations, at most {_CHOICES_LIMIT} are allowed"
    return ""


def _find_cost_of_filter(expression: Expression) -> str:
    if isinstance(expression, RootFilterQuery):
        return "a filter may not have '$', which searches all of the answer again for each value"
    if isinstance(expression, FilterQuery):
        # Children, as in count(@.tags[*]), are looked at once for each value; what lies deeper, once for each level.
        return _find_cost(expression.query) or (
            ""
            if expression.query.singular_query() or _is_plain(expression.query)
            else "a filter may have neither '..' nor another filter"
        )
    if isinstance(expression, FilterExpression):
        return _find_cost_of_filter(expression.expression)
    if isinstance(expression, PrefixExpression):
        return _find_cost_of_filter(expression.right)
    if isinstance(expression, LogicalExpression | ComparisonExpression):
        return _find_cost_of_filter(expression.left) or _find_cost_of_filter(expression.right)
    if isinstance(expression, FunctionExtension):
        return next(filter(None, map(_find_cost_of_filter, expression.args)), "")
    return ""


def _is_plain(query: JSONPathQuery) -> bool:
    """Whether a query within a filter has neither '..' nor a filter of its own."""
    return not any(
        isinstance(segment, JSONPathRecursiveDescentSegment)
        or any(isinstance(selector, FilterSelector) for selector in segment.selectors)
        for segment in query.segments
    )


def check_path(path: str) -> str | None:
    """Say what is wrong with a JSONPath; None if nothing is."""
    try:
        _compile(path)
    except ActionError as error:
        return error.message
    return None


def find_all(path: str, document: Any) -> list[Any]:
    """Find every value that a path leads to.

    Raises:
        ActionError: the path is wrong, or leads to too many.
    """
    found = []
    try:
        for node in _compile(path).finditer(document):
            found.append(node.value)
            if len(found) > _MATCHES_LIMIT:
                raise ActionError("InvalidResponse", f"JSONPath {path} finds more than {_MATCHES_LIMIT} values")
    except (JSONPathError, RecursionError) as error:
        raise ActionError("InvalidResponse", f"JSONPath {path}: {str(error).splitlines()[0]}") from None
    return found


def extract(paths: dict[str, str], document: Any) -> dict[str, Any]:
    """Take values out of an answer: by a path to one place its value, by any other a list.

    Args:
        paths: JSONPath by the name that its value gets.
        document: ``{status, headers, body}``.

    Raises:
        ActionError: a path is wrong, or one to one place leads nowhere.
    """
    result: dict[str, Any] = {}
    for name, path in paths.items():
        found = find_all(path, document)
        if not _compile(path).singular_query():
            result[name] = found
        elif found:
            result[name] = found[0]
        else:
            raise ActionError("InvalidResponse", f"extract.{name}: the answer has nothing at {path}")
    return result
