"""`make` alone names every target with a word on what it does."""

import re
import subprocess

from localcluster.driver.settings import ROOT


def test_help_names_every_target() -> None:
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert phony is not None
    shown = subprocess.run(
        ["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    described = dict(re.findall(r"^  ([a-z0-9-]+) +(\S.*)$", shown, re.MULTILINE))
    assert set(described) == set(phony[1].split())
