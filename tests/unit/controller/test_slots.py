"""Slots of a Script: who has a Job, who waits, whose turn it is. Held against counting everything anew each time."""

from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from builders import job_facts, run_facts, script_facts
from scriptrun.controller.cache import Cache
from scriptrun.models.facts import Key, RunFacts
from scriptrun.policies.admission import decide_admission

LIMIT = 2
SCRIPT = "hello.py"


def _waiting(*names: str) -> Cache:
    """A cache with runs of one Script that wait, each created a second after the one before."""
    cache = Cache()
    cache.scripts["space", SCRIPT] = script_facts(SCRIPT, maxConcurrentRuns=LIMIT)
    for age, name in enumerate(names):
        run = run_facts(name, created=age)
        cache.put_run(run)
        cache.slots.queue(run)
    return cache


def _list_next(cache: Cache) -> list[str]:
    return [name for _namespace, name in cache.list_next(("space", SCRIPT))]


def test_the_oldest_come_next_as_many_as_there_are_slots() -> None:
    cache = _waiting("a", "b", "c")
    assert _list_next(cache) == ["a", "b"]
    cache.slots.begin(cache.runs["space", "a"])
    assert _list_next(cache) == ["b"]
    cache.slots.begin(cache.runs["space", "b"])
    assert _list_next(cache) == []
    cache.drop_run(("space", "a"), 10**9)
    assert _list_next(cache) == ["c"]


def test_of_the_same_second_the_name_decides_so_that_there_is_one_first() -> None:
    cache = _waiting()
    for name in ("b", "a"):
        cache.put_run(run := run_facts(name, created=1))
        cache.slots.queue(run)
    assert [cache.slots.count_turn(cache.runs["space", name]) for name in ("a", "b")] == [(0, 0), (0, 1)]


def test_a_run_does_not_stand_in_its_own_way() -> None:
    cache = _waiting("a")
    assert cache.slots.count_turn(cache.runs["space", "a"]) == (0, 0)
    cache.slots.begin(cache.runs["space", "a"])
    assert cache.slots.count_turn(cache.runs["space", "a"]) == (0, 0)


def test_a_run_that_was_deleted_meanwhile_does_not_join_the_queue() -> None:
    cache = _waiting("a")
    old = cache.runs["space", "a"]
    cache.drop_run(old.key, 10**9)
    cache.slots.queue(old)
    assert not cache.slots.is_waiting(old)
    assert _list_next(cache) == []


def test_of_a_script_without_a_limit_nobody_waits_for_a_slot() -> None:
    cache = _waiting("a")
    cache.scripts["space", SCRIPT] = script_facts(SCRIPT)
    assert _list_next(cache) == []


class _Counting(dict[Key, RunFacts]):
    """Counts how many runs are looked at."""

    looks = 0

    def __getitem__(self, key: Key) -> RunFacts:
        self.looks += 1
        return super().__getitem__(key)

    def get(self, key: Key, default: object = None) -> RunFacts | None:  # type: ignore[override]
        self.looks += 1
        return super().get(key)


def test_a_decision_about_one_of_thousands_looks_at_that_one_only() -> None:
    cache, count = _waiting(), 5000
    cache.runs = runs = _Counting()
    for number in range(count):
        cache.put_run(run := run_facts(f"run-{number:04}", created=number))
        cache.slots.queue(run)
        assert cache.slots.count_turn(run) == (0, number)
    for number in range(count):
        (key, *_) = cache.list_next(("space", SCRIPT))
        assert key == ("space", f"run-{number:04}")
        cache.drop_run(key, 10**9)
    assert runs.looks < 10 * count


STEPS = st.tuples(
    st.sampled_from(
        ["queue", "leave_queue", "begin", "job", "foreign job", "end", "drop", "anew", "see", "queued", "deleting"]
    ),
    st.integers(0, 4),
)


