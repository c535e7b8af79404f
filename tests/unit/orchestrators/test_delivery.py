"""What orchestrators hand out: how much of it is read, and what is logged of the rest."""

from structlog.testing import capture_logs

from scriptrun.orchestrators.adapter import Task
from scriptrun.orchestrators.delivery import read_tasks


def build(item: object) -> Task:
    if not isinstance(item, str):
        raise ValueError(f"no task: {item}")
    return Task(identity=item, id=item, type="", workflow_id="", script="", variables={}, handle={})


def test_tasks_are_read() -> None:
    with capture_logs() as logs:
        assert [task.id for task in read_tasks(["a", "b"], 2, build)] == ["a", "b"]
    assert not logs


def test_everything_else_is_logged_once() -> None:
    with capture_logs() as logs:
        assert [task.id for task in read_tasks([1, "a", *range(200_000)], 200_002, build)] == ["a"]
    assert [(line["event"], line["count"], line["error"]) for line in logs] == [("not tasks", 200_001, "no task: 1")]


def test_no_more_is_read_than_was_asked_for() -> None:
    with capture_logs() as logs:
        assert [task.id for task in read_tasks(["a", "b", *range(200_000)], 2, build)] == ["a", "b"]
    assert [(line["requested"], line["delivered"]) for line in logs] == [(2, 200_002)]
