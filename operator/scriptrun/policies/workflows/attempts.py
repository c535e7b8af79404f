"""Where a step stands by what became of its ScriptRuns, and whether it is tried again."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from scriptrun.models.workflow import Retry, Step
from scriptrun.models.workflowrun import StepPhase
from scriptrun.policies.workflows.states import NO_OUTPUT, Results, RunResult, StepReason, StepState

__all__ = ["OUTPUTS_LIMIT_BYTES", "Stop", "find_deadline", "find_retry_time", "limit_output", "settle_step"]

OUTPUTS_LIMIT_BYTES = 16 * 2**20
"""Of all steps of a run together: etcd keeps them, and this process while the run goes on."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Why steps are ended, and not begun any more.

    Attributes:
        reason: Canceled, RunTimeout, or NotReached where a step has failed.
        message: for people.
    """

    reason: StepReason
    message: str

    def end(self, state: StepState, now: datetime) -> StepState:
        """End a step for this reason."""
        phase: StepPhase = "Failed" if self.reason == "RunTimeout" else "Canceled"
        return replace(state, phase=phase, reason=self.reason, message=self.message, finished_at=now)

    def skip(self, name: str) -> StepState:
        """Skip a step for this reason."""
        return StepState(name, "Skipped", self.reason, self.message)


def limit_output(state: StepState, others: Iterable[StepState]) -> StepState:
    """Fail a step whose output finds no room beside those of the others."""
    total = state.output_bytes + sum(other.output_bytes for other in others if other.name != state.name)
    if state.phase != "Succeeded" or total <= OUTPUTS_LIMIT_BYTES:
        return state
    message = (
        f"its output has {state.output_bytes} bytes, and the outputs of all steps together would have {total}; "
        f"at most {OUTPUTS_LIMIT_BYTES} are kept"
    )
    return replace(state, phase="Failed", reason="OutputTooLarge", message=message, output=NO_OUTPUT, output_bytes=0)


def find_retry_time(retry: Retry, attempts: int, ended_at: datetime) -> datetime:
    """Find out when the next attempt is due: the wait is doubled each time.

    Args:
        retry: of the step.
        attempts: how many there were.
        ended_at: when the last one ended.
    """
    delay = min(retry.delay_seconds * 2 ** (attempts - 1), retry.max_delay_seconds)
    return ended_at + timedelta(seconds=delay)


def find_deadline(step: Step, state: StepState) -> datetime | None:
    """Find out when a step must have ended; None: it may take as long as the run."""
    if step.active_deadline_seconds is None or state.started_at is None:
        return None
    return state.started_at + timedelta(seconds=step.active_deadline_seconds)


def settle_step(
    step: Step, state: StepState | None, results: Results, stop: Stop | None, now: datetime
) -> StepState | None:
    """Tell where a step stands now.

    Args:
        step: of the Workflow.
        state: where it stood; None: nothing was said of it yet.
        results: what is seen.
        stop: why steps are ended, if they are.
        now: the time.

    Returns:
        Its state; None if it has not begun. Running after a failure: another attempt follows.
    """
    if state and state.is_over:
        return state
    seen = max((number for name, number in results.runs if name == step.name), default=0)
    attempts = max(seen, state.attempts if state else 0)
    if not attempts:
        return None
    result = results.runs.get((step.name, attempts))
    began = (state.started_at if state else None) or (result.created_at if result else None) or now
    running = StepState(step.name, "Running", attempts=attempts, started_at=began)
    if result is None or result.state == "Active":
        return running
    return _judge(step, running, result, stop, now)


def _judge(step: Step, running: StepState, result: RunResult, stop: Stop | None, now: datetime) -> StepState:
    """Tell what a step comes to whose last ScriptRun is over."""
    ended_at = result.finished_at or now
    over = replace(
        running,
        reason=result.reason,
        message=result.message,
        finished_at=ended_at,
        output=result.output,
        output_bytes=result.output_bytes,
    )
    if result.state == "Succeeded":
        return replace(over, phase="Succeeded")
    if stop and (stop.reason == "Canceled" or result.state != "Failed"):
        return stop.end(running, ended_at)
    deadline = find_deadline(step, running)
    may_retry = result.retryable and running.attempts <= step.retry.limit and not stop
    if deadline and now >= deadline and (may_retry or result.state == "Canceled"):
        message = f"the step took longer than activeDeadlineSeconds ({step.active_deadline_seconds} s)"
        return replace(over, phase="Failed", reason="Timeout", message=message)
    if result.state == "Gone":
        return replace(over, phase="Failed", reason="RunDeleted", message="its ScriptRun was deleted before it ended")
    if result.state == "Canceled":
        return replace(over, phase="Failed", reason="Canceled", message="its ScriptRun was canceled")
    return running if may_retry else replace(over, phase="Failed")
