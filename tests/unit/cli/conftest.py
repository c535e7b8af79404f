"""Fixtures of the command line's tests."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from scriptrun.cli.main import run


@dataclass(frozen=True)
class Done:
    """What a command left behind."""

    code: int
    stdout: str
    stderr: str


Scriptrun = Callable[..., Done]


@pytest.fixture
def scriptrun(capfdbinary: pytest.CaptureFixture[bytes]) -> Scriptrun:
    """Run a command in this process."""

    def call(*arguments: object) -> Done:
        code = run([str(argument) for argument in arguments])
        out, err = capfdbinary.readouterr()
        return Done(code, out.decode(), err.decode())

    return call
