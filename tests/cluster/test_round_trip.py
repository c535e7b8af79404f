"""Numbers, texts and shapes on the real way: in by each door, through custom resource, ConfigMap, pod and script, out
at each end. Documents are Hypothesis's; ``test_api_values.py`` holds what the API server makes of them on the way.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from clusterlab.apiprocess import ApiProcess, Caller, log_in
from clusterlab.bridgespace import BridgeSpace
from clusterlab.pipeline import Pipeline, build_settings, prepare_pipeline
from clusterlab.space import Run, Space
from jsondocuments import DOCUMENTS, WIDE_DOCUMENTS, after_kubernetes, assert_same, make
from kubeapi import wait_for
from scriptserver import serve_scripts

pytestmark = pytest.mark.cluster
pytest_plugins = ["clusterlab.fixtures", "clusterlab.apifixtures", "clusterlab.bridgefixtures"]

COUNT = 300
ECHO = "import shutil, sys\nshutil.copyfile(sys.argv[1], sys.argv[2])\n"
NODE = """
const fs = require("fs");
fs.writeFileSync(process.argv[3], JSON.stringify(JSON.parse(fs.readFileSync(process.argv[2]))));
"""
WRITE = "import sys\nopen(sys.argv[2], 'w', newline='').write({!r})\n"
ROUNDED = (
    "Kubernetes rounds numbers beyond 64-bit integers (-9223372036854775808 to 9223372036854775807): "
    "pass it as a string"
)


@pytest.fixture(scope="module")
def documents() -> list[Any]:
    """What goes in."""
    return make(DOCUMENTS, COUNT)


@pytest.fixture(scope="module")
def kept(documents: list[Any]) -> list[Any]:
    """What of it is in a custom resource."""
    return [after_kubernetes(document) for document in documents]


@pytest.fixture(scope="module")
def place(shared: Space) -> Space:
    """A namespace with a Script that gives its variables back."""
    shared.add_script("echo.py", ECHO, handler="python")
    return shared


@pytest.fixture(scope="module")
def rest_caller(place: Space, make_api: Callable[..., ApiProcess]) -> Caller:
    """A caller of the REST API, which keeps a history."""
    api = make_api(HISTORY_URL="sqlite:///FOLDER/history.db").start_and_serve()
    return Caller(api.url, place.name, log_in(place, "edit"))


def read_output(space: Space, run: Run) -> str:
    """The text that a run's outputRef names."""
    reference = run.status["outputRef"]
    return str(space.get_config_map(reference["configMap"])["data"][reference["key"]])


def small(documents: Sequence[Any]) -> list[Any]:
    """As many of the documents as a status holds."""
    chosen: list[Any] = []
    for document in documents:
        if len(json.dumps({"documents": [*chosen, document]}, ensure_ascii=False).encode()) < 7000:
            chosen.append(document)
    return chosen


def test_by_http_to_the_output(place: Space, documents: list[Any], kept: list[Any]) -> None:
    place.add_run("large", "echo.py", variables={"documents": documents})
    run = place.end_of("large")
    assert run.end == ("Succeeded", "Completed"), run
    assert_same(run.body["spec"]["variables"]["documents"], kept)
    assert_same(json.loads(read_output(place, run))["documents"], kept)


def test_by_http_to_the_status(place: Space, documents: list[Any]) -> None:
    sent = small(documents)
    place.add_run("small", "echo.py", variables={"documents": sent})
    run = place.end_of("small")
    assert run.end == ("Succeeded", "Completed"), run
    assert_same(run.output["documents"], [after_kubernetes(document) for document in sent])


def test_names_of_variables(place: Space) -> None:
    variables = {
        f"{number}{json.dumps(document)[:40]}": document for number, document in enumerate(make(DOCUMENTS, 50))
    }
    place.add_run("names", "echo.py", variables=variables)
    run = place.end_of("names")
    assert_same([json.loads(read_output(place, run))], [after_kubernetes(variables)])


def test_through_a_program_that_writes_json_anew(place: Space, documents: list[Any]) -> None:
    """Node.js has no integers, so without numbers."""
    texts = [item for item in documents if not any(map(str.isdigit, json.dumps(item, ensure_ascii=False)))]
    assert len(texts) > COUNT / 10
    place.start("anew", NODE, {"handler": "node"}, variables={"documents": texts})
    run = place.end_of("anew")
    assert run.end == ("Succeeded", "Completed"), run
    assert_same(json.loads(read_output(place, run))["documents"], texts)


