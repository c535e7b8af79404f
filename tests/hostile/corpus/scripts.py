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

_NO_JSON = "invalid JSON that Python's parser accepts, or that Kubernetes can't store"
_NO_TEXT = "invalid encoding"
_NO_FILE = "the output file is not a regular file, or keeps growing"
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
    _output("nested-190", "nesting within the limit of 200 levels", SUCCEEDED, "b'{\"a\":' * 190 + b'1' + b'}' * 190"),
    _output("nested-250", "nesting beyond the limit of 200 levels", INVALID, "b'{\"a\":' * 250 + b'1' + b'}' * 250"),
    _output("nested-10000", "deeper than an interpreter's stack", INVALID, "b'{\"a\":' * 10000 + b'1' + b'}' * 10000"),
    _output("nested-never-closed", "stack depth: 500 kB of open brackets", INVALID, "b'[' * 500000"),
    _output("nan", _NO_JSON, INVALID, "b'{\"a\": NaN}'"),
    _output("infinity", _NO_JSON, INVALID, "b'{\"a\": [-Infinity]}'"),
    _output("number-1e400", _NO_JSON, INVALID, "b'{\"a\": 1e400}'"),
    _output(
        "number-4301-digits",
        "Python refuses to convert integers of more than 4,300 digits",
        INVALID,
        "b'{\"a\": ' + b'9' * 4301 + b'}'",
    ),
    _output(
        "number-500-kb", "quadratic: the conversion of a long integer", INVALID, "b'{\"a\": ' + b'9' * 500000 + b'}'"
    ),
    _output("fraction-500-kb", "a long fraction", SUCCEEDED, "b'{\"a\": 0.' + b'1' * 500000 + b'}'"),
    _output("minus-zero", "minus zero and exponents", SUCCEEDED, 'b\'{"a": -0, "b": -0.0, "c": 1E+2}\''),
    _output("lone-surrogate", _NO_JSON, INVALID, 'b\'{"a": "\\\\ud800"}\''),
    _output(
        "lone-surrogates", "lone surrogates, many of them", INVALID, "b'{\"a\": \"' + b'\\\\udfff' * 100000 + b'\"}'"
    ),
    _output("nul", "NUL inside a string", SUCCEEDED, 'b\'{"a": "\\\\u0000"}\''),
    _output(
        "duplicate-keys",
        "duplicate keys: parsers disagree on which one counts",
        SUCCEEDED,
        'b\'{"a": 1, "a": 2}\'',
        INVALID,
    ),
    _output(
        "keys-60000",
        "size: 60,000 members",
        SUCCEEDED,
        "b'{' + b','.join(b'\"k%d\":0' % n for n in range(60000)) + b'}'",
    ),
    _output("key-800-kb", "size: a name just below the limit", SUCCEEDED, "b'{\"' + b'k' * 800000 + b'\": 1}'"),
    _output("whitespace", "880 kB of whitespace around an object", SUCCEEDED, "b' ' * 880000 + b'{}'"),
    _output("whitespace-only", "880 kB of whitespace and nothing else", INVALID, "b'\\n' * 880000"),
    _output("array", "an array instead of an object", INVALID, "b'[1, 2]'"),
    _output(
        "prototype",
        "injection: names that mean something in JavaScript and HTML",
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
    _output("megabytes", "size: an output over the limit", TOO_LARGE, "b'{\"a\": \"' + b'x' * 3000000 + b'\"}'"),
]

_CHECKED = [
    _output(
        "unique-objects", "quadratic: uniqueItems over 60,000 objects", SUCCEEDED, _OBJECTS + "']}'", schema=_UNIQUE
    ),
    _output(
        "unique-but-the-last",
        "quadratic: uniqueItems with the only duplicate at the end",
        INVALID,
        _OBJECTS + "',{\"a\":0}]}'",
        schema=_UNIQUE,
    ),
    _output(
        "unique-colliding-hashes",
        "hash collisions: uniqueItems over numbers that share few hashes",
        INVALID,
        "b'{\"s\":[' + b','.join(b'%d' % (n % 4 * (2**61 - 1) + n // 4 % 2) for n in range(40000)) + b']}'",
        schema=_UNIQUE,
    ),
    _output(
        "nested-plus",
        "ReDoS: a value with 2^n ways to match",
        INVALID,
        "b'{\"s\": \"' + b'a' * 800000 + b'!\"}'",
        schema=string("^(a+)+$"),
    ),
    _output(
        "names-nested-plus",
        "ReDoS: patternProperties match a name when it is checked and when it is masked",
        SUCCEEDED,
        "b'{\"' + b'a' * 40 + b'!\": \"shown\", \"' + b'a' * 100000 + b'!\": 1}'",
        schema=lambda: {"patternProperties": {"^(a+)+$": {"writeOnly": True}}},
    ),
    ScriptCase(
        name="output-hides-secrets",
        why="quadratic: 20,000 secrets to hide in an output of 880 kB",
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
    )
]
_FILES.append(
    ScriptCase(
        name="output-growing",
        why=_NO_FILE,
        ends=(TOO_LARGE, INVALID),
        source="open(out, 'w').write('{')\nos.spawnlp(os.P_NOWAIT, 'sh', 'sh', '-c', f'yes >> {out}')\n",
    )
)

