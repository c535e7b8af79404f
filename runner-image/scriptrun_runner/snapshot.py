"""Is the mounted input the very one that the operator made this pod for?"""

from __future__ import annotations

import os

from scriptrun_runner.lean import make_sha256

__all__ = ["check_snapshot", "hash_snapshot"]


def hash_snapshot(folder: str) -> str:
    """Hash each file's name, length and bytes, in order of names (the operator's `hash_input` does the same)."""
    digest = make_sha256()
    for name in sorted(entry for entry in os.listdir(folder) if not entry.startswith("..")):
        with open(os.path.join(folder, name), "rb") as file:
            content = file.read()
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    return str(digest.hexdigest())


def check_snapshot(folder: str, expected: str) -> str:
    """Check the input folder; return what is wrong, or "".

    Args:
        folder: the mounted ConfigMap; the kubelet's own `..data` in it is passed over.
        expected: SHA-256 in hex that the operator gave the pod; "" when it gave none.
    """
    if not expected:
        return ""
    found = hash_snapshot(folder)
    if found == expected:
        return ""
    return (
        f"the input has sha256 {found}, this pod was made for {expected}: "
        "somebody replaced the run's input ConfigMap; nothing was executed"
    )
