"""The mark file: whatever ends a process, the next one knows which step it ended in."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from scriptrun.errors import ScriptRunError
from scriptrun.runtime.mark_file import MarkFile

PROCESS = """
import asyncio, re, sys
from pathlib import Path
from scriptrun.runtime.mark_file import MarkFile
from scriptrun.runtime.steps import Steps

async def wait():
    await asyncio.Event().wait()

async def hang():
    await asyncio.sleep(0)
    print("now", flush=True)
    re.match("^(a+)+$", "a" * 60 + "!")  # native code that never comes back

async def start(part):
    await asyncio.gather(part())  # in a task of its own

async def main():
    mark = MarkFile(Path(sys.argv[1]))
    steps = Steps(mark.begin, mark.end)
    steps.install()
    works = [steps.follow(f"run space/waits-{number}", start(wait)) for number in range(3)]
    if sys.argv[2] == "hangs":
        works.append(steps.follow("run space/hangs", start(hang)))
    tasks = [asyncio.create_task(work) for work in works]
    await asyncio.sleep(0.05)
    print("now", flush=True)
    await asyncio.gather(*tasks)

asyncio.run(main())
"""


async def _kill(folder: Path, how: str) -> None:
    """Run a process that works, and kill it in the middle of that."""
    environment = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROCESS, str(folder), how, stdout=asyncio.subprocess.PIPE, env=environment
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"now\n"
    process.send_signal(signal.SIGKILL)
    await process.wait()


async def test_after_a_kill_the_step_that_was_executing_is_known_and_none_that_waited(tmp_path: Path) -> None:
    await _kill(tmp_path, "hangs")
    mark = MarkFile(tmp_path)
    assert mark.read() == "run space/hangs"
    mark.end()
    assert mark.read() == ""
    mark.close()


async def test_a_process_that_was_killed_while_all_waited_leaves_no_mark(tmp_path: Path) -> None:
    await _kill(tmp_path, "waits")
    assert MarkFile(tmp_path).read() == ""


def test_a_mark_is_replaced_whole(tmp_path: Path) -> None:
    mark = MarkFile(tmp_path)
    for work in ("run space/" + "x" * 253, "script a/b", "ä", "z" * 10_000):
        mark.begin(work)
        assert mark.read() == work[:4094]
    mark.end()
    assert mark.read() == ""


def test_a_file_of_another_make_says_nothing_wrong(tmp_path: Path) -> None:
    (tmp_path / "under-way").write_bytes(b"\xff" * 100)
    assert isinstance(MarkFile(tmp_path).read(), str)


def test_two_processes_can_not_share_a_folder(tmp_path: Path) -> None:
    first = MarkFile(tmp_path)
    with pytest.raises(ScriptRunError, match=r"another process uses .*: give each its own SCRIPTRUN_STATE_DIR"):
        MarkFile(tmp_path)
    first.close()
    MarkFile(tmp_path).close()


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ScriptRunError, match=r"missing/under-way can't be used: No such file or directory"):
        MarkFile(tmp_path / "missing")
