"""Between a run and its Job: what is refused, with which words, and what is waited for."""

import base64
import hashlib
import json
from typing import Any

import pytest

from clusterlab.space import Run, Space

pytestmark = pytest.mark.cluster
pytest_plugins = ["clusterlab.fixtures"]

ECHO = "import json, os, sys\njson.dump({'said': os.environ.get('WORD')}, open(sys.argv[2], 'w'))"
SCHEMA = {
    "type": "object",
    "required": ["name"],
    "properties": {
        "name": {"type": "string"},
        "items": {"items": {"properties": {"size": {"type": "integer", "minimum": 1}}}},
    },
}
SECRET = {"properties": {"pin": {"type": "string", "maxLength": 4, "writeOnly": True}}}
LARGE = "x" * 450_000

# name: (fields of the Script, fields of the run, reason, words of the message)
REFUSED: dict[str, tuple[dict[str, Any], dict[str, Any], str, list[str]]] = {
    "no-name": ({"variablesSchema": SCHEMA}, {}, "InvalidVariables", ["variables: 'name' is a required property"]),
    "deep": (
        {"variablesSchema": SCHEMA},
        {"variables": {"name": "Ada", "items": [{"size": 1}, {"size": "big"}]}},
        "InvalidVariables",
        ["variables.items[1].size: 'big' is not of type 'integer'"],
    ),
    "write-only": (
        {"variablesSchema": SECRET},
        {"variables": {"pin": "geheim"}},
        "InvalidVariables",
        ["variables.pin: does not match maxLength"],
    ),
    "not-json": (
        {},
        {"variablesFrom": [{"configMap": {"name": "odd", "key": "broken"}}]},
        "InvalidVariables",
        ['key "broken" of ConfigMap "odd" (spec.variablesFrom) is not JSON'],
    ),
    "not-object": (
        {},
        {"variablesFrom": [{"configMap": {"name": "odd", "key": "list"}}]},
        "InvalidVariables",
        ["must hold a JSON object, not list"],
    ),
    "too-large": (
        {"source": {"configMap": {"name": "large", "key": "large.py"}}},
        {"variables": {"text": LARGE}},
        "InputTooLarge",
        ["bytes, at most 900000 are allowed", "by reference"],
    ),
    "longer": (
        {"activeDeadlineSeconds": 60},
        {"activeDeadlineSeconds": 61},
        "ScriptNotAllowed",
        ["spec.activeDeadlineSeconds is 61", "allows at most 60"],
    ),
    "more": (
        {"backoffLimit": 1},
        {"backoffLimit": 2},
        "ScriptNotAllowed",
        ["spec.backoffLimit is 2", "allows at most 1"],
    ),
    "own-source": (
        {},
        {"source": {"configMap": {"name": "uploads", "key": "main.py"}}},
        "ScriptNotAllowed",
        ["spec.source", "does not let runs bring their own source"],
    ),
    "no-source": ({"source": {"fromRun": {}}}, {}, "SourceMissing", ["spec.source is missing"]),
    "no-schema": (
        {"variablesSchema": {"type": "strnig"}},
        {},
        "ScriptNotAllowed",
        ["variablesSchema is no JSON Schema", "strnig"],
    ),
    "far-schema": (
        {"variablesSchema": {"$ref": "http://127.0.0.1:9/schema.json"}},
        {},
        "ScriptNotAllowed",
        ["$ref that can't be resolved"],
    ),
}


@pytest.fixture(scope="module")
def refused(shared: Space) -> Space:
    """Every case that is refused, made; their namespace holds what they refer to."""
    shared.add_config_map("odd", {"broken": "{'a': 1}", "list": "[1]"})
    shared.add_config_map("large", {"large.py": f"# {LARGE}"})
    shared.add_config_map("uploads", {"main.py": ECHO})
    for name, (script, run, _reason, _words) in REFUSED.items():
        shared.add_script(
            name, **{"handler": "python", **({} if "source" in script else {"source": {"inline": ECHO}}), **script}
        )
        shared.add_run(name, name, **run)
    return shared


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused(refused: Space, name: str) -> None:
    _script, _run, reason, words = REFUSED[name]
    run = refused.end_of(name)
    assert run.end == ("Failed", reason)
    for word in words:
        assert word in run.message
    assert run.conditions["Accepted"]["status"] == "False"
    assert run.conditions["Accepted"]["reason"] == reason
    assert run.attempts == []
    assert refused.owned_by(run) == set(), "nothing was made for it"


