"""May a run be run: what its Script allows, what it waits for, what the refusals say."""

import base64
import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import at, run_facts, script_spec
from scriptrun.models.reasons import Reason
from scriptrun.policies.acceptance import (
    INPUT_LIMIT_BYTES,
    RUN_LIMIT_BYTES,
    check_config,
    check_digest,
    check_exact,
    check_input_size,
    check_limits,
    check_run_size,
    check_variables,
    decide_missing_script,
    decide_missing_source,
    measure_stored,
    merge_variables,
)
from scriptrun.policies.source import Missing, Source
from scriptrun.policies.verdict import Verdict, Wait

CONFIG_MAP = {"configMap": {"name": "scripts", "key": "hello.py"}}
FROM_RUN = {"fromRun": {}}


class TestMissingScript:
    def test_it_is_waited_for_a_little(self) -> None:
        decision = decide_missing_script(run_facts(), 5, at(1.5))
        assert isinstance(decision, Wait)
        assert '"hello.py"' in decision.message
        assert decision.again_seconds == 3.5

    def test_then_the_run_is_refused(self) -> None:
        decision = decide_missing_script(run_facts(), 5, at(5))
        assert isinstance(decision, Verdict)
        assert decision.reason is Reason.SCRIPT_NOT_ALLOWED
        assert "kubectl get scripts -n space" in decision.message

    def test_no_grace_no_wait(self) -> None:
        assert isinstance(decide_missing_script(run_facts(), 0, at(0)), Verdict)


class TestMissingSource:
    def test_it_is_polled_until_the_start_deadline(self) -> None:
        decision = decide_missing_source(run_facts(), Missing('ConfigMap "scripts"'), 60, at(10))
        assert decision == Wait("SourceMissing", 'waiting for ConfigMap "scripts"', 1.0)

    @pytest.mark.parametrize(("age", "pause"), [(-5, 0.1), (0, 0.1), (1, 0.25), (2, 0.5), (4, 1.0), (9, 1.0)])
    def test_it_is_looked_for_more_often_at_first(self, age: float, pause: float) -> None:
        decision = decide_missing_source(run_facts(), Missing("it"), 60, at(age))
        assert isinstance(decision, Wait)
        assert decision.again_seconds == pause

    def test_the_last_look_is_at_the_deadline(self) -> None:
        decision = decide_missing_source(run_facts(), Missing("it"), 60, at(59.75))
        assert isinstance(decision, Wait)
        assert decision.again_seconds == 0.25

    def test_then_it_is_missing(self) -> None:
        decision = decide_missing_source(run_facts(), Missing('key "a" in ConfigMap "b"'), 60, at(60))
        assert isinstance(decision, Verdict)
        assert decision.reason is Reason.SOURCE_MISSING
        assert decision.message == 'key "a" in ConfigMap "b" did not appear within startDeadlineSeconds (60 s)'


class TestLimits:
    @pytest.mark.parametrize(("field", "cap"), [("activeDeadlineSeconds", 900), ("backoffLimit", 2)])
    def test_a_run_may_lower_and_not_raise(self, field: str, cap: int) -> None:
        script = script_spec(backoffLimit=2)
        for asked in (cap, cap - 1, 1):
            assert check_limits(run_facts(**{field: asked}), script) is None
        refused = check_limits(run_facts(**{field: cap + 1}), script)
        assert refused is not None
        assert refused.reason is Reason.SCRIPT_NOT_ALLOWED
        assert refused.message == f'spec.{field} is {cap + 1}, Script "hello.py" allows at most {cap}'

    def test_no_retries_is_a_wish_too(self) -> None:
        assert check_limits(run_facts(backoffLimit=0), script_spec()) is None
        assert check_limits(run_facts(backoffLimit=1), script_spec()) is not None

    @pytest.mark.parametrize("source", [CONFIG_MAP, {"inline": "x"}])
    def test_a_run_brings_no_source_where_its_script_has_one(self, source: dict[str, Any]) -> None:
        refused = check_limits(run_facts(source=CONFIG_MAP), script_spec(source=source))
        assert refused is not None
        assert refused.reason is Reason.SCRIPT_NOT_ALLOWED
        assert "spec.source" in refused.message

    def test_a_run_of_a_program_in_the_image_brings_none_either(self) -> None:
        assert check_limits(run_facts(source=CONFIG_MAP), script_spec(source=None, command=["/bin/true"])) is not None

    def test_a_script_that_wants_a_source_from_its_runs(self) -> None:
        assert check_limits(run_facts(source=CONFIG_MAP), script_spec(source=FROM_RUN)) is None
        refused = check_limits(run_facts(), script_spec(source=FROM_RUN))
        assert refused is not None
        assert refused.reason is Reason.SOURCE_MISSING

    def test_a_secret_of_a_run_only_where_its_script_lets_it(self) -> None:
        secret = {"name": "hello-1.run-env"}
        refused = check_limits(run_facts(secretEnv=secret), script_spec())
        assert refused is not None
        assert refused.reason is Reason.SCRIPT_NOT_ALLOWED
        assert "allowSecretEnv" in refused.message
        assert check_limits(run_facts(secretEnv=secret), script_spec(allowSecretEnv=True)) is None
        # Who brings the code may bring its environment.
        assert check_limits(run_facts(secretEnv=secret, source=CONFIG_MAP), script_spec(source=FROM_RUN)) is None


def _pinned(sha256: str) -> dict[str, Any]:
    return {"configMap": {**CONFIG_MAP["configMap"], "sha256": sha256}}


