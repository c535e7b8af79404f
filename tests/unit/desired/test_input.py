"""The input: what the pod finds, and that its hash tells any two apart."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import run_facts, script_spec
from scriptrun.desired.input import build_input, decide_file_name, decide_handler, hash_input
from scriptrun.policies.acceptance import Inputs
from scriptrun.policies.source import Source

CONFIG_MAP = {"configMap": {"name": "scripts", "key": "hello.py"}}
TASK = {"source": "zeebe", "id": "42", "type": "greet", "workflowId": "wf-7", "domain": "north", "headers": {"a": "b"}}


def build(
    content: bytes | None = b"print()",
    variables: dict[str, Any] | None = None,
    run: dict[str, Any] | None = None,
    **script: Any,
) -> dict[str, Any]:
    source = None if content is None else Source(content)
    return build_input(run_facts(**(run or {})), script_spec(**script), Inputs(source, variables or {}))


def test_files_beside_the_script() -> None:
    neighbours = {"b" * 253: b"text", "logo.png": b"\xff\x00"}
    spec = script_spec(source=CONFIG_MAP)
    config_map = build_input(run_facts(), spec, Inputs(Source(b"print()", neighbours)))
    assert read(config_map, "run.json")["neighbours"] == ["b" * 253, "logo.png"]
    assert config_map["data"]["neighbour.0"] == "text"
    assert base64.b64decode(config_map["binaryData"]["neighbour.1"]) == b"\xff\x00"


def test_files_of_a_folder() -> None:
    spec = script_spec(source={"folder": {"configMaps": [{"name": "etl"}], "entryPoint": "etl/load.sh"}})
    config_map = build_input(run_facts(), spec, Inputs(Source(b"true", {"lib/a.sh": b"a=1"}, "etl/load.sh")))
    about = read(config_map, "run.json")
    assert (about["folder"], about["fileName"], about["neighbours"]) == (True, "etl/load.sh", ["lib/a.sh"])
    assert (about["handler"], config_map["data"]["script"], config_map["data"]["neighbour.0"]) == (
        "shell",
        "true",
        "a=1",
    )


def test_the_entry_point_of_a_runs_own_folder() -> None:
    own = {"folder": {"configMaps": [{"name": "mine"}], "entryPoint": "main.js"}}
    spec = script_spec(source={"fromRun": {}})
    assert decide_file_name(run_facts(source=own), spec) == "main.js"
    assert decide_handler("main.js", spec) == "node"


def read(config_map: dict[str, Any], name: str) -> Any:
    return json.loads(config_map["data"][name])


class TestSource:
    def test_text_stays_readable(self) -> None:
        config_map = build("print('ä')".encode())
        assert config_map["data"]["script"] == "print('ä')"
        assert "binaryData" not in config_map

    @given(st.binary())
    def test_any_bytes_come_through(self, source: bytes) -> None:
        config_map = build(source)
        kept = config_map["data"].get("script")
        found = base64.b64decode(config_map["binaryData"]["script"]) if kept is None else kept.encode()
        assert found == source

    def test_a_program_in_the_image_has_none(self) -> None:
        config_map = build(None, source=None, command=["/bin/true"])
        assert "script" not in config_map["data"]
        assert "binaryData" not in config_map


class TestHandler:
    @pytest.mark.parametrize(
        ("key", "handler"),
        [
            ("a.py", "python"),
            ("A.PY", "python"),
            ("a.sh", "shell"),
            ("a.bash", "shell"),
            ("a.js", "node"),
            ("a.mjs", "node"),
            ("a.cjs", "node"),
            ("a.tar.py", "python"),
            ("a", "exec"),
            ("py", "exec"),
            ("a.rb", "exec"),
            ("a.", "exec"),
        ],
    )
    def test_by_the_ending(self, key: str, handler: str) -> None:
        assert decide_handler(key, script_spec()) == handler

    def test_the_scripts_word_wins(self) -> None:
        assert decide_handler("a.py", script_spec(handler="shell")) == "shell"
        assert decide_handler("a.py", script_spec(command=["tool", "{script}"])) == "exec"

    def test_the_ending_is_of_the_key_and_else_of_the_name(self) -> None:
        run = run_facts(source={"configMap": {"name": "upload", "key": "main.js"}})
        assert decide_file_name(run, script_spec(source={"fromRun": {}})) == "main.js"
        assert decide_file_name(run_facts(), script_spec(source=CONFIG_MAP)) == "hello.py"
        assert decide_file_name(run_facts(script="tool.sh"), script_spec()) == "tool.sh"


class TestDocuments:
    def test_what_the_runner_is_told(self) -> None:
        about = read(
            build(
                handler="exec",
                command=["tool", "{script}"],
                contract="package",
                attemptDeadlineSeconds=9,
                output={"transport": "TerminationMessage", "limitBytes": 100},
            ),
            "run.json",
        )
        assert about == {
            "schema": 1,
            "namespace": "space",
            "name": "hello-1",
            "uid": "uid-of-hello-1",
            "script": "hello.py",
            "fileName": "hello.py",
            "handler": "exec",
            "command": ["tool", "{script}"],
            "contract": "package",
            "attemptDeadlineSeconds": 9,
            "outputLimitBytes": 100,
            "outputTransport": "TerminationMessage",
            "gracePeriodSeconds": 30,
            "task": {"type": "hello.py", "id": "uid-of-hello-1", "workflowId": "hello-1", "domain": "", "headers": {}},
        }

    def test_variables_and_config(self) -> None:
        config_map = build(variables={"name": "Ädä", "n": [1, None]}, config={"pkg": {"a": 1}})
        assert read(config_map, "variables.json") == {"name": "Ädä", "n": [1, None]}
        assert read(config_map, "config.json") == {"pkg": {"a": 1}}
        assert "Ädä" in config_map["data"]["variables.json"], "text stays text"

    def test_the_task_of_a_run_that_answers_none(self) -> None:
        assert read(build(variables={"a": 1}, contract="stdio"), "task.json") == {
            "taskType": "hello.py",
            "taskId": "uid-of-hello-1",
            "workflowInstanceId": "hello-1",
            "inputData": {"a": 1},
        }

    def test_the_task_of_a_run_that_answers_one(self) -> None:
        config_map = build(variables={"a": 1}, run={"task": TASK}, contract="stdio")
        assert read(config_map, "task.json") == {
            "taskType": "greet",
            "taskId": "42",
            "workflowInstanceId": "wf-7",
            "inputData": {"a": 1},
        }
        assert read(config_map, "run.json")["task"] == {
            "type": "greet",
            "id": "42",
            "workflowId": "wf-7",
            "domain": "north",
            "headers": {"a": "b"},
        }

    def test_an_orchestrators_own_document_is_passed_on_with_the_checked_input(self) -> None:
        payload = {
            "taskType": "t",
            "taskId": "i",
            "workflowInstanceId": "w",
            "domain": "d",
            "inputData": {"n": "unchecked"},
            "own": [1],
        }
        config_map = build(variables={"n": 1}, run={"task": {"id": "other", "payload": payload}}, contract="stdio")
        assert read(config_map, "task.json") == {**payload, "inputData": {"n": 1}}
        about = read(config_map, "run.json")["task"]
        assert (about["type"], about["id"], about["workflowId"], about["domain"]) == ("t", "i", "w", "d")

    @pytest.mark.parametrize("contract", ["files", "stream", "package"])
    def test_who_does_not_read_a_task_gets_none(self, contract: str) -> None:
        assert "task.json" not in build(contract=contract)["data"]


def test_it_is_immutable_and_the_runs() -> None:
    config_map = build()
    assert config_map["immutable"] is True
    assert config_map["metadata"]["name"] == "hello-1-input"
    assert config_map["metadata"]["ownerReferences"][0]["uid"] == "uid-of-hello-1"


FILES = st.dictionaries(st.sampled_from(["a", "b", "script", "c.json"]), st.binary(max_size=6), max_size=4)


def as_config_map(files: dict[str, bytes], binary: set[str]) -> dict[str, Any]:
    config_map: dict[str, Any] = {"data": {}, "binaryData": {}}
    for name, content in files.items():
        try:
            text = content.decode()
        except UnicodeDecodeError:
            text = None
        if text is None or name in binary:
            config_map["binaryData"][name] = base64.b64encode(content).decode()
        else:
            config_map["data"][name] = text
    return config_map


class TestHash:
    @given(FILES, st.data())
    def test_it_is_of_the_files_and_not_of_how_they_are_kept(
        self, files: dict[str, bytes], data: st.DataObject
    ) -> None:
        shuffled = dict(data.draw(st.permutations(list(files.items()))))
        binary = data.draw(st.sets(st.sampled_from(sorted(files)))) if files else set()
        assert hash_input(as_config_map(files, set())) == hash_input(as_config_map(shuffled, binary))

    @given(FILES, FILES)
    def test_it_tells_any_two_apart(self, one: dict[str, bytes], other: dict[str, bytes]) -> None:
        same = hash_input(as_config_map(one, set())) == hash_input(as_config_map(other, set()))
        assert same == (one == other)

    def test_bytes_do_not_slip_from_one_file_into_the_next(self) -> None:
        one = {"data": {"a": "b", "b": ""}}
        other = {"data": {"a": "", "b": "b"}}
        assert hash_input(one) != hash_input(other)
        assert hash_input({"data": {"a": "1\x001\x00"}}) != hash_input({"data": {"a": "1", "1": ""}})

    def test_an_api_servers_copy_without_empty_fields_is_the_same(self) -> None:
        assert hash_input({"data": {"a": "b"}}) == hash_input({"data": {"a": "b"}, "binaryData": {}})
