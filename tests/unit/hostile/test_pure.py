"""The hostile inputs about which pure functions decide, given to these functions alone, under a limit of CPU."""

import json
import subprocess
import sys

import pytest

from helm import ROOT
from hostile.corpus import CORPUS
from hostile.corpus.case import Case
from hostile.pure import is_pure

CASES = [case for case in CORPUS if is_pure(case)]


@pytest.fixture(scope="module")
def outcomes() -> dict[str, str]:
    """What each case ended as."""
    command = [sys.executable, "-m", "hostile.pure"]
    done = subprocess.run(command, cwd=ROOT / "tests", stdout=subprocess.PIPE, text=True, check=True)
    return dict(json.loads(line) for line in done.stdout.splitlines())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_input_is_decided_within_the_limit(case: Case, outcomes: dict[str, str]) -> None:
    assert outcomes[case.name] in case.ends


def test_there_are_enough_of_them() -> None:
    names = [case.name for case in CORPUS]
    assert len(set(names)) == len(names) >= 100
    assert len(CASES) >= 100
