"""What callers see: lists' cursors, places in logs, figures, and the reference."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from scriptrun.api.app import build_document
from scriptrun.api.docs.page import render_page
from scriptrun.api.docs.reference import list_operations, list_schemas
from scriptrun.api.problems import KINDS
from scriptrun.api.runs.live_statistics import count_live_runs
from scriptrun.api.runs.logs import LogPosition, cut_kept, parse_position
from scriptrun.api.runs.schemas import dump_cursor, parse_cursor
from scriptrun.history.records import Group, Position, Summary

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


@given(st.integers(0, 4_000_000_000_000), st.uuids())
def test_a_cursor_is_read_as_it_was_written(milliseconds: int, uid: object) -> None:
    position = Position(datetime.fromtimestamp(milliseconds / 1000, UTC), str(uid))
    again = parse_cursor(dump_cursor(position))
    assert abs(again.created_at - position.created_at) < timedelta(milliseconds=1)
    assert dump_cursor(again) == dump_cursor(position)
    assert again.uid == position.uid


@given(st.integers(1, 999_999), st.integers(0, 10**12), st.sampled_from(["", "2026-01-31T12:00:00.123456789Z"]))
def test_a_place_is_read_as_it_was_written(attempt: int, size: int, time: str) -> None:
    assert parse_position(str(LogPosition(attempt, size, time))) == LogPosition(attempt, size, time)


def test_without_a_place_a_log_begins_at_its_beginning() -> None:
    assert parse_position(None) == LogPosition(1, 0)


@given(st.lists(st.binary(max_size=30), max_size=20), st.integers(0, 100))
def test_a_kept_log_is_taken_up_anywhere(lines: list[bytes], start: int) -> None:
    log = b"\n".join(line.replace(b"\n", b"") for line in lines)
    whole = cut_kept(log, LogPosition(1))
    assert sum(piece.text.count("\n") for piece in whole) == log.count(b"\n")
    for piece in whole:
        rest = cut_kept(log, piece.place)
        assert [item.place for item in rest] == [item.place for item in whole[whole.index(piece) + 1 :]]


def test_of_a_long_log_a_gap_is_told() -> None:
    first, *rest = cut_kept(b"x\n" * 40_000, LogPosition(1, 7))
    assert first.lost
    assert len(rest) == 40_000
    assert "event: gap" in first.render()


def test_a_carriage_return_does_not_end_an_event() -> None:
    [piece] = cut_kept("a\rb ü".encode(), LogPosition(1))
    assert piece.render().count("\r") == 0
    assert piece.render().endswith('"text": "a\\rb ü"}\n\n')


def build(seconds: float | None, reason: str = "Completed", script: str = "a") -> Summary:
    return Summary("u", "n", "r", script, "x", reason, "", NOON, finished_at=NOON, duration_seconds=seconds)


def test_figures_without_a_database() -> None:
    runs = [build(float(number)) for number in range(1, 101)]
    runs += [build(None, "Timeout", "b"), Summary("u", "n", "r", "c", "Running", "", "", NOON)]
    assert count_live_runs(runs, "script") == [
        Group("a", {"Completed": 100}, 50.0, 95.0),
        Group("b", {"Timeout": 1}, None, None),
    ]
    [day] = count_live_runs(runs, "day")
    assert (day.key, day.count) == ("2026-01-31", 101)


def test_canceled_runs_count_neither_way() -> None:
    assert Group("a", {"Completed": 3, "Canceled": 5, "Timeout": 1}).success_rate == 0.75
    assert Group("a", {"Canceled": 5}).success_rate == 0.0


def test_every_call_is_described_whole() -> None:
    document = build_document()
    operations = list_operations(document)
    assert len({item.id for item in operations}) == len(operations)
    for item in operations:
        assert item.summary.endswith(".") or ";" in item.summary, item
        assert all(field.description for field in item.parameters), item
        statuses = {status for status, _, _ in item.answers}
        if item.path.startswith("/api/"):
            assert {"400", "401", "403", "422", "429", "500", "503"} <= statuses, item
    for schema in list_schemas(document):
        assert schema.description
        assert all(field.description for field in schema.fields), schema.name


def test_each_status_that_is_told_has_a_problem_and_each_problem_a_status() -> None:
    told = {
        int(status)
        for item in list_operations(build_document())
        for status, _, body in item.answers
        if body == "ProblemBody"
    }
    assert told <= {kind.status for kind in KINDS.values()}
    assert {kind.status for kind in KINDS.values()} - told == {405}


def test_the_page_shows_every_call_and_loads_nothing() -> None:
    document = build_document()
    page = render_page(document)
    for item in list_operations(document):
        assert f'id="{item.id}"' in page
    for word in ("<script", "http://", "https://", "src=", "@import", "url("):
        assert word not in page
