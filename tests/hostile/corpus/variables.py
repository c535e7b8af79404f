"""Variables by people who may create runs, given both to the operator (kubectl) and to the REST API."""

from functools import partial

from hostile.corpus.case import ACCEPTED, REFUSED, TOO_LARGE, VariablesCase
from hostile.corpus.make import (
    branch_down,
    branch_refs,
    colliding,
    member,
    nest_lists,
    nest_objects,
    objects,
    string,
    text,
    wide,
)

_BACKTRACKS = "a value that sends a backtracking engine through 2^n ways to match it"
_STRINGS = 400_000

_PATTERNS = [
    VariablesCase(
        name="value-nested-plus",
        why=_BACKTRACKS,
        ends=(REFUSED,),
        schema=string("^(a+)+$"),
        variables=lambda: {"s": text(40)},
        says="variables.s",
    ),
    VariablesCase(
        name="value-nested-plus-long",
        why=_BACKTRACKS,
        ends=(REFUSED,),
        schema=string("^(a+)+$"),
        variables=lambda: {"s": text(_STRINGS)},
    ),
    VariablesCase(
        name="value-overlapping-branches",
        why=_BACKTRACKS,
        ends=(REFUSED,),
        schema=string("^(a|a|aa)+$"),
        variables=lambda: {"s": text(_STRINGS)},
    ),
    VariablesCase(
        name="value-polynomial",
        why="a pattern of five overlapping stars takes n^5 steps",
        ends=(REFUSED,),
        schema=string(r"^\s*\s*\s*\s*\s*x$"),
        variables=lambda: {"s": text(_STRINGS, " ")},
    ),
    VariablesCase(
        name="value-unanchored",
        why="a pattern without an anchor is tried from each place of the text: n^2 where each try goes to its end",
        ends=(REFUSED,),
        schema=string("a+b"),
        variables=lambda: {"s": text(_STRINGS)},
    ),
    VariablesCase(
        name="value-many-strings",
        why="a hundred thousand short strings against one pattern",
        ends=(REFUSED,),
        schema=member({"type": "array", "items": {"type": "string", "pattern": "^(x+)+$"}}),
        variables=lambda: {"s": ["x!"] * 100_000},
    ),
    VariablesCase(
        name="key-nested-plus",
        why="the name of a variable is matched by patternProperties, when it is checked and when it is masked",
        ends=(ACCEPTED,),
        schema=lambda: {"patternProperties": {"^(a+)+$": {"writeOnly": True}}},
        variables=lambda: {text(40): 1},
    ),
    VariablesCase(
        name="key-nested-plus-long",
        why="the same with a name of 100 kB",
        ends=(ACCEPTED,),
        schema=lambda: {"patternProperties": {"^(a+)+$": {"writeOnly": True}}},
        variables=lambda: {text(100_000): 1},
    ),
    VariablesCase(
        name="keys-times-patterns",
        why="every name is matched against every pattern: 40,000 times 1,000",
        ends=(ACCEPTED, REFUSED),
        schema=lambda: {"patternProperties": {f"^x{number}$": {"writeOnly": True} for number in range(1000)}},
        variables=partial(wide, 40_000),
    ),
    VariablesCase(
        name="names-nested-plus",
        why="propertyNames match each name",
        ends=(REFUSED,),
        schema=lambda: {"propertyNames": {"pattern": "^(a+)+$"}},
        variables=lambda: {text(40): 1},
    ),
]

