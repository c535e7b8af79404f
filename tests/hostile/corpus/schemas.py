"""Schemas by people who may write Scripts: they must not stall who checks Scripts, nor reach out of the cluster."""

from functools import partial

from hostile.corpus.case import BAD_SCHEMA, READY, SchemaCase
from hostile.corpus.make import branch_refs, member, nest_schema, objects, string, wide

_READS_AS_LINEAR = "ReDoS: a pattern that takes a backtracking engine exponential time is checked in linear time"
_NEEDS_BACKTRACKING = "ReDoS: a pattern that needs a backtracking engine makes the Script not ready"
_FETCHES = "SSRF: a schema must not make the operator or the API fetch an address that its author chose"

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
        why="ReDoS at compile time: nested repetitions that expand to 10^9 states",
        ends=(BAD_SCHEMA,),
        schema=string("(((a{1000}){1000}){1000})"),
        says="pattern",
    ),
    SchemaCase(
        name="pattern-unicode-bomb",
        why="memory: large Unicode classes under repetition",
        ends=(BAD_SCHEMA,),
        schema=string(r"^(\p{L}{1,200}\p{N}{1,200}){1,200}$"),
    ),
    SchemaCase(
        name="pattern-60-kb",
        why="a pattern that fills the schema's size limit",
        ends=(BAD_SCHEMA,),
        schema=string("^(" + "|".join(f"a{number}+" for number in range(8000)) + ")+$"),
    ),
    SchemaCase(
        name="pattern-properties-nested-plus",
        why="ReDoS: patternProperties match the names of variables, which callers choose",
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
        why="quadratic: every name of a variable is matched against every pattern",
        ends=(BAD_SCHEMA,),
        schema=lambda: {"patternProperties": {f"^x{number}$": {} for number in range(2000)}},
    ),
    SchemaCase(
        name="property-names-nested-plus",
        why="ReDoS: propertyNames match the names of variables",
        ends=(READY,),
        schema=lambda: {"propertyNames": {"pattern": "^(a+)+$"}},
    ),
]

_REFERENCES = [
    SchemaCase(
        name="ref-doubling",
        why="exponential: 30 definitions, each of which refers to the next one twice",
        ends=(BAD_SCHEMA,),
        schema=partial(branch_refs, 30),
    ),
    SchemaCase(
        name="ref-doubling-one-of",
        why="exponential: the same with oneOf, which can't stop at the first match",
        ends=(BAD_SCHEMA,),
        schema=partial(branch_refs, 30, "oneOf"),
    ),
    SchemaCase(
        name="ref-to-itself",
        why="endless recursion: a reference to itself",
        ends=(BAD_SCHEMA,),
        schema=lambda: {"$ref": "#"},
    ),
    SchemaCase(
        name="ref-cycle",
        why="endless recursion: two definitions that refer to each other",
        ends=(BAD_SCHEMA,),
        schema=lambda: {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}},
    ),
    SchemaCase(
        name="ref-chain-long",
        why="stack depth: a chain of 1,000 references",
        ends=(BAD_SCHEMA,),
        schema=lambda: {
            "$ref": "#/$defs/d0",
            "$defs": {**{f"d{n}": {"$ref": f"#/$defs/d{n + 1}"} for n in range(1000)}, "d1000": {}},
        },
    ),
    SchemaCase(
        name="ref-without-target",
        why="a reference without a target is found when the Script is checked, not at each run",
        ends=(BAD_SCHEMA,),
        schema=lambda: {"$ref": "#/$defs/missing"},
    ),
    SchemaCase(
        name="ref-pointer-hostile",
        why="a JSON pointer with escapes, a huge index and a long name",
        ends=(BAD_SCHEMA,),
        schema=lambda: {"$ref": "#/~01~10/99999999999999999999/" + "x" * 10_000},
    ),
    SchemaCase(
        name="ref-dynamic",
        why="recursion: $dynamicRef resolves while a document is checked",
        ends=(READY,),
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
        why="SSRF: $id makes a relative reference absolute",
        ends=(BAD_SCHEMA,),
        schema=lambda: {"$id": "http://{server}/base/", "properties": {"s": {"$ref": "other.json"}}},
    ),
    SchemaCase(
        name="dialect-remote",
        why="SSRF: $schema names a dialect on a remote server",
        ends=(BAD_SCHEMA,),
        schema=lambda: {"$schema": "http://{server}/dialect", "type": "object"},
    ),
    SchemaCase(
        name="dialect-metadata",
        why="SSRF: $schema names the cloud's metadata service",
        ends=(BAD_SCHEMA,),
        schema=lambda: {"$schema": "http://169.254.169.254/latest", "type": "object"},
    ),
]

