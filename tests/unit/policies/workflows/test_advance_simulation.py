"""`advance` in a world of its own: ScriptRuns end in any order, events are late, the process dies at every await."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st

from scriptrun.models import WorkflowSpec
from scriptrun.policies.expressions.render import render
from scriptrun.policies.workflows.advance import advance
from scriptrun.policies.workflows.commands import CancelScript, Command, Evaluate, Finish, StartScript
from scriptrun.policies.workflows.states import NO_OUTPUT, Results, RunResult, Snapshot, StepState

START = datetime(2026, 1, 1, tzinfo=UTC)
WHEN = [
    "",
    "{{ true }}",
    "{{ input.no }}",
    "{{ steps.size() > 0 }}",
    "{{ input.gone }}",
    "{{ default(steps.s0.output.n, 0) > 0 }}",
]


class Crash(Exception):  # noqa: N818
    pass


@dataclass
class World:
    """A cluster with one WorkflowRun.

    Attributes:
        snapshot: its Workflow.
        ends: how the attempts of each step end: S succeeded, F failed, X failed for good.
        states: what was written of it.
        runs: ScriptRuns that are there.
        unseen: those of whose end no event has told yet. That they exist is known to the process that created them, and
            one that was started after a crash lists them all.
        created: how often each was created.
    """

    snapshot: Snapshot
    ends: Mapping[str, str]
    now: datetime = START
    cancel: bool = False
    states: dict[str, StepState] = field(default_factory=dict)
    runs: dict[tuple[str, int], RunResult] = field(default_factory=dict)
    gone: set[tuple[str, int]] = field(default_factory=set)
    unseen: set[tuple[str, int]] = field(default_factory=set)
    created: Counter[tuple[str, int]] = field(default_factory=Counter)
    finish: Finish | None = None

    def observe(self) -> dict[tuple[str, int], RunResult]:
        stale = RunResult("Active", created_at=START)
        seen = {key: stale if key in self.unseen else result for key, result in self.runs.items()}
        for name, state in self.states.items():
            key = (name, state.attempts)
            if state.is_over or not state.attempts or key in seen:
                continue
            # What was written down as started and is not in the cache is asked for.
            seen[key] = self.runs.get(key, RunResult("Gone"))
        return seen

    def reconcile(self, crash_after: int | None = None) -> None:
        """One pass; dies after so many writes."""
        if self.finish:
            return
        results = Results(self.observe(), {}, self.cancel)
        decision = advance(self.snapshot, self.states, results, self.now)
        while evaluations := [one for one in decision.commands if isinstance(one, Evaluate)]:
            rendered = {one.key: render(one.document, one.place, one.scope) for one in evaluations}
            results = Results(results.runs, {**results.rendered, **rendered}, results.cancel)
            decision = advance(self.snapshot, self.states, results, self.now)
        assert decision == advance(self.snapshot, self.states, results, self.now)
        writes = 0
        for command in decision.commands:
            if crash_after is not None and writes >= crash_after:
                raise Crash
            writes += self.carry_out(command, decision.states)
        if crash_after is not None and writes >= crash_after:
            raise Crash
        for name, before in self.states.items():
            if before.is_over:
                assert decision.states[name] == before
        self.states = dict(decision.states)

    def carry_out(self, command: Command, states: Mapping[str, StepState]) -> int:
        if isinstance(command, StartScript):
            self.check_start(command, states)
            key = (command.step, command.attempt)
            if key not in self.runs:
                assert key not in self.gone, "somebody deleted it: it may have done its work already"
                self.runs[key] = RunResult("Active", created_at=self.now)
                self.created[key] += 1
            return 1
        if isinstance(command, CancelScript):
            key = (command.step, command.attempt)
            if self.runs.get(key, RunResult("Gone")).state == "Active":
                self.runs[key] = RunResult("Canceled", "Canceled", finished_at=self.now)
                self.unseen.discard(key)
            return 1
        if isinstance(command, Finish):
            assert all(state.is_over for state in states.values())
            assert set(states) == {step.name for step in self.snapshot.steps}
            assert not any(result.state == "Active" for result in self.runs.values())
            self.finish = command
        return 0

    def check_start(self, command: StartScript, states: Mapping[str, StepState]) -> None:
        names = [step.name for step in self.snapshot.steps]
        before = names[: names.index(command.step)]
        assert all(states[name].is_over for name in before)
        (step,) = (step for step in self.snapshot.steps if step.name == command.step)
        assert 1 <= command.attempt <= step.retry.limit + 1

    def end_one(self, choice: int) -> None:
        active = sorted(key for key, result in self.runs.items() if result.state == "Active")
        if not active:
            return
        key = active[choice % len(active)]
        end = (self.ends[key[0]] * 5)[key[1] - 1]
        state = "Succeeded" if end == "S" else "Failed"
        output = {"n": key[1]} if end == "S" else NO_OUTPUT
        reason = "Completed" if end == "S" else "ScriptFailed"
        self.runs[key] = RunResult(state, reason, "", START, self.now, end == "F", output)

    def delete_one(self, choice: int) -> None:
        written = {(name, number) for name, state in self.states.items() for number in range(1, state.attempts + 1)}
        there = sorted(written & set(self.runs))
        if there:
            key = there[choice % len(there)]
            del self.runs[key]
            self.gone.add(key)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    def steps(prefix: str, least: int, most: int) -> list[dict[str, Any]]:
        return [
            {
                "name": f"{prefix}{number}",
                "script": "s.py",
                "when": draw(st.sampled_from(WHEN)),
                "variables": draw(st.sampled_from([{}, {"x": "{{ input.id }}"}, {"x": "{{ input.gone }}"}])),
                "onFailure": draw(st.sampled_from(["Fail", "Continue"])),
                "retry": {"limit": draw(st.integers(0, 2)), "delaySeconds": draw(st.integers(0, 3))},
                "activeDeadlineSeconds": draw(st.sampled_from([None, None, 20])),
            }
            for number in range(draw(st.integers(least, most)))
        ]

    spec = WorkflowSpec.model_validate(
        {
            "steps": steps("s", 1, 4),
            "finally": steps("f", 0, 2),
            "output": draw(st.sampled_from([None, {"a": "{{ input.id }}"}, {"a": "{{ input.gone }}"}])),
            "activeDeadlineSeconds": draw(st.sampled_from([30, 100_000])),
        }
    )
    snapshot = Snapshot("ns", "run", "uid", "flow", spec, {"id": 1, "no": False}, START)
    ends = {step.name: draw(st.text("SSFX", min_size=1, max_size=3)) for step in snapshot.steps}
    return World(snapshot, ends)


EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("reconcile"), st.integers(0, 2)),
        st.tuples(st.just("reconcile"), st.none()),
        st.tuples(st.just("end"), st.integers(0, 5)),
        st.tuples(st.just("hide"), st.integers(0, 5)),
        st.tuples(st.just("show"), st.none()),
        st.tuples(st.just("time"), st.sampled_from([1, 5, 30])),
        st.tuples(st.just("cancel"), st.none()),
        st.tuples(st.just("delete"), st.integers(0, 5)),
        st.tuples(st.just("forget"), st.none()),
    ),
    min_size=10,
    max_size=40,
)


def _happen(world: World, what: str, argument: int | None, told: Counter[str]) -> None:
    told[what] += 1
    if what == "reconcile":
        try:
            world.reconcile(argument)
        except Crash:
            told["crash"] += 1
            world.unseen.clear()
    elif what == "end":
        world.end_one(argument or 0)
    elif what == "hide":
        there = sorted(world.runs)
        world.unseen |= {there[(argument or 0) % len(there)]} if there else set()
    elif what == "show":
        world.unseen.clear()
    elif what == "time":
        world.now += timedelta(seconds=argument or 0)
    elif what == "cancel":
        world.cancel = True
    elif what == "delete":
        world.delete_one(argument or 0)
    elif what == "forget" and not world.gone and not world.finish:
        world.states = {}  # the status was never written, or could not be


def _bring_to_end(world: World) -> None:
    world.unseen.clear()
    for _ in range(200):
        world.reconcile()
        if world.finish:
            return
        world.end_one(0)
        world.now += timedelta(seconds=1)
    raise AssertionError("it does not end")


@settings(max_examples=400)
@given(worlds(), EVENTS)
def test_every_run_ends_and_nothing_is_started_twice(world: World, events: list[tuple[str, int | None]]) -> None:
    told: Counter[str] = Counter()
    for what, argument in events:
        _happen(world, what, argument, told)
    _bring_to_end(world)
    assert world.finish
    event(f"{world.finish.phase} {world.finish.reason}")
    assert all(count == 1 for count in world.created.values())
    if not world.cancel:
        assert world.finish.phase != "Canceled"


@settings(max_examples=300)
@given(worlds(), EVENTS)
def test_crashes_and_late_events_change_nothing_about_the_end(
    world: World, events: list[tuple[str, int | None]]
) -> None:
    """Without cancel, deletion and deadlines the end is that of a run to which nothing happens."""
    for step in world.snapshot.steps:
        step.active_deadline_seconds = None
    world.snapshot.spec.active_deadline_seconds = 1_000_000
    calm = World(world.snapshot, world.ends)
    _bring_to_end(calm)
    told: Counter[str] = Counter()
    for what, argument in events:
        if what not in ("cancel", "delete"):
            _happen(world, what, argument, told)
    _bring_to_end(world)
    event(f"crashes {min(told['crash'], 3)}")
    assert world.finish == calm.finish
    assert set(world.created) == set(calm.created)
    assert [*_tell(world)] == [*_tell(calm)]


def _tell(world: World) -> Iterator[tuple[object, ...]]:
    for name, state in world.states.items():
        yield name, state.phase, state.reason, state.message, state.attempts, repr(state.output)
