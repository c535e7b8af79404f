"""Whatever happens to the operator, the network and the pods: every run comes to the one end that is right."""

from hypothesis import given
from hypothesis import strategies as st

from builders import settings
from unit.controller.plans import BESIDE, FATES, REASONS, Beside, Fate, Plan
from unit.controller.replica import Feed, Replica
from unit.controller.server import Faults, Write
from unit.controller.simulation import (
    TTL_SECONDS,
    Case,
    Life,
    RunCase,
    ScriptCase,
    Simulation,
    end_of,
    seconds_of,
)
from unit.controller.virtualtime import run_virtually

PHASES = {"Completed": "Succeeded", "Canceled": "Canceled"}
GRACE_SECONDS = settings().sidecar_grace_seconds
NEVER_RUN = ("no-image", "unschedulable", "broken")
MOMENTS = st.floats(0, 30).map(lambda seconds: round(seconds, 2))
BESIDES = st.sampled_from(["nothing"] * 3 + list(BESIDE))
PLANS = st.builds(Plan, st.lists(st.sampled_from(FATES), max_size=3).map(tuple), BESIDES)
SCRIPTS = st.builds(
    ScriptCase,
    limit=st.sampled_from([None, 1, 2]),
    backoff_limit=st.integers(0, 2),
    on_disruption=st.sampled_from(["Retry", "Fail"]),
    appears=st.sampled_from([0.0, 0.0, 1.0, 60.0]),
)
FAULTS = st.builds(Faults, rate=st.sampled_from([0.0, 0.05, 0.3]), latency=st.sampled_from([0.01, 0.5]))
FEEDS = st.builds(
    Feed,
    dropped=st.sampled_from([0.0, 0.1, 0.5]),
    repeated=st.sampled_from([0.0, 0.5]),
    delay=st.sampled_from([0.01, 0.5, 5.0]),
)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    scripts = draw(st.lists(SCRIPTS, min_size=1, max_size=2))
    runs = st.builds(
        RunCase,
        script=st.integers(0, len(scripts) - 1),
        created=st.sampled_from([0.0, 0.0, 1.0, 2.5]),
        plan=PLANS,
        canceled=st.none() | st.none() | MOMENTS,
        deleted=st.none() | st.none() | st.none() | MOMENTS,
        made_again=st.booleans(),
        awaited=st.booleans(),
    )
    return Case(
        scripts=scripts,
        runs=draw(st.lists(runs, min_size=1, max_size=6)),
        crashes=sorted(draw(st.lists(MOMENTS, max_size=4))),
        quota_until=draw(st.sampled_from([0.0, 0.0, 3.0, 20.0])),
        faults=draw(FAULTS),
        feed=draw(FEEDS),
        seed=draw(st.integers(0, 2**32)),
    )


def play(case: Case) -> Simulation:
    simulation = Simulation(case)
    run_virtually(simulation.play())
    return simulation


def check_end(simulation: Simulation, life: Life) -> None:
    """Check the end of a run that nobody deleted."""
    assert life.end is not None
    reason, pods = simulation.foresee(life)
    allowed = {reason}
    if life.case.canceled is not None:
        allowed.add("Canceled")
    if "deleted" in life.case.plan.fates:
        # A pod that came and went while nobody looked left no trace; the one before it may seem to be the last.
        allowed |= {"OutputLost", *(REASONS[fate] for fate in life.case.plan.fates)}
    if life.case.plan.beside == "breaks" and "forged" in life.case.plan.fates:
        # To the Job that attempt has failed. Who comes too late to settle the run finds it retried.
        allowed |= {"Completed", *(REASONS[fate] for fate in life.case.plan.fates)}
    assert life.end["reason"] in allowed
    assert life.end["phase"] == PHASES.get(life.end["reason"], "Failed")
    check_attempts(simulation, life, pods)
    if life.end["reason"] == "Completed":
        assert life.end["outputRef"]["bytes"] > 8192 or life.end["output"] == {"answer": 42}
        # Where a container beside the script's fails, the Job makes another attempt before it is stopped.
        first = 0 if life.case.plan.beside == "breaks" else -1
        writers = {f"{attempt['pod']}-output" for attempt in life.end["attempts"][first:]}
        assert life.end["outputRef"]["configMap"] in writers


def check_attempts(simulation: Simulation, life: Life, pods: int) -> None:
    """Check that the script ran as often as it should, and that the status says so."""
    assert life.end is not None
    executed = simulation.executions.get(life.uid, [])
    attempts = life.end.get("attempts", [])
    assert {attempt["pod"] for attempt in attempts if "startedAt" in attempt} <= set(executed)
    if life.case.canceled is not None:
        return
    foreseen = pods - sum(life.case.plan.fate(number) in NEVER_RUN for number in range(1, pods + 1))
    if life.case.plan.beside == "breaks":
        assert len(executed) >= min(foreseen, 1)
        return
    assert len(executed) == foreseen
    if "deleted" not in life.case.plan.fates and not simulation.case.feed.dropped:
        assert [attempt["number"] for attempt in attempts] == list(range(1, pods + 1))