_COMPARED = [
    VariablesCase(
        name="unique-objects",
        why="uniqueItems compares objects in pairs: 40,000 take 800 million comparisons",
        ends=(ACCEPTED,),
        schema=member({"type": "array", "uniqueItems": True}),
        variables=lambda: {"s": objects(40_000)},
    ),
    VariablesCase(
        name="unique-objects-but-the-last",
        why="the same, with the one that is there twice at the very end",
        ends=(REFUSED,),
        schema=member({"type": "array", "uniqueItems": True}),
        variables=lambda: {"s": [*objects(40_000), {"a": 0}]},
    ),
    VariablesCase(
        name="unique-colliding-hashes",
        why="numbers that Python hashes to a few values: a set of them is a list",
        ends=(REFUSED,),
        schema=member({"type": "array", "uniqueItems": True}),
        variables=lambda: {"s": colliding(40_000)},
    ),
    VariablesCase(
        name="enum-5000-objects-times-100",
        why="each item is compared with each value of an enum",
        ends=(REFUSED,),
        schema=lambda: {"properties": {"s": {"items": {"enum": objects(5000)}}}},
        variables=lambda: {"s": [*objects(4000), {"a": -1}]},
    ),
    VariablesCase(
        name="contains-none",
        why="contains looks at every item, and each look goes through every branch",
        ends=(REFUSED,),
        schema=member({"contains": {"anyOf": [{"const": f"x{number}"} for number in range(1000)]}}),
        variables=lambda: {"s": list(range(40_000))},
    ),
    VariablesCase(
        name="one-of-none",
        why="2,000 branches that all fail, each with an error to collect and to rank",
        ends=(REFUSED,),
        schema=lambda: {"oneOf": [{"required": [f"k{number}"]} for number in range(2000)]},
        variables=partial(wide, 20_000, "x"),
    ),
    VariablesCase(
        name="errors-without-end",
        why="every one of 60,000 members is wrong: one error is enough",
        ends=(REFUSED,),
        schema=lambda: {"additionalProperties": {"type": "string"}},
        variables=partial(wide, 60_000),
    ),
    VariablesCase(
        name="unevaluated-many",
        why="unevaluatedProperties asks of every member whether any of 500 branches knows it",
        ends=(REFUSED,),
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
        why="thirty definitions that refer to the next one twice, all of which match",
        ends=(ACCEPTED, REFUSED),
        schema=partial(branch_refs, 30),
        variables=lambda: {"s": 1},
    ),
    VariablesCase(
        name="refs-2-to-the-30-failing",
        why="the same, where the last one matches nothing: every way to it is tried",
        ends=(REFUSED,),
        schema=partial(branch_refs, 30, "anyOf", False),
        variables=lambda: {"s": 1},
    ),
    VariablesCase(
        name="refs-2-to-the-25-deeper",
        why="two branches at each level of the document: 2^25 places for who masks what is marked writeOnly",
        ends=(ACCEPTED, REFUSED),
        schema=partial(branch_down, 25, {"writeOnly": True}),
        variables=partial(nest_objects, 30),
    ),
    VariablesCase(
        name="refs-2-to-the-60-masked",
        why="masking follows every branch, also where checking may stop at the first",
        ends=(ACCEPTED, REFUSED),
        schema=partial(branch_refs, 60, "anyOf", {"writeOnly": True}),
        variables=lambda: {"s": "secret"},
    ),
    VariablesCase(
        name="ref-recursive-180-levels",
        why="a schema that describes itself, over a document that is as deep as it may be",
        ends=(ACCEPTED,),
        schema=lambda: {"properties": {"a": {"$ref": "#"}}},
        variables=partial(nest_objects, 180),
    ),
]

