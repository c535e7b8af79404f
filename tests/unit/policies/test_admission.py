"""The concurrency limit and its queue."""

from hypothesis import given
from hypothesis import strategies as st

from builders import run_facts
from scriptrun.models.facts import RunFacts
from scriptrun.policies.admission import Place, decide_admission


def runs(*ages: int) -> list[RunFacts]:
    return [run_facts(f"run-{number}", created=age) for number, age in enumerate(ages)]


def test_without_a_limit_everybody_starts() -> None:
    first, *others = runs(*range(50))
    assert decide_admission(first, [Place(run, True) for run in others], None) is None


def test_the_message_says_the_place_and_the_limit() -> None:
    mine, started, older = runs(9, 0, 5)
    wait = decide_admission(mine, [Place(mine, False), Place(started, True), Place(older, False)], 1)
    assert wait is not None
    assert wait.reason == "ConcurrencyLimit"
    assert wait.message == "place 2 in the queue: 1 of at most 1 runs are under way"


def test_a_run_does_not_stand_in_its_own_way() -> None:
    (mine,) = runs(0)
    assert decide_admission(mine, [Place(mine, False)], 1) is None


def test_a_free_place_is_kept_for_the_oldest() -> None:
    older, younger = runs(1, 2)
    both = [Place(older, False), Place(younger, False)]
    assert decide_admission(older, both, 1) is None
    assert decide_admission(younger, both, 1) is not None


def test_of_the_same_second_the_name_decides_so_that_there_is_one_first() -> None:
    a, b = runs(1, 1)
    both = [Place(b, False), Place(a, False)]
    assert (decide_admission(a, both, 1), decide_admission(b, both, 1) is None) == (None, False)


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=1, max_size=12), st.integers(1, 5))
def test_the_oldest_fill_the_free_places_and_nobody_else(facts: list[tuple[int, bool]], limit: int) -> None:
    everybody = [Place(run, started) for run, (_, started) in zip(runs(*(age for age, _ in facts)), facts, strict=True)]
    waiting = [place.run for place in everybody if not place.started]
    admitted = {run.key for run in waiting if decide_admission(run, everybody, limit) is None}
    free = max(0, limit - (len(everybody) - len(waiting)))
    oldest = sorted(waiting, key=lambda run: (run.created, run.key))[:free]
    assert admitted == {run.key for run in oldest}


@given(st.data(), st.integers(1, 4), st.integers(1, 10))
def test_in_whatever_order_they_ask_the_limit_holds(data: st.DataObject, limit: int, count: int) -> None:
    everybody = runs(*data.draw(st.lists(st.integers(0, 3), min_size=count, max_size=count)))
    started: set[tuple[str, str]] = set()
    for run in data.draw(st.permutations(everybody * 2)):
        if (
            run.key not in started
            and decide_admission(run, [Place(o, o.key in started) for o in everybody], limit) is None
        ):
            started.add(run.key)
    assert len(started) == min(limit, count)
