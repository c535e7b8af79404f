"""What a run that resumes takes over from an earlier one."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from scriptrun.models.workflow import WorkflowSpec
from scriptrun.policies.workflows.states import StepState

__all__ = ["Earlier", "decide_resume", "find_resume_step"]

_ENDED_WITH_RUN = ("Canceled", "NotReached", "RunTimeout")


@dataclass(frozen=True, slots=True)
class Earlier:
    """The run that is resumed.

    Attributes:
        name: of the run.
        workflow: name of its Workflow.
        has_ended: whether it is over.
        states: of its steps, by name.
    """

    name: str
    workflow: str
    has_ended: bool
    states: Mapping[str, StepState]


def decide_resume(spec: WorkflowSpec, step: str, workflow: str, earlier: Earlier | None) -> dict[str, StepState] | str:
    """Decide which steps are taken over.

    Args:
        spec: of the Workflow as it is now.
        step: the one to go on with.
        workflow: its name.
        earlier: the run to take them from; None: it is not there.

    Returns:
        The states of the steps before; or why the run can't go on from there.
    """
    names = [one.name for one in spec.steps]
    if step not in names:
        return f"resume.step: the Workflow has no step {step!r}"
    if earlier is None:
        return "resume.run: there is no such WorkflowRun in this namespace"
    run = earlier.name
    if earlier.workflow != workflow:
        return f"resume.run: {run} is a run of the Workflow {earlier.workflow}, not of {workflow}"
    if not earlier.has_ended:
        return f"resume.run: {run} has not ended"
    taken: dict[str, StepState] = {}
    for name in names[: names.index(step)]:
        state = earlier.states.get(name)
        if state is None or not _is_done(state):
            found = f"is {state.phase}" if state else "is not one of its steps"
            return f"resume.step: {name} comes before {step} and {found} in {run}; go on from {name} or an earlier step"
        taken[name] = state
    return taken


def find_resume_step(states: Iterable[StepState]) -> str | None:
    """Find the step from which a run that has failed can resume: the first one that is not done; None: all are.

    Args:
        states: of its steps, in their order.
    """
    return next((state.name for state in states if not _is_done(state)), None)


def _is_done(state: StepState) -> bool:
    """Whether a step need not run again; those that ended with their run have to."""
    return state.phase in ("Succeeded", "Skipped") and state.reason not in _ENDED_WITH_RUN
