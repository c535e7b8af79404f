"""Which libraries a script asks for, and whether its lock holds them."""

import re
import tomllib
from collections.abc import Iterable
from functools import lru_cache

from packaging.requirements import InvalidRequirement, Requirement
from packaging.version import InvalidVersion, Version

from scriptrun.models.dependencies import LOCK_LIMIT_BYTES, Dependencies
from scriptrun.models.reasons import Reason
from scriptrun.models.script import ScriptSpec
from scriptrun.policies.verdict import Verdict
from scriptrun_runner.lock import LockError, Pin, normalize, parse_lock

__all__ = [
    "RUNNER_PYTHON_VERSION",
    "RequirementError",
    "check_cache_claim",
    "check_dependencies",
    "check_requirement",
    "find_dependency_fault",
    "find_lock_fault",
    "list_requirements",
    "parse_block",
]

RUNNER_PYTHON_VERSION = "3.11"
"""Of the runner image."""

_BLOCK_LIMIT_BYTES = 8192
_BLOCK_LIMIT_DOTS = 256
_KNOWN_LOCKS = 64
_BLOCK_START = re.compile(rb"^# /// script[ \t]*\r?$", re.MULTILINE)
_LOCK_ANEW = "write a new lock with `scriptrun scripts render`"


class RequirementError(ValueError):
    """What a script says of its libraries can't be understood."""


def parse_block(source: bytes) -> list[str]:
    """Parse what the PEP 723 block of a script asks for; linear in its size.

    Raises:
        RequirementError: it has two blocks, or one that is not TOML or too long.
    """
    starts = list(_BLOCK_START.finditer(source))
    if not starts:
        return []
    if len(starts) > 1:
        raise RequirementError("the script has two PEP 723 blocks (# /// script): leave one")
    lines: list[bytes] = []
    end = None
    window = source[starts[0].end() + 1 : starts[0].end() + 1 + 4 * _BLOCK_LIMIT_BYTES]
    for line in window.splitlines():
        if not line.startswith(b"#"):
            break
        if line.rstrip() == b"# ///":
            end = len(lines)  # the last one counts, as PEP 723 has it
        lines.append(line[2:] if line.startswith(b"# ") else line[1:])
    if end is None:
        raise RequirementError("the script's PEP 723 block has no end: a line `# ///`")
    text = b"\n".join(lines[:end])
    if len(text) > _BLOCK_LIMIT_BYTES:
        raise RequirementError(
            f"the script's PEP 723 block has {len(text)} bytes, at most {_BLOCK_LIMIT_BYTES} are allowed"
        )
    if any(line.count(b".") > _BLOCK_LIMIT_DOTS for line in lines[:end]):  # a key of n parts costs tomllib n² steps
        raise RequirementError(f"the script's PEP 723 block has a line with more than {_BLOCK_LIMIT_DOTS} dots")
    try:
        found = tomllib.loads(text.decode()).get("dependencies", [])
    except (ValueError, RecursionError) as error:
        raise RequirementError(f"the script's PEP 723 block is not TOML: {error}") from error
    if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
        raise RequirementError("the script's PEP 723 block: dependencies must be a list of strings")
    return found


def list_requirements(script: ScriptSpec, source: bytes | None, *, python: bool) -> list[str]:
    """List what a script asks for, in its block and in its Script.

    Args:
        script: its Script's spec.
        source: its source.
        python: whether it is a Python script, so that it may have a block.

    Raises:
        RequirementError: that can't be understood.
    """
    block = parse_block(source) if source is not None and python else []
    given = script.dependencies.requirements if script.dependencies else []
    requirements = list(dict.fromkeys([*given, *block]))
    for text in requirements:
        check_requirement(text)
    return requirements


def check_requirement(text: str) -> Requirement:
    """Check that a text is a requirement, and one that an index can meet.

    Raises:
        RequirementError: it is not, and why.
    """
    try:
        requirement = Requirement(text)
    except (InvalidRequirement, RecursionError) as error:
        raise RequirementError(f"dependencies: {text!r} is not a requirement: {str(error).splitlines()[0]}") from error
    if requirement.url:
        raise RequirementError(f"dependencies: {text!r} names an address: libraries come from the cluster's index only")
    return requirement


