"""What a bridge process keeps of the open runs, and that older news never win."""

from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from builders import run_body
from scriptrun.bridges.open_runs import OpenRun, OpenRuns, observe_open_run
from scriptrun.desired.claim import build_claimed_run
from scriptrun.models.facts import Claim

BRIDGE = ("space", "camunda")
CLAIM = Claim("1-3", 0, {"key": "1"}, lease_seconds=12.5)


def build(version: int = 1, generation: int = 0, **status: Any) -> dict[str, Any]:
    """A run as the API server shows it."""
    claim = replace(CLAIM, generation=generation)
    body = build_claimed_run(BRIDGE, claim, "hello.py", {"a": 1}, {"id": "1"})
    whole = run_body(body["metadata"]["name"], version=version, status=status or None)
    return {**body, "metadata": {**whole["metadata"], **body["metadata"]}, **({"status": status} if status else {})}


def test_a_claimed_run_is_read_as_it_was_written() -> None:
    record = observe_open_run(build())
    assert record.claim == CLAIM
    assert (record.bridge_key, record.script, record.held, record.settled) == (BRIDGE, "hello.py", True, False)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"identity": "1"}', '{"identity":"1","generation":"x","handle":{}}', "[" * 5000]
)
def test_a_claim_that_somebody_broke_is_none(text: str) -> None:
    body = build()
    body["metadata"]["annotations"]["scriptrun.dev/claim"] = text
    assert observe_open_run(body).claim is None


def test_a_status_is_kept_from_the_end_to_the_report() -> None:
    assert observe_open_run(build(phase="Running")).status == {}
    ended = {"finishedAt": "2026-11-21T12:00:00Z", "reason": "Completed"}
    assert observe_open_run(build(**ended)).status == ended
    reported = {**ended, "conditions": [{"type": "Reported", "status": "True"}]}
    record = observe_open_run(build(**reported))
    assert (record.status, record.reported, record.settled) == ({}, True, True)
    waiting = {**ended, "conditions": [{"type": "Reported", "status": "False"}]}
    assert observe_open_run(build(**waiting)).reported is False


def test_a_dropped_run_is_not_taken_up_again() -> None:
    body = build()
    body["metadata"]["annotations"]["scriptrun.dev/dropped"] = "job is gone"
    record = observe_open_run(body)
    assert (record.dropped, record.settled) == ("job is gone", True)


def put(records: OpenRuns, **fields: Any) -> OpenRun:
    record = observe_open_run(build(**fields))
    records.put(record)
    return record


def test_another_run_of_the_same_task_made_since_tells_of_a_redelivery() -> None:
    records = OpenRuns()
    ended = put(records, finishedAt="2026-11-21T12:00:05.900Z")
    assert (ended.task, records.handed_out_again(ended)) == ("1", False)
    since = replace(ended, key=("space", "since"), uid="since", created=datetime(2026, 11, 21, 12, 0, 5, tzinfo=UTC))
    for other in (
        replace(since, created=datetime(2026, 11, 21, 12, 0, 4, tzinfo=UTC)),  # the attempt before
        replace(since, task="2"),
        replace(since, bridge="other"),
        replace(since, created=None),
    ):
        alone = OpenRuns()
        alone.put(other)
        assert not alone.handed_out_again(ended), other
    records.put(since)
    assert records.handed_out_again(ended)
    assert not records.handed_out_again(replace(ended, finished_at=None))
    assert not records.handed_out_again(replace(ended, task=""))


def test_older_news_change_nothing() -> None:
    records = OpenRuns()
    newer = put(records, version=7)
    assert records.put(observe_open_run(build(version=5))) is False
    assert records.get(newer.key) == newer


def test_a_run_that_was_let_go_does_not_come_back_by_old_news() -> None:
    records = OpenRuns()
    record = put(records, version=5)
    assert records.drop(record.key, record.uid, 9) == record
    assert records.put(observe_open_run(build(version=8))) is False
    assert (len(records), list(records.of_bridge(BRIDGE)), records.bridges()) == (0, [], set())


def test_without_its_finalizer_a_run_is_forgotten() -> None:
    records = OpenRuns()
    record = put(records, version=5)
    assert records.put(replace(record, version=6, finalizers=())) is False
    assert records.get(record.key) is None


def test_a_namesake_is_not_forgotten_for_the_one_before_it() -> None:
    records = OpenRuns()
    record = put(records, version=5)
    namesake = replace(record, uid="another", version=8)
    assert records.put(namesake)
    assert records.drop(record.key, record.uid, 6) is None
    assert records.get(record.key) == namesake


def test_generations_are_counted_on_and_after_a_restart_from_what_is_open() -> None:
    records = OpenRuns()
    assert records.first_free_generation(BRIDGE, "1-3") == 0
    records.use_up(BRIDGE, "1-3", 0)
    assert records.first_free_generation(BRIDGE, "1-3") == 1
    records.use_up(BRIDGE, "1-3", 0)
    assert records.first_free_generation(BRIDGE, "1-3") == 1
    after_restart = OpenRuns()
    put(after_restart, generation=5)
    assert after_restart.first_free_generation(BRIDGE, "1-3") == 5
    assert after_restart.first_free_generation(("space", "other"), "1-3") == 0


def test_a_claim_survives_its_annotation() -> None:
    """All of it, so that nothing that matters is in memory only."""
    assert set(asdict(CLAIM)) == {"identity", "generation", "handle", "delivery", "lease_seconds"}
    for claim in (CLAIM, Claim("x", 3, {}, 9, None)):
        body = build_claimed_run(BRIDGE, claim, "hello.py", {}, {})
        whole = run_body(body["metadata"]["name"])
        merged = {**body, "metadata": {**whole["metadata"], **body["metadata"]}}
        assert observe_open_run(merged).claim == claim