_SHAPES = [
    VariablesCase(
        name="value-nested-190",
        why="as deep as it may be",
        ends=(ACCEPTED,),
        variables=lambda: {"s": nest_lists(190)},
    ),
    VariablesCase(
        name="value-nested-250",
        why="deeper than a document may be",
        ends=(REFUSED,),
        variables=lambda: {"s": nest_lists(250)},
    ),
    VariablesCase(
        name="value-nested-950",
        why="so deep that Python reads it, and can't write it",
        ends=(REFUSED,),
        variables=lambda: {"s": nest_lists(950)},
    ),
    VariablesCase(
        name="value-nested-2000",
        why="so deep that Python's JSON reader gives up: whoever reads a watch must not give up with it",
        ends=(REFUSED,),
        variables=lambda: {"s": nest_lists(2000)},
    ),
    VariablesCase(
        name="value-nested-9000",
        why="as deep as the API server takes it",
        ends=(REFUSED,),
        variables=lambda: {"s": nest_lists(9000)},
    ),
    VariablesCase(
        name="string-880-kb",
        why="one string as long as everything may be",
        ends=(ACCEPTED,),
        variables=lambda: {"s": "x" * 880_000},
    ),
    VariablesCase(
        name="string-1-mb",
        why="a string longer than everything may be",
        ends=(TOO_LARGE,),
        variables=lambda: {"s": "x" * 1_000_000},
    ),
    VariablesCase(
        name="keys-60000",
        why="sixty thousand variables",
        ends=(ACCEPTED,),
        variables=partial(wide, 60_000),
    ),
    VariablesCase(
        name="key-100-kb",
        why="a name of 100 kB",
        ends=(ACCEPTED,),
        variables=lambda: {"k" * 100_000: 1},
    ),
    VariablesCase(
        name="numbers-at-the-edge",
        why="the largest and the smallest numbers there are, and minus zero",
        ends=(ACCEPTED,),
        variables=lambda: {"s": [1.7976931348623157e308, 5e-324, -0.0, 2**63 - 1, -(2**63)]},
    ),
    VariablesCase(
        name="multiple-of-tiny",
        why="a remainder of the largest number by the smallest",
        ends=(ACCEPTED, REFUSED),
        schema=member({"multipleOf": 1e-300}),
        variables=lambda: {"s": 1.7e308},
    ),
    VariablesCase(
        name="control-characters",
        why="NUL, terminal escapes, line separators and text that runs backwards, in names and values",
        ends=(ACCEPTED,),
        variables=lambda: {"\x1b[2J\u202e\u2028": "\x00\x07\x1b]8;;http://evil\x07", "s": "\ufeff\ufffe\U0010ffff"},
    ),
    VariablesCase(
        name="control-characters-quoted",
        why="a refusal that quotes a value must not carry terminal escapes to people",
        ends=(REFUSED,),
        schema=member({"type": "integer"}),
        variables=lambda: {"s": "\x1b]0;owned\x07\x1b[2J\r\n\x9b31m"},
    ),
    VariablesCase(
        name="names-of-the-environment",
        why="variables are data: names such as LD_PRELOAD and PATH must not become environment",
        ends=(ACCEPTED,),
        variables=lambda: {"LD_PRELOAD": "/tmp/x.so", "PATH": "/tmp", "PYTHONSTARTUP": "/tmp/x.py", "__proto__": {}},
    ),
    VariablesCase(
        name="format-long",
        why="formats are often checked by patterns that backtrack",
        ends=(ACCEPTED, REFUSED),
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
        name="min-length-of-nothing",
        why="limits that no document can reach",
        ends=(REFUSED,),
        schema=member({"minLength": 2**62}),
        variables=lambda: {"s": "\U0010ffff" * 200_000},
    ),
    VariablesCase(
        name="secrets-20000",
        why="20,000 secrets: whoever hides each of them in a text by its own takes 20,000 walks through it",
        ends=(ACCEPTED,),
        schema=lambda: {"additionalProperties": {"writeOnly": True}},
        variables=lambda: {f"k{number}": f"secret-{number}" for number in range(20_000)},
    ),
    VariablesCase(
        name="secrets-of-each-other",
        why="secrets that are the beginnings of each other",
        ends=(ACCEPTED,),
        schema=lambda: {"properties": {"s": {"writeOnly": True}}},
        variables=lambda: {"s": ["a" * length for length in range(4, 1200)]},
    ),
]

VARIABLES: list[VariablesCase] = [*_PATTERNS, *_COMPARED, *_REFERENCES, *_SHAPES]
