"""Removes what a cluster leaves on its machine, however it ended.

Works from the state folder alone, so that it also cleans up after a machine whose processes were killed
while mounts, network devices and cgroups stayed.
"""

import os
import re
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from .network import remove_network
from .processes import Identity, end_processes, list_processes
from .settings import Settings
from .shell import succeeds

MARKER = "scriptrun-localcluster"
LEGACY_POD_LOGS = Path("/var/log/containers")
CNI_RESULTS = Path("/var/lib/cni/results")
SHIM_SOCKETS = Path("/run/containerd/s")
DEVICE_PLUGINS = Path("/var/lib/kubelet/device-plugins")


def remove_everything(settings: Settings) -> None:
    """Ends stray processes, then takes away mounts, network and files. The components are stopped already.

    Refuses nothing and needs nothing: each part may be missing. Only a folder that holds our marker is deleted.
    """
    # Containers have nothing to save, and a process 1 without a handler ignores the polite signal.
    end_processes(find_strays(settings), seconds=0)
    for mount in find_mounts(settings.state, Path("/proc/self/mountinfo").read_text()):
        succeeds("umount", "--lazy", mount)
    remove_network(settings)
    _remove_cgroups()
    _remove_dangling_files(settings)
    if (settings.state / MARKER).exists():
        shutil.rmtree(settings.state, ignore_errors=True)


def find_strays(settings: Settings) -> list[Identity]:
    """Returns what still runs of our cluster, pid file or not: components, shims, and processes in containers.

    A component or shim names the state folder on its command line; a container's root is an overlay in it.
    """
    state = settings.state
    return [p for p in list_processes() if is_our_component(p.argv, state) or _is_our_container(p, state)]


def is_our_component(argv: Sequence[str], state: Path) -> bool:
    """Tells whether a command line is that of a component or containerd shim that works in ``state``."""
    if not argv or argv[1:2] == ("kubectl",):
        return False
    program = Path(argv[0]).name
    known = program in {"containerd", "kube"} or program.startswith("containerd-shim")
    return known and any(f"{state}/" in argument for argument in argv[1:])


def has_root_in(state: Path, mountinfo: str) -> bool:
    """Tells from ``/proc/PID/mountinfo`` whether a process's root is an overlay whose layers lie in ``state``."""
    for line in mountinfo.splitlines():
        fields = line.split()
        if len(fields) > 4 and fields[4] == "/":
            return f"dir={state}/" in line
    return False


def _is_our_container(process: Identity, state: Path) -> bool:
    try:
        return has_root_in(state, Path(f"/proc/{process.pid}/mountinfo").read_text())
    except OSError:
        return False


def find_mounts(folder: Path, mountinfo: str) -> list[str]:
    """Returns the mount points at or below ``folder``, deepest first."""
    points = [_unescape(line.split()[4]) for line in mountinfo.splitlines()]
    ours = [point for point in points if point == str(folder) or point.startswith(f"{folder}/")]
    return sorted(ours, key=lambda point: point.count("/"), reverse=True)


def _unescape(text: str) -> str:
    """Undoes the octal escapes of mountinfo (space, tab, newline, backslash)."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)


def _remove_cgroups() -> None:
    """Removes the empty cgroups of ended pods. The kernel refuses those in use, so another kubelet's stay."""
    for root in Path("/sys/fs/cgroup").glob("**/kubepods"):
        for folder, _, _ in os.walk(root, topdown=False):
            with suppress(OSError):
                os.rmdir(folder)


def _remove_dangling_files(settings: Settings) -> None:
    """Removes what kubelet, CNI and shims write at fixed places outside the state folder."""
    for link in _entries(LEGACY_POD_LOGS):
        if link.is_symlink() and os.readlink(link).startswith(f"{settings.state}/"):
            link.unlink()
    for result in _entries(CNI_RESULTS):
        # Each names the network namespace it was for, and ours lie in the state folder.
        if f"{settings.state}/" in result.read_text(errors="replace"):
            result.unlink()
    in_use = Path("/proc/net/unix").read_text()
    for socket in [*_entries(SHIM_SOCKETS), *_entries(DEVICE_PLUGINS)]:
        if socket.is_socket() and str(socket) not in in_use:
            socket.unlink()
    made = (DEVICE_PLUGINS, DEVICE_PLUGINS.parent, CNI_RESULTS, CNI_RESULTS.parent, SHIM_SOCKETS, SHIM_SOCKETS.parent)
    for folder in made:
        # Only when nothing of anybody else's is in it.
        with suppress(OSError):
            folder.rmdir()


def _entries(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []
