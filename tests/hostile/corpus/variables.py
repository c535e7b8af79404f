"""Variables by people who may create runs, given both to the operator (kubectl) and to the REST API."""

from functools import partial

from hostile.corpus.case import ACCEPTED, BAD_VARIABLES, NO_SCRIPT, TOO_LARGE, VariablesCase
from hostile.corpus.make import (
    branch_down,
    branch_refs,
    colliding,
    member,
    nest_json,
    nest_lists,
    nest_objects,
    objects,
    string,
    text,
    wide,
)

_BACKTRACKS = "ReDoS: a value with 2^n ways to match"
_STRINGS = 400_000

_PATTERNS = [
    VariablesCase(
        name="value-nested-plus",
        why=_BACKTRACKS,
        ends=(BAD_VARIABLES,),
        schema=string("^(a+)+$"),
        variables=lambda: {"s": text(40)},
        says="variables.s",
    ),
    VariablesCase(
        name="value-nested-plus-long",
        why=_BACKTRACKS,
        ends=(BAD_VARIABLES,),
        schema=string("^(a+)+$"),
        variables=lambda: {"s": text(_STRINGS)},
    ),
    VariablesCase(
        name="value-overlapping-branches",
        why=_BACKTRACKS,
        ends=(BAD_VARIABLES,),
        schema=string("^(a|a|aa)+$"),
        variables=lambda: {"s": text(_STRINGS)},
    ),
    VariablesCase(
        name="value-polynomial",
        why="ReDoS: five overlapping stars take n^5 steps",
        ends=(BAD_VARIABLES,),
        schema=string(r"^\s*\s*\s*\s*\s*x$"),
        variables=lambda: {"s": text(_STRINGS, " ")},
    ),
    VariablesCase(
        name="value-unanchored",
        why="ReDoS: an unanchored pattern is tried from every position, which takes n^2 steps",
        ends=(BAD_VARIABLES,),
        schema=string("a+b"),
        variables=lambda: {"s": text(_STRINGS)},
    ),
    VariablesCase(
        name="value-many-strings",
        why="many strings against one pattern",
        ends=(BAD_VARIABLES,),
        schema=member({"type": "array", "items": {"type": "string", "pattern": "^(x+)+$"}}),
        variables=lambda: {"s": ["x!"] * 100_000},
    ),
    VariablesCase(
        name="key-nested-plus",
        why="ReDoS: patternProperties match the name of a variable when it is checked and when it is masked",
        ends=(ACCEPTED,),
        schema=lambda: {"patternProperties": {"^(a+)+$": {"writeOnly": True}}},
        variables=lambda: {text(40): 1},
    ),
    VariablesCase(
        name="key-nested-plus-long",
        why="ReDoS: the same with a name of 100 kB",
        ends=(ACCEPTED,),
        schema=lambda: {"patternProperties": {"^(a+)+$": {"writeOnly": True}}},
        variables=lambda: {text(100_000): 1},
    ),
    VariablesCase(
        name="keys-times-patterns",
        why="quadratic: 40,000 names against 100 patterns",
        ends=(ACCEPTED,),
        schema=lambda: {"patternProperties": {f"^x{number}$": {"writeOnly": True} for number in range(100)}},
        variables=partial(wide, 40_000),
    ),
    VariablesCase(
        name="keys-times-many-patterns",
        why="memory: the engine keeps something for each name and pattern, of 40,000 and 250",
        product=True,
        ends=(BAD_VARIABLES, ACCEPTED),
        schema=lambda: {"patternProperties": {f"^x{number}$": {"writeOnly": True} for number in range(250)}},
        variables=partial(wide, 40_000),
    ),
    VariablesCase(
        name="names-nested-plus",
        why="ReDoS: propertyNames match each name",
        ends=(BAD_VARIABLES,),
        schema=lambda: {"propertyNames": {"pattern": "^(a+)+$"}},
        variables=lambda: {text(40): 1},
    ),
]

