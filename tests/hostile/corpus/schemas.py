"""Schemas by people who may write Scripts: they must not stall who checks Scripts, nor reach out of the cluster."""

from functools import partial

from hostile.corpus.case import BAD_SCHEMA, READY, SchemaCase
from hostile.corpus.make import branch_refs, member, nest_schema, objects, string, wide

_READS_AS_LINEAR = "a pattern that takes a backtracking engine exponential time must cost nothing to check"
_NEEDS_BACKTRACKING = "a pattern that only a backtracking engine can match is refused before anybody runs it"
_FETCHES = "a schema must not make the operator or the API fetch an address of its author's choosing"

_PATTERNS = [
    SchemaCase(name=f"pattern-{name}", why=_READS_AS_LINEAR, ends=(READY,), schema=string(pattern))
    for name, pattern in {
        "nested-plus": "^(a+)+$",
        "nested-star": "^(a*)*$",
        "overlapping-branches": "^(a|a|aa)+$",
        "polynomial": r"^\s*\s*\s*\s*\s*x$",
        "class-overlap": r"^([a-zA-Z]+)*[0-9]$",
        "email": r"^[a-z0-9](([\-.]|_+)?([a-z0-9]+))*@[a-z0-9]+[.][a-z]{2,3}$",
        "lazy": "^(.+?)+?!$",
    }.items()
]

_UNSUPPORTED = [
    SchemaCase(
        name=f"pattern-{name}", why=_NEEDS_BACKTRACKING, ends=(BAD_SCHEMA,), schema=string(pattern), says="pattern"
    )
    for name, pattern in {
        "backreference": r"^(a*)*\1$",
        "lookahead": "^(?=(a+)+$)a*!$",
        "lookbehind": "(?<=a)+b",
        "not-closed": "(((((",
        "named-backreference": "(?P<x>a+)+(?P=x)",
    }.items()
]

_BOMBS = [
    SchemaCase(
        name="pattern-repetition-bomb",
        why="three nested repetitions of a thousand: an automaton of 10^9 states when it is compiled",
        ends=(BAD_SCHEMA,),
        schema=string("(((a{1000}){1000}){1000})"),
        says="pattern",
    ),
    SchemaCase(
        name="pattern-unicode-bomb",
        why="large Unicode classes under repetition take an automaton much memory",
        ends=(BAD_SCHEMA, READY),
        schema=string(r"^(\p{L}{1,200}\p{N}{1,200}){1,200}$"),
    ),
    SchemaCase(
        name="pattern-60-kb",
        why="a pattern as long as a whole schema may be",
        ends=(READY, BAD_SCHEMA),
        schema=string("^(" + "|".join(f"a{number}+" for number in range(8000)) + ")+$"),
    ),
    SchemaCase(
        name="pattern-properties-nested-plus",
        why="patternProperties match the names of variables, which callers choose",
        ends=(READY,),
        schema=lambda: {"patternProperties": {"^(a+)+$": {"writeOnly": True}}},
    ),
    SchemaCase(
        name="pattern-properties-backreference",
        why=_NEEDS_BACKTRACKING,
        ends=(BAD_SCHEMA,),
        schema=lambda: {"patternProperties": {r"^(a*)*\1$": {}}},
    ),
    SchemaCase(
        name="pattern-properties-thousands",
        why="2,000 patterns times 60,000 names",
        ends=(READY, BAD_SCHEMA),
        schema=lambda: {"patternProperties": {f"^x{number}$": {} for number in range(2000)}},
    ),
    SchemaCase(
        name="property-names-nested-plus",
        why="propertyNames match the names of variables, too",
        ends=(READY,),
        schema=lambda: {"propertyNames": {"pattern": "^(a+)+$"}},
    ),
]

