"""The pod's installer with the real uv, and the script's container waiting for it."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uv

from packageindex import PackageIndex, Wheel, build_wheel, serve_index
from scriptrun_runner import install as installer
from scriptrun_runner.libraries import LOCK_FILE, name_environment, tag_platform
from scriptrun_runner.lock import hash_lock, parse_lock
from scriptrun_runner.snapshot import hash_snapshot
from unit.runner.harness import RUNNER_IMAGE, Execution, Input

GREET = build_wheel("greet-lib", "1.4", {"greet_lib.py": "import tiny\n\ndef hi(): return f'hi {tiny.SIZE}'\n"})
TINY = build_wheel("tiny", "2.0", {"tiny.py": "SIZE = 3\n"})
WINDOWS = build_wheel("for-windows", "1.0", {"for_windows.py": ""}, tag="cp311-cp311-win_amd64")
OLD = build_wheel("for-old", "1.0", {"for_old.py": ""}, tag="cp38-cp38-manylinux2014_x86_64")
SOURCE = Wheel("no-wheel", "no_wheel-1.0.tar.gz", b"nobody looks into it")
SCRIPT = "import json, os, sys, greet_lib; json.dump({'said': greet_lib.hi()}, open(sys.argv[2], 'w'))"


class PodFolders:
    """What both containers of a pod have."""

    def __init__(self, root: Path, index: PackageIndex, lock: str, **dependencies: Any) -> None:
        self.root, self.index = root, index
        for name in ("libraries", "installer"):
            (root / name).mkdir(exist_ok=True, parents=True)
        request = {"lockSha256": "", "pythonVersion": "", "startSeconds": 10, **dependencies}
        try:
            request["lockSha256"] = hash_lock(parse_lock(lock))
        except ValueError:
            pass
        Input(root / "input", SCRIPT, {}, handler="python", dependencies=request)
        (root / "input" / "lock").write_text(lock)
        self.environ = {
            "SCRIPTRUN_POD": "greets-1-0-abcde",
            "SCRIPTRUN_INPUT_SHA256": hash_snapshot(str(root / "input")),
            "SCRIPTRUN_INDEX_URL": index.url,
            "SCRIPTRUN_INSTALL_SECONDS": "60",
        }

    def install(self, **environ: str) -> str:
        """Install, and leave what the installer would have left."""
        return installer.install(str(self.root), {**self.environ, **environ})

    def refuse(self, **environ: str) -> installer.InstallError:
        """Fail to install."""
        with pytest.raises(installer.InstallError) as caught:
            self.install(**environ)
        assert os.listdir(self.root / "libraries") == []
        return caught.value

    def execute(self) -> Execution:
        """Run the script in its own container."""
        return Execution(self.root).run()


@pytest.fixture(autouse=True)
def program(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the image, uv lies beside the runner."""
    monkeypatch.setattr(installer, "_UV", uv.find_uv_bin())
    monkeypatch.setattr(installer, "_RETRIES", "0")


@pytest.fixture
def index() -> Iterator[PackageIndex]:
    with serve_index(wheels=[GREET, TINY, WINDOWS, OLD, SOURCE]) as index:
        yield index


def test_a_script_imports_what_was_installed(tmp_path: Path, index: PackageIndex) -> None:
    pod = PodFolders(tmp_path, index, index.lock("greet-lib", "tiny"))
    pod.install()
    assert pod.execute().output() == {"said": "hi 3"}


def test_what_is_in_the_cache_is_not_asked_for_again(tmp_path: Path, index: PackageIndex) -> None:
    lock = index.lock("greet-lib", "tiny")
    PodFolders(tmp_path, index, lock).install()
    index.asked.clear()
    index.status = 503
    PodFolders(tmp_path, index, f"# the same, otherwise laid out\n{lock}").install()
    assert index.asked == []


def test_nothing_half_installed_is_left(tmp_path: Path, index: PackageIndex) -> None:
    pod = PodFolders(tmp_path, index, index.lock("greet-lib", "tiny"))
    stale = tmp_path / "libraries" / ".partial-of-one-that-was-killed"
    stale.mkdir()
    os.utime(stale, (0, 0))
    (tmp_path / "libraries" / ".partial-of-one-at-work").mkdir()
    pod.install()
    [name, other] = sorted(os.listdir(tmp_path / "libraries"))
    assert name == ".partial-of-one-at-work"
    assert other == name_environment(hash_lock(parse_lock(index.lock("greet-lib", "tiny"))), tag_platform())