def test_by_the_command_line(place: Space, kubeconfig: Path, documents: list[Any], kept: list[Any]) -> None:
    variables = json.dumps({"documents": documents}, ensure_ascii=False)
    where = ("--namespace", place.name, "--kubeconfig", str(kubeconfig))
    command = (sys.executable, "-m", "scriptrun", "run", "echo.py", "--vars", "-", *where)
    done = subprocess.run(command, input=variables.encode(), capture_output=True, timeout=90)
    assert done.returncode == 0, done.stderr
    assert_same(json.loads(done.stdout)["documents"], kept)


def test_by_the_api_and_from_the_history(
    place: Space, rest_caller: Caller, documents: list[Any], kept: list[Any]
) -> None:
    body = json.dumps({"script": "echo.py", "variables": {"documents": documents}}, ensure_ascii=False).encode()
    reply = rest_caller.ask("POST", "runs?wait=60", body)
    assert reply.status == 201, reply
    name = reply.body["name"]

    def look() -> None:
        run = rest_caller.get(f"runs/{name}")
        assert_same(run.body["variables"]["documents"], kept)
        assert_same(rest_caller.get(f"runs/{name}/output").body["documents"], kept)

    look()
    again = rest_caller.post(f"runs/{name}/rerun?wait=60")
    assert_same(rest_caller.get(f"runs/{again.body['name']}/output").body["documents"], kept)
    place.wait_run(name, "stored", lambda run: "Stored" in run.conditions)
    assert place.api.delete(place.run_path(name)).status == 200
    wait_for("it to have left", lambda: rest_caller.get(f"runs/{name}").body["inCluster"] is False)
    look()


def test_small_outputs_in_the_answers_of_the_api(place: Space, rest_caller: Caller, documents: list[Any]) -> None:
    sent = small(documents)
    body = json.dumps({"script": "echo.py", "variables": {"documents": sent}}).encode()
    reply = rest_caller.ask("POST", "runs?wait=60", body)
    assert_same(reply.body["output"]["documents"], [after_kubernetes(document) for document in sent])


def test_from_a_config_map_nothing_is_rounded(place: Space, rest_caller: Caller) -> None:
    documents = make(WIDE_DOCUMENTS, COUNT)
    integer = 7**5000  # 4226 digits
    text = json.dumps({"documents": documents, "integer": integer}, ensure_ascii=False)
    place.add_config_map("wide", {"variables.json": text})
    place.add_run("wide", "echo.py", variablesFrom=[{"configMap": {"name": "wide", "key": "variables.json"}}])
    run = place.end_of("wide")
    assert run.end == ("Succeeded", "Completed"), run
    assert "output" not in run.status
    output = json.loads(read_output(place, run))
    assert_same([*output["documents"], output["integer"]], [*documents, integer])
    shown = json.loads(rest_caller.get("runs/wide/output").text)
    assert_same(shown["documents"], documents)


def test_a_config_map_with_more_digits_than_can_be_read(place: Space) -> None:
    place.add_config_map("endless", {"variables.json": f'{{"n": {"9" * 4301}}}'})
    place.add_run("endless", "echo.py", variablesFrom=[{"configMap": {"name": "endless", "key": "variables.json"}}])
    run = place.end_of("endless")
    assert run.end == ("Failed", "InvalidVariables")
    assert "has more than 4300 digits: pass it as a string" in run.message


NUMBERS = {"large": 2**63, "small": -(2**63) - 1, "unsigned": 2**64 - 1, "huge": 10**29 + 1, "double": 6.022e23}


@pytest.mark.parametrize("case", NUMBERS)
def test_a_number_that_was_rounded_on_its_way_is_refused(place: Space, case: str) -> None:
    name = f"rounded-{case}"
    place.add_run(name, "echo.py", variables={"rows": [{"id": NUMBERS[case]}]})
    run = place.end_of(name)
    assert run.end == ("Failed", "InvalidVariables")
    assert run.message == f"variables.rows[0].id: {ROUNDED}"


def test_it_is_refused_by_whoever_makes_the_run(place: Space, rest_caller: Caller, kubeconfig: Path) -> None:
    reply = rest_caller.create("echo.py", variables={"rows": [{"id": 2**64}]})
    assert (reply.status, reply.problem) == (422, "invalid")
    assert reply.body["detail"] == f"InvalidVariables: variables.rows[0].id: {ROUNDED}"
    where = ("--namespace", place.name, "--kubeconfig", str(kubeconfig))
    command = (sys.executable, "-m", "scriptrun", "run", "echo.py", "--var", f"id:={2**64}", *where)
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"error: variables.id: {ROUNDED}\n")


OUTPUTS = {
    "a large integer": '{"n": 1180591620717411303424}',
    "many digits": '{"n": 0.12345678901234567890}',
    "a long key": json.dumps({"k" * 1023: 1}),
}


