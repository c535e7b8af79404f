"""Names and labels of everything made for a run. The one place that knows how they are put together."""

from hashlib import sha256

from scriptrun.models.scriptrun import NAME_LIMIT

__all__ = [
    "BRIDGE_LABEL",
    "CLAIM_ANNOTATION",
    "CONTAINER",
    "DROPPED_ANNOTATION",
    "INSTALLER_CONTAINER",
    "MANAGED_BY",
    "OPEN_LABEL",
    "OUTPUT_LABEL",
    "REPORT_FINALIZER",
    "RUNNER_ACCOUNT",
    "RUN_LABEL",
    "SCRIPT_LABEL",
    "SNAPSHOT_ANNOTATION",
    "STOP_ANNOTATION",
    "TOKEN_VOLUME",
    "claimed_run_name",
    "input_name",
    "job_name",
    "output_name",
    "pod_of_output",
    "run_labels",
]

MANAGED_BY = "scriptrun"
RUN_LABEL = "scriptrun.dev/run"
SCRIPT_LABEL = "scriptrun.dev/script"
OUTPUT_LABEL = "scriptrun.dev/output"
SNAPSHOT_ANNOTATION = "scriptrun.dev/snapshot"
STOP_ANNOTATION = "scriptrun.dev/stopped"
RUNNER_ACCOUNT = "scriptrun-runner"
CONTAINER = "script"
INSTALLER_CONTAINER = "dependencies"
BRIDGE_LABEL = "scriptrun.dev/bridge"
OPEN_LABEL = "scriptrun.dev/open"
"""On runs whose task was not reported yet: a bridge that starts reads those, and not what was kept since yesterday."""
CLAIM_ANNOTATION = "scriptrun.dev/claim"
DROPPED_ANNOTATION = "scriptrun.dev/dropped"
REPORT_FINALIZER = "scriptrun.dev/report"
TOKEN_VOLUME = "token"  # noqa: S105 - a volume of that name


def run_labels(run: str, script: str) -> dict[str, str]:
    """Build the labels of a run's Job, pods and input."""
    return {"app.kubernetes.io/managed-by": MANAGED_BY, RUN_LABEL: run, SCRIPT_LABEL: script}


def job_name(run: str) -> str:
    """Name the Job that is made for a run. Find the Job of a run by its owner or by ``status.jobName``, not by this."""
    return run


def input_name(run: str) -> str:
    """Name the ConfigMap that snapshots a run's script and variables."""
    return f"{run}-input"


def output_name(pod: str) -> str:
    """Name the ConfigMap that a pod writes its result to."""
    return f"{pod}-output"


def pod_of_output(config_map: str) -> str:
    """Name the pod that wrote an output ConfigMap; "" when it is no such name."""
    return config_map.removesuffix("-output") if config_map.endswith("-output") else ""


def claimed_run_name(bridge: str, identity: str, generation: int) -> str:
    """Name the run of a task: the same for each delivery of one attempt, and for no other.

    Args:
        bridge: name of the Bridge.
        identity: of the attempt, lower-case letters, digits and '-', at most 40 characters.
        generation: 0, 1, … of the runs that this one attempt took.
    """
    # The parts alone could be put together in two ways ("a-b" and "c", "a" and "b-c").
    digest = sha256(f"{bridge}/{identity}/{generation}".encode()).hexdigest()[:6]
    rest = f"{identity}-{digest}"
    stem = bridge.replace(".", "-")[: NAME_LIMIT - 1 - len(rest)].rstrip("-")
    return f"{stem}-{rest}"