_COMPARED = [
    VariablesCase(
        name="unique-objects",
        why="quadratic: uniqueItems over 40,000 objects",
        ends=(ACCEPTED,),
        schema=member({"type": "array", "uniqueItems": True}),
        variables=lambda: {"s": objects(40_000)},
    ),
    VariablesCase(
        name="unique-objects-but-the-last",
        why="quadratic: uniqueItems with the only duplicate at the very end",
        ends=(BAD_VARIABLES,),
        schema=member({"type": "array", "uniqueItems": True}),
        variables=lambda: {"s": [*objects(40_000), {"a": 0}]},
    ),
    VariablesCase(
        name="unique-colliding-hashes",
        why="hash collisions: a set of these numbers degrades to a list",
        ends=(BAD_VARIABLES,),
        schema=member({"type": "array", "uniqueItems": True}),
        variables=lambda: {"s": colliding(40_000)},
    ),
    VariablesCase(
        name="enum-5000-objects-times-100",
        why="quadratic: 4,000 items against an enum of 5,000 objects",
        product=True,
        ends=(BAD_VARIABLES,),
        schema=lambda: {"properties": {"s": {"items": {"enum": objects(5000)}}}},
        variables=lambda: {"s": [*objects(4000), {"a": -1}]},
    ),
    VariablesCase(
        name="contains-none",
        why="quadratic: contains tries 1,000 branches for each of 40,000 items",
        product=True,
        ends=(BAD_VARIABLES,),
        schema=member({"contains": {"anyOf": [{"const": f"x{number}"} for number in range(1000)]}}),
        variables=lambda: {"s": list(range(40_000))},
    ),
    VariablesCase(
        name="one-of-none",
        why="2,000 branches that all fail, each with an error to collect and rank",
        product=True,
        ends=(BAD_VARIABLES,),
        schema=lambda: {"oneOf": [{"required": [f"k{number}"]} for number in range(2000)]},
        variables=partial(wide, 20_000, "x"),
    ),
    VariablesCase(
        name="errors-60000",
        why="60,000 errors: one is enough",
        ends=(BAD_VARIABLES,),
        schema=lambda: {"additionalProperties": {"type": "string"}},
        variables=partial(wide, 60_000),
    ),
    VariablesCase(
        name="unevaluated-many",
        why="quadratic: 10,000 members against 500 branches",
        product=True,
        ends=(BAD_VARIABLES,),
        schema=lambda: {
            "anyOf": [{"properties": {f"k{number}": {}}} for number in range(500)],
            "unevaluatedProperties": False,
        },
        variables=partial(wide, 10_000),
    ),
]

_REFERENCES = [
    VariablesCase(
        name="refs-2-to-the-30",
        why="exponential: 2^30 paths through references, all of which match",
        ends=(NO_SCRIPT,),
        schema=partial(branch_refs, 30),
        variables=lambda: {"s": 1},
    ),
    VariablesCase(
        name="refs-2-to-the-30-failing",
        why="exponential: 2^30 paths through references, none of which matches",
        ends=(NO_SCRIPT,),
        schema=partial(branch_refs, 30, "anyOf", False),
        variables=lambda: {"s": 1},
    ),
    VariablesCase(
        name="refs-2-to-the-25-with-depth",
        why="exponential: two branches at each level of the document, to a secret",
        ends=(ACCEPTED,),
        schema=partial(branch_down, 25, {"writeOnly": True}),
        variables=partial(nest_objects, 30),
    ),
    VariablesCase(
        name="refs-2-to-the-60-masked",
        why="exponential: masking follows every branch, even where checking stops at the first",
        ends=(NO_SCRIPT,),
        schema=partial(branch_refs, 60, "anyOf", {"writeOnly": True}),
        variables=lambda: {"s": "secret"},
    ),
    VariablesCase(
        name="refs-2-to-the-11",
        why="exponential: as many paths through references as a schema may have, all of which match",
        ends=(ACCEPTED,),
        schema=partial(branch_refs, 11),
        variables=partial(wide, 20_000),
    ),
    VariablesCase(
        name="refs-2-to-the-11-masked",
        why="exponential: as many paths through references to a secret as a schema may have",
        ends=(ACCEPTED,),
        schema=partial(branch_refs, 11, "anyOf", {"additionalProperties": {"writeOnly": True}}),
        variables=partial(wide, 20_000),
    ),
    VariablesCase(
        name="ref-recursive-180-levels",
        why="recursion: a recursive schema over a document of the greatest depth allowed",
        ends=(ACCEPTED,),
        schema=lambda: {"properties": {"a": {"$ref": "#"}}},
        variables=partial(nest_objects, 180),
    ),
]