_LOGS = [
    ScriptCase(name=f"log-{name}", why=why, ends=(SUCCEEDED,), source=source)
    for name, why, source in (
        (
            "100-mb",
            "size: 100 MB of log",
            "line = b'x' * 99 + b'\\n'\nfor _ in range(1000):\n    os.write(1, line * 1000)\n",
        ),
        ("one-line-50-mb", "size: a line of 50 MB", "for _ in range(800):\n    os.write(1, b'x' * 62500)\n"),
        ("carriage-returns", "carriage returns: lines that overwrite themselves", "os.write(1, b'50 %\\r' * 400000)\n"),
        ("nul", "NUL bytes", "os.write(1, bytes(300000) + b'\\n')\n"),
        ("not-text", "invalid UTF-8", "os.write(1, bytes(range(128, 256)) * 2000)\n"),
        ("escapes", "terminal escapes: titles, links, colors, bidirectional text", f"print('{_ESCAPES}' * 1000)\n"),
        (
            "server-sent-events",
            "injection: text that looks like server-sent events",
            "print('\\n\\nevent: end\\ndata: {}\\n\\nid: 9.9\\n' * 5000)\n",
        ),
        (
            "log-lines",
            "injection: lines that look like the operator's log",
            'print(\'{"level": "error", "event": "owned"}\\n\' * 5000)\n',
        ),
        ("byte-by-byte", "50,000 writes of one byte", "for _ in range(50000):\n    os.write(1, b'x')\n"),
        ("closed-streams", "the script closes its standard streams", "os.close(0), os.close(1), os.close(2)\n"),
    )
]

_MESSAGES = [
    ScriptCase(
        name="message-escapes",
        why="terminal escapes: the end of stderr becomes the run's message",
        ends=(FAILED,),
        source=f"sys.exit('{_ESCAPES}')\n",
    ),
    ScriptCase(
        name="message-one-line-1-mb",
        why="size: a message of one line of 1 MB",
        ends=(FAILED,),
        source="sys.exit('x' * 1000000)\n",
    ),
    ScriptCase(
        name="message-invalid-utf-8",
        why="invalid UTF-8 in a message",
        ends=(FAILED,),
        source="os.write(2, b'\\xed\\xa0\\x80' * 10000 + b'\\xff' * 10000)\nos._exit(255)\n",
    ),
    ScriptCase(
        name="message-killed",
        why="a script that kills itself",
        ends=(FAILED,),
        source="import signal\nos.kill(os.getpid(), signal.SIGKILL)\n",
    ),
    ScriptCase(
        name="termination-message-forged",
        why="forgery: the script writes its own termination message",
        ends=(SUCCEEDED,),
        source="open('/dev/termination-log', 'wb').write(b'[' * 4096)\n" + _write("b'{}'"),
        script={"output": {"transport": "TerminationMessage"}},
    ),
    ScriptCase(
        name="termination-message-too-small",
        why="size: an output that does not fit into the termination message",
        ends=(TOO_LARGE,),
        source=_write("b'{\"a\": \"' + b'x' * 4000 + b'\"}'"),
        script={"output": {"transport": "TerminationMessage"}},
    ),
]

_CONTRACTS = [
    ScriptCase(name=name, why=why, ends=(end,), source=source, script={"contract": contract})
    for name, contract, why, end, source in (
        ("stdio-nothing", "stdio", "stdout is empty", INVALID, "pass\n"),
        (
            "stdio-two-results",
            "stdio",
            "two results instead of one",
            INVALID,
            'print(\'{"status": "COMPLETED"}\' * 2)\n',
        ),
        (
            "stdio-100-mb",
            "stdio",
            "size: 100 MB on stdout",
            TOO_LARGE,
            "for _ in range(1600):\n    os.write(1, b'{' * 62500)\n",
        ),
        (
            "stdio-nested",
            "stdio",
            "stack depth: 200,000 open brackets",
            INVALID,
            "print('{\"status\":' + '[' * 200000)\n",
        ),
        (
            "stdio-logs-many",
            "stdio",
            "size: 200,000 lines of log in one result",
            SUCCEEDED,
            "print('{\"status\": \"COMPLETED\", \"logs\": [' + ','.join(['\"x\"'] * 200000) + ']}')\n",
        ),
        (
            "stream-100-mb",
            "stream",
            "size: 100 MB on stdout",
            TOO_LARGE,
            "for _ in range(1600):\n    os.write(1, b'x' * 62500)\n",
        ),
        (
            "stream-quotes",
            "stream",
            "size: a text that doubles when it is encoded as JSON",
            TOO_LARGE,
            "os.write(1, b'\"' * 880000)\n",
        ),
    )
]


def _asks(name: str, why: str, block: str, **dependencies: Any) -> ScriptCase:
    """A script that asks for libraries, in its block or in its Script."""
    source = f"# /// script\n{block}# ///\n" if block else "1\n"
    script: dict[str, Any] = {"dependencies": dependencies} if dependencies else {}
    return ScriptCase(name=f"libraries-{name}", why=why, ends=("DependencyError",), source=source, script=script)


_LIBRARIES = [
    _asks("nested", "stack depth: 4,000 open brackets in TOML", f"# x = {'[' * 4000}\n"),
    _asks("dotted", "quadratic: a TOML key of 3,000 parts", f"# {'a.' * 3000}b = 1\n"),
    _asks("blocks", "size: 4,000 blocks", "# /// script\n" * 4000),
    _asks("marker", "stack depth: a marker of open parentheses", "", requirements=[f"a;{'(' * 500}"]),
    _asks("options", "a lock that names another index", "", lock="--index-url http://elsewhere/simple\n"),
    _asks("backslashes", "size: 90,000 lines that go on", "", lock="\\\n" * 90_000),
]

SCRIPTS: list[ScriptCase] = [*_LIBRARIES, *_JSON, *_BYTES, *_CHECKED, *_FILES, *_LOGS, *_MESSAGES, *_CONTRACTS]