def test_a_message_keeps_what_must_not_be_seen(refused: Space) -> None:
    """A schema marks a variable writeOnly: its value stays out of the status."""
    status = refused.end_of("write-only").status
    assert "geheim" not in json.dumps(status)


def test_the_size_is_said_to_the_byte(refused: Space) -> None:
    run = refused.end_of("too-large")
    size = int(run.message.split(" together are ")[1].split()[0])
    assert 900_000 < size < 902_000


def test_limits_may_be_lowered(space: Space) -> None:
    space.start(
        "lower", ECHO, {"backoffLimit": 5, "activeDeadlineSeconds": 100}, backoffLimit=0, activeDeadlineSeconds=50
    )
    assert space.end_of("lower").end == ("Succeeded", "Completed")
    job = space.watches.jobs.get((space.name, "lower"))
    assert job is not None
    assert job["spec"]["backoffLimitPerIndex"] == 0
    assert job["spec"]["activeDeadlineSeconds"] == 50


def test_an_unknown_script_is_waited_for_and_then_refused(space: Space) -> None:
    space.add_run("early", "absent")
    waiting = space.wait_phase("early", "Pending", "ScriptMissing")
    assert waiting.message == f'waiting for Script "absent" in namespace {space.name}'
    run = space.end_of("early", 20)
    assert run.end == ("Failed", "ScriptNotAllowed")
    assert 'there is no Script "absent"' in run.message
    assert "kubectl get scripts" in run.message


def test_a_script_that_arrives_a_moment_later(space: Space) -> None:
    """Manifests of a folder may be applied in any order."""
    space.add_run("early", "late")
    space.wait_phase("early", "Pending", "ScriptMissing")
    space.add_script("late", ECHO, handler="python")
    assert space.end_of("early").end == ("Succeeded", "Completed")


def test_a_config_map_that_arrives_later(space: Space) -> None:
    """First the source is missing, then its key, then the variables: each is named, and at last it runs by itself."""
    space.add_script("late", source={"configMap": {"name": "scripts", "key": "late.py"}})
    space.add_run("early", "late", variablesFrom=[{"configMap": {"name": "defaults", "key": "vars"}}])
    _wait_message(space, 'waiting for ConfigMap "scripts"')
    space.add_config_map("scripts", {"other.py": ECHO})
    _wait_message(space, 'waiting for key "late.py" in ConfigMap "scripts"')
    space.api.patch(space.path("configmaps", "scripts"), {"data": {"late.py": ECHO}})
    _wait_message(space, 'waiting for ConfigMap "defaults"')
    space.add_config_map("defaults", {"vars": "{}"})
    assert space.end_of("early").end == ("Succeeded", "Completed")


def _wait_message(space: Space, message: str) -> None:
    found = space.wait_run("early", message, lambda run: run if run.message == message else None)
    assert found is not None
    assert (found.phase, found.reason) == ("Pending", "SourceMissing")
    assert found.conditions["Accepted"]["status"] == "Unknown"


def test_a_key_that_never_arrives(space: Space) -> None:
    space.add_config_map("scripts", {"other.py": ECHO})
    space.add_script("never", source={"configMap": {"name": "scripts", "key": "never.py"}}, startDeadlineSeconds=3)
    space.add_run("never", "never")
    run = space.end_of("never", 20)
    assert run.end == ("Failed", "SourceMissing")
    assert run.message == ('key "never.py" in ConfigMap "scripts" did not appear within startDeadlineSeconds (3 s)')


