"""Checks the expressions of a document without evaluating them."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from scriptrun.policies.expressions.engine import ROOTS, compile_expression
from scriptrun.policies.expressions.faults import ExpressionError, Fault
from scriptrun.policies.expressions.paths import find_paths, list_steps_read
from scriptrun.policies.expressions.template import Expression, parse_template

__all__ = ["MOST_EXPRESSIONS", "Known", "check_expressions", "find_texts", "list_expressions"]

MOST_EXPRESSIONS = 256
"""Of one document, such as the input of a step."""

STEP_MEMBERS = ("attempts", "message", "output", "phase", "reason", "run")
RUN_MEMBERS = ("name", "namespace", "startedAt", "trigger", "uid", "workflow")


@dataclass(frozen=True, slots=True)
class Known:
    """What may be read at a place of a Workflow.

    Attributes:
        before: names of the steps that have ended or were skipped by then.
        others: names of all other steps.
    """

    before: Collection[str] = ()
    others: Collection[str] = ()


def find_texts(document: Any, place: str) -> Iterator[tuple[str, str]]:
    """Find every text of a JSON value that may hold an expression, with its path."""
    rest: list[tuple[str, Any]] = [(place, document)]
    while rest:
        here, value = rest.pop()
        if isinstance(value, str):
            if "{{" in value:
                yield here, value
        elif isinstance(value, dict):
            rest.extend((f"{here}.{name}", item) for name, item in reversed(value.items()))
        elif isinstance(value, list):
            rest.extend((f"{here}[{number}]", item) for number, item in reversed([*enumerate(value)]))


def list_expressions(document: Any, place: str) -> tuple[list[tuple[str, Expression]], list[Fault]]:
    """List the expressions of a JSON value with their places, and the texts in which none can be found."""
    found: list[tuple[str, Expression]] = []
    faults: list[Fault] = []
    for here, text in find_texts(document, place):
        try:
            found += ((here, expression) for expression in parse_template(text).expressions)
        except ExpressionError as error:
            faults.append(Fault(here, str(error)))
        if len(found) > MOST_EXPRESSIONS:
            faults.append(Fault(place, f"has more than {MOST_EXPRESSIONS} expressions: use a script"))
            break
    return found, faults


def check_expressions(document: Any, place: str, known: Known) -> list[Fault]:
    """Check every expression of a JSON value: that it is CEL, and reads only what is there by then.

    Args:
        document: a part of a Workflow.
        place: the path of that part.
        known: the steps it may read.
    """
    found, faults = list_expressions(document, place)
    for here, expression in found:
        try:
            message = _check(expression, known)
        except ExpressionError as error:
            message = str(error)
        if message:
            faults.append(Fault(here, message, expression.source))
    return faults


def _check(expression: Expression, known: Known) -> str:
    for name in list_steps_read(expression.tokens):
        if name in known.before:
            continue
        if name in known.others:
            return f"step {name!r} has not run by then: only steps before it can be read"
        if not any(other.startswith(f"{name}-") for other in (*known.before, *known.others)):
            there = ", ".join([*known.before][:10])
            return f"there is no step {name!r} before this one; {f'there are {there}' if there else 'it is the first'}"
    compile_expression(expression)
    for path in find_paths(expression.tokens, ROOTS):
        if message := _check_members(path.members):
            return message
    return ""


def _check_members(members: Sequence[str | int]) -> str:
    if members[0] == "steps" and len(members) > 2 and members[2] not in STEP_MEMBERS:
        return f"a step has no {members[2]}, but {', '.join(STEP_MEMBERS)}"
    if members[0] == "run" and len(members) > 1 and members[1] not in RUN_MEMBERS:
        return f"run has no {members[1]}, but {', '.join(RUN_MEMBERS)}"
    return ""
