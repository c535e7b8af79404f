"""What to do next about a WorkflowRun: a pure function of its snapshot, its status, and what is seen of its ScriptRuns.

Asking twice gives the same, and what was never written down is found out anew.
Only ``_find_due`` and ``_recover_passed`` know that steps run one after the other; the rest is for any number at once.
"""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

from scriptrun.models.workflow import Step
from scriptrun.policies.expressions.faults import Fault
from scriptrun.policies.workflows.attempts import Stop, find_deadline, find_retry_time, limit_output, settle_step
from scriptrun.policies.workflows.commands import CancelScript, Command, Evaluate, StartScript, WaitUntil
from scriptrun.policies.workflows.outcome import decide_end
from scriptrun.policies.workflows.scope import build_scope
from scriptrun.policies.workflows.states import Results, RunResult, Snapshot, StepState

__all__ = ["Decision", "advance"]


T = TypeVar("T")
_Steps = Generator[Command, None, T]
_PENDING = object()


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do, and what is then to be said of the steps.

    Attributes:
        commands: to carry out. Where expressions are to be evaluated, ask again with the results before anything else.
        states: of the steps that have begun or never will, once the commands are carried out.
    """

    commands: tuple[Command, ...]
    states: Mapping[str, StepState]


def advance(snapshot: Snapshot, states: Mapping[str, StepState], results: Results, now: datetime) -> Decision:
    """Decide what to do next.

    Args:
        snapshot: of the run.
        states: what was said of its steps before, by name.
        results: what is seen of its ScriptRuns, and which expressions were evaluated.
        now: the time.
    """
    run = _Run(snapshot, dict(states), results, now)
    commands = [*run.advance_steps()]
    times = [command.time for command in commands if isinstance(command, WaitUntil)]
    kept: list[Command] = [command for command in commands if not isinstance(command, WaitUntil)]
    if times:
        kept.append(WaitUntil(min(times)))
    return Decision(
        tuple(kept), {step.name: run.states[step.name] for step in snapshot.steps if step.name in run.states}
    )


class _Run:
    """One decision under way.

    Attributes:
        states: of the steps, as far as they are decided.
    """

    def __init__(self, snapshot: Snapshot, states: dict[str, StepState], results: Results, now: datetime) -> None:
        self._snapshot = snapshot
        self._results = results
        self._now = now
        self.states = states

    def advance_steps(self) -> _Steps[None]:
        """Advance the steps, then ``finally``, then end the run."""
        main, last = self._snapshot.spec.steps, self._snapshot.spec.finally_
        if (yield from self._recover_passed(main)) is _PENDING:
            return
        if not self._are_over(main):
            # What ended by itself may be why others were canceled: so that is looked at first.
            self._settle(main, self._find_stop(), only_own=True)
            self._settle(main, self._find_stop())
            if stop := self._find_stop():
                yield from self._stop(main, stop)
            else:
                yield from self._continue(main, self._find_stop)
        if self._are_over(main):
            if (yield from self._recover_passed(last)) is _PENDING:
                return
            self._settle(last, None)
            yield from self._continue(last, lambda: None)
            if self._are_over(last):
                yield from decide_end(self._snapshot, self.states, self._results)

    def _are_over(self, steps: Sequence[Step]) -> bool:
        return all(step.name in self.states and self.states[step.name].is_over for step in steps)

    def _settle(self, steps: Sequence[Step], stop: Stop | None, *, only_own: bool = False) -> None:
        results = self._results
        if only_own:
            own = {
                key: replace(result, state="Active") if result.state in ("Canceled", "Gone") else result
                for key, result in results.runs.items()
            }
            results = replace(results, runs=own)
        for step in steps:
            if settled := settle_step(step, self.states.get(step.name), results, stop, self._now):
                is_new = settled is not self.states.get(step.name)
                self.states[step.name] = limit_output(settled, self.states.values()) if is_new else settled

    def _find_stop(self) -> Stop | None:
        """Find out why steps are to be ended, and none begun any more."""
        if self._results.cancel:
            return Stop("Canceled", "the run was canceled")
        for step in self._snapshot.spec.steps:
            state = self.states.get(step.name)
            ended = state and state.phase in ("Failed", "Canceled") and state.reason != "RunTimeout"
            if ended and step.on_failure == "Fail":
                return Stop("NotReached", f"step {step.name} failed")
        if self._now >= self._snapshot.deadline:
            seconds = self._snapshot.spec.active_deadline_seconds
            return Stop("RunTimeout", f"the run took longer than activeDeadlineSeconds ({seconds} s)")
        return None

    def _stop(self, steps: Sequence[Step], stop: Stop) -> Iterator[Command]:
        for step in steps:
            state = self.states.get(step.name)
            if state is None:
                self.states[step.name] = stop.skip(step.name)
            elif not state.is_over:
                yield CancelScript(step.name, state.attempts)

    def _continue(self, steps: Sequence[Step], find_stop: Callable[[], Stop | None]) -> Iterator[Command]:
        for step in steps:
            if (state := self.states.get(step.name)) and not state.is_over:
                yield from self._follow(step, state)
        while not (stop := find_stop()) and (due := self._find_due(steps)):
            yield from self._begin(due)
            if due.name not in self.states:
                return  # its expressions are to be evaluated first
        if stop:
            yield from self._stop(steps, stop)
        elif steps is self._snapshot.spec.steps and not self._are_over(steps):
            yield WaitUntil(self._snapshot.deadline)

    def _recover_passed(self, steps: Sequence[Step]) -> _Steps[object]:
        """Find out anew what came of steps that must be over, since a later one has begun.

        Returns:
            ``_PENDING`` where expressions are to be evaluated first.
        """
        begun = {name for name, _ in self._results.runs} | self.states.keys()
        later = max((number for number, step in enumerate(steps) if step.name in begun), default=0)
        for number, step in enumerate(steps[:later]):
            if step.name in begun:
                continue
            # The ones before it are over as well, which its expressions may read.
            self._settle(steps[:number], None)
            yield from self._recover(step)
            if step.name not in self.states:
                return _PENDING
        return None

    def _recover(self, step: Step) -> Iterator[Command]:
        """Find out anew how a step ended that had no ScriptRun: its expressions give the same as before."""
        for command in self._begin(step):
            if isinstance(command, StartScript):
                running = StepState(step.name, "Running", attempts=1, started_at=self._now)
                gone = Results({(step.name, 1): RunResult("Gone")})
                self.states[step.name] = settle_step(step, running, gone, None, self._now) or running
            else:
                yield command

    def _find_due(self, steps: Sequence[Step]) -> Step | None:
        """Find the step that can begin now."""
        for step in steps:
            if step.name not in self.states:
                return step
            if not self.states[step.name].is_over:
                return None
        return None

    def _follow(self, step: Step, state: StepState) -> Iterator[Command]:
        """See to a step that has begun: its deadline, its next attempt."""
        deadline = find_deadline(step, state)
        result = self._results.runs.get((step.name, state.attempts))
        if deadline and self._now >= deadline:
            if result is None or result.state == "Active":
                yield CancelScript(step.name, state.attempts)
            return
        if deadline:
            yield WaitUntil(deadline)
        if result is None or result.state == "Active":
            return
        due = find_retry_time(step.retry, state.attempts, result.finished_at or self._now)
        if self._now < due:
            yield WaitUntil(due)
        else:
            yield from self._start(step, state.attempts + 1, state.started_at or self._now)

    def _begin(self, step: Step) -> _Steps[None]:
        if (earlier := self._snapshot.earlier.get(step.name)) is not None:
            self.states[step.name] = replace(earlier, reason="Resumed")
            return
        if step.when:
            rendered = yield from self._evaluate(step, "when", step.when)
            if rendered is _PENDING:
                return
            if not isinstance(rendered, bool) and not isinstance(rendered, Fault):
                rendered = Fault(self._place(step, "when"), "is neither true nor false", "")
            if isinstance(rendered, Fault):
                self._fail(step, rendered)
                return
            if not rendered:
                self.states[step.name] = StepState(step.name, "Skipped", "ConditionFalse", "its condition is false")
                return
        yield from self._start(step, 1, self._now)

    def _start(self, step: Step, attempt: int, started_at: datetime) -> _Steps[None]:
        variables = yield from self._evaluate(step, "variables", step.variables)
        if variables is _PENDING:
            return
        if isinstance(variables, Fault):
            self._fail(step, variables)
            return
        self.states[step.name] = StepState(step.name, "Running", attempts=attempt, started_at=started_at)
        yield StartScript(step.name, attempt, step.script, variables)

    def _fail(self, step: Step, fault: Fault) -> None:
        before = self.states.get(step.name) or StepState(step.name, "Running", started_at=self._now)
        self.states[step.name] = replace(
            before, phase="Failed", reason="ExpressionFailed", message=fault.describe(), finished_at=self._now
        )

    def _evaluate(self, step: Step, field: str, document: Any) -> _Steps[Any]:
        """Get a field of a step with its expressions evaluated; ``_PENDING`` where that is still to be done."""
        key = (step.name, field)
        if key in self._results.rendered:
            return self._results.rendered[key]
        scope = build_scope(self._snapshot, self.states, self._list_before(step), step.name)
        yield Evaluate(key, document, self._place(step, field), scope)
        return _PENDING

    def _list_before(self, step: Step) -> list[str]:
        names = [one.name for one in self._snapshot.steps]
        return names[: names.index(step.name)]

    def _place(self, step: Step, field: str) -> str:
        for part, steps in (("steps", self._snapshot.spec.steps), ("finally", self._snapshot.spec.finally_)):
            for number, one in enumerate(steps):
                if one.name == step.name:
                    return f"{part}[{number}].{field}"
        return field