def test_a_pinned_source_that_was_edited(space: Space) -> None:
    """Before the edit it runs, after it it does not, restored it runs again; the Script says so too."""
    pin = hashlib.sha256(ECHO.encode()).hexdigest()
    edited = hashlib.sha256(b"import evil").hexdigest()
    space.add_config_map("scripts", {"pinned.py": ECHO})
    space.add_script("pinned", source={"configMap": {"name": "scripts", "key": "pinned.py", "sha256": pin}})
    space.add_run("before", "pinned")
    assert space.end_of("before").end == ("Succeeded", "Completed")

    space.api.patch(space.path("configmaps", "scripts"), {"data": {"pinned.py": "import evil"}})
    space.add_run("edited", "pinned")
    run = space.end_of("edited")
    assert run.end == ("Failed", "DigestMismatch")
    assert edited in run.message
    assert pin in run.message

    space.api.patch(space.path("configmaps", "scripts"), {"data": {"pinned.py": ECHO}})
    space.add_run("restored", "pinned")
    assert space.end_of("restored").end == ("Succeeded", "Completed")


def test_a_run_brings_its_own_source(space: Space) -> None:
    """Granted by the Script; text and bytes; the handler goes by the file's name."""
    space.add_config_map("text", {"main.sh": """echo '{"from": "text"}' > "$2" """})
    raw = base64.b64encode("# é\n".encode("latin-1") + b"""echo '{"from": "bytes"}' > "$2" """).decode()
    space.add_config_map("bytes", binaryData={"main.sh": raw})
    space.add_script("any", source={"fromRun": {}})
    for name in ("text", "bytes"):
        space.add_run(name, "any", source={"configMap": {"name": name, "key": "main.sh"}})
    for name in ("text", "bytes"):
        run = space.end_of(name)
        assert run.end == ("Succeeded", "Completed"), run
        assert run.output == {"from": name}


def test_a_secret_made_for_one_run(space: Space) -> None:
    """The Secret of the run's own name is its environment; it is shown nowhere."""
    space.create(space.path("secrets"), {"metadata": {"name": "mine.run-env"}, "stringData": {"WORD": "s3cret"}})
    space.start("mine", ECHO, {"allowSecretEnv": True}, secretEnv={"name": "mine.run-env"})
    run = space.end_of("mine")
    assert run.output == {"said": "s3cret"}
    job = space.watches.jobs.get((space.name, "mine"))
    assert "s3cret" not in json.dumps(job)
    assert "s3cret" not in json.dumps(space.get_config_map("mine-input"))


def test_a_script_that_allows_none_takes_no_secret_of_a_run(space: Space) -> None:
    """Environment is code to an interpreter: bash would execute what BASH_ENV says, with the Script's Secrets."""
    space.create(space.path("secrets"), {"metadata": {"name": "of-the-script"}, "stringData": {"KEY": "t0p-s3cret"}})
    evil = {"BASH_ENV": '$(echo "{\\"stolen\\": \\"$KEY\\"}" > $SCRIPTRUN_OUTPUT)'}
    space.create(space.path("secrets"), {"metadata": {"name": "evil.run-env"}, "stringData": evil})
    script = {"handler": "shell", "envFrom": [{"secretRef": {"name": "of-the-script"}}]}
    space.start("evil", "echo hello", script, secretEnv={"name": "evil.run-env"})
    run = space.end_of("evil")
    assert run.end == ("Failed", "ScriptNotAllowed"), run
    assert "does not let runs bring a Secret (allowSecretEnv is not set)" in run.message


def test_a_caller_chooses_nothing_but_variables(space: Space) -> None:
    """Variables named like environment, images or flags are data and nothing else."""
    nasty: dict[str, Any] = {"WORD": "x", "image": "evil", "LD_PRELOAD": "/tmp/evil.so", "--help": "", "$(id)": "`id`"}
    seen = "{'v': json.load(open(sys.argv[1])), 'e': os.environ.get('WORD')}"
    source = f"import json, os, sys\njson.dump({seen}, open(sys.argv[2], 'w'))"
    space.start("nasty", source, variables=nasty)
    run: Run = space.end_of("nasty")
    assert run.output == {"v": nasty, "e": None}
