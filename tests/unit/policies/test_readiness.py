"""Is a Script fit to be run."""

import hashlib
from typing import Any

import pytest

from builders import script_spec
from scriptrun.models.reasons import Reason
from scriptrun.policies.readiness import decide_readiness
from scriptrun.policies.source import Missing, Source
from scriptrun.policies.verdict import Verdict

DIGEST = hashlib.sha256(b"x").hexdigest()


def source(**pin: str) -> dict[str, Any]:
    return {"configMap": {"name": "scripts", "key": "hello.py", **pin}}


def test_ready_with_the_digest_of_its_source() -> None:
    assert decide_readiness(script_spec(source=source()), Source(b"x")) == (None, DIGEST)
    assert decide_readiness(script_spec(source=source(sha256=DIGEST)), Source(b"x")) == (None, DIGEST)


def test_a_program_in_the_image_has_no_digest() -> None:
    assert decide_readiness(script_spec(source=None, command=["/bin/true"]), None) == (None, "")


def test_a_missing_source_is_named() -> None:
    wrong, digest = decide_readiness(script_spec(source=source()), Missing('ConfigMap "scripts"'))
    assert wrong is not None
    assert (wrong.reason, wrong.message, digest) == ("SourceMissing", 'ConfigMap "scripts" is not there', "")


def test_files_that_do_not_go_together() -> None:
    wrong, digest = decide_readiness(script_spec(source=source()), Verdict(Reason.SCRIPT_NOT_ALLOWED, "two files"))
    assert wrong is not None
    assert (wrong.reason, wrong.message, digest) == ("InvalidSource", "two files", "")


def test_an_edited_source() -> None:
    wrong, digest = decide_readiness(script_spec(source=source(sha256="0" * 64)), Source(b"x"))
    assert wrong is not None
    assert (wrong.reason, digest) == ("DigestMismatch", DIGEST)


@pytest.mark.parametrize("field", ["variablesSchema", "outputSchema"])
def test_a_schema_that_is_none(field: str) -> None:
    wrong, _ = decide_readiness(script_spec(**{field: {"properties": {"a": {"type": 7}}}}), Source(b"x"))
    assert wrong is not None
    assert wrong.reason == "InvalidSchema"
    assert wrong.message.startswith(f"{field}: at $.properties.a.type: ")


def test_a_schema_that_would_not_fit_a_jobs_annotations() -> None:
    fitting = {"description": "x" * (65_536 - len('{"description": ""}'))}
    assert decide_readiness(script_spec(outputSchema=fitting), Source(b"x"))[0] is None
    wrong, _ = decide_readiness(script_spec(outputSchema={"description": fitting["description"] + "x"}), Source(b"x"))
    assert wrong is not None
    assert (wrong.reason, "65537 bytes, at most 65536" in wrong.message) == ("InvalidSchema", True)


def test_a_config_with_a_number_that_kubernetes_rounds() -> None:
    wrong, _ = decide_readiness(script_spec(config={"limits": {"n": 2**64}}), Source(b"x"))
    assert wrong is not None
    assert wrong.reason == "InvalidConfig"
    assert wrong.message.startswith("config.limits.n: Kubernetes rounds")


def test_a_config_that_is_nested_too_deeply() -> None:
    inner: dict[str, Any] = {}
    for _ in range(200):
        inner = {"a": inner}
    wrong, _ = decide_readiness(script_spec(config=inner), Source(b"x"))
    assert wrong is not None
    assert (wrong.reason, wrong.message) == ("InvalidConfig", "config: nested more than 200 levels deep")