_SHAPES = [
    VariablesCase(
        name="value-nested-190",
        why="nesting within the limit of 200 levels",
        ends=(ACCEPTED,),
        variables=lambda: {"s": nest_lists(190)},
    ),
    VariablesCase(
        name="value-nested-250",
        why="nesting beyond the limit of 200 levels",
        ends=(BAD_VARIABLES,),
        variables=lambda: {"s": nest_lists(250)},
    ),
    VariablesCase(
        name="value-nested-950",
        why="stack depth: Python can parse this, but not serialize it",
        ends=(BAD_VARIABLES,),
        variables=lambda: b'{"s": %s}' % nest_json(950),
    ),
    VariablesCase(
        name="value-nested-2000",
        why="stack depth: Python's JSON parser fails, in every watch that delivers the object",
        ends=(BAD_VARIABLES,),
        variables=lambda: b'{"s": %s}' % nest_json(2000),
    ),
    VariablesCase(
        name="value-nested-9000",
        why="stack depth: close to the API server's limit of 10,000 levels",
        ends=(BAD_VARIABLES,),
        variables=lambda: b'{"s": %s}' % nest_json(9000),
    ),
    VariablesCase(
        name="string-880-kb",
        why="size: one string just below the limit",
        ends=(ACCEPTED,),
        variables=lambda: {"s": "x" * 880_000},
    ),
    VariablesCase(
        name="string-1-mb",
        why="size: one string above the limit",
        ends=(TOO_LARGE,),
        variables=lambda: {"s": "x" * 1_000_000},
    ),
    VariablesCase(
        name="keys-60000",
        why="size: 60,000 variables",
        ends=(ACCEPTED,),
        variables=partial(wide, 60_000),
    ),
    VariablesCase(
        name="key-100-kb",
        why="size: a name of 100 kB",
        ends=(ACCEPTED,),
        variables=lambda: {"k" * 100_000: 1},
    ),
    VariablesCase(
        name="numbers-at-the-edge",
        why="numbers at the edges of their types, and minus zero",
        ends=(ACCEPTED,),
        variables=lambda: {"s": [9.2e18, 5e-324, -0.0, 2**63 - 1, -(2**63)]},
    ),
    VariablesCase(
        name="number-beyond-64-bits",
        why="rounding: Kubernetes would keep another number",
        ends=(BAD_VARIABLES,),
        variables=lambda: {"s": 2**64 + 1},
    ),
    VariablesCase(
        name="number-beyond-64-bits-among-many",
        why="rounding: the same in variables of 500 kB",
        ends=(BAD_VARIABLES,),
        variables=lambda: {"s": 2**64 + 1, "t": "x" * 500_000},
    ),
    VariablesCase(
        name="arrays-290000",
        why="garbage collection: as many empty arrays as fit",
        ends=(ACCEPTED,),
        variables=lambda: b'{"s": [' + b"[]," * 290_000 + b"[]]}",
    ),
    VariablesCase(
        name="multiple-of-tiny",
        why="numeric overflow: multipleOf divides by a tiny number",
        ends=(ACCEPTED, BAD_VARIABLES),
        schema=member({"multipleOf": 1e-300}),
        variables=lambda: {"s": 1.7e308},
    ),
    VariablesCase(
        name="control-characters",
        why="control characters, escape sequences and bidirectional text in names and values",
        ends=(ACCEPTED,),
        variables=lambda: {"\x1b[2J\u202e\u2028": "\x00\x07\x1b]8;;http://evil\x07", "s": "\ufeff\ufffe\U0010ffff"},
    ),
    VariablesCase(
        name="control-characters-quoted",
        why="terminal escapes: the message quotes the value",
        ends=(BAD_VARIABLES,),
        schema=member({"type": "integer"}),
        variables=lambda: {"s": "\x1b]0;owned\x07\x1b[2J\r\n\x9b31m"},
    ),
    VariablesCase(
        name="environment-names",
        why="injection: names of environment variables are only names",
        ends=(ACCEPTED,),
        variables=lambda: {"LD_PRELOAD": "/tmp/x.so", "PATH": "/tmp", "PYTHONSTARTUP": "/tmp/x.py", "__proto__": {}},
    ),
    VariablesCase(
        name="format-long",
        why="ReDoS: formats are often checked by backtracking patterns",
        ends=(ACCEPTED, BAD_VARIABLES),
        schema=lambda: {
            "properties": {
                name: {"format": name}
                for name in (
                    "date-time",
                    "email",
                    "hostname",
                    "idn-hostname",
                    "uri",
                    "iri",
                    "regex",
                    "ipv6",
                    "duration",
                )
            }
        },
        variables=lambda: {
            "date-time": "2026-01-31T12:00:00." + "0" * 80_000,
            "email": "a" * 40_000 + "@" + "a." * 20_000,
            "hostname": "a." * 40_000,
            "idn-hostname": "\u00e4." * 20_000,
            "uri": "http://" + "%41" * 20_000,
            "iri": "http://" + "\u00e4" * 40_000,
            "regex": "(" * 40_000,
            "ipv6": ":" * 80_000,
            "duration": "P" + "1" * 80_000 + "Y",
        },
    ),
    VariablesCase(
        name="min-length-huge",
        why="a limit that no document can reach",
        ends=(BAD_VARIABLES,),
        schema=member({"minLength": 2**62}),
        variables=lambda: {"s": "\U0010ffff" * 200_000},
    ),
    VariablesCase(
        name="secrets-20000",
        why="quadratic: 20,000 secrets to hide, each in the whole text",
        ends=(ACCEPTED,),
        schema=lambda: {"additionalProperties": {"writeOnly": True}},
        variables=lambda: {f"k{number}": f"secret-{number}" for number in range(20_000)},
    ),
    VariablesCase(
        name="secrets-nested",
        why="quadratic: secrets that are prefixes of each other",
        ends=(ACCEPTED,),
        schema=lambda: {"properties": {"s": {"writeOnly": True}}},
        variables=lambda: {"s": ["a" * length for length in range(4, 1200)]},
    ),
]

VARIABLES: list[VariablesCase] = [*_PATTERNS, *_COMPARED, *_REFERENCES, *_SHAPES]
