"""Runs so large that etcd has hardly any room for their status: each gets an end, and none is tried for ever."""

import json

import pytest

from clusterlab.process import OperatorProcess
from clusterlab.space import Run, Space, build_run
from kubeapi import wait_for
from scriptrun.policies.acceptance import RUN_LIMIT_BYTES, measure_stored

pytestmark = pytest.mark.cluster
pytest_plugins = ["clusterlab.fixtures"]

ETCD_BYTES = 1536 * 1024
COUNT = "import json, sys\njson.dump({'count': len(json.load(open(sys.argv[1])))}, open(sys.argv[2], 'w'))\n"
VERBOSE = "import json, sys\njson.dump({'text': 'o' * 8000}, open(sys.argv[2], 'w'))\n"


def _add_with_payload(space: Space, name: str, size: int) -> Run | None:
    """Create a run that is stored in about so many bytes; None when etcd does not take it."""
    bare = measure_stored(space.add_run(f"{name}-bare", "absent", task={"id": "1", "payload": {"p": ""}}).body)
    spec = {"task": {"id": "1", "payload": {"p": "y" * (size - bare)}}}
    answer = space.api.post(space.run_path(), build_run(name, name, **spec))
    return Run(answer.body) if answer.status == 201 else None


def test_sixty_thousand_variables_are_stored_once(space: Space) -> None:
    variables = {f"key{number:06d}": 1 for number in range(60_000)}
    run = space.start("many", COUNT, variables=variables)
    assert measure_stored({**run.body, "metadata": {**run.body["metadata"], "managedFields": []}}) < RUN_LIMIT_BYTES
    assert len(json.dumps(run.body["metadata"]["managedFields"])) < 2000
    run = space.end_of("many")
    assert run.end == ("Succeeded", "Completed"), run
    assert run.output == {"count": 60_000}


def test_a_run_without_room_for_its_status_is_refused_with_the_numbers(space: Space) -> None:
    space.add_script("brim", VERBOSE, handler="python")
    assert _add_with_payload(space, "brim", ETCD_BYTES - 6000) is not None
    run = space.end_of("brim")
    assert run.end == ("Failed", "InputTooLarge")
    assert f"at most {RUN_LIMIT_BYTES} are allowed" in run.message
    assert not space.pods_seen("brim")


def test_a_run_just_below_the_limit_runs(space: Space) -> None:
    space.add_script("fits", VERBOSE, handler="python")
    assert _add_with_payload(space, "fits", RUN_LIMIT_BYTES - 1000) is not None
    run = space.end_of("fits")
    assert run.end == ("Succeeded", "Completed")
    assert run.output == {"text": "o" * 8000}


def test_a_run_without_room_for_any_end_is_told_of_by_an_event_and_left_alone(
    space: Space, operator: OperatorProcess
) -> None:
    space.add_script("full", VERBOSE, handler="python")
    slack = next(slack for slack in range(150, 1500, 50) if _add_with_payload(space, "full", ETCD_BYTES - slack))
    selector = "fieldSelector=involvedObject.name=full,reason=InputTooLarge"
    events = f"{space.path('events')}?{selector}"
    wait_for(f"an Event, or an end, with {slack} bytes left", lambda: space.api.get(events).body["items"])
    space.start("other", COUNT)
    assert space.end_of("other").end == ("Succeeded", "Completed")
    told = [line for line in operator.log if "can't be ended" in line and space.name in line]
    run = space.run("full")
    assert run is not None
    assert len(told) == (0 if run.ended else 1)
