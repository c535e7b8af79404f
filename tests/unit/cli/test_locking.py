"""Libraries of a folder's scripts are locked with the real uv, from an index of the test's own."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from packageindex import PackageIndex, build_wheel, serve_index
from scriptrun.cli.folder import read_folder
from scriptrun.cli.locking import Locker, lock_scripts
from scriptrun.cli.main import app
from scriptrun.errors import UsageError
from scriptrun_runner.lock import parse_lock

GREET = build_wheel("greet-lib", "1.4", {"greet_lib.py": "import tiny\n"}, requires=["tiny>=1"])
TINY = build_wheel("tiny", "2.0", {"tiny.py": ""})
NEWER = build_wheel("tiny", "2.1", {"tiny.py": ""})
WINDOWS = build_wheel("for-windows", "1.0", {"for_windows.py": ""}, tag="cp311-cp311-win_amd64")
THIRTEEN = build_wheel("for-thirteen", "1.0", {"for_13.py": ""}, tag="cp313-cp313-manylinux2014_x86_64")
BLOCK = "# /// script\n# dependencies = [{}]\n# ///\nimport greet_lib\n"


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[PackageIndex]:
    monkeypatch.setenv("UV_NO_CONFIG", "1")
    monkeypatch.setenv("UV_NO_CACHE", "1")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    with serve_index(wheels=[GREET, TINY, WINDOWS, THIRTEEN]) as index:
        yield index


def lock(folder: Path, index: PackageIndex, **options: Any) -> tuple[dict[str, Any], list[str]]:
    """What Scripts get, by the file's name, and what was said."""
    said: list[str] = []
    files, overrides, left_out = read_folder(folder)
    assert left_out == []
    locked = lock_scripts(files, overrides, Locker(folder, index_url=index.url, say=said.append, **options))
    return {file.name: locked.of(file.name).get("dependencies") for file in files}, said


def versions(text: str) -> dict[str, str]:
    return {pin.name: pin.version for pin in parse_lock(text)}


def test_a_block_is_locked_with_what_its_libraries_need(tmp_path: Path, index: PackageIndex) -> None:
    (tmp_path / "report.py").write_text(BLOCK.format("'greet-lib'"))
    (tmp_path / "plain.py").write_text("print()\n")
    got, said = lock(tmp_path, index)
    assert versions(got["report.py"]["lock"]) == {"greet-lib": "1.4", "tiny": "2.0"}
    assert got["plain.py"] is None
    assert (tmp_path / "report.py.lock.txt").read_text() == got["report.py"]["lock"]
    assert said == ["report.py: its libraries were locked in report.py.lock.txt"]


def test_a_lock_is_kept_until_the_script_asks_for_something_else(tmp_path: Path, index: PackageIndex) -> None:
    script = tmp_path / "report.py"
    script.write_text(BLOCK.format("'tiny'"))
    first, _ = lock(tmp_path, index)
    index.wheels.append(NEWER)
    index.asked.clear()
    again, said = lock(tmp_path, index)
    assert (again, said, index.asked) == (first, [], [])
    script.write_text(BLOCK.format("'tiny', 'greet-lib'"))
    assert versions(lock(tmp_path, index)[0]["report.py"]["lock"]) == {"greet-lib": "1.4", "tiny": "2.0"}
    script.write_text(BLOCK.format("'greet-lib'"))
    assert versions(lock(tmp_path, index, upgrade=True)[0]["report.py"]["lock"])["tiny"] == "2.1"
    script.write_text(BLOCK.format("'tiny'"))
    assert versions(lock(tmp_path, index)[0]["report.py"]["lock"]) == {"tiny": "2.1"}


