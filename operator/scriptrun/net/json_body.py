"""Parses JSON that a server has sent, within limits: two bytes can become an object of fifty."""

import asyncio
import json
import re
from typing import Any

from scriptrun.net.json_steps import CHUNK, parse_in_steps

__all__ = ["CONTAINER_LIMIT", "VALUE_LIMIT", "JsonTooLargeError", "parse_json"]

CONTAINER_LIMIT = 250_000
"""Arrays and objects. 16 MiB of ``[],`` would be five million, half a gigabyte and ten seconds."""

VALUE_LIMIT = 500_000
"""Commas. The variables of a run, 900,000 bytes at most, have fewer."""

_STRING = re.compile('"[^"]*"')


class JsonTooLargeError(ValueError):
    """It may be JSON, but is not parsed."""


async def parse_json(text: str) -> Any:
    """Parse a text; of a large one, other work of the event loop comes in between.

    Raises:
        JsonTooLargeError: it has more values than are taken.
        ValueError: it is no JSON, or too deep for Python.
    """
    if len(text) <= CHUNK:
        return _parse_at_once(text)
    await asyncio.sleep(0)
    if _is_too_much(text):
        await asyncio.sleep(0)
        bare = text.replace("\\\\", "").replace('\\"', "")
        await asyncio.sleep(0)
        if _is_too_much(_cut_strings(bare)):
            raise JsonTooLargeError(f"more than {VALUE_LIMIT:,} values, or {CONTAINER_LIMIT:,} arrays and objects")
    steps = parse_in_steps(text)
    while True:
        await asyncio.sleep(0)
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def _parse_at_once(text: str) -> Any:
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error


def _is_too_much(text: str) -> bool:
    return text.count("[") + text.count("{") > CONTAINER_LIMIT or text.count(",") > VALUE_LIMIT


def _cut_strings(bare: str) -> str:
    """Cut the strings out of a text without escapes of quotes: brackets and commas in them are text."""
    # More strings than values are taken anyway; looking for their ends would take as long as parsing.
    return bare if bare.count('"') > 3 * VALUE_LIMIT else _STRING.sub("", bare)
