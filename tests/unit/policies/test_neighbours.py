"""Which files of its ConfigMap a script gets beside it."""

import pytest

from scriptrun.policies.neighbours import choose_neighbours

FILES = {
    "main.py": b"",
    "helper.py": b"import deeper\n",
    "deeper.py": b"import main, helper\n",
    "json.py": b"",
    "report.py": b"",
    "lib.sh": b"",
    "util.js": b"require('./more')",
    "more.json": b"{}",
    "query.sql": b"\xff",
}


def choose(source: str, key: str = "main.py") -> list[str]:
    return list(choose_neighbours(key, source.encode(), FILES.keys(), FILES.__getitem__))


@pytest.mark.parametrize(
    ("source", "chosen"),
    [
        ("print('helper, report')", []),
        ("from helper import greet", ["deeper.py", "helper.py"]),
        ("if x:\n\timport os, report as r  # helper", ["report.py"]),
        ("import json, main", []),
        ("python3 json.py", []),
        ('. "$(dirname "$0")/lib.sh"', ["lib.sh"]),
        ("See query.sql.", ["query.sql"]),
        ("query.sqlite", []),
        ("const u = require('./util')", ["more.json", "util.js"]),
        ("import u from './util.js'", ["more.json", "util.js"]),
        ("# " + "x" * 65_536 + "\nimport report", []),
    ],
)
def test_what_a_script_names_comes_along(source: str, chosen: list[str]) -> None:
    assert choose(source) == chosen


def test_no_more_is_searched_than_takes_a_moment() -> None:
    files = {f"m{number}.py": b"#" * 60_000 + b"\nimport m%d" % (number + 1) for number in range(10)}
    chosen = choose_neighbours("main.py", b"import m0", files.keys(), files.__getitem__)
    assert list(chosen) == ["m0.py", "m1.py", "m2.py", "m3.py", "m4.py"]
