"""Which other keys of a script's ConfigMap it needs beside it, as `helper.py` for `import helper`."""

import re
import sys
from collections.abc import Callable, Collection

__all__ = ["choose_neighbours"]

_IMPORT = re.compile(rb"^[ \t]*(?:from|import)[ \t]+([^\r\n#]+)", re.MULTILINE)
_MODULE = re.compile(rb"\w+")
_NAME = re.compile(rb"[-._a-zA-Z0-9]+")  # what a key of a ConfigMap is made of
_RELATIVE = re.compile(rb"\./([-._a-zA-Z0-9]+)")
_SEARCHED_FILE_BYTES = 65_536
_SEARCHED_BYTES = 262_144
_NODE_ENDINGS = (".js", ".mjs", ".cjs", ".json")


def choose_neighbours(key: str, source: bytes, keys: Collection[str], read: Callable[[str], bytes]) -> dict[str, bytes]:
    """Choose the keys that a script names, and those that they name; linear in their sizes.

    A key is named as a module in a line that imports (`import helper` in Python), as `./helper` (Node.js), or by the
    whole of it wherever that stands (`. "$(dirname "$0")/lib.sh"`). A file that Python would import in place of a
    module of its own is never chosen. Files of more than 64 KiB are not searched for names, nor what comes after the
    first 256 KiB of all: this is done beside everybody's runs.

    Args:
        key: of the script.
        source: the script.
        keys: all keys of its ConfigMap.
        read: reads one of them.

    Returns:
        What they hold, by key, in order of keys.
    """
    left = {name for name in keys if name != key and not _is_library_module(name)}
    chosen: dict[str, bytes] = {}
    unread, room = [source], _SEARCHED_BYTES
    while left and unread:
        text = unread.pop()
        if len(text) > min(room, _SEARCHED_FILE_BYTES):
            continue
        room -= len(text)
        found = _find_names(text) & left
        left -= found
        for name in sorted(found):  # the same each time, also where there is no room for all
            chosen[name] = read(name)
            unread.append(chosen[name])
    return dict(sorted(chosen.items()))


def _find_names(source: bytes) -> set[str]:
    words = set(_NAME.findall(source))
    words |= {word.rstrip(b".") for word in words}  # at the end of a sentence
    for line in set(_IMPORT.findall(source)):
        words |= {module + b".py" for module in _MODULE.findall(line)}
    names = {word.decode() for word in words if word.isascii()}
    relative = {match.decode() for match in _RELATIVE.findall(source)}
    return names | {name + ending for name in relative for ending in _NODE_ENDINGS}


def _is_library_module(name: str) -> bool:
    return name.endswith(".py") and name.removesuffix(".py") in sys.stdlib_module_names
