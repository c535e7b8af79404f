"""What a script asks for, and whether its lock holds it."""

import pytest

from builders import script_spec
from scriptrun.models.reasons import Reason
from scriptrun.policies.dependencies import (
    RequirementError,
    check_cache_claim,
    check_dependencies,
    find_dependency_fault,
    list_requirements,
    parse_block,
)

INDEX = "https://index/simple"
HASH = f"--hash=sha256:{'a' * 64}"
BLOCK = b"""#!/usr/bin/env python3
# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "requests<3",
#
#   "rich",
# ]
# ///
import requests
"""
LOCK = f"requests==2.32.4 {HASH}\nrich==15.0.0 {HASH}\nurllib3==2.8.0 {HASH}\n"


def test_the_block_of_a_script() -> None:
    assert parse_block(BLOCK) == ["requests<3", "rich"]
    assert parse_block(BLOCK.replace(b"\n", b"\r\n")) == ["requests<3", "rich"]
    assert parse_block(b"# /// script\n# ///\n") == []
    assert parse_block(b"# /// other\n# dependencies = ['x']\n# ///\n") == []
    assert parse_block(b"print('# /// script')") == []


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (BLOCK + BLOCK, "two PEP 723 blocks"),
        (b"# /// script\n# dependencies = []\n", "has no end"),
        (b"# /// script\n# dependencies = 'x'\n# ///\n", "must be a list of strings"),
        (b"# /// script\n# dependencies = [\n# ///\n", "is not TOML"),
        (b"# /// script\n# x = " + b"[" * 4000 + b"\n# ///\n", "is not TOML"),
        (b"# /// script\n" + b"# x\n" * 9000 + b"# ///\n", "has no end"),
        (b"# /// script\n# " + b"a." * 300 + b"b=1\n# ///\n", "more than 256 dots"),
        (b"# /// script\n#" + b" " * 9000 + b"\n# ///\n", "at most 8192"),
    ],
)
def test_a_block_that_is_wrong(source: bytes, words: str) -> None:
    with pytest.raises(RequirementError, match=words):
        parse_block(source)


@pytest.mark.parametrize(
    ("requirement", "words"),
    [
        ("not a name", "is not a requirement"),
        ("a;" + "(" * 500, "is not a requirement"),
        ("r @ https://x/r.whl", "cluster's index only"),
    ],
)
def test_a_requirement_that_is_wrong(requirement: str, words: str) -> None:
    script = script_spec(dependencies={"requirements": [requirement]})
    with pytest.raises(RequirementError, match=words):
        list_requirements(script, None, python=True)


@pytest.mark.parametrize(
    ("dependencies", "words"),
    [
        ({"lock": LOCK}, ""),
        ({"lock": LOCK, "requirements": ["Requests[socks]>=2.32", "nope; sys_platform == 'win32'"]}, ""),
        (None, "asks for requests<3, rich, and its Script has no dependencies.lock"),
        ({"requirements": ["x"]}, "asks for x, requests<3, rich"),
        ({"lock": f"requests==2.32.4 {HASH}"}, "has no rich, the script asks for 'rich'"),
        ({"lock": LOCK.replace("2.32.4", "3.0")}, "has requests 3.0, the script asks for 'requests<3'"),
        ({"lock": LOCK.replace("2.32.4", "x.y")}, "has requests x.y"),
        ({"lock": "requests"}, "dependencies.lock: line 1: 'requests' is not"),
        ({"lock": LOCK, "requirements": ["t; sys_platform ~= 'x'"]}, "compares what can't be compared"),
        ({"lock": LOCK, "requirements": ["tomli; python_version >= '3.11'"]}, "has no tomli"),
        ({"lock": LOCK, "requirements": ["t; python_version < '3.11'"], "pythonVersion": "3.10"}, "has no t"),
    ],
)
def test_whether_the_lock_holds_what_is_asked_for(dependencies: dict[str, object] | None, words: str) -> None:
    script = script_spec(**({"dependencies": dependencies} if dependencies else {}))
    found = find_dependency_fault(script, BLOCK, INDEX, python=True)
    assert (words in found) if words else found == ""


def test_a_cluster_without_an_index() -> None:
    verdict = check_dependencies(script_spec(dependencies={"lock": LOCK}), BLOCK, "", python=True)
    assert verdict is not None
    assert verdict.reason is Reason.DEPENDENCY_ERROR
    assert "dependencies.indexUrl" in verdict.message


def test_who_asks_for_nothing() -> None:
    for script, python in ((script_spec(), False), (script_spec(image="with-requests"), True)):
        assert check_dependencies(script, BLOCK, "", python=python) is None
    assert check_dependencies(script_spec(), b"print()", "", python=True) is None


def test_a_script_may_not_mount_the_cache_itself() -> None:
    volumes = [{"name": "mine", "persistentVolumeClaim": {"claimName": "libraries", "readOnly": True}}]
    script = script_spec(volumes=volumes)
    assert 'volumes: "mine"' in check_cache_claim(script, "libraries")
    assert check_cache_claim(script, "others") == check_cache_claim(script, "") == ""