_REFERENCES = [
    SchemaCase(
        name="ref-doubling",
        why="thirty definitions that refer to the next one twice: 2^30 steps for whoever follows them",
        ends=(READY, BAD_SCHEMA),
        schema=partial(branch_refs, 30),
    ),
    SchemaCase(
        name="ref-doubling-one-of",
        why="the same by oneOf, which may not stop at the first branch that matches",
        ends=(READY, BAD_SCHEMA),
        schema=partial(branch_refs, 30, "oneOf"),
    ),
    SchemaCase(
        name="ref-to-itself",
        why="a reference to itself that goes no deeper into the document never ends",
        ends=(READY, BAD_SCHEMA),
        schema=lambda: {"$ref": "#"},
    ),
    SchemaCase(
        name="ref-in-a-circle",
        why="the same by way of another",
        ends=(READY, BAD_SCHEMA),
        schema=lambda: {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}},
    ),
    SchemaCase(
        name="ref-chain-long",
        why="a thousand references one after the other: deeper than an interpreter's stack",
        ends=(READY, BAD_SCHEMA),
        schema=lambda: {
            "$ref": "#/$defs/d0",
            "$defs": {**{f"d{n}": {"$ref": f"#/$defs/d{n + 1}"} for n in range(1000)}, "d1000": {}},
        },
    ),
    SchemaCase(
        name="ref-to-nowhere",
        why="a reference that nobody can follow is found when the Script is checked, not by each run",
        ends=(BAD_SCHEMA,),
        schema=lambda: {"$ref": "#/$defs/missing"},
    ),
    SchemaCase(
        name="ref-pointer-hostile",
        why="a JSON pointer with escapes, an index too large and a name of many characters",
        ends=(BAD_SCHEMA,),
        schema=lambda: {"$ref": "#/~01~10/99999999999999999999/" + "x" * 10_000},
    ),
    SchemaCase(
        name="ref-dynamic",
        why="$dynamicRef finds its target while a document is checked",
        ends=(READY, BAD_SCHEMA),
        schema=lambda: {"$dynamicAnchor": "n", "properties": {"s": {"$dynamicRef": "#n"}}},
    ),
    *(
        SchemaCase(name=f"ref-{name}", why=_FETCHES, ends=(BAD_SCHEMA,), schema=member({"$ref": address}))
        for name, address in {
            "http": "http://{server}/schema.json",
            "metadata": "http://169.254.169.254/latest/meta-data/iam/security-credentials/",
            "file": "file:///etc/passwd",
            "relative": "../../etc/passwd",
            "data": "data:application/json,{}",
        }.items()
    ),
    SchemaCase(
        name="ref-base-elsewhere",
        why="$id makes relative references absolute: to another's host",
        ends=(BAD_SCHEMA,),
        schema=lambda: {"$id": "http://{server}/base/", "properties": {"s": {"$ref": "other.json"}}},
    ),
    SchemaCase(
        name="dialect-remote",
        why="$schema names a dialect that somebody would have to fetch",
        ends=(BAD_SCHEMA, READY),
        schema=lambda: {"$schema": "http://{server}/dialect", "type": "object"},
    ),
    SchemaCase(
        name="dialect-metadata",
        why="the same, of the cloud's metadata service",
        ends=(BAD_SCHEMA, READY),
        schema=lambda: {"$schema": "http://169.254.169.254/latest", "type": "object"},
    ),
]

_SHAPES = [
    SchemaCase(
        name="nested-90",
        why="nested as deep as somebody may really need",
        ends=(READY,),
        schema=partial(nest_schema, 45),
    ),
    SchemaCase(
        name="schema-nested-2000",
        why="nested deeper than an interpreter's stack, as JSON and as a schema",
        ends=(BAD_SCHEMA,),
        schema=partial(nest_schema, 1000),
    ),
    SchemaCase(
        name="schema-nested-9000",
        why="as deep as the API server takes it",
        ends=(BAD_SCHEMA,),
        schema=partial(nest_schema, 4500, "not"),
    ),
    SchemaCase(
        name="any-of-64-kb",
        why="as many branches as a schema has room for, each of which fails late",
        ends=(READY, BAD_SCHEMA),
        schema=lambda: {"anyOf": [{"required": [f"k{number}"]} for number in range(2700)]},
    ),
    SchemaCase(
        name="enum-5000-objects",
        why="an enum of objects is compared one by one",
        ends=(READY, BAD_SCHEMA),
        schema=member({"enum": objects(5000)}),
    ),
    SchemaCase(
        name="over-the-limit",
        why="a schema travels with each Job: larger than 64 KiB is refused with both numbers",
        ends=(BAD_SCHEMA,),
        schema=lambda: {"properties": wide(6000, value=True)},
        says="65536",
    ),
    SchemaCase(
        name="no-such-type",
        why="a misspelt type is found when the Script is checked",
        ends=(BAD_SCHEMA,),
        schema=lambda: {"type": "strnig"},
        says="strnig",
    ),
    SchemaCase(
        name="wrong-kinds",
        why="keywords with values of the wrong kind",
        ends=(BAD_SCHEMA,),
        schema=lambda: {"properties": [], "required": "all", "minLength": -1, "pattern": 7},
    ),
    SchemaCase(
        name="keywords-huge",
        why="limits that no machine word holds",
        ends=(READY, BAD_SCHEMA),
        schema=member({"minLength": 2**62, "maxItems": 2**62, "minimum": -1.7e308, "multipleOf": 1e-300}),
    ),
    SchemaCase(
        name="multiple-of-zero",
        why="a division by zero",
        ends=(BAD_SCHEMA,),
        schema=member({"multipleOf": 0}),
    ),
    SchemaCase(
        name="error-quotes-terminal-escapes",
        why="a message that quotes the schema must not carry terminal escapes to people",
        ends=(BAD_SCHEMA,),
        schema=lambda: {"type": "\x1b]0;owned\x07\x1b[2J"},
    ),
]

_OF_OUTPUT = [
    SchemaCase(
        name="output-unique-items",
        why="uniqueItems is quadratic where objects are compared in pairs",
        ends=(READY,),
        schema=member({"type": "array", "uniqueItems": True}),
        where="outputSchema",
    ),
    SchemaCase(
        name="output-backreference",
        why=_NEEDS_BACKTRACKING,
        ends=(BAD_SCHEMA,),
        schema=string(r"(a)\1"),
        where="outputSchema",
        says="outputSchema",
    ),
    SchemaCase(
        name="output-unevaluated",
        why="unevaluatedProperties has to know every branch that matched",
        ends=(READY,),
        schema=lambda: {
            "anyOf": [{"properties": {f"k{number}": {}}} for number in range(500)],
            "unevaluatedProperties": False,
        },
        where="outputSchema",
    ),
]

SCHEMAS: list[SchemaCase] = [*_PATTERNS, *_UNSUPPORTED, *_BOMBS, *_REFERENCES, *_SHAPES, *_OF_OUTPUT]
