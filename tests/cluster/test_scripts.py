"""A Script's status: whether it is fit to be run, of which source, and who ran last."""

import hashlib
from typing import Any

import pytest

from clusterlab.space import Space
from clusterlab.watch import Manifest

pytestmark = pytest.mark.cluster
pytest_plugins = ["clusterlab.fixtures"]

SOURCE = "print('hello')"
DIGEST = hashlib.sha256(SOURCE.encode()).hexdigest()


def _wait_ready(space: Space, name: str, status: str, reason: str) -> Manifest:
    """Wait for the condition Ready; returns the Script's status."""

    def look() -> Manifest | None:
        body = space.watches.scripts.get((space.name, name)) or {}
        found: Manifest = body.get("status") or {}
        conditions = {item["type"]: item for item in found.get("conditions") or ()}
        ready = conditions.get("Ready", {})
        current = found.get("observedGeneration") == body.get("metadata", {}).get("generation")
        return found if current and (ready.get("status"), ready.get("reason")) == (status, reason) else None

    return space.watches.scripts.wait(f"Script {name} Ready={status} {reason}", look, 30)


def _message(status: Manifest) -> str:
    return str(status["conditions"][0]["message"])


def test_a_script_is_ready(space: Space) -> None:
    space.add_script("good", SOURCE, handler="python")
    status = _wait_ready(space, "good", "True", "Ready")
    assert status["sha256"] == DIGEST
    assert status["observedGeneration"] == 1


def test_a_source_that_arrives_later(space: Space) -> None:
    space.add_script("late", source={"configMap": {"name": "scripts", "key": "late.py"}})
    status = _wait_ready(space, "late", "False", "SourceMissing")
    assert _message(status) == 'ConfigMap "scripts" is not there'
    assert "sha256" not in status
    space.add_config_map("scripts", {"late.py": SOURCE})
    assert _wait_ready(space, "late", "True", "Ready")["sha256"] == DIGEST


def test_a_pin_that_does_not_match_and_is_mended(space: Space) -> None:
    space.add_config_map("scripts", {"pinned.py": SOURCE})
    place: dict[str, Any] = {"name": "scripts", "key": "pinned.py", "sha256": "0" * 64}
    space.add_script("pinned", source={"configMap": place})
    status = _wait_ready(space, "pinned", "False", "DigestMismatch")
    assert DIGEST in _message(status)
    assert status["sha256"] == DIGEST
    space.api.patch(space.script_path("pinned"), {"spec": {"source": {"configMap": {"sha256": DIGEST}}}})
    assert _wait_ready(space, "pinned", "True", "Ready")["observedGeneration"] == 2


@pytest.mark.parametrize("field", ["variablesSchema", "outputSchema"])
def test_a_schema_that_is_none(space: Space, field: str) -> None:
    space.add_script("odd", SOURCE, handler="python", **{field: {"properties": {"a": {"type": "strnig"}}}})
    status = _wait_ready(space, "odd", "False", "InvalidSchema")
    assert _message(status).startswith(f"{field}: at $.properties.a.type:")


def test_two_scripts_with_one_alias_are_not_ready_until_one_leaves_it_to_the_other(space: Space) -> None:
    for name in ("one", "other"):
        space.add_script(name, SOURCE, handler="python", aliases=["My Script.py"])
    for name in ("one", "other"):
        status = _wait_ready(space, name, "False", "AliasConflict")
        assert '"My Script.py" is an alias of several Scripts: one, other' in _message(status)
    assert space.api.patch(space.script_path("other"), {"spec": {"aliases": []}}).status == 200
    for name in ("one", "other"):
        _wait_ready(space, name, "True", "Ready")


def test_who_ran_last(space: Space) -> None:
    space.start("good", SOURCE)
    run = space.end_of("good")

    def look() -> Manifest | None:
        body = space.watches.scripts.get((space.name, "good")) or {}
        last: Manifest | None = (body.get("status") or {}).get("lastRun")
        return last

    last = space.watches.scripts.wait("lastRun", look, 30)
    assert (last["name"], last["phase"]) == ("good", "Succeeded")
    assert last["finishedAt"][:16] == run.status["finishedAt"][:16]


def test_a_program_in_the_image_needs_no_source(space: Space) -> None:
    space.add_script("date", handler="exec", command=["date"], contract="stream")
    assert "sha256" not in _wait_ready(space, "date", "True", "Ready")
    space.add_run("date", "date")
    run = space.end_of("date")
    assert run.end == ("Succeeded", "Completed"), run
    assert "UTC" in run.output["output"]
