"""CEL itself: the environment, compilation, evaluation of one expression."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from cel_expr_python import cel
from cel_expr_python.ext import ext_math, ext_optional, ext_strings

from scriptrun.policies.bounded import BoundedCache
from scriptrun.policies.expressions.defaults import expand_defaults
from scriptrun.policies.expressions.faults import ExpressionError
from scriptrun.policies.expressions.functions import Moment, declare_functions, set_moment
from scriptrun.policies.expressions.hints import explain_failure, explain_syntax, find_habit
from scriptrun.policies.expressions.paths import find_paths, parse_path
from scriptrun.policies.expressions.template import Expression
from scriptrun.policies.expressions.values import check_for_cel, from_cel, prune

__all__ = ["ROOTS", "Program", "compile_expression", "evaluate", "look_up", "prune_variables"]

ROOTS = frozenset({"config", "event", "input", "run", "steps"})
"""The variables that expressions have."""

_CACHE_BYTES = 16 * 2**20
_BYTES_PER_CHARACTER = 40


@dataclass(frozen=True, slots=True)
class Program:
    """An expression, ready to be evaluated.

    Attributes:
        expression: as it was written.
        paths: all it reads.
        required: the same, without what may be missing.
        is_path: it is no more than one path, for which CEL is not needed.
        program: CEL's.
    """

    expression: Expression
    paths: tuple[tuple[str | int, ...], ...]
    required: tuple[tuple[str | int, ...], ...]
    is_path: bool
    program: Any


_programs: BoundedCache[str, Program] = BoundedCache(_CACHE_BYTES)


@cache
def _environment() -> Any:
    return cel.NewEnv(
        variables=dict.fromkeys(sorted(ROOTS), cel.Type.DYN),
        extensions=[ext_strings.ExtStrings(), ext_math.ExtMath(), ext_optional.ExtOptional()],
        functions=declare_functions(),
    )


def compile_expression(expression: Expression) -> Program:
    """Compile an expression; the ones used last are kept.

    Raises:
        ExpressionError: it is no CEL, or uses unknown names.
    """
    return _programs.get(expression.source, lambda: _compile(expression))


def _compile(expression: Expression) -> tuple[Program, int]:
    if habit := find_habit(expression.tokens):
        raise ExpressionError(habit)
    found = list(find_paths(expression.tokens, ROOTS))
    uses_default = any(token.text == "default" for token in expression.tokens)
    source = expand_defaults(expression.tokens) if uses_default else expression.source
    try:
        program = _environment().compile(source)
    except RuntimeError as error:
        raise ExpressionError(explain_syntax(str(error), ROOTS)) from None
    paths = tuple(path.members for path in found)
    required = tuple(path.members[: path.required] for path in found)
    whole = parse_path(expression.tokens, 0)
    is_path = whole in found and whole.end == len(expression.tokens) and paths == required
    return Program(expression, paths, required, is_path, program), _BYTES_PER_CHARACTER * len(source)


def prune_variables(programs: list[Program], variables: Mapping[str, Any]) -> dict[str, Any]:
    """Take from the variables what some programs read."""
    pruned: dict[str, Any] = prune(variables, [path for program in programs for path in program.paths])
    return pruned


def evaluate(program: Program, variables: Mapping[str, Any], moment: Moment) -> Any:
    """Evaluate an expression. Bounded by its size times that of what it reads, but for macros (``is_quick``).

    Args:
        program: the compiled expression.
        variables: JSON values by name.
        moment: what its functions may know.

    Raises:
        ExpressionError: it fails; the message says why, and names the member that is missing.
        MemoryError: it takes more memory than there is.
    """
    if program.is_path:
        return look_up(program.paths[0], variables)
    given: dict[str, Any] = {name: {} for name in ROOTS} | prune_variables([program], variables)
    check_for_cel(given)
    with set_moment(moment):
        try:
            result = program.program.eval(data=given)
            plain = result.plain_value()
        except (RuntimeError, TypeError) as error:
            raise ExpressionError(explain_failure(str(error), program.required, variables)) from None
    if result.type() == cel.Type.ERROR:
        raise ExpressionError(explain_failure(str(plain), program.required, variables))
    return from_cel(plain)


def look_up(path: tuple[str | int, ...], variables: Mapping[str, Any]) -> Any:
    """Get a member without CEL: any JSON value, also an integer of any size.

    Raises:
        ExpressionError: there is none.
    """
    value: Any = variables
    for member in path:
        if isinstance(value, Mapping) and member in value:
            value = value[member]
        elif isinstance(value, list) and isinstance(member, int) and member < len(value):
            value = value[member]
        elif value is variables and member in ROOTS:
            value = {}
        else:
            raise ExpressionError(explain_failure("NOT_FOUND: Key not found", (path,), variables))
    return value
