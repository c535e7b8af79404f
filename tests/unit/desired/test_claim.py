"""The run of a task: its name, its marks, and what is written to it afterwards."""

import re

from hypothesis import given
from hypothesis import strategies as st

from scriptrun.desired.claim import build_claimed_run, build_readoption, build_release, build_withdrawal
from scriptrun.desired.names import claimed_run_name
from scriptrun.models import ScriptRun
from scriptrun.models.facts import Claim
from scriptrun.models.scriptrun import NAME_LIMIT

CLAIM = Claim("2251799813685249-3", 0, {"key": "2251799813685249"})
IDENTITIES = st.from_regex(r"[a-z0-9][-a-z0-9]{0,38}[a-z0-9]", fullmatch=True)
BRIDGES = st.from_regex(r"[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?", fullmatch=True)


def test_the_name_tells_bridge_and_task() -> None:
    assert re.fullmatch(r"camunda-2251799813685249-3-[0-9a-f]{6}", claimed_run_name("camunda", CLAIM.identity, 0))


@given(BRIDGES, IDENTITIES, st.integers(0, 10**6))
def test_every_name_is_one_that_a_run_may_have(bridge: str, identity: str, generation: int) -> None:
    name = claimed_run_name(bridge, identity, generation)
    assert len(name) <= NAME_LIMIT
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", name)
    assert name == claimed_run_name(bridge, identity, generation)


def test_other_bridges_tasks_and_generations_have_other_names() -> None:
    names = {
        claimed_run_name(*parts)
        for parts in (
            ("a", "b-c", 0),
            ("a-b", "c", 0),
            ("a.b", "c", 0),
            ("a", "b-c", 1),
            ("a", "b-c", 10),
            ("x" * 60, "c", 0),
            ("x" * 61, "c", 0),
        )
    }
    assert len(names) == 7


def test_the_run_is_held_and_marked_from_its_first_moment() -> None:
    body = build_claimed_run(("team", "camunda"), CLAIM, "hello.py", {"a": 1}, {"source": "zeebe", "id": "1"})
    ScriptRun.model_validate(body)
    meta = body["metadata"]
    assert meta["finalizers"] == ["scriptrun.dev/report"]
    assert meta["labels"]["scriptrun.dev/bridge"] == "camunda"
    assert meta["labels"]["scriptrun.dev/open"] == "true"
    assert meta["namespace"] == "team"
    assert body["spec"] == {
        "scriptRef": {"name": "hello.py"},
        "variables": {"a": 1},
        "task": {"source": "zeebe", "id": "1"},
    }


def test_later_writes_name_the_very_run_and_version() -> None:
    for patch in (
        build_readoption("camunda", CLAIM, "u", 7),
        build_withdrawal("u", 7, "gone"),
        build_release("u", 7, ["scriptrun.dev/report"]),
    ):
        assert (patch["metadata"]["uid"], patch["metadata"]["resourceVersion"]) == ("u", "7")


def test_letting_go_keeps_the_finalizers_of_others() -> None:
    patch = build_release("u", 7, ["a.example/x", "scriptrun.dev/report", "foregroundDeletion"])
    assert patch["metadata"]["finalizers"] == ["a.example/x", "foregroundDeletion"]
    assert patch["metadata"]["labels"] == {"scriptrun.dev/open": None}


def test_a_long_reason_is_cut_for_the_annotation() -> None:
    patch = build_withdrawal("u", 7, "x" * 5000)
    assert len(patch["metadata"]["annotations"]["scriptrun.dev/dropped"]) == 1024
    assert patch["spec"] == {"cancel": True}
