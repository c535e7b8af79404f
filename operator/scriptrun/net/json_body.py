"""Parses JSON that a server has sent, within limits: two bytes can become an object of fifty."""

import gc
import json
import re
from typing import Any

__all__ = ["CONTAINER_LIMIT", "VALUE_LIMIT", "JsonTooLargeError", "parse_json"]

CONTAINER_LIMIT = 250_000
"""Arrays and objects. 16 MiB of ``[],`` would be five million, half a gigabyte and ten seconds."""

VALUE_LIMIT = 500_000
"""Commas. The variables of a run, 900,000 bytes at most, have fewer."""

_STRING = re.compile('"[^"]*"')


class JsonTooLargeError(ValueError):
    """It may be JSON, but is not parsed."""


def parse_json(text: str) -> Any:
    """Parse a text.

    Raises:
        JsonTooLargeError: it has more values than are taken.
        ValueError: it is no JSON, or too deep for Python.
    """
    if _is_too_much(text) and _is_too_much(_cut_strings(text)):
        raise JsonTooLargeError(f"more than {VALUE_LIMIT:,} values, or {CONTAINER_LIMIT:,} arrays and objects")
    collecting = gc.isenabled()
    gc.disable()  # each new array would have the collector look at all the others again
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error
    finally:
        if collecting:
            gc.enable()


def _is_too_much(text: str) -> bool:
    return text.count("[") + text.count("{") > CONTAINER_LIMIT or text.count(",") > VALUE_LIMIT


def _cut_strings(text: str) -> str:
    """Cut the strings out: brackets and commas in them are text."""
    bare = text.replace("\\\\", "").replace('\\"', "")
    # More strings than values are taken anyway; looking for their ends would take as long as parsing.
    return bare if bare.count('"') > 3 * VALUE_LIMIT else _STRING.sub("", bare)
