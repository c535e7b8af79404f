"""Scripts of several files on the real cluster: found by relative paths, pinned as a whole, copied for each run."""

from typing import Any

import pytest

from clusterlab.space import Space, build_run, build_script
from scriptrun.policies.source import hash_files

pytestmark = pytest.mark.cluster
pytest_plugins = ["clusterlab.fixtures"]

OUT = """echo "{\\"text\\": \\"$TEXT\\"}" > "$2" """
PY = {
    "__main__.py": "import json, sys, helper\nfrom lib import deep\ntext = helper.greet(open('names.csv').read())\n"
    "json.dump({'text': text + deep.MARK}, open(sys.argv[2], 'w'))",
    "helper.py": "def greet(name):\n    return f'Hello {name}'",
    "names.csv": "Ada",
}
DEEP = {"deep": "MARK = '!'"}
JS = {
    "index.js": "const {greet} = require('./util');\n"
    "require('fs').writeFileSync(process.argv[3], JSON.stringify({text: greet(require('./names.json')[0]) + '!'}));",
    "util.js": "exports.greet = (name) => `Hello ${name}`;",
    "names.json": '["Ada"]',
}
SH = {
    "main.sh": f'source ./lib.sh\nTEXT="$(greet "$(cat name)")!"\n{OUT}',
    "lib.sh": 'greet() { echo "Hello $1"; }',
    "name": "Ada",
}
# handler: (ConfigMaps, entry point)
CASES: dict[str, tuple[dict[str, dict[str, str]], str]] = {
    "python": ({"py": PY, "deep": DEEP}, "__main__.py"),
    "node": ({"js": JS}, "index.js"),
    "shell": ({"sh": SH}, "main.sh"),
}
ITEMS = {"deep": [{"key": "deep", "path": "lib/deep.py"}]}


def _folder(names: list[str], entry_point: str, **pin: str) -> dict[str, Any]:
    places = [{"name": name, **({"items": ITEMS[name]} if name in ITEMS else {})} for name in names]
    return {"folder": {"configMaps": places, "entryPoint": entry_point, **pin}}


@pytest.fixture(scope="module")
def runs(shared: Space) -> Space:
    """Every case, started: as the Script's own folder, and as a run's."""
    shared.add_script("any", source={"fromRun": {}})
    for name, (config_maps, entry_point) in CASES.items():
        for config_map, files in config_maps.items():
            shared.add_config_map(config_map, files)
        source = _folder(list(config_maps), entry_point)
        shared.add_script(name, source=source)
        shared.add_run(name, name)
        if name != "node":  # the Script's handler is not said, and so decided by the run's entry point
            shared.add_run(f"own-{name}", "any", source=source)
    return shared


@pytest.mark.parametrize("name", [*CASES, "own-python", "own-shell"])
def test_it_finds_its_files(runs: Space, name: str) -> None:
    run = runs.end_of(name)
    assert run.end == ("Succeeded", "Completed"), run
    assert run.output == {"text": "Hello Ada!"}


def test_a_pin_is_of_all_files(runs: Space) -> None:
    files = {path: text.encode() for path, text in PY.items()} | {"lib/deep.py": DEEP["deep"].encode()}
    source = _folder(["py", "deep"], "__main__.py", sha256=hash_files(files))
    runs.add_script("pinned", source=source)
    runs.add_run("pinned", "pinned")
    assert runs.end_of("pinned").end == ("Succeeded", "Completed")
    edited = _folder(["py", "deep"], "__main__.py", sha256=hash_files({**files, "helper.py": b"1"}))
    runs.add_script("edited", source=edited)
    runs.add_run("edited", "edited")
    run = runs.end_of("edited")
    assert run.end == ("Failed", "DigestMismatch"), run
    assert edited["folder"]["sha256"] in run.message


