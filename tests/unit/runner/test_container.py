"""The runner as PID 1, by its launcher, in a container of its own namespaces: other users, full disks, orphans."""

from __future__ import annotations

import ast
import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from unit.runner.harness import RUNNER_IMAGE, Input

_SETUP = """
set -eu
cd {root}
mount -t tmpfs none .
mkdir -p usr etc proc tmp dev scriptrun/input scriptrun/work scriptrun/run opt/scriptrun/bin opt/scriptrun/lib
mount --rbind /usr usr
mount --rbind /etc etc
for folder in bin sbin lib lib64; do
    if test -h /$folder; then cp -P /$folder $folder; else mkdir $folder; mount --rbind /$folder $folder; fi
done
mount -t proc proc proc
touch dev/null dev/zero dev/termination-log
mount --bind /dev/null dev/null
mount --bind /dev/zero dev/zero
mount --bind {log} dev/termination-log
cp -r {image}/bin/runner opt/scriptrun/bin
cp -r {image}/scriptrun_runner {image}/ferris_cli opt/scriptrun/lib
mount --bind {input} scriptrun/input
mount -t tmpfs -o mode=0777,size={work_bytes} none scriptrun/work
mount -t tmpfs -o mode=0777,size={work_bytes} none scriptrun/run
cp -r {programs} programs
{further}
exec env -i PATH={path} SCRIPTRUN_POD=p-0-abcde \\
    "$(which chroot)" --userspec=65532:65532 . /opt/scriptrun/bin/runner
"""
_PLAIN_ENV = """
printf '#!/bin/sh\\ncase "$1" in -*) exit 125 ;; esac\\nexec "$@"\\n' > plain-env
chmod 0755 plain-env
mount --bind plain-env usr/bin/env
"""
"""Like that of busybox, it knows nothing of signals."""
_STOPPED_AT_START = """#!/bin/sh
kill -{signal} $$
exec /usr/bin/python3 "$@"
"""
"""What the launcher takes for Python; it is PID 1 at that time."""


class Ended:
    """A container that has ended."""

    def __init__(self, process: subprocess.CompletedProcess[bytes], log: Path) -> None:
        self.exit_code = process.returncode
        self.stdout = process.stdout.decode()
        self.stderr = process.stderr.decode()
        self.result: dict[str, Any] = json.loads(log.read_bytes() or b"{}")


@pytest.fixture
def run_container(tmp_path: Path) -> Callable[..., Ended]:
    assert shutil.which("unshare"), "install util-linux: the runner's tests make namespaces with unshare"
    assert os.geteuid() == 0, "run the tests as root: they mount file systems in a namespace of their own"

    def run(source: str, *, work_bytes: int = 1_048_576, python: str = "", **fields: Any) -> Ended:
        further, path = fields.pop("further", ""), fields.pop("path", "/programs:/usr/local/bin:/usr/bin:/bin")
        Input(tmp_path / "input", source, {}, outputTransport="TerminationMessage", **fields)
        for name in ("root", "programs"):
            (tmp_path / name).mkdir()
        if python:
            (tmp_path / "programs" / "python3").write_text(python)
            (tmp_path / "programs" / "python3").chmod(0o755)
        log = tmp_path / "termination-log"
        log.touch()
        log.chmod(0o666)
        places = {
            "log": log,
            "image": RUNNER_IMAGE,
            **{name: tmp_path / name for name in ("root", "input", "programs")},
        }
        quoted = {name: shlex.quote(str(path)) for name, path in places.items()}
        setup = _SETUP.format(work_bytes=work_bytes, further=further, path=path, **quoted)
        command = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", setup]
        return Ended(subprocess.run(command, capture_output=True, timeout=30, check=False), log)

    return run


def test_pid_1_by_the_launcher(run_container: Callable[..., Ended]) -> None:
    script = 'echo "$(id -u) $PPID $PWD $HOME"; echo \'{"a": 1}\' > $2; exit 0'
    ended = run_container(script)
    assert ended.stderr == ""
    assert ended.stdout == "65532 1 /scriptrun/work /scriptrun/work\n"
    assert (ended.exit_code, ended.result["output"]) == (0, {"a": 1})


def test_the_package_library_in_the_image(run_container: Callable[..., Ended]) -> None:
    script = "from ferris_cli.v2 import ApplicationConfigurator\nprint(ApplicationConfigurator.get('hello'))"
    ended = run_container(script, handler="python", contract="package", config={"k": "v"})
    assert ended.stdout == "{'k': 'v'}\n"


def test_orphans_are_buried(run_container: Callable[..., Ended]) -> None:
    script = """
for number in 1 2 3 4 5; do (sh -c 'exit 0' & sleep 0.02) & done
wait
sleep 0.1
cat /proc/[0-9]*/status 2> /dev/null | grep -c 'State:.Z'
"""
    ended = run_container(script)
    assert ended.stdout == "0\n"


def test_daemons_out_of_the_group_do_not_outlive_the_script(run_container: Callable[..., Ended]) -> None:
    """The end would be late with them: they hold a stream open."""
    ended = run_container("setsid sh -c 'trap \"\" TERM; echo daemon; sleep 1000' & sleep 0.1; echo script")
    assert ended.stdout == "daemon\nscript\n"
    assert ended.exit_code == 0
    started, finished = (datetime.fromisoformat(ended.result[name]) for name in ("startedAt", "finishedAt"))
    assert (finished - started).total_seconds() < 0.9


