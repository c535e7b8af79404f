"""What scripts do, which nobody trusts: outputs that are none, logs without end, messages that are not for people.

``out`` in their sources is the path of the output file.
"""

from typing import Any

from hostile.corpus.case import Make, ScriptCase
from hostile.corpus.make import member, string

SUCCEEDED = "Completed"
INVALID = "InvalidOutput"
TOO_LARGE = "OutputTooLarge"
FAILED = "ScriptFailed"

_NO_JSON = "an output that Python would read, and Kubernetes can't keep"
_NO_TEXT = "an output in bytes that are not UTF-8"
_NO_FILE = "an output file that is none"
_ESCAPES = "\\x1b]0;owned\\x07\\x1b[2J\\x1b]8;;http://evil\\x07click\\x1b]8;;\\x07\\x9b31m\\u202e\\u2066"


def _write(expression: str, mode: str = "wb") -> str:
    """A script that writes an output."""
    return f"open(out, {mode!r}).write({expression})\n"


def _output(name: str, why: str, end: str, expression: str, *more: str, schema: Make = dict) -> ScriptCase:
    script: dict[str, Any] = {"outputSchema": schema()} if schema is not dict else {}
    return ScriptCase(name=f"output-{name}", why=why, ends=(end, *more), source=_write(expression), script=script)


_UNIQUE = member({"type": "array", "uniqueItems": True})
_OBJECTS = "b'{\"s\":[' + b','.join(b'{\"a\":%d}' % n for n in range(60000)) + b"

_JSON = [
    _output("nested-190", "as deep as it may be", SUCCEEDED, "b'{\"a\":' * 190 + b'1' + b'}' * 190"),
    _output("nested-250", "deeper than a document may be", INVALID, "b'{\"a\":' * 250 + b'1' + b'}' * 250"),
    _output("nested-10000", "deeper than an interpreter's stack", INVALID, "b'{\"a\":' * 10000 + b'1' + b'}' * 10000"),
    _output("nested-never-closed", "half a megabyte of open brackets", INVALID, "b'[' * 500000"),
    _output("nan", _NO_JSON, INVALID, "b'{\"a\": NaN}'"),
    _output("infinity", _NO_JSON, INVALID, "b'{\"a\": [-Infinity]}'"),
    _output("number-1e400", _NO_JSON, INVALID, "b'{\"a\": 1e400}'"),
    _output(
        "number-4301-digits", "Python converts no number of so many digits", INVALID, "b'{\"a\": ' + b'9' * 4301 + b'}'"
    ),
    _output("number-500-kb", "a conversion of digits is quadratic", INVALID, "b'{\"a\": ' + b'9' * 500000 + b'}'"),
    _output("number-fraction-500-kb", "digits behind the point", SUCCEEDED, "b'{\"a\": 0.' + b'1' * 500000 + b'}'"),
    _output("minus-zero", "a number that equals another", SUCCEEDED, 'b\'{"a": -0, "b": -0.0, "c": 1E+2}\''),
    _output("half-character", _NO_JSON, INVALID, 'b\'{"a": "\\\\ud800"}\''),
    _output("half-characters-many", "the same, many times", INVALID, "b'{\"a\": \"' + b'\\\\udfff' * 100000 + b'\"}'"),
    _output("nul", "NUL is a character of JSON", SUCCEEDED, 'b\'{"a": "\\\\u0000"}\''),
    _output(
        "keys-doubled",
        "members of one name: parsers disagree on which counts",
        SUCCEEDED,
        'b\'{"a": 1, "a": 2}\'',
        INVALID,
    ),
    _output(
        "keys-60000",
        "sixty thousand members",
        SUCCEEDED,
        "b'{' + b','.join(b'\"k%d\":0' % n for n in range(60000)) + b'}'",
    ),
    _output("key-800-kb", "one name as long as everything may be", SUCCEEDED, "b'{\"' + b'k' * 800000 + b'\": 1}'"),
    _output("white-space", "880 kB of nothing around an object", SUCCEEDED, "b' ' * 880000 + b'{}'"),
    _output("white-space-alone", "880 kB of nothing", INVALID, "b'\\n' * 880000"),
    _output("array", "an array is no set of variables", INVALID, "b'[1, 2]'"),
    _output(
        "prototype",
        "names that mean something elsewhere",
        SUCCEEDED,
        'b\'{"__proto__": {"a": 1}, "</script>": "<!--"}\'',
    ),
]

