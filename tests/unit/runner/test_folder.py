"""A script of several files: they are its working folder, and it finds them as in a checkout."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scriptrun_runner.spec import RunSpec, SpecError
from unit.runner.harness import Execution, RunScript

FILES: dict[str, dict[str, str]] = {
    "python": {
        "main.py": "import helper, lib.deep\nprint(helper.A, lib.deep.B, open('lib/data.csv').read())",
        "helper.py": "A = 1",
        "lib/deep.py": "B = 2",
        "lib/data.csv": "3",
    },
    "shell": {
        "main.sh": '. ./lib/a.sh\necho "$A" "$(./lib/tool)" "$(cat data.csv)"',
        "lib/a.sh": "A=1",
        "lib/tool": "#!/bin/sh\necho 2",
        "data.csv": "3",
    },
    "exec": {"bin/run": '#!/bin/sh\necho 1 "$(cat lib/data)" "$(basename "$PWD")"', "lib/data": "2"},
}


def start(run_script: RunScript, tmp_path: Path, files: dict[str, str], **fields: Any) -> Execution:
    """Run the first of these files, with the others in its folder."""
    (entry_point, source), *others = files.items()
    (tmp_path / "input").mkdir(exist_ok=True)
    for number, (_, text) in enumerate(others):
        (tmp_path / "input" / f"neighbour.{number}").write_text(text)
    about = {"folder": True, "fileName": entry_point, "neighbours": [path for path, _ in others]}
    return run_script(source, **about, **fields)


@pytest.mark.parametrize(
    ("handler", "printed"), [("python", b"1 2 3\n"), ("shell", b"1 2 3\n"), ("exec", b"1 2 work\n")]
)
def test_it_finds_its_files(run_script: RunScript, tmp_path: Path, handler: str, printed: bytes) -> None:
    done = start(run_script, tmp_path, FILES[handler], handler=handler)
    assert (done.result.message, done.shown[1]) == ("", printed)


def test_the_entry_point_may_lie_deeper(run_script: RunScript, tmp_path: Path) -> None:
    files = {
        "etl/load.py": "import step\nprint(step.X, open('conf.txt').read())",
        "etl/step.py": "X = 1",
        "conf.txt": "2",
    }
    done = start(run_script, tmp_path, files, handler="python")
    assert (done.result.message, done.shown[1]) == ("", b"1 2\n")


def test_a_command_gets_the_path_of_the_entry_point(run_script: RunScript, tmp_path: Path) -> None:
    files = {"etl/query.sql": "select 1", "a": "b"}
    done = start(run_script, tmp_path, files, handler="exec", command=["/bin/cat", "{script}", "a"])
    assert done.shown[1].startswith(b"select 1b")


def test_it_may_change_and_wipe_its_files(run_script: RunScript, tmp_path: Path) -> None:
    script = 'echo more >> a; rm -r lib main.sh; ls; echo \'{"a": 1}\' > "$2"'
    done = start(run_script, tmp_path, {"main.sh": script, "a": "b", "lib/c": "d"})
    assert (done.result.status, done.output(), done.shown[1]) == ("COMPLETED", {"a": 1}, b"a\n")


def test_the_package_library_is_beside_the_entry_point(run_script: RunScript, tmp_path: Path) -> None:
    files = {"etl/main.py": "from ferris_cli.v2 import ApplicationConfigurator as C\nprint(C.get('hello'))", "x": ""}
    done = start(run_script, tmp_path, files, handler="python", contract="package", config={"a": 1})
    assert (done.result.message, done.shown[1]) == ("", b"{'a': 1}\n")


@pytest.mark.parametrize("path", ["../a", "/a", "a/../../b", "", "a//b", "a/", "./a", "a\0b"])
def test_paths_out_of_the_folder_are_refused(path: str) -> None:
    with pytest.raises(SpecError, match="fileName"):
        RunSpec({"schema": 1, "folder": True, "fileName": "a", "neighbours": [path]})
    with pytest.raises(SpecError, match="fileName"):
        RunSpec({"schema": 1, "folder": True, "fileName": path or "/"})