def test_a_full_disk_is_the_script_s_failure(run_container: Callable[..., Ended]) -> None:
    ended = run_container("head -c 2000000 /dev/zero > ${2%/*}/fill; echo '{\"a\": 1}' > $2 || exit 4")
    assert ended.exit_code == 4
    assert (ended.result["status"], ended.result["reason"], ended.result["exitCode"]) == ("FAILED", "ScriptFailed", 4)
    assert "No space left on device" in ended.result["message"]


def test_an_output_cut_by_a_full_disk_is_no_output(run_container: Callable[..., Ended]) -> None:
    ended = run_container('printf \'{"a": "%0100000d"}\' 0 > $2; exit 0', work_bytes=65_536)
    assert (ended.result["reason"], ended.exit_code) == ("InvalidOutput", 1)
    assert "Unterminated string" in ended.result["message"]


def test_a_disk_too_full_for_the_script_itself(run_container: Callable[..., Ended]) -> None:
    ended = run_container("#" * 100_000, work_bytes=16_384)
    assert ended.exit_code == 126
    assert "the script could not be laid out: [Errno 28] No space left on device" in ended.result["message"]


def test_a_script_may_signal_everybody(run_container: Callable[..., Ended]) -> None:
    """PID 1 can't be killed from inside; what SIGTERM it gets is a request to stop like any other."""
    ended = run_container("kill -9 1; trap '' TERM; kill -15 -1; exit 6")
    assert ended.result["exitCode"] == 6
    assert ended.result["reason"] in ("ScriptFailed", "Terminated")


@pytest.mark.parametrize("signal", ["TERM", "INT"])
def test_a_signal_that_comes_before_python_is_there_is_not_lost(
    run_container: Callable[..., Ended], signal: str
) -> None:
    ended = run_container("echo executed", python=_STOPPED_AT_START.format(signal=signal))
    assert ended.stdout == ""
    assert (ended.result["reason"], ended.exit_code) == ("Terminated", 143)
    assert ended.result["message"] == "the pod was told to stop before the script was started"


def test_a_script_has_no_signal_blocked(run_container: Callable[..., Ended]) -> None:
    ended = run_container("grep SigBlk /proc/self/status")
    assert ended.stdout.split() == ["SigBlk:", "0" * 16]


def test_an_image_whose_env_can_t_block_signals(run_container: Callable[..., Ended]) -> None:
    ended = run_container('echo "$PPID"', further=_PLAIN_ENV)
    assert (ended.stdout, ended.stderr, ended.exit_code) == ("1\n", "", 0)


def test_a_path_that_has_nothing(run_container: Callable[..., Ended]) -> None:
    """As a Secret in envFrom may set it."""
    ended = run_container("#!/bin/sh\necho $PATH", path="/nowhere")
    assert (ended.stdout, ended.stderr, ended.exit_code) == ("/nowhere\n", "", 0)


def test_a_path_without_the_handlers_program_is_named(run_container: Callable[..., Ended]) -> None:
    ended = run_container("print(1)", handler="python", path="/nowhere")
    assert ended.exit_code == 127
    assert "'python3' is not in the image: none of PATH=/nowhere has it" in ended.result["message"]


def test_the_image_names_its_python(run_container: Callable[..., Ended]) -> None:
    bad = "printf '#!/bin/sh\\nexit 9\\n' > programs/python3; chmod 0755 programs/python3\n"
    named = "mount -t tmpfs none etc; mkdir etc/scriptrun; ln -s /usr/bin/python3 etc/scriptrun/python3\n"
    ended = run_container("echo ran", further=bad + named)
    assert (ended.stdout, ended.stderr, ended.exit_code) == ("ran\n", "", 0)


def test_the_image_says_that_its_env_can() -> None:
    launcher, dockerfile = ((RUNNER_IMAGE / name).read_text() for name in ("bin/runner", "Dockerfile"))
    assert "[ -e /etc/scriptrun/env-blocks-signals ]" in launcher
    assert "touch /etc/scriptrun/env-blocks-signals" in dockerfile
    assert "python=/etc/scriptrun/python3\n" in launcher
    assert 'ln -s "$(command -v python3)" /etc/scriptrun/python3' in dockerfile


def test_the_runner_is_written_for_python_3_9() -> None:
    sources = [*RUNNER_IMAGE.glob("scriptrun_runner/**/*.py"), *RUNNER_IMAGE.glob("ferris_cli/*.py")]
    assert len(sources) > 20
    for source in sources:
        ast.parse(source.read_text(), feature_version=(3, 9))


def test_little_is_imported_before_the_script_starts() -> None:
    """What is imported before the start delays every script: `re` and `enum` alone by as much as all of the runner."""
    program = (
        f"import sys; sys.path.insert(0, {str(RUNNER_IMAGE)!r})\n"
        "import scriptrun_runner.main, scriptrun_runner.contracts.files\n"
        "scriptrun_runner.lean.parse_json('{}'); scriptrun_runner.lean.handle_stop_signals(print)\n"
        f"scriptrun_runner.snapshot.hash_snapshot({str(RUNNER_IMAGE / 'bin')!r})\n"
        "print(*sys.modules)"
    )
    command = [sys.executable, "-I", "-S", "-c", program]
    modules = subprocess.run(command, capture_output=True, check=True, text=True).stdout.split()
    assert "scriptrun_runner.main" in modules
    assert not {"re", "enum", "json", "hashlib", "ssl", "socket", "threading", "subprocess", "typing", "signal"} & set(
        modules
    )