_BYTES = [
    _output("byte-order-mark", _NO_TEXT, INVALID, "b'\\xef\\xbb\\xbf{}'"),
    _output("utf-16", _NO_TEXT, INVALID, "'{\"a\": 1}'.encode('utf-16')"),
    _output("overlong", _NO_TEXT, INVALID, 'b\'{"a": "\\xc0\\xaf"}\''),
    _output("surrogate-bytes", _NO_TEXT, INVALID, 'b\'{"a": "\\xed\\xa0\\x80"}\''),
    _output("random", _NO_TEXT, INVALID, "bytes(range(256)) * 1000"),
    _output("megabytes", "larger than it may be", TOO_LARGE, "b'{\"a\": \"' + b'x' * 3000000 + b'\"}'"),
]

_CHECKED = [
    _output("unique-objects", "uniqueItems compares objects in pairs", SUCCEEDED, _OBJECTS + "']}'", schema=_UNIQUE),
    _output("unique-but-the-last", "the same with a double", INVALID, _OBJECTS + "',{\"a\":0}]}'", schema=_UNIQUE),
    _output(
        "unique-colliding-hashes",
        "numbers that Python hashes to a few values",
        INVALID,
        "b'{\"s\":[' + b','.join(b'%d' % (n % 4 * (2**61 - 1) + n // 4 % 2) for n in range(60000)) + b']}'",
        schema=_UNIQUE,
    ),
    _output(
        "nested-plus",
        "a value that sends a backtracking engine through 2^n ways to match it",
        INVALID,
        "b'{\"s\": \"' + b'a' * 800000 + b'!\"}'",
        schema=string("^(a+)+$"),
    ),
    _output(
        "names-nested-plus",
        "the same of a name, which is masked as well",
        SUCCEEDED,
        "b'{\"' + b'a' * 40 + b'!\": \"shown\", \"' + b'a' * 100000 + b'!\": 1}'",
        schema=lambda: {"patternProperties": {"^(a+)+$": {"writeOnly": True}}},
    ),
    ScriptCase(
        name="output-hides-secrets",
        why="20,000 secrets to hide in an output of 880 kB",
        ends=(SUCCEEDED,),
        source=_write("b'{\"s\": \"' + b'secret-' * 125000 + b'\"}'"),
        script={"variablesSchema": {"additionalProperties": {"writeOnly": True}}},
        variables=lambda: {f"k{number}": f"secret-{number}" for number in range(20_000)},
    ),
]

_FILES = [
    ScriptCase(name=f"output-{name}", why=_NO_FILE, ends=(end,), source=source)
    for name, end, source in (
        ("fifo", INVALID, "os.mkfifo(out)\n"),
        ("link", INVALID, "os.symlink('/etc/passwd', out)\n"),
        ("link-to-zeros", INVALID, "os.symlink('/dev/zero', out)\n"),
        ("folder", INVALID, "os.mkdir(out)\n"),
        ("sparse", TOO_LARGE, "open(out, 'wb').truncate(1 << 40)\n"),
        ("growing", INVALID, "open(out, 'w').write('{')\nos.spawnlp(os.P_NOWAIT, 'sh', 'sh', '-c', f'yes >> {out}')\n"),
    )
]

