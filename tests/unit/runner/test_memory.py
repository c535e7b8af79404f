"""Whether the kernel says that it killed somebody for the memory."""

from pathlib import Path

import pytest

from scriptrun_runner.memory import count_oom_kills


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("low 0\nhigh 0\nmax 7\noom 2\noom_kill 1\noom_group_kill 0\n", 1),
        ("oom_kill_disable 0\nunder_oom 0\noom_kill 3\n", 3),
        ("oom_kill_disable 0\nunder_oom 0\n", 0),  # Linux before 4.13
        ("oom_kill many\n", 0),
        ("", 0),
    ],
)
def test_the_counter_of_either_version_is_read(tmp_path: Path, text: str, count: int) -> None:
    counter = tmp_path / "counter"
    counter.write_text(text)
    assert count_oom_kills((str(tmp_path / "absent"), str(counter))) == count


def test_without_a_counter_nothing_is_known(tmp_path: Path) -> None:
    assert count_oom_kills((str(tmp_path / "absent"),)) == 0