_SHAPES = [
    SchemaCase(
        name="nested-90",
        why="nesting within reason",
        ends=(READY,),
        schema=partial(nest_schema, 45),
    ),
    SchemaCase(
        name="schema-nested-2000",
        why="stack depth: nested deeper than Python's recursion limit",
        ends=(BAD_SCHEMA,),
        schema=partial(nest_schema, 1000),
    ),
    SchemaCase(
        name="schema-nested-9000",
        why="stack depth: close to the API server's limit of 10,000 levels",
        ends=(BAD_SCHEMA,),
        schema=partial(nest_schema, 9000, '{"not":', "}"),
    ),
    SchemaCase(
        name="any-of-64-kb",
        why="as many branches as fit into the size limit",
        ends=(READY,),
        schema=lambda: {"anyOf": [{"required": [f"k{number}"]} for number in range(2500)]},
    ),
    SchemaCase(
        name="enum-5000-objects",
        why="quadratic: each value is compared with each member of an enum",
        ends=(READY,),
        schema=member({"enum": objects(5000)}),
    ),
    SchemaCase(
        name="over-the-limit",
        why="size: a schema over its limit is refused, and the message names both numbers",
        ends=(BAD_SCHEMA,),
        schema=lambda: {"properties": wide(6000, value=True)},
        says="65536",
    ),
    SchemaCase(
        name="no-such-type",
        why="a misspelled type is found when the Script is checked",
        ends=(BAD_SCHEMA,),
        schema=lambda: {"type": "strnig"},
        says="strnig",
    ),
    SchemaCase(
        name="wrong-types",
        why="keywords with values of the wrong type",
        ends=(BAD_SCHEMA,),
        schema=lambda: {"properties": [], "required": "all", "minLength": -1, "pattern": 7},
    ),
    SchemaCase(
        name="keywords-huge",
        why="limits beyond a machine word",
        ends=(READY,),
        schema=member({"minLength": 2**62, "maxItems": 2**62, "minimum": -1.7e308, "multipleOf": 1e-300}),
    ),
    SchemaCase(
        name="multiple-of-zero",
        why="division by zero",
        ends=(BAD_SCHEMA,),
        schema=member({"multipleOf": 0}),
    ),
    SchemaCase(
        name="error-quotes-terminal-escapes",
        why="terminal escapes: the message quotes the schema",
        ends=(BAD_SCHEMA,),
        schema=lambda: {"type": "\x1b]0;owned\x07\x1b[2J"},
    ),
]

_OF_OUTPUT = [
    SchemaCase(
        name="output-unique-items",
        why="quadratic: uniqueItems compares objects in pairs",
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
        why="quadratic: unevaluatedProperties keeps track of every branch",
        ends=(READY,),
        schema=lambda: {
            "anyOf": [{"properties": {f"k{number}": {}}} for number in range(500)],
            "unevaluatedProperties": False,
        },
        where="outputSchema",
    ),
]

SCHEMAS: list[SchemaCase] = [*_PATTERNS, *_UNSUPPORTED, *_BOMBS, *_REFERENCES, *_SHAPES, *_OF_OUTPUT]