class TestDigest:
    def test_the_pinned_source_passes(self) -> None:
        pin = hashlib.sha256(b"x").hexdigest()
        assert check_digest(Source(b"x"), script_spec(source=_pinned(pin))) is None
        assert check_digest(Source(b"x"), script_spec(source=CONFIG_MAP)) is None
        assert check_digest(Source(b"x"), script_spec(source={"inline": "x"})) is None

    def test_an_edited_one_does_not_and_both_digests_are_told(self) -> None:
        pin = hashlib.sha256(b"x").hexdigest()
        refused = check_digest(Source(b"x\n"), script_spec(source=_pinned(pin)))
        assert refused is not None
        assert refused.reason is Reason.DIGEST_MISMATCH
        assert pin in refused.message
        assert hashlib.sha256(b"x\n").hexdigest() in refused.message


class TestVariables:
    def test_against_the_schema_with_the_path(self) -> None:
        script = script_spec(variablesSchema={"properties": {"who": {"properties": {"age": {"type": "integer"}}}}})
        assert check_variables({"who": {"age": 7}}, script) is None
        refused = check_variables({"who": {"age": "7"}}, script)
        assert refused is not None
        assert refused.reason is Reason.INVALID_VARIABLES
        assert refused.message == "variables.who.age: '7' is not of type 'integer'"

    @pytest.mark.parametrize("field", ["variablesSchema", "outputSchema"])
    def test_a_broken_schema_is_the_scripts_fault(self, field: str) -> None:
        refused = check_variables({}, script_spec(**{field: {"type": 5}}))
        assert refused is not None
        assert refused.reason is Reason.SCRIPT_NOT_ALLOWED
        assert field in refused.message

    def test_merging_lets_the_later_and_then_the_runs_own_win(self) -> None:
        parts = [{"a": 1, "b": 1, "c": 1}, {"b": 2, "c": 2}]
        assert merge_variables(parts, {"c": 3, "d": 3}) == {"a": 1, "b": 2, "c": 3, "d": 3}
        assert parts == [{"a": 1, "b": 1, "c": 1}, {"b": 2, "c": 2}]


class TestExactness:
    @pytest.mark.parametrize(
        ("spec", "path"),
        [
            ({"variables": {"n": 2**64 - 1}}, "variables.n"),
            ({"variables": {"n": 1.2345678901234568e29}}, "variables.n"),
            ({"task": {"headers": {"n": 2**63}}}, "task.headers.n"),
            ({"variables": {"n": 1}, "task": {"payload": {"inputData": {"n": 2**63}}}}, "task.payload.inputData.n"),
        ],
    )
    def test_a_number_that_kubernetes_rounds_is_refused(self, spec: dict[str, Any], path: str) -> None:
        refused = check_exact(spec)
        assert refused is not None
        assert refused.reason is Reason.INVALID_VARIABLES
        assert refused.message.startswith(f"{path}: Kubernetes rounds")
        assert refused.message.endswith("pass it as a string")

    def test_others_pass(self) -> None:
        assert check_exact({"scriptRef": {"name": "x"}}) is None
        assert check_exact({"variables": {"n": [2**63 - 1, 0.1, True]}, "task": {"payload": {"a": "b"}}}) is None

    def test_variables_from_config_maps_may_have_any_size(self) -> None:
        assert check_variables({"n": 10**100}, script_spec()) is None

    def test_a_scripts_config_is_held_to_it_too(self) -> None:
        assert check_config(script_spec(config={"n": 2**63 - 1})) is None
        refused = check_config(script_spec(config={"n": 2**63}))
        assert refused is not None
        assert refused.reason is Reason.SCRIPT_NOT_ALLOWED
        assert refused.message.startswith("the Script's config.n: Kubernetes rounds")


class TestInputSize:
    def test_the_limit_itself_fits(self) -> None:
        assert check_input_size({"data": {"script": "x" * (INPUT_LIMIT_BYTES - len("script"))}}) is None

    def test_one_more_does_not_and_both_numbers_are_told(self) -> None:
        refused = check_input_size({"data": {"script": "x" * (INPUT_LIMIT_BYTES - len("script") + 1)}})
        assert refused is not None
        assert refused.reason is Reason.INPUT_TOO_LARGE
        assert "900001 bytes" in refused.message
        assert "at most 900000" in refused.message

    @given(st.dictionaries(st.sampled_from("abc"), st.text()), st.dictionaries(st.sampled_from("xyz"), st.binary()))
    def test_bytes_are_counted_as_kubernetes_does(self, data: dict[str, str], binary: dict[str, bytes]) -> None:
        encoded = {key: base64.b64encode(value).decode() for key, value in binary.items()}
        filler = "x" * INPUT_LIMIT_BYTES
        refused = check_input_size({"data": {**data, "script": filler}, "binaryData": encoded})
        assert refused is not None
        size = sum(len(key) + len(value.encode()) for key, value in data.items())
        size += sum(len(key) + len(value) for key, value in binary.items())
        assert f" {size + len('script') + len(filler)} bytes" in refused.message


class TestRunSize:
    def test_the_limit_leaves_room_for_a_status(self) -> None:
        assert check_run_size(0) is None, "a small one is not measured"
        assert check_run_size(RUN_LIMIT_BYTES) is None
        assert RUN_LIMIT_BYTES + 128 * 1024 == 1536 * 1024

    def test_one_more_does_not_and_both_numbers_are_told(self) -> None:
        wrong = check_run_size(RUN_LIMIT_BYTES + 1)
        assert wrong is not None
        assert wrong.reason is Reason.INPUT_TOO_LARGE
        assert "1441793 bytes" in wrong.message
        assert "at most 1441792" in wrong.message

    def test_it_is_measured_as_go_writes_it(self) -> None:
        assert measure_stored({"a": "ä"}) == len('{"a":"ä"}'.encode())
        assert measure_stored({"a": "<&>\u2028"}) == len('{"a":"\\u003c\\u0026\\u003e\\u2028"}')