_LOGS = [
    ScriptCase(name=f"log-{name}", why=why, ends=(SUCCEEDED,), source=source)
    for name, why, source in (
        (
            "100-mb",
            "more than anybody keeps",
            "line = b'x' * 99 + b'\\n'\nfor _ in range(1000):\n    os.write(1, line * 1000)\n",
        ),
        ("one-line-50-mb", "a line that never ends", "for _ in range(800):\n    os.write(1, b'x' * 62500)\n"),
        ("returns", "lines that overwrite themselves", "os.write(1, b'50 %\\r' * 400000)\n"),
        ("nul", "bytes that end a text elsewhere", "os.write(1, bytes(300000) + b'\\n')\n"),
        ("no-text", "bytes that are no UTF-8", "os.write(1, bytes(range(128, 256)) * 2000)\n"),
        ("escapes", "sequences that terminals obey", f"print('{_ESCAPES}' * 1000)\n"),
        (
            "events",
            "text that server-sent events are made of",
            "print('\\n\\nevent: end\\ndata: {}\\n\\nid: 9.9\\n' * 5000)\n",
        ),
        (
            "imitated",
            "lines that look like the operator's own log",
            'print(\'{"level": "error", "event": "owned"}\\n\' * 5000)\n',
        ),
        ("byte-by-byte", "a write for each byte", "for _ in range(50000):\n    os.write(1, b'x')\n"),
        ("closed-streams", "no stream to write to", "os.close(0), os.close(1), os.close(2)\n"),
    )
]

_MESSAGES = [
    ScriptCase(
        name="message-escapes",
        why="the end of stderr becomes a message that kubectl prints on people's terminals",
        ends=(FAILED,),
        source=f"sys.exit('{_ESCAPES}')\n",
    ),
    ScriptCase(
        name="message-one-line-1-mb",
        why="a message of a single line, larger than any status",
        ends=(FAILED,),
        source="sys.exit('x' * 1000000)\n",
    ),
    ScriptCase(
        name="message-half-characters",
        why="a message with halves of characters",
        ends=(FAILED,),
        source="os.write(2, b'\\xed\\xa0\\x80' * 10000 + b'\\xff' * 10000)\nos._exit(255)\n",
    ),
    ScriptCase(
        name="message-killed",
        why="a script that kills itself and its like",
        ends=(FAILED,),
        source="import signal\nos.kill(os.getpid(), signal.SIGKILL)\n",
    ),
    ScriptCase(
        name="termination-message-forged",
        why="the file that the kubelet takes the termination message from, filled by the script",
        ends=(SUCCEEDED,),
        source="open('/dev/termination-log', 'wb').write(b'[' * 4096)\n" + _write("b'{}'"),
        script={"output": {"transport": "TerminationMessage"}},
    ),
    ScriptCase(
        name="termination-message-too-small",
        why="an output that the termination message has no room for",
        ends=(TOO_LARGE,),
        source=_write("b'{\"a\": \"' + b'x' * 4000 + b'\"}'"),
        script={"output": {"transport": "TerminationMessage"}},
    ),
]

_CONTRACTS = [
    ScriptCase(name=name, why=why, ends=(end,), source=source, script={"contract": contract})
    for name, contract, why, end, source in (
        ("stdio-nothing", "stdio", "no result at all", INVALID, "pass\n"),
        (
            "stdio-two-results",
            "stdio",
            "two results, one after the other",
            INVALID,
            'print(\'{"status": "COMPLETED"}\' * 2)\n',
        ),
        (
            "stdio-100-mb",
            "stdio",
            "a result without end",
            TOO_LARGE,
            "for _ in range(1600):\n    os.write(1, b'{' * 62500)\n",
        ),
        ("stdio-nested", "stdio", "a result deeper than a stack", INVALID, "print('{\"status\":' + '[' * 200000)\n"),
        (
            "stdio-logs-many",
            "stdio",
            "half a million lines of log in a result",
            SUCCEEDED,
            "print('{\"status\": \"COMPLETED\", \"logs\": [' + ','.join(['\"x\"'] * 200000) + ']}')\n",
        ),
        (
            "stream-100-mb",
            "stream",
            "an output without end",
            TOO_LARGE,
            "for _ in range(1600):\n    os.write(1, b'x' * 62500)\n",
        ),
        (
            "stream-quotes",
            "stream",
            "a text that doubles when it becomes JSON",
            TOO_LARGE,
            "os.write(1, b'\"' * 880000)\n",
        ),
    )
]

SCRIPTS: list[ScriptCase] = [*_JSON, *_BYTES, *_CHECKED, *_FILES, *_LOGS, *_MESSAGES, *_CONTRACTS]