def test_credentials_reach_the_index_and_no_message(tmp_path: Path, index: PackageIndex) -> None:
    index.credentials = "robot:s3cret"
    pod = PodFolders(tmp_path, index, index.lock("tiny"))
    wrong = pod.refuse(
        SCRIPTRUN_INDEX_SECRET="index", SCRIPTRUN_INDEX_USERNAME="robot", SCRIPTRUN_INDEX_PASSWORD="wr0ng"
    )
    assert wrong.reason == "IndexUnavailable"
    assert "401" in str(wrong)
    assert "wr0ng" not in str(wrong)
    pod.install(SCRIPTRUN_INDEX_SECRET="index", SCRIPTRUN_INDEX_USERNAME="robot", SCRIPTRUN_INDEX_PASSWORD="s3cret")


def test_a_missing_secret_is_named(tmp_path: Path, index: PackageIndex) -> None:
    wrong = PodFolders(tmp_path, index, index.lock("tiny")).refuse(SCRIPTRUN_INDEX_SECRET="index")
    assert wrong.reason == "DependencyError"
    assert 'Secret "index" in namespace "team"' in str(wrong)


def test_another_file_than_the_locked_one(tmp_path: Path, index: PackageIndex) -> None:
    lock = index.lock("tiny")
    index.wheels[1] = build_wheel("tiny", "2.0", {"tiny.py": "SIZE = 'of somebody else'\n"})
    wrong = PodFolders(tmp_path, index, lock).refuse()
    assert wrong.reason == "DependencyError"
    assert "review what changed" in str(wrong)
    assert "tiny==2.0" in str(wrong)


@pytest.mark.parametrize(
    ("name", "words"), [("for-windows", "win_amd64"), ("for-old", "cp38"), ("no-wheel", "no usable wheels")]
)
def test_no_wheel_for_this_platform(tmp_path: Path, index: PackageIndex, name: str, words: str) -> None:
    wrong = PodFolders(tmp_path, index, index.lock(name)).refuse()
    assert wrong.reason == "DependencyError"
    assert words in str(wrong)


@pytest.mark.parametrize("status", [403, 500, 503])
def test_an_index_that_refuses(tmp_path: Path, index: PackageIndex, status: int) -> None:
    lock = index.lock("tiny")
    index.status = status
    wrong = PodFolders(tmp_path, index, lock).refuse()
    assert wrong.reason == "IndexUnavailable"
    assert str(status) in str(wrong)


def test_an_index_that_is_away(tmp_path: Path, index: PackageIndex) -> None:
    pod = PodFolders(tmp_path, index, index.lock("tiny"))
    wrong = pod.refuse(SCRIPTRUN_INDEX_URL="http://127.0.0.1:1/simple")
    assert wrong.reason == "IndexUnavailable"
    assert "Connection refused" in str(wrong)


def test_an_index_that_is_slow(tmp_path: Path, index: PackageIndex) -> None:
    lock, free = index.lock("tiny"), threading.Event()
    answer = index.answer

    def wait(path: str, authorization: str) -> tuple[int, bytes, str]:
        free.wait(20)
        return answer(path, authorization)

    index.answer = wait  # type: ignore[method-assign]
    try:
        wrong = PodFolders(tmp_path, index, lock).refuse(SCRIPTRUN_INSTALL_SECONDS="0.2")
    finally:
        free.set()
    assert wrong.reason == "IndexUnavailable"
    assert "dependencies.timeoutSeconds (0.2 s)" in str(wrong)


def test_a_lock_that_names_another_index(tmp_path: Path, index: PackageIndex) -> None:
    wrong = PodFolders(tmp_path, index, f"--index-url http://elsewhere/\n{index.lock('tiny')}").refuse()
    assert wrong.reason == "DependencyError"
    assert "line 1" in str(wrong)
    assert index.asked == []


def test_another_input_than_the_pods(tmp_path: Path, index: PackageIndex) -> None:
    pod = PodFolders(tmp_path, index, index.lock("tiny"))
    (tmp_path / "input" / "lock").write_text(index.lock("greet-lib"))
    assert pod.refuse().reason == "DigestMismatch"


