"""README.md shows figures that were measured, and no others."""

import json
from pathlib import Path
from typing import Any

import pytest

from bench import readme
from bench.figures import read_quotable

LATENCY = {"quick": False, "run_p50_seconds": 0.7512, "raw_job_p50_seconds": 3.01}
BURST = {"quick": False, "runs_seconds": 21.4, "raw_jobs_seconds": 25.0, "raw": {"count": 60}}
WRITES = {"quick": True, "operator_per_run": 3.0}
PAGE = "# scriptrun\n\n<!-- generated: benchmarks -->\nold\n<!-- end -->\n\nmore\n"


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A README of the test's own."""
    path = tmp_path / "README.md"
    path.write_text(PAGE)
    monkeypatch.setattr(readme, "PAGE", path)
    return path


def test_figures_are_written_between_the_marks(page: Path) -> None:
    document: dict[str, Any] = {"latency": LATENCY, "burst": BURST}
    readme.write_readme(document)
    text = page.read_text()
    assert "| 0.751 s | 3.01 s |" in text
    assert "| 60 at once, until the last one is there | 21.4 s | 25 s |" in text
    assert "old" not in text
    assert text.startswith("# scriptrun\n")
    assert text.endswith("<!-- end -->\n\nmore\n")
    readme.write_readme(document)
    assert page.read_text() == text


def test_figures_of_a_quick_try_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "bench.json"
    path.write_text(json.dumps({"latency": LATENCY, "writes": WRITES}))
    assert read_quotable(path) == {"latency": LATENCY}


def test_a_page_without_marks_is_refused(page: Path) -> None:
    page.write_text("# scriptrun\n")
    with pytest.raises(SystemExit, match="has lost its marks"):
        readme.write_readme({})


def test_the_readme_has_the_marks() -> None:
    text = readme.PAGE.read_text()
    assert text.index("<!-- generated: benchmarks -->") < text.index("<!-- end -->")
