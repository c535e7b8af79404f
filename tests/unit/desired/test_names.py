"""Names: from a run to its pods and outputs, and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scriptrun.desired.names import input_name, job_name, output_name, pod_of_output, run_labels
from scriptrun.models.scriptrun import NAME_LIMIT

RUNS = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,53}[a-z0-9])?", fullmatch=True)
SUFFIXES = st.text("bcdfghjklmnpqrstvwxz2456789", min_size=5, max_size=5)
KUBERNETES_CUTS_AT = 63


def name_pod(job: str, suffix: str) -> str:
    """As the Job controller does for an Indexed Job: the base is cut so that the name fits a host name."""
    return f"{job}-0-"[: KUBERNETES_CUTS_AT - len(suffix)] + suffix


@given(RUNS, SUFFIXES)
def test_an_output_tells_its_pod(run: str, suffix: str) -> None:
    pod = name_pod(job_name(run), suffix)
    assert pod_of_output(output_name(pod)) == pod


@given(RUNS, RUNS, SUFFIXES, SUFFIXES)
def test_no_two_runs_share_a_pod_or_an_output(one: str, other: str, first: str, second: str) -> None:
    if one != other:
        assert name_pod(one, first) != name_pod(other, second)
        assert input_name(one) != input_name(other)


def test_the_longest_name_is_not_cut_and_the_next_would_be() -> None:
    assert name_pod("r" * NAME_LIMIT, "xxxxx") == "r" * NAME_LIMIT + "-0-xxxxx"
    assert name_pod("r" * (NAME_LIMIT + 1), "xxxxx") != "r" * (NAME_LIMIT + 1) + "-0-xxxxx"


@pytest.mark.parametrize(
    ("name", "pod"), [("a-output", "a"), ("a-output-output", "a-output"), ("a", ""), ("output", "")]
)
def test_what_is_no_output(name: str, pod: str) -> None:
    assert pod_of_output(name) == pod


def test_labels_select_a_run_and_a_script() -> None:
    assert run_labels("hello-1", "hello.py") == {
        "app.kubernetes.io/managed-by": "scriptrun",
        "scriptrun.dev/run": "hello-1",
        "scriptrun.dev/script": "hello.py",
    }