def test_libraries_for_another_python(tmp_path: Path, index: PackageIndex) -> None:
    pod = PodFolders(tmp_path, index, index.lock("tiny"), pythonVersion="3.99")
    assert pod.install().startswith("python3.99-")


def _start_installer(pod: PodFolders) -> subprocess.Popen[bytes]:
    code = (
        f"import sys; sys.path.insert(0, {str(RUNNER_IMAGE)!r}); from scriptrun_runner import install;"
        f"install._UV = {uv.find_uv_bin()!r}; sys.exit(install.main({str(pod.root)!r}))"
    )
    return subprocess.Popen([sys.executable, "-I", "-S", "-c", code], env=pod.environ, stderr=subprocess.PIPE)


def test_the_script_waits_for_the_installer(tmp_path: Path, index: PackageIndex) -> None:
    pod = PodFolders(tmp_path, index, index.lock("greet-lib", "tiny"))
    with _start_installer(pod) as process:
        assert pod.execute().output() == {"said": "hi 3"}
        assert process.wait(20) == 0


def test_the_script_says_why_there_are_no_libraries(tmp_path: Path, index: PackageIndex) -> None:
    pod = PodFolders(tmp_path, index, index.lock("for-windows"))
    with _start_installer(pod) as process:
        result = pod.execute().result
        assert process.wait(20) == 0
    assert (result.status, result.reason, result.runner_exit_code) == ("FAILED", "DependencyError", 126)
    assert "for-windows" in result.message


def test_an_installer_that_is_killed(tmp_path: Path, index: PackageIndex) -> None:
    pod = PodFolders(tmp_path, index, index.lock("tiny"))
    asked, free = threading.Event(), threading.Event()
    answer = index.answer

    def wait(path: str, authorization: str) -> tuple[int, bytes, str]:
        asked.set()
        free.wait(20)
        return answer(path, authorization)

    index.answer = wait  # type: ignore[method-assign]
    with _start_installer(pod) as process:
        assert asked.wait(20)
        os.kill(process.pid, signal.SIGKILL)
        process.wait(20)
        free.set()
        result = pod.execute().result
    assert result.reason == "DependencyError"
    assert "dependencies.resources" in result.message


def test_an_installer_that_never_starts(tmp_path: Path, index: PackageIndex) -> None:
    pod = PodFolders(tmp_path, index, index.lock("tiny"), startSeconds=0.01)
    result = pod.execute().result
    assert result.reason == "DependencyError"
    assert "did not start within 0.01 s" in result.message


def test_a_stop_while_waiting(tmp_path: Path, index: PackageIndex) -> None:
    execution = Execution(PodFolders(tmp_path, index, index.lock("tiny"), startSeconds=60).root)
    threading.Timer(0.05, execution.stop.request).start()
    assert execution.run().result.reason == "Terminated"


def test_an_image_with_another_python(tmp_path: Path, index: PackageIndex) -> None:
    pod = PodFolders(tmp_path, index, index.lock("tiny"))
    (tmp_path / "installer" / LOCK_FILE).touch()
    result = {"reason": "", "message": "", "platform": "python3.1-x86_64-gnu"}
    (tmp_path / "installer" / "result.json").write_text(json.dumps(result))
    message = pod.execute().result.message
    assert "installed for python3.1-x86_64-gnu" in message
    assert "dependencies.pythonVersion" in message


def test_the_scripts_own_folders_come_first(tmp_path: Path, index: PackageIndex) -> None:
    pod = PodFolders(tmp_path, index, index.lock("greet-lib", "tiny"))
    pod.install()
    own = tmp_path / "own"
    own.mkdir()
    (own / "tiny.py").write_text("SIZE = 'mine'\n")
    execution = Execution(tmp_path, {"PATH": os.environ["PATH"], "PYTHONPATH": str(own)}).run()
    assert execution.output() == {"said": "hi mine"}


def test_authorities_of_the_index(tmp_path: Path) -> None:
    text = "-----BEGIN CERTIFICATE-----\n" + base64.b64encode(b"x").decode()
    settings = installer._build_environment(
        str(tmp_path), "team", {"SCRIPTRUN_INDEX_URL": "https://index", "SCRIPTRUN_INDEX_CA": text}
    )
    assert text in Path(settings["SSL_CERT_FILE"]).read_text()