def test_settings_of_the_folder(tmp_path: Path, index: PackageIndex) -> None:
    (tmp_path / "report.py").write_text(BLOCK.format("'greet-lib'"))
    (tmp_path / "own.py").write_text(BLOCK.format("'whatever'"))
    (tmp_path / "nightly.sh").write_text("python -c 'import tiny'\n")
    dependencies = {"requirements": ["for-thirteen"], "pythonVersion": "3.13"}
    settings = {"report.py": {"dependencies": dependencies}, "own.py": {"image": "with-libraries"}}
    settings["nightly.sh"] = {"dependencies": {"requirements": ["tiny"]}}
    (tmp_path / "scripts.yaml").write_text(yaml.safe_dump(settings))
    got, _ = lock(tmp_path, index)
    assert versions(got["report.py"]["lock"]).keys() == {"greet-lib", "tiny", "for-thirteen"}
    assert got["report.py"] == {**dependencies, "lock": got["report.py"]["lock"]}
    assert got["own.py"] is None
    assert versions(got["nightly.sh"]["lock"]) == {"tiny": "2.0"}


@pytest.mark.parametrize(
    ("requirement", "words"),
    [
        ("for-windows", "no wheels with a matching platform tag"),
        ("for-thirteen", "cp313"),
        ("nope", "nope was not found"),
        ("tiny>5", "tiny>5"),
        ("tiny @ https://elsewhere/tiny.whl", "cluster's index only"),
        ("two words", "is not a requirement"),
    ],
)
def test_what_can_not_be_locked(tmp_path: Path, index: PackageIndex, requirement: str, words: str) -> None:
    (tmp_path / "report.py").write_text(BLOCK.format(repr(requirement)))
    with pytest.raises(UsageError) as caught:
        lock(tmp_path, index)
    assert words in str(caught.value)
    assert "report.py" in str(caught.value)
    assert not (tmp_path / "report.py.lock.txt").exists()


def test_render_puts_the_lock_beside_the_pin(tmp_path: Path, index: PackageIndex) -> None:
    (tmp_path / "report.py").write_text(BLOCK.format("'tiny'"))
    done = CliRunner().invoke(app, ["scripts", "render", str(tmp_path), "--index-url", index.url])
    assert done.exit_code == 0, done.output
    [script] = [item for item in yaml.safe_load_all(done.stdout) if item["kind"] == "Script"]
    assert script["spec"]["dependencies"]["lock"] == (tmp_path / "report.py.lock.txt").read_text()
    assert "sha256" in script["spec"]["source"]["configMap"]


def test_a_lock_of_ones_own_that_does_not_fit(tmp_path: Path, index: PackageIndex) -> None:
    (tmp_path / "report.py").write_text(BLOCK.format("'greet-lib'"))
    settings = {"report.py": {"dependencies": {"lock": index.lock("tiny")}}}
    (tmp_path / "scripts.yaml").write_text(yaml.safe_dump(settings))
    done = CliRunner().invoke(app, ["scripts", "render", str(tmp_path)])
    assert done.exit_code != 0
    assert "has no greet-lib" in str(done.exception)


def test_what_a_folder_asks_for(tmp_path: Path, index: PackageIndex) -> None:
    folder = tmp_path / "report"
    folder.mkdir()
    (folder / "main.py").write_text(BLOCK.format("'tiny>=1'"))
    (folder / "requirements.txt").write_text("# by hand\n\ngreet-lib>=1 # greets\ntiny==2.0 \\\n    --hash=sha256:00\n")
    (folder / "pyproject.toml").write_text("[project]\nname = 'report'\ndependencies = ['tiny<3']\n")
    got, said = lock(tmp_path, index)
    assert versions(got["report"]["lock"]) == {"greet-lib": "1.4", "tiny": "2.0"}
    assert said == ["report: its libraries were locked in report.lock.txt"]
    assert (tmp_path / "report.lock.txt").is_file()
    assert lock(tmp_path, index) == (got, [])


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("requirements.txt", "-r other.txt\n", "'-r other.txt' is an option"),
        ("pyproject.toml", "[project\n", "pyproject.toml: "),
        ("pyproject.toml", "[project]\ndependencies = 'tiny'\n", "must be a list of strings"),
    ],
)
def test_what_of_a_folder_is_not_understood(
    tmp_path: Path, index: PackageIndex, name: str, content: str, words: str
) -> None:
    folder = tmp_path / "report"
    folder.mkdir()
    (folder / "main.py").write_text("print()\n")
    (folder / name).write_text(content)
    with pytest.raises(UsageError, match=r"^report: ") as caught:
        lock(tmp_path, index)
    assert words in str(caught.value)
