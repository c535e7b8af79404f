"""`make` alone names every target with a word on what it does."""

import re
import subprocess

import pytest

from localcluster.driver.settings import ROOT


def test_help_names_every_target() -> None:
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert phony is not None
    shown = subprocess.run(
        ["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    described = dict(re.findall(r"^  ([a-z0-9-]+) +(\S.*)$", shown, re.MULTILINE))
    assert set(described) == set(phony[1].split())


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        (["up"], ""),
        (["up", "API=1"], "--api"),
        (["up", "PEERS=1"], "--bridge"),
        (["demo"], "--api"),
        (["demo", "PEERS=1"], "--bridge --api"),
    ],
)
def test_what_the_chart_is_installed_with(arguments: list[str], options: str) -> None:
    command = ["make", "--no-print-directory", "--dry-run", *arguments]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    [install] = [line for line in printed.splitlines() if " install" in line]
    assert " ".join(install.partition(" install")[2].split()) == options