@given(cases())
def test_every_run_comes_to_its_right_end_and_then_goes(case: Case) -> None:
    simulation = play(case)
    assert simulation.violations == []
    for life in simulation.lives.values():
        if not life.taken_away:
            check_end(simulation, life)
            assert life.gone_at is not None
            assert life.gone_at >= seconds_of(end_of(life)) + TTL_SECONDS
        elif life.case.awaited:
            assert life.end is not None


@given(cases(), st.floats(0, 60))
def test_a_world_that_stands_still_is_written_to_no_more(case: Case, moment: float) -> None:
    simulation = Simulation(case)

    async def look_twice() -> list[Write]:
        replica = await simulation.freeze(moment)
        for _ in range(5):  # a start makes the next step possible, and lets others start
            await look(replica)
        before = len(simulation.writes)
        replica.loop.runs.resync()
        await look(replica)
        return simulation.writes[before:]

    assert run_virtually(look_twice()) == []


async def look(replica: Replica) -> None:
    """Reconcile everything once, as after a resync."""
    for key in list(replica.loop.cache.runs):
        await replica.loop.reconcile(("run", *key))
    for key in list(replica.loop.cache.scripts):
        await replica.loop.reconcile(("script", *key))


@given(
    st.integers(0, 2**32),
    st.sampled_from(["good", "big"]),
    st.integers(1, 5),
    st.sampled_from(["nothing", "native", "leaves"]),
)
def test_a_plain_success_takes_four_writes_at_most(seed: int, fate: Fate, count: int, beside: Beside) -> None:
    runs = [RunCase(plan=Plan((fate,), beside), created=number / 3) for number in range(count)]
    simulation = play(Case(scripts=[ScriptCase()], runs=runs, seed=seed))
    assert simulation.violations == []
    for life in simulation.lives.values():
        writes = [write for write in simulation.writes if write.name in (life.name, f"{life.name}-input")]
        assert sorted(
            f"{write.verb} {write.resource}" for write in writes if write.resource != "scriptruns/status"
        ) == [
            "create configmaps",
            "create jobs",
            "delete scriptruns",
        ]
        assert len(writes) <= 1 + 4  # the deletion at the end of the TTL is not counted


@given(st.integers(0, 2**32), st.sampled_from(["stays", "breaks"]), st.integers(0, 2))
def test_what_goes_on_after_a_success_is_stopped_by_one_write(seed: int, beside: Beside, retries: int) -> None:
    """Also where a container fails that ran beside a script that ended well: the Job would run the script again."""
    runs = [RunCase(plan=Plan(("good",), beside))]
    simulation = play(Case(scripts=[ScriptCase(backoff_limit=retries)], runs=runs, seed=seed))
    assert simulation.violations == []
    [life] = simulation.lives.values()
    assert len(simulation.executions[life.uid]) == 1
    stops = [write for write in simulation.writes if write.verb == "patch" and write.resource == "jobs"]
    assert len(stops) == 1
    assert stops[0].body["spec"] == {"suspend": True}


@given(st.integers(0, 2**32), st.sampled_from(["good", "bad", "oom", "broken", "silent"]))
def test_it_is_stopped_when_its_grace_is_over_though_nothing_is_heard_of_it(seed: int, fate: Fate) -> None:
    """The news of the script's end may be the last, and settle the run."""
    simulation = play(Case(scripts=[ScriptCase()], runs=[RunCase(plan=Plan((fate,), "stays"))], seed=seed))
    [life] = simulation.lives.values()
    [stop] = [write for write in simulation.writes if write.verb == "patch" and write.resource == "jobs"]
    assert GRACE_SECONDS - 0.1 < stop.at - life.ended_at < GRACE_SECONDS + 1


@given(st.integers(0, 2**32), st.sampled_from(["bad", "silent", "oom", "broken", "invalid"]))
def test_an_attempt_whose_pod_goes_on_is_ended_once_and_retried(seed: int, fate: Fate) -> None:
    runs = [RunCase(plan=Plan((fate,), "stays"))]
    simulation = play(Case(scripts=[ScriptCase(backoff_limit=1)], runs=runs, seed=seed))
    assert simulation.violations == []
    [life] = simulation.lives.values()
    assert life.end is not None
    assert [attempt["reason"] for attempt in life.end["attempts"]] == [REASONS[fate], "Completed"]
    ended = [write.name for write in simulation.writes if write.verb == "delete" and write.resource == "pods"]
    assert ended == [life.end["attempts"][0]["pod"]]