def find_lock_fault(lock: str, requirements: Iterable[str], python_version: str = "") -> str:
    """Find why a lock is not one of these requirements; "" when it is.

    Args:
        lock: its text.
        requirements: what the script asks for, each of which can be parsed.
        python_version: that it is for; "": the runner image's.
    """
    return _find_lock_fault(lock, tuple(requirements), python_version)


@lru_cache(_KNOWN_LOCKS)
def _find_lock_fault(lock: str, requirements: tuple[str, ...], python_version: str) -> str:
    """Find it once for all runs of a Script: a lock of 200 kB takes 15 ms."""
    if len(lock.encode()) > LOCK_LIMIT_BYTES:
        return f"dependencies.lock has {len(lock.encode())} bytes, at most {LOCK_LIMIT_BYTES} are allowed"
    try:
        pins = parse_lock(lock)
    except LockError as error:
        return f"dependencies.lock: {error}; {_LOCK_ANEW}"
    locked: dict[str, list[Pin]] = {}
    for pin in pins:
        locked.setdefault(normalize(pin.name), []).append(pin)
    version = python_version or RUNNER_PYTHON_VERSION
    where = {
        "python_version": version,
        "python_full_version": f"{version}.0",
        "implementation_version": f"{version}.0",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "os_name": "posix",
        "sys_platform": "linux",
        "platform_system": "Linux",
    }
    for text in requirements:
        requirement = check_requirement(text)
        try:
            if requirement.marker and not requirement.marker.evaluate(where):
                continue
        except (ValueError, RecursionError):
            return f"dependencies: the marker of {text!r} compares what can't be compared"
        found = locked.get(normalize(requirement.name), [])
        if not any(_satisfies(pin, requirement) for pin in found):
            has = f"has {found[0].name} {found[0].version}" if found else f"has no {requirement.name}"
            return f"dependencies.lock {has}, the script asks for {text!r}: {_LOCK_ANEW}"
    return ""


def _satisfies(pin: Pin, requirement: Requirement) -> bool:
    try:
        return requirement.specifier.contains(Version(pin.version), prereleases=True)
    except InvalidVersion:
        return False


def find_dependency_fault(script: ScriptSpec, source: bytes | None, index_url: str, *, python: bool) -> str:
    """Find what keeps a script from getting its libraries; "" when nothing does that is known before its pod starts.

    A Script with an image of its own may have its libraries in there: the block alone then asks for nothing.

    Args:
        script: its Script's spec.
        source: its source.
        index_url: the operator's package index; "": it has none.
        python: whether it is a Python script.
    """
    if script.dependencies is None and script.image:
        return ""
    try:
        requirements = list_requirements(script, source, python=python)
    except RequirementError as error:
        return str(error)
    given = script.dependencies or Dependencies()
    if not requirements and not given.lock:
        return ""
    if not given.lock:
        return (
            f"the script asks for {', '.join(requirements)[:200]}, and its Script has no dependencies.lock: "
            f"{_LOCK_ANEW}, or build an image that has them and name it in the Script's image"
        )
    if not index_url:
        return "the cluster has no package index to install libraries from: set dependencies.indexUrl in the chart"
    return find_lock_fault(given.lock, requirements, given.python_version)


def check_dependencies(script: ScriptSpec, source: bytes | None, index_url: str, *, python: bool) -> Verdict | None:
    """Check that a script can get its libraries, as far as that is known before its pod starts.

    Args:
        script: its Script's spec.
        source: its source.
        index_url: the operator's package index; "": it has none.
        python: whether it is a Python script.
    """
    wrong = find_dependency_fault(script, source, index_url, python=python)
    return Verdict(Reason.DEPENDENCY_ERROR, wrong) if wrong else None


def check_cache_claim(script: ScriptSpec, claim: str) -> str:
    """Check that a Script does not mount the cache of libraries itself: whoever writes to it runs in others' scripts.

    Args:
        script: the Script's spec.
        claim: name of the cache's PersistentVolumeClaim; "": there is none.

    Returns:
        What is wrong; "" when nothing is.
    """
    for volume in script.volumes if claim else ():
        if volume.persistent_volume_claim and volume.persistent_volume_claim.claim_name == claim:
            return (
                f'volumes: "{volume.name}" is PersistentVolumeClaim "{claim}", the cluster\'s cache of libraries, '
                "which scripts get read-only with their dependencies: use another claim"
            )
    return ""
