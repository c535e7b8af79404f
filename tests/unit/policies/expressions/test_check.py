"""Checks of expressions before anything runs: syntax, names, which steps they read, and what habit writes."""

import pytest

from scriptrun.policies.expressions.check import Known, check_expressions
from scriptrun.policies.expressions.paths import list_steps_read
from scriptrun.policies.expressions.template import EXPRESSION_LIMIT, parse_template

KNOWN = Known(before=["fetch-order", "sum"], others=["later"])


def check(source: str) -> str:
    faults = check_expressions({"a": [f"{{{{ {source} }}}}"]}, "steps[1].input", KNOWN)
    assert len(faults) <= 1
    assert all(fault.place == "steps[1].input.a[0]" for fault in faults)
    return faults[0].message if faults else ""


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("steps.sum.output + steps['fetch-order'].output.x", ["sum", "fetch-order"]),
        ('steps["fetch-order"].output.steps.none', ["fetch-order"]),
        ("'steps.no.output' + input.steps.nor", []),
        ("steps . sum // steps.no\n . output", ["sum"]),
        ("input.l.map(x, x + steps.sum.output)", ["sum"]),
        ("default(steps.sum.output.x, steps.other.output)", ["sum", "other"]),
        ("steps.?sum.output", []),
    ],
)
def test_steps_that_are_read_are_found(source: str, names: list[str]) -> None:
    (expression,) = parse_template(f"{{{{ {source} }}}}").expressions
    if ".?" in source:
        with pytest.raises(ValueError, match="must be followed by the name"):
            list_steps_read(expression.tokens)
    else:
        assert list_steps_read(expression.tokens) == names


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("input.a | default(b)", "write default(a, b)"),
        ("input.a | upper", "CEL has no filters"),
        ("steps.fetch-order.output", 'write steps["fetch-order"]'),
        ("not input.a", "write !"),
        ("input.a and input.b", "write &&"),
        ("input.a or input.b", "write ||"),
        ("input.a == None", "write null"),
        ("input.a = 1", "write =="),
        ("1 if input.a else 2", "write b ? a : c"),
        ("$.a", "JSONPath"),
        ("len(input.a)", "write size(x)"),
        ("inputs.a", "did you mean input?"),
        ("foo", "there are config, event, input, run, steps"),
        ("default(1, 2)", "must be a member"),
        ("default(input.a)", "two arguments"),
        ("default(input.a, 1", "no closing parenthesis"),
        ("'a' + 1", "CEL has no string + int"),
        ("input.", "is not CEL"),
        ("(" * 100 + "1" + ")" * 100, "at most 32 levels"),
        ("steps.later.output", "has not run by then"),
        ("steps.nope.output", "there is no step 'nope' before this one; there are fetch-order, sum"),
        ("steps", "must be followed by the name of one"),
        ("steps[input.t].output", "must be followed by the name of one"),
        ("steps.sum.outputs", "a step has no outputs, but"),
        ("run.nam", "run has no nam, but"),
        ("input.l.all(steps, true)", "can't be the variable of a macro"),
    ],
)
def test_what_is_wrong_is_said_with_what_to_write(source: str, said: str) -> None:
    assert said in check(source)


@pytest.mark.parametrize(
    "source",
    ["steps.sum.output", "input.a - steps.sum.output", "input['a|b']", "'a = b | c'", "input.not", "run.uid", "1 == 1"],
)
def test_what_is_right_passes(source: str) -> None:
    assert check(source) == ""


def test_long_and_many_expressions_are_refused() -> None:
    assert "4096 characters" in check(f"'{'x' * EXPRESSION_LIMIT}'")
    (fault,) = check_expressions(["{{ 1 }}"] * 300, "p", KNOWN)
    assert "more than 256 expressions" in fault.message