@dataclass
class _World:
    """A cache that things happen to, and by uid where each unfinished run stands, told in the simplest way."""

    cache: Cache = field(default_factory=_waiting)
    places: dict[str, str] = field(default_factory=dict)
    generation: dict[str, int] = field(default_factory=dict)
    version: int = 10**6

    def play(self, step: str, number: int) -> None:
        name = f"run-{number}"
        self.version += 1
        run = self.cache.runs.get(("space", name))
        if run is None or step == "anew":
            self.generation[name] = self.generation.get(name, 0) + 1
            uid = f"{name}-{self.generation[name]}"
            self.cache.put_run(run_facts(name, uid=uid, created=number // 2, version=self.version))
            if run is not None:
                self.places.pop(run.uid, None)
            self.places[uid] = "outside"
            return
        self._change(step, run)
        if run.uid in self.places:
            self._note(step, run.uid)

    def _change(self, step: str, run: RunFacts) -> None:
        if step in ("queue", "leave_queue", "begin"):
            getattr(self.cache.slots, step)(run)
        elif step == "drop":
            self.cache.drop_run(run.key, self.version)
        elif step in ("job", "foreign job"):
            owner = "somebody else" if step == "foreign job" else run.uid
            self.cache.put_job(replace(job_facts(run), owner_uid=owner, version=self.version))
        elif not run.finished:
            changes: dict[str, dict[str, Any]] = {
                "see": {},
                "queued": {"status": {"phase": "Queued"}},
                "deleting": {"deleting": True},
                "end": {"finished_at": run.created},
            }
            self.cache.put_run(replace(run, **{"status": {}, "deleting": False, **changes[step]}, version=self.version))

    def _note(self, step: str, uid: str) -> None:
        place = self.places[uid]
        if step in ("end", "drop"):
            del self.places[uid]
        elif step in ("queue", "queued") and place == "outside":
            self.places[uid] = "waiting"
        elif step in ("leave_queue", "deleting") and place == "waiting":
            self.places[uid] = "outside"
        elif step in ("begin", "job"):
            self.places[uid] = "holding"

    def list_runs(self, *places: str) -> list[RunFacts]:
        runs = [run for run in self.cache.runs.values() if self.places.get(run.uid) in places]
        return sorted(runs, key=lambda run: (run.created, run.key))


@given(st.lists(STEPS, max_size=40))
def test_whatever_happens_the_counts_are_those_of_the_runs_there(steps: list[tuple[str, int]]) -> None:
    world = _World()
    for step, number in steps:
        world.play(step, number)
        cache, waiting, holding = world.cache, world.list_runs("waiting"), world.list_runs("holding")
        unfinished = world.list_runs("outside", "waiting", "holding")
        assert cache.unfinished_count == len(unfinished)
        assert sorted(run.key for run in cache.unfinished(("space", SCRIPT))) == sorted(run.key for run in unfinished)
        for run in unfinished:
            others = sum(other.uid != run.uid for other in holding)
            first = sum((other.created, other.key) < (run.created, run.key) for other in waiting)
            assert cache.slots.count_turn(run) == (others, first)
        free = max(0, LIMIT - len(holding))
        assert cache.list_next(("space", SCRIPT)) == [run.key for run in waiting[:free]]


@given(st.data(), st.integers(1, 4), st.integers(1, 10))
def test_in_whatever_order_they_ask_the_limit_holds(data: st.DataObject, limit: int, count: int) -> None:
    cache = Cache()
    ages = data.draw(st.lists(st.integers(0, 3), min_size=count, max_size=count))
    everybody = [run_facts(f"run-{number}", created=age) for number, age in enumerate(ages)]
    for run in everybody:
        cache.put_run(run)
    started: set[Key] = set()
    for run in data.draw(st.permutations(everybody * 2)):
        if run.key in started:
            continue
        if decide_admission(*cache.slots.count_turn(run), limit) is None:
            cache.slots.begin(run)
            started.add(run.key)
        else:
            cache.slots.queue(run)
    assert len(started) == min(limit, count)
