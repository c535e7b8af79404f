"""Texts that scripts, orchestrators and the kubelet write, made safe for people: no character of them is a command.

A terminal obeys escape sequences, and text direction overrides make a line read as another one (CVE-2021-42574).
Every pattern here takes time linear in the text.
"""

import re

__all__ = ["escape_controls", "escape_json", "shorten"]

_SEQUENCE = re.compile(
    "(?:\x1b\\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor movements (ECMA-48, 5.4)
    "|(?:\x1b[\\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x80-\x9f\n]*(?:\x07|\x1b\\\\|\x9c)"  # OSC, DCS: links
    "|\x1b[ -/]+[0-~]"  # character sets, of which `tput sgr0` writes one
)
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_ESCAPE = re.compile(r"\\x[0-9a-f]{2}|\\u[0-9a-f]{4}")
_LONGEST_ESCAPE = 6
# JSON itself escapes only C0. Beside what people must not get, this has what YAML, as which the API server reads an
# applied object, refuses (DEL, C1, noncharacters) or takes for the end of a line.
_RAW_IN_JSON = re.compile("[\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufffe\uffff]")


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def escape_controls(text: str) -> str:
    r"""Make a text safe to be shown: line ends and tabs stay, sequences for terminals go, the rest becomes visible.

    Escape sequences that are whole (colours, titles, hyperlinks) are left out; what they surround stays. Any other
    control character becomes ``\x1b``, a direction override ``\u202e``. Doing it twice changes nothing.
    """
    return _CONTROL.sub(_escape, _SEQUENCE.sub("", text.replace("\r\n", "\n")))


def escape_json(text: str) -> str:
    r"""Escape in a JSON text, as ``\u009b``, what JSON may have raw but a terminal or YAML must not: same document."""
    return _RAW_IN_JSON.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def shorten(text: str, limit: int) -> str:
    """Cut a text to a number of characters, with a mark where it was cut, and not within an escape."""
    if len(text) <= limit:
        return text
    end = max(limit - 1, 0)
    for start in range(max(end - _LONGEST_ESCAPE + 1, 0), end):
        escape = _ESCAPE.match(text, start)
        if escape and escape.end() > end:
            end = start
            break
    return f"{text[:end]}…"
