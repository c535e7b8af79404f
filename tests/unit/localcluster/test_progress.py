"""Long steps say so, move, and tell when and how they ended."""

import time

import pytest

from localcluster.driver import progress


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.04, "0.0 s"), (59.94, "59.9 s"), (60, "1 min 00 s"), (255.9, "4 min 15 s")]
)
def test_elapsed_time_reads_well(seconds: float, text: str) -> None:
    assert progress.format_elapsed(seconds) == text


def test_without_a_terminal_a_line_appears_every_interval(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "QUIET_INTERVAL_SECONDS", 0.01)
    with progress.step("Building", note="(5 minutes)"):
        deadline = time.monotonic() + 10
        while "still going" not in (shown := capsys.readouterr().err) and time.monotonic() < deadline:
            assert shown in ("", "Building … (5 minutes)\n")
    assert "Building: still going" in shown
    assert "Building: done in" in capsys.readouterr().err


def test_a_failed_step_does_not_claim_to_be_done(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="x"), progress.step("Building"):
        raise ValueError("x")
    shown = capsys.readouterr().err
    assert "Building: failed after" in shown
    assert "done" not in shown
