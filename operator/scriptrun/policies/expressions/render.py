"""Renders JSON values: every expression in them gives way to what it comes to."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from scriptrun.policies.documents import find_too_deep
from scriptrun.policies.effort import is_at_most
from scriptrun.policies.expressions.check import list_expressions
from scriptrun.policies.expressions.cost import is_quick
from scriptrun.policies.expressions.engine import Program, compile_expression, evaluate, prune_variables
from scriptrun.policies.expressions.faults import ExpressionError, Fault
from scriptrun.policies.expressions.functions import RESULT_LIMIT_BYTES, Moment
from scriptrun.policies.expressions.template import Template, parse_template

__all__ = ["Scope", "prepare", "render", "render_in_worker"]


@dataclass(frozen=True, slots=True)
class Scope:
    """What expressions are evaluated with.

    Attributes:
        variables: JSON values by name: input, steps, config, run, event.
        seed: names the run and the step; what ``uuid()`` gives follows from it and from the place.
        now: when the run started.
    """

    variables: Mapping[str, Any]
    seed: str
    now: datetime


def prepare(document: Any, place: str, scope: Scope) -> tuple[Scope, bool] | Fault:
    """Find out what a document reads of a scope, and whether it is rendered quickly.

    Returns:
        The scope with no more than that, and whether to render at once; or what is wrong with an expression.
    """
    found, faults = list_expressions(document, place)
    programs: list[Program] = []
    for here, expression in found:
        try:
            programs.append(compile_expression(expression))
        except ExpressionError as error:
            faults.append(Fault(here, str(error), expression.source))
    if faults:
        return faults[0]
    pruned = Scope(prune_variables(programs, scope.variables), scope.seed, scope.now)
    return pruned, is_quick([program.expression for program in programs], pruned.variables)


def render(document: Any, place: str, scope: Scope) -> Any | Fault:
    """Render a document. May take long and much memory: ``prepare`` tells.

    Args:
        document: any JSON value.
        place: its path in the Workflow.
        scope: what its expressions may read.

    Returns:
        The same with the expressions evaluated; or what went wrong first.
    """
    try:
        rendered = _Renderer(scope).render(document, place)
    except _Failed as failure:
        return failure.fault
    if message := find_too_deep(rendered, place):
        return Fault(place, message.removeprefix(f"{place}: "))
    return rendered


def render_in_worker(text: str, place: str, scope: dict[str, Any]) -> dict[str, Any]:
    """Render a document in a worker process: JSON in, JSON out.

    Args:
        text: the document as JSON.
        place: its path.
        scope: variables, seed and now (RFC 3339).

    Returns:
        ``{"value": …}`` or ``{"fault": [place, message, expression]}``.
    """
    given = Scope(scope["variables"], scope["seed"], datetime.fromisoformat(scope["now"]))
    rendered = render(json.loads(text), place, given)
    if isinstance(rendered, Fault):
        return {"fault": [rendered.place, rendered.message, rendered.expression]}
    return {"value": rendered}


class _Failed(Exception):  # noqa: N818 - carries a fault to the top
    def __init__(self, fault: Fault) -> None:
        super().__init__()
        self.fault = fault


class _Renderer:
    """Renders one document, and counts what it comes to."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._left = RESULT_LIMIT_BYTES

    def render(self, value: Any, place: str) -> Any:
        if isinstance(value, dict):
            return {name: self.render(item, f"{place}.{name}") for name, item in value.items()}
        if isinstance(value, list):
            return [self.render(item, f"{place}[{number}]") for number, item in enumerate(value)]
        if not isinstance(value, str) or "{{" not in value:
            return value
        try:
            return self._render_text(parse_template(value), place)
        except ExpressionError as error:
            raise _Failed(Fault(place, str(error))) from None

    def _render_text(self, template: Template, place: str) -> Any:
        rendered: list[Any] = []
        for number, part in enumerate(template.parts):
            if isinstance(part, str):
                rendered.append(part)
                continue
            moment = Moment(f"{self._scope.seed}/{place}/{number}", self._scope.now)
            try:
                result = evaluate(compile_expression(part), self._scope.variables, moment)
                self._count(result)
            except ExpressionError as error:
                raise _Failed(Fault(place, str(error), part.source)) from None
            rendered.append(result if template.is_whole else _to_text(result))
        return rendered[0] if template.is_whole else "".join(rendered)

    def _count(self, result: Any) -> None:
        if not is_at_most(result, self._left):
            raise ExpressionError(f"all results together are larger than the {RESULT_LIMIT_BYTES} bytes that may be")
        if isinstance(result, str):
            self._left -= len(result)
        elif isinstance(result, (dict, list)):
            self._left -= len(json.dumps(result))


def _to_text(result: Any) -> str:
    """Write a result as a part of a text: texts as they are, anything else as JSON."""
    return result if isinstance(result, str) else json.dumps(result, ensure_ascii=False, separators=(",", ":"))
