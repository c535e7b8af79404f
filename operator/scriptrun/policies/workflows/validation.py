"""Whether a Workflow, as it was applied, can be run: each step by itself, and all together."""

import json
from collections.abc import Collection, Iterator, Sequence

from scriptrun.models.workflow import Step, WorkflowSpec
from scriptrun.policies.expressions.check import Known, check_expressions, find_texts
from scriptrun.policies.expressions.faults import ExpressionError, Fault
from scriptrun.policies.expressions.template import parse_template

__all__ = ["check_workflow", "describe_faults", "find_workflow_faults", "is_quick_workflow", "list_scripts"]

_MOST_EXPRESSIONS = 2000
_SHOWN = 10
_QUICK_BYTES = 16_384


def is_quick_workflow(text: str) -> bool:
    """Whether a Workflow's spec, as JSON, is checked within a few milliseconds."""
    return len(text) <= _QUICK_BYTES


def find_workflow_faults(text: str, scripts: Sequence[str]) -> list[str]:
    """Check a Workflow in a worker process.

    Args:
        text: its spec as JSON.
        scripts: names of the Scripts in its namespace that it names.
    """
    spec = WorkflowSpec.model_validate(json.loads(text))
    return [fault.describe() for fault in check_workflow(spec, scripts)]


def describe_faults(faults: Sequence[str]) -> str:
    """Describe faults in one message, the first ones in full."""
    more = f"\n… and {len(faults) - _SHOWN} more" if len(faults) > _SHOWN else ""
    return "\n".join(faults[:_SHOWN]) + more


def check_workflow(spec: WorkflowSpec, scripts: Collection[str]) -> list[Fault]:
    """Check a Workflow.

    Args:
        spec: of the Workflow.
        scripts: names of the Scripts that there are in its namespace.

    Returns:
        All that is wrong, in the order of the manifest.
    """
    faults = [*_check_names(spec)]
    total = sum(text.count("{{") for _, text in find_texts(spec.model_dump(by_alias=True), ""))
    if total > _MOST_EXPRESSIONS:
        return [
            *faults,
            Fault("spec", f"has {total} expressions, at most {_MOST_EXPRESSIONS} are possible: use scripts"),
        ]
    names = [step.name for step in (*spec.steps, *spec.finally_)]
    for part, steps, first in (("steps", spec.steps, 0), ("finally", spec.finally_, len(spec.steps))):
        for number, step in enumerate(steps):
            place, at = f"{part}[{number}]", first + number
            known = Known(names[:at], [name for name in names[at:] if name not in names[:at]])
            faults += _check_step(step, place, scripts, known)
    if spec.output is not None:
        faults += check_expressions(spec.output, "output", Known(names))
    return faults


def _check_names(spec: WorkflowSpec) -> Iterator[Fault]:
    seen: dict[str, str] = {}
    for part, steps in (("steps", spec.steps), ("finally", spec.finally_)):
        for number, step in enumerate(steps):
            place = f"{part}[{number}].name"
            if step.name in seen:
                yield Fault(place, f"{step.name!r} is the name of {seen[step.name]} as well: rename one")
            seen.setdefault(step.name, place.removesuffix(".name"))


def _check_step(step: Step, place: str, scripts: Collection[str], known: Known) -> list[Fault]:
    faults = []
    if step.script not in scripts:
        faults.append(Fault(f"{place}.script", f"there is no Script {step.script!r} in this namespace"))
    if step.when and (message := _check_condition(step.when)):
        faults.append(Fault(f"{place}.when", message))
    elif step.when:
        faults += check_expressions(step.when, f"{place}.when", known)
    return [*faults, *check_expressions(step.variables, f"{place}.variables", known)]


def _check_condition(text: str) -> str:
    try:
        whole = parse_template(text).is_whole
    except ExpressionError as error:
        return str(error)
    return "" if whole else "must be one expression: {{ … }}"


def list_scripts(spec: WorkflowSpec) -> set[str]:
    """List the names of the Scripts that a Workflow's spec names."""
    return {step.script for step in (*spec.steps, *spec.finally_)}
