"""A process is ours only while pid, start time and command line are what they were."""

import signal
import subprocess
import sys
from pathlib import Path

from localcluster.driver.processes import (
    Identity,
    end_processes,
    is_same_process,
    observe_process,
    parse_argv,
    parse_start_ticks,
)

KUBELET = Identity(42, 9000, ("kube", "kubelet", "--config=/x y"))


def write_process(proc: Path, identity: Identity, *, state: str = "S", name: str = "kube") -> Path:
    folder = proc / str(identity.pid)
    folder.mkdir(parents=True, exist_ok=True)
    # Fields 3 to 22: state, 18 we don't read, start time.
    fields = " ".join([state, *("0" for _ in range(18)), str(identity.start_ticks), "0", "0"])
    (folder / "stat").write_text(f"{identity.pid} ({name}) {fields}\n")
    (folder / "cmdline").write_bytes(b"".join(part.encode() + b"\0" for part in identity.argv))
    return proc


def test_the_same_process_is_recognised(tmp_path: Path) -> None:
    assert is_same_process(KUBELET, write_process(tmp_path, KUBELET))


def test_a_name_with_spaces_and_parentheses_does_not_shift_the_fields(tmp_path: Path) -> None:
    assert is_same_process(KUBELET, write_process(tmp_path, KUBELET, name="a) b (c"))


def test_a_pid_used_again_is_somebody_else(tmp_path: Path) -> None:
    later = Identity(KUBELET.pid, KUBELET.start_ticks + 1, KUBELET.argv)
    assert not is_same_process(KUBELET, write_process(tmp_path, later))


def test_another_program_at_the_same_tick_of_another_boot_is_somebody_else(tmp_path: Path) -> None:
    other = Identity(KUBELET.pid, KUBELET.start_ticks, ("sshd",))
    assert not is_same_process(KUBELET, write_process(tmp_path, other))


def test_a_zombie_has_ended(tmp_path: Path) -> None:
    assert not is_same_process(KUBELET, write_process(tmp_path, KUBELET, state="Z"))


def test_a_process_that_is_gone_is_nobody(tmp_path: Path) -> None:
    assert observe_process(KUBELET.pid, tmp_path) is None


def test_arguments_keep_their_boundaries() -> None:
    assert parse_argv(b"a\0b c\0\0d\0") == ("a", "b c", "", "d")
    assert parse_argv(b"") == ()


def test_start_time_is_field_22() -> None:
    stat = "7 (sleep) " + " ".join(str(number) for number in range(3, 30))
    assert parse_start_ticks(stat) == 22


def test_a_process_deaf_to_sigterm_is_killed() -> None:
    code = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        identity = observe_process(child.pid)
        assert identity is not None
        end_processes([identity], seconds=0.2)
        assert child.wait(5) == -signal.SIGKILL


def test_a_stranger_under_our_pid_is_left_alone() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        end_processes([Identity(child.pid, 1, ("kube", "kubelet"))], seconds=0)
        assert child.poll() is None
        child.communicate(b"\n", timeout=5)
        assert child.returncode == 0
