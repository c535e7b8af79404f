"""Whatever happens to bridges, network and orchestrator: no task is lost, and none is reported twice."""

from dataclasses import replace
from datetime import datetime

from hypothesis import given
from hypothesis import strategies as st

from unit.bridges.simulation import LEASE_SECONDS, Case, Simulation, TaskCase
from unit.bridges.workshop import Fate, Plan
from unit.controller.conftest import quiet
from unit.controller.replica import Feed
from unit.controller.server import Faults
from unit.controller.simulation import seconds_of
from unit.controller.virtualtime import run_virtually

__all__ = ["quiet"]

MOMENTS = st.floats(0, 40).map(lambda seconds: round(seconds, 2))
FATES = st.sampled_from(["good", "big", "bad", "list", "going-on", "silent"])
PLANS = st.builds(Plan, st.lists(FATES, max_size=3).map(tuple), st.sampled_from([0.5, 5.0, 40.0]))
FAULTS = st.builds(Faults, rate=st.sampled_from([0.0, 0.1, 0.4]), latency=st.sampled_from([0.01, 0.5]))
FEEDS = st.builds(
    Feed,
    dropped=st.sampled_from([0.0, 0.1, 0.5]),
    repeated=st.sampled_from([0.0, 0.5]),
    delay=st.sampled_from([0.01, 0.5, 5.0]),
)
TASKS = st.builds(
    TaskCase,
    created=st.sampled_from([0.0, 0.0, 1.0, 20.0]),
    retries=st.integers(1, 4),
    plan=PLANS,
)
TROUBLED = st.builds(
    TaskCase,
    created=st.sampled_from([0.0, 1.0]),
    retries=st.integers(1, 3),
    plan=PLANS,
    canceled=st.none() | MOMENTS,
    run_deleted=st.none() | MOMENTS,
)


@st.composite
def cases(draw: st.DrawFn, tasks: st.SearchStrategy[TaskCase] = TASKS) -> Case:
    since = draw(MOMENTS)
    return Case(
        tasks=draw(st.lists(tasks, min_size=1, max_size=6)),
        replicas=draw(st.integers(1, 2)),
        exclusive=draw(st.booleans()),
        crashes=sorted(draw(st.lists(MOMENTS, max_size=6))),
        orderly=draw(st.booleans()),
        away=draw(st.sampled_from([(0.0, 0.0), (since, since + 30)])),
        limit=draw(st.sampled_from([1, 4, 100])),
        back_off_seconds=draw(st.sampled_from([0, 5])),
        faults=draw(FAULTS),
        feed=draw(FEEDS),
        seed=draw(st.integers(0, 2**32)),
    )


def play(case: Case) -> Simulation:
    simulation = Simulation(case)
    run_virtually(simulation.play())
    return simulation


def foresee(task: TaskCase) -> tuple[str, int, int]:
    """What a task comes to when nobody interferes: its state, the retries it has left, the runs it took."""
    retries = task.retries
    for number in range(1, len(task.plan.fates) + 2):
        fate = task.plan.fates[number - 1] if number <= len(task.plan.fates) else "good"
        if fate in ("good", "big"):
            return "completed", retries, number
        if fate != "going-on":
            retries -= 1
            if not retries:
                return "incident", 0, number
    raise AssertionError(task)


@given(cases())
def test_every_task_comes_to_its_end_once(case: Case) -> None:
    simulation = play(case)
    assert simulation.violations == []
    for number, task in enumerate(case.tasks):
        job = simulation.orchestrator.jobs[f"t{number}"]
        state, retries, runs = foresee(task)
        assert (job.state, job.retries) == (state, retries)
        assert job.completions == (state == "completed")
        if "going-on" not in task.plan.fates:
            assert simulation.started[job.id] == runs
    check_reports(simulation)


def check_reports(simulation: Simulation) -> None:
    """Each run says that it was reported, and what came of it."""
    for run in simulation.runs:
        assert run["status"]["report"]["state"] in ("Delivered", "Dropped")
        [reported] = [item for item in run["status"]["conditions"] if item["type"] == "Reported"]
        assert reported["status"] == "True"
        assert reported["reason"] == run["status"]["report"]["state"]


