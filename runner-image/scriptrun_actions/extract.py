"""Takes values out of an answer by JSONPath (RFC 9535), within bounds whatever the path and the answer."""

from functools import lru_cache
from typing import Any

from jsonpath_rfc9535 import JSONPathEnvironment, JSONPathError, JSONPathQuery

from scriptrun_actions.errors import ActionError

__all__ = ["check_path", "extract", "find_all"]

_LENGTH_LIMIT = 1024
_MATCHES_LIMIT = 10_000


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
    # Each of these is one more walk through all of the answer, for each place that the one before has found.
    if path.count("..") > 1 or path.count("?") > 1 or ("?" in path and path.count("$") > 1):
        raise ActionError(
            "InvalidAction", f"JSONPath {path}: it may have one '..' and one filter, and no '$' within the filter"
        )
    try:
        return _ENVIRONMENT.compile(path)
    except (JSONPathError, RecursionError, ValueError) as error:
        raise ActionError("InvalidAction", f"JSONPath {path}: {str(error).splitlines()[0]}") from None


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