def test_an_edit_does_not_reach_a_run_under_way(runs: Space) -> None:
    """The second attempt has the files of the first."""
    files = {
        "main.sh": '. ./lib.sh\n[ "$SCRIPTRUN_ATTEMPT" = 2 ] || { echo waiting; sleep 5; exit 1; }\n' + OUT,
        "lib.sh": "TEXT=first",
    }
    runs.add_config_map("edit", files)
    runs.add_script("edit", source=_folder(["edit"], "main.sh"), backoffLimit=1)
    runs.add_run("edit", "edit")
    runs.wait_started("edit")
    answer = runs.api.patch(runs.path("configmaps", "edit"), {"data": {"lib.sh": "TEXT=second"}})
    assert answer.status == 200, answer
    run = runs.end_of("edit")
    assert run.end == ("Succeeded", "Completed"), run
    assert run.output == {"text": "first"}


def test_what_is_missing_is_named_and_waited_for(runs: Space) -> None:
    runs.add_script("gone", source=_folder(["py", "gone"], "__main__.py"), startDeadlineSeconds=2)
    runs.add_run("gone", "gone")
    run = runs.end_of("gone")
    assert run.end == ("Failed", "SourceMissing"), run
    assert 'ConfigMap "gone" did not appear' in run.message
    runs.add_script("no-entry", source=_folder(["sh"], "run.sh"), startDeadlineSeconds=1)
    runs.add_run("no-entry", "no-entry")
    run = runs.end_of("no-entry")
    assert run.end == ("Failed", "SourceMissing"), run
    assert 'source.folder.entryPoint "run.sh" in ConfigMaps "sh"' in run.message


def test_two_files_of_one_path(runs: Space) -> None:
    runs.add_config_map("twice", {"main.sh": "true"})
    runs.add_script("twice", source=_folder(["sh", "twice"], "main.sh"))
    runs.add_run("twice", "twice")
    run = runs.end_of("twice")
    assert run.end == ("Failed", "ScriptNotAllowed"), run
    assert "source.folder has two files 'main.sh'" in run.message
    script = runs.watches.scripts.wait(
        "the Script's condition",
        lambda: next(
            (
                condition
                for condition in (runs.watches.scripts.get((runs.name, "twice")) or {})
                .get("status", {})
                .get("conditions", ())
                if condition["type"] == "Ready"
            ),
            None,
        ),
    )
    assert (script["status"], script["reason"]) == ("False", "InvalidSource")


def test_too_large_says_both_numbers(runs: Space) -> None:
    for half in ("a", "b"):
        runs.add_config_map(
            f"large-{half}", {f"{half}.txt": "x" * 500_000, **({"main.sh": "true"} if half == "a" else {})}
        )
    runs.add_script("large", source=_folder(["large-a", "large-b"], "main.sh"))
    runs.add_run("large", "large")
    run = runs.end_of("large")
    assert run.end == ("Failed", "InputTooLarge"), run
    assert "at most 900000" in run.message


@pytest.mark.parametrize("path", ["../main.sh", "/main.sh", "a/../../main.sh", "./main.sh", "a//b", ""])
def test_the_api_server_refuses_paths_that_lead_elsewhere(runs: Space, path: str) -> None:
    for source in (
        {"folder": {"configMaps": [{"name": "sh"}], "entryPoint": path}},
        {"folder": {"configMaps": [{"name": "sh", "items": [{"key": "a", "path": path}]}], "entryPoint": "main.sh"}},
    ):
        answer = runs.api.post(runs.script_path(), build_script("escape", source=source))
        assert answer.status == 422, answer
        assert "spec.source.folder" in str(answer)
        answer = runs.api.post(runs.run_path(), build_run("escape", "any", source=source))
        assert answer.status == 422, answer


def test_the_api_server_refuses_two_kinds_of_source(runs: Space) -> None:
    both = {**_folder(["sh"], "main.sh"), "inline": "true"}
    answer = runs.api.post(runs.script_path(), build_script("both", source=both))
    assert answer.status == 422, answer
    assert "set exactly one of configMap, folder, inline or fromRun" in str(answer)
    own = {**_folder(["sh"], "main.sh"), "configMap": {"name": "sh", "key": "main.sh"}}
    answer = runs.api.post(runs.run_path(), build_run("both", "any", source=own))
    assert answer.status == 422, answer
    assert "set exactly one of configMap or folder" in str(answer)
