"""The programs of the runner image are those that docs/runner.md lists, in these versions.

SCRIPTRUN_WRITE_DOCS=1 writes the list anew, for instance after Debian has updated a package.
"""

import os
import re

import pytest

from clusterlab.space import Space
from helm import ROOT

pytestmark = pytest.mark.cluster
pytest_plugins = ["clusterlab.fixtures"]

PAGE = ROOT / "docs" / "runner.md"
BEGIN, END = "<!-- programs: written by tests/cluster/test_image_programs.py -->\n", "<!-- end of programs -->"
ASKED = {
    "awk": "awk -W version",
    "bash": "bash --version",
    "curl": "curl --version",
    "cut, date, sort and the other coreutils": "cut --version",
    "find": "find --version",
    "grep": "grep --version",
    "gzip": "gzip --version",
    "jq": "jq --version",
    "node": "node --version",
    "perl": "perl -e 'print $^V'",
    "python": "python --version",
    "python3": "python3 --version",
    "sed": "sed --version",
    "tar": "tar --version",
    "uv (not on `PATH`)": "/opt/scriptrun/bin/uv --version",
}
SCRIPT = f"""
import json, subprocess, sys

said = {{}}
for name, command in {ASKED!r}.items():
    done = subprocess.run(command, shell=True, capture_output=True, text=True)
    said[name] = (done.stdout + done.stderr).partition("\\n")[0]
json.dump(said, open(sys.argv[2], "w"))
"""


def test_the_image_has_what_the_docs_list(space: Space) -> None:
    space.start("lists", SCRIPT)
    run = space.end_of("lists")
    assert run.end == ("Succeeded", "Completed"), run
    versions = {name: re.search(r"\d+\.\d[\d.]*", text) for name, text in run.output.items()}
    assert [name for name, found in versions.items() if found is None] == []
    rows = [f"| {_quote(name)} | {found[0].rstrip('.')} |" for name, found in versions.items() if found]
    table = "\n".join(["| Program | Version |", "|---|---|", *rows, ""])
    before, _, rest = PAGE.read_text().partition(BEGIN)
    listed, _, after = rest.partition(END)
    if os.environ.get("SCRIPTRUN_WRITE_DOCS"):
        PAGE.write_text(f"{before}{BEGIN}{table}{END}{after}")
        listed = table
    assert listed == table, "run this test with SCRIPTRUN_WRITE_DOCS=1"


def _quote(name: str) -> str:
    return name if " " in name else f"`{name}`"