@given(cases(TROUBLED))
def test_a_task_that_is_canceled_or_whose_run_is_deleted_leaves_nothing_behind(case: Case) -> None:
    simulation = play(case)
    assert simulation.violations == []
    for number, task in enumerate(case.tasks):
        job = simulation.orchestrator.jobs[f"t{number}"]
        assert job.completions <= 1
        assert job.state in ("completed", "incident") or task.canceled is not None
    check_reports(simulation)


@given(cases(), MOMENTS)
def test_a_deleted_bridge_goes_once_every_run_is_reported(case: Case, moment: float) -> None:
    simulation = play(replace(case, bridge_deleted=moment, exclusive=True))
    assert simulation.violations == []
    assert simulation.bridge is None
    check_reports(simulation)
    assert all(run["status"]["report"].get("message") != "its Bridge is gone" for run in simulation.runs)


@given(cases(), MOMENTS)
def test_runs_of_a_bridge_that_was_torn_away_are_let_go(case: Case, moment: float) -> None:
    simulation = play(replace(case, bridge_deleted=moment, by_force=True))
    assert simulation.violations == []
    check_reports(simulation)


@given(st.integers(0, 2**32), st.sampled_from(["good", "bad", "silent"]), st.integers(1, 5))
def test_a_task_takes_three_writes_of_the_bridge(seed: int, fate: Fate, count: int) -> None:
    """Its run, that it was reported, that it may go."""
    tasks = [TaskCase(created=number / 3, retries=1, plan=Plan((fate,))) for number in range(count)]
    simulation = play(Case(tasks=tasks, limit=100, seed=seed))
    assert simulation.violations == []
    for run in simulation.runs:
        writes = [f"{w.verb} {w.resource}" for w in simulation.writes if w.name == run["metadata"]["name"]]
        assert writes == ["create scriptruns", "patch scriptruns/status", "patch scriptruns"]


@given(st.integers(0, 2**32), st.booleans())
def test_a_task_that_goes_on_is_handed_out_again_and_nobody_swallows_it(seed: int, exclusive: bool) -> None:
    """Parked for no time at all, it comes back while its report is still being noted, perhaps to the other replica."""
    plan = Plan(("going-on", "going-on", "going-on"), 0.5)
    feed = Feed(delay=0.1)
    faults = Faults(latency=1.0)
    case = Case(tasks=[TaskCase(plan=plan)], replicas=2, exclusive=exclusive, back_off_seconds=0, seed=seed)
    simulation = play(replace(case, feed=feed, faults=faults))
    assert simulation.violations == []
    [job] = simulation.orchestrator.jobs.values()
    assert simulation.started[job.id] == 4
    assert job.lapses == 0


@given(st.integers(0, 2**32), st.floats(2, 20))
def test_a_task_that_is_canceled_ends_its_run_within_a_lease(seed: int, moment: float) -> None:
    task = TaskCase(plan=Plan(("good",), 1000.0), canceled=moment)
    simulation = play(Case(tasks=[task], seed=seed))
    assert simulation.violations == []
    [run] = simulation.runs
    assert run["spec"]["cancel"] is True
    assert run["status"]["report"] == {"state": "Dropped", "attempts": 0, "message": "job t0 is canceled"}
    assert run["metadata"]["annotations"]["scriptrun.dev/dropped"] == "job t0 is canceled"
    assert seconds_of(datetime.fromisoformat(run["status"]["finishedAt"])) < moment + LEASE_SECONDS


@given(st.integers(0, 2**32))
def test_what_can_not_be_run_makes_no_run(seed: int) -> None:
    headers = [(), (("script", "nowhere.py"),), (("script", "hello.py"),)]
    tasks = [TaskCase(retries=1, headers=header) for header in headers]
    simulation = play(Case(tasks=tasks, seed=seed))
    assert simulation.violations == []
    states = {job.id: (job.state, job.deliveries) for job in simulation.orchestrator.jobs.values()}
    assert states == {"t0": ("incident", 1), "t1": ("incident", 1), "t2": ("completed", 1)}
    assert [run["spec"]["task"]["id"] for run in simulation.runs] == ["t2"]
    assert "the task names no Script" in simulation.orchestrator.jobs["t0"].message
    assert 'there is no Script "nowhere.py"' in simulation.orchestrator.jobs["t1"].message
