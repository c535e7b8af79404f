"""Events are asked for where nothing else says why no script starts, and sparingly."""

from typing import Any, cast

from builders import at, instant, job_facts, pod_facts, run_facts, terminated
from scriptrun.controller.cache import Cache
from scriptrun.controller.runs.explain import Explainer, is_unexplained
from scriptrun.kube.client import Client
from scriptrun.kube.resources import Resource
from scriptrun.models.facts import PodFacts
from scriptrun.policies.attempts import Attempt, judge_attempt
from scriptrun.policies.verdict import Wait

RUN, JOB = run_facts(), job_facts(run_facts())
WAITS = Wait("PodPending", "")


def _attempt(**pod: Any) -> Attempt:
    return judge_attempt(1, pod_facts(**pod), None)


class _Events:
    """An API server that has these Events."""

    def __init__(self, *events: tuple[str, float]) -> None:
        self.events = events
        self.asked: list[str] = []

    async def list(self, _resource: Resource, _namespace: str, **query: str) -> dict[str, Any]:
        self.asked.append(query["fieldSelector"])
        return {
            "items": [
                {"metadata": {}, "reason": "FailedCreate", "message": message, "lastTimestamp": instant(seconds)}
                for message, seconds in self.events
            ]
        }


def _explainer(*events: tuple[str, float]) -> tuple[_Events, Explainer]:
    server, cache = _Events(*events), Cache()
    cache.put_run(RUN)
    return server, Explainer(cast(Client, server), cache)


async def test_of_the_events_the_last_one_counts() -> None:
    server, explainer = _explainer(("first", 2), ("last", 9), ("second", 5))
    event = await explainer.explain(RUN, JOB, None, at(10))
    assert event is not None
    assert event.message == "last"
    assert server.asked == [f"involvedObject.uid={JOB.uid},reason=FailedCreate"]


async def test_one_run_asks_at_growing_intervals_and_the_answer_holds_meanwhile() -> None:
    server, explainer = _explainer(("no room", 2))
    for second in range(10, 300):
        event = await explainer.explain(RUN, JOB, None, at(second))
        assert event is not None
        assert event.message == "no room"
    assert 10 < len(server.asked) < 30


async def test_a_thousand_runs_ask_five_times_a_second_after_the_first_twenty() -> None:
    server, cache = _Events(("no room", 2)), Cache()
    explainer = Explainer(cast(Client, server), cache)
    runs = [run_facts(f"run-{number}") for number in range(1000)]
    for run in runs:
        cache.put_run(run)
    for tenth in range(40):
        for run in runs:
            await explainer.explain(run, JOB, None, at(10 + tenth / 10))
    assert 38 <= len(server.asked) <= 42


async def test_a_refusal_from_before_the_last_attempt_explains_no_retry() -> None:
    _server, explainer = _explainer(("of the first pod", 3))
    ended = _attempt(state={"terminated": terminated(1, seconds=5)})
    assert await explainer.explain(RUN, JOB, ended, at(10)) is None


async def test_a_pod_of_which_only_the_name_is_known_is_not_asked_for() -> None:
    server, explainer = _explainer(("x", 3))
    recalled = judge_attempt(1, PodFacts(("space", "p"), "", 0, JOB.uid, at(1)), None)
    assert await explainer.explain(RUN, JOB, recalled, at(10)) is None
    assert server.asked == []


def test_nothing_is_asked_of_what_takes_a_moment_runs_or_says_so_itself() -> None:
    running = _attempt(state={"running": {"startedAt": instant(3)}})
    blocked = _attempt(state={"waiting": {"reason": "ErrImagePull", "message": "x"}})
    for last, seconds in ((None, 4), (_attempt(), 4), (running, 99), (blocked, 99), (_attempt(deleting=True), 99)):
        assert not is_unexplained(WAITS, JOB, last, at(seconds))
    for last in (None, _attempt(), _attempt(state={"terminated": terminated(1)})):
        assert is_unexplained(WAITS, JOB, last, at(99))