@pytest.mark.parametrize("case", OUTPUTS)
def test_an_output_that_the_status_can_not_hold(place: Space, rest_caller: Caller, kubeconfig: Path, case: str) -> None:
    text, name = OUTPUTS[case], case.replace(" ", "-")
    place.start(name, WRITE.format(text))
    run = place.end_of(name)
    assert run.end == ("Succeeded", "Completed"), run
    assert "output" not in run.status
    assert read_output(place, run) == text
    assert rest_caller.get(f"runs/{name}/output").text == text
    shown = rest_caller.get(f"runs/{name}").body
    assert (shown["output"], shown["outputBytes"]) == (None if case == "many digits" else json.loads(text), len(text))
    where = ("--namespace", place.name, "--kubeconfig", str(kubeconfig))
    command = (sys.executable, "-m", "scriptrun", "get", name, "-o", "output", *where)
    assert subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout == f"{text}\n"


@pytest.mark.parametrize("case", ["a large integer", "many digits"])
def test_an_output_that_has_no_other_place(place: Space, case: str) -> None:
    name = f"{case.replace(' ', '-')}-in-message"
    place.start(name, WRITE.format(OUTPUTS[case]), {"output": {"transport": "TerminationMessage"}})
    run = place.end_of(name)
    assert run.end == ("Failed", "InvalidOutput")
    assert run.message.startswith(
        "output.n: Kubernetes would round this number in the run's status: write it as a string"
    )


def test_a_termination_message_holds_what_the_status_can(place: Space) -> None:
    place.start(
        "message", WRITE.format('{"n": [1.50, 9223372036854775807]}'), {"output": {"transport": "TerminationMessage"}}
    )
    run = place.end_of("message")
    assert (run.end, run.output) == (("Succeeded", "Completed"), {"n": [1.5, 2**63 - 1]})


def test_a_config_that_kubernetes_has_rounded(place: Space) -> None:
    place.start("config", "print(1)", {"contract": "package", "config": {"n": 2**64}})
    run = place.end_of("config")
    assert run.end == ("Failed", "ScriptNotAllowed")
    assert run.message == f"the Script's config.n: {ROUNDED}"

    def look() -> bool:
        conditions = place.api.get(place.script_path("config")).body.get("status", {}).get("conditions") or ()
        return [item["reason"] for item in conditions] == ["InvalidConfig"]

    wait_for("the Script to say so", look)


@pytest.fixture
def pipeline(make_space: Callable[[], Space], make_api: Callable[..., ApiProcess]) -> Iterator[tuple[Pipeline, str]]:
    """A scheduler, and the address of a script that prints its context."""
    space = make_space()
    prepare_pipeline(space)
    with serve_scripts() as server:
        process = make_api(**build_settings(space, server.port), SCHEDULER_TIME_LIMIT_SECONDS="60").start_and_serve()
        yield Pipeline(process.url), server.add("/t/echo.py", "import sys\nsys.stdout.write(sys.stdin.read())\n")
        assert process.stop() == 0, process.tail()


def test_by_the_scheduler(pipeline: tuple[Pipeline, str], documents: list[Any], kept: list[Any]) -> None:
    caller, address = pipeline
    script = caller.wait(caller.start(address, context_data={"documents": documents}))
    assert script["success"] is True, script
    assert_same(json.loads(script["output"])["documents"], kept)
    assert_same(script["context_data"]["documents"], documents)
    refused = caller.run(address, context_data={"id": 2**64})
    assert (refused.status, refused.text) == (400, f"Parameters invalid: context_data.id: {ROUNDED}")


def test_by_a_bridge(bridged: BridgeSpace, documents: list[Any], kept: list[Any]) -> None:
    bridged.space.add_script("echo.py", ECHO, handler="python")
    job = bridged.zeebe.add("echo.py", documents=documents)
    refused = bridged.zeebe.add("echo.py", rows=[{"id": 2**64 - 1}])
    assert_same(bridged.zeebe.wait_state(job, "completed").output["documents"], kept)
    assert bridged.zeebe.wait_state(refused, "incident").message == f"InvalidVariables: variables.rows[0].id: {ROUNDED}"


def test_an_output_that_the_status_can_not_hold_goes_back_by_a_bridge(bridged: BridgeSpace) -> None:
    bridged.space.add_script("large.py", WRITE.format(OUTPUTS["a large integer"]))
    job = bridged.zeebe.wait_state(bridged.zeebe.add("large.py"), "completed")
    assert job.output == json.loads(OUTPUTS["a large integer"])
