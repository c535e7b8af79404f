"""Names and labels of everything made for a run. The one place that knows how they are put together."""

import re

__all__ = [
    "CONTAINER",
    "MANAGED_BY",
    "OUTPUT_LABEL",
    "RUNNER_ACCOUNT",
    "RUN_LABEL",
    "SCRIPT_LABEL",
    "SNAPSHOT_ANNOTATION",
    "STOP_ANNOTATION",
    "TOKEN_VOLUME",
    "input_name",
    "output_name",
    "pod_of_output",
    "run_labels",
    "run_of_pod",
]

MANAGED_BY = "scriptrun"
RUN_LABEL = "scriptrun.dev/run"
SCRIPT_LABEL = "scriptrun.dev/script"
OUTPUT_LABEL = "scriptrun.dev/output"
SNAPSHOT_ANNOTATION = "scriptrun.dev/snapshot"
STOP_ANNOTATION = "scriptrun.dev/stopped"
RUNNER_ACCOUNT = "scriptrun-runner"
CONTAINER = "script"
TOKEN_VOLUME = "token"  # noqa: S105 - a volume of that name

_POD = re.compile(r"(?P<run>.+)-0-[a-z0-9]{5}")


def run_labels(run: str, script: str) -> dict[str, str]:
    """Build the labels of a run's Job, pods and input."""
    return {"app.kubernetes.io/managed-by": MANAGED_BY, RUN_LABEL: run, SCRIPT_LABEL: script}


def input_name(run: str) -> str:
    """Name the ConfigMap that snapshots a run's script and variables."""
    return f"{run}-input"


def output_name(pod: str) -> str:
    """Name the ConfigMap that a pod writes its result to."""
    return f"{pod}-output"


def pod_of_output(config_map: str) -> str:
    """Name the pod that wrote an output ConfigMap; "" when it is no such name."""
    return config_map.removesuffix("-output") if config_map.endswith("-output") else ""


def run_of_pod(pod: str) -> str:
    """Name the run of a pod; "" when it is no such name.

    Safe against a script that lies: the admission policy lets a pod write only under its own name, and names of runs
    are short enough that Kubernetes never cuts them when it names the pods of an Indexed Job (`<job>-0-<5 chars>`).
    """
    match = _POD.fullmatch(pod)
    return match["run"] if match else ""
