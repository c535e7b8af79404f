"""From an object to the run that it belongs to: the one place that follows owner references, labels and names.

    output ConfigMap ── its name ──> pod ── controller ──> Job ── controller ──> ScriptRun

What each link is worth:

- Job → run: the uid in the controller reference. Who may create Jobs may write one; the admission policy on runs keeps
  them from doing so under the name of a run's Job.
- pod → Job: the uid in the controller reference, which the Job controller writes. A pod counts as an attempt by this
  link alone. Labels only say where to look for it.
- output → pod: the name. The admission policy on outputs lets a pod create one ConfigMap, under its own name. The owner
  reference, which the runner writes, only says which run to look at; what is read there counts for that pod alone.

Nothing here takes apart the name of a Job or a pod: a Job need not be named after its run.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from scriptrun.desired.names import RUN_LABEL, job_name
from scriptrun.models.base import GROUP
from scriptrun.models.facts import Key

__all__ = [
    "Owner",
    "find_run_of_output",
    "find_run_of_pod",
    "is_owned_by",
    "is_pod_of_job",
    "job_name_of",
    "job_of_pod",
    "run_of_job",
    "select_pods",
]

_NOBODY = ""


@dataclass(frozen=True, slots=True)
class Owner:
    """An owner as a reference names it; "" in both where there is none."""

    name: str = _NOBODY
    uid: str = _NOBODY


def _list_owners(body: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    yield from body["metadata"].get("ownerReferences") or ()


def _is_run(owner: Mapping[str, Any]) -> bool:
    return owner.get("kind") == "ScriptRun" and str(owner.get("apiVersion", "")).startswith(f"{GROUP}/")


def _is_job(owner: Mapping[str, Any]) -> bool:
    return owner.get("kind") == "Job" and bool(owner.get("controller"))


def is_owned_by(body: Mapping[str, Any], uid: str) -> bool:
    """Whether an object names an owner of this uid."""
    return any(owner["uid"] == uid for owner in _list_owners(body))


def run_of_job(job: Mapping[str, Any]) -> Owner:
    """The run that controls a Job."""
    for owner in _list_owners(job):
        if owner.get("controller") and _is_run(owner):
            return Owner(owner["name"], owner["uid"])
    return Owner()


def job_of_pod(pod: Mapping[str, Any]) -> Owner:
    """The Job that controls a pod."""
    for owner in _list_owners(pod):
        if _is_job(owner):
            return Owner(owner["name"], owner["uid"])
    return Owner()


def find_run_of_pod(pod: Mapping[str, Any]) -> Key | None:
    """Find where to look for the run of a pod whose Job is not known; None for a pod that is no run's."""
    name = (pod["metadata"].get("labels") or {}).get(RUN_LABEL)
    return (pod["metadata"]["namespace"], str(name)) if name else None


def find_run_of_output(config_map: Mapping[str, Any]) -> Key | None:
    """Find where to look for the run of an output ConfigMap; None when it names none."""
    for owner in _list_owners(config_map):
        if _is_run(owner):
            return config_map["metadata"]["namespace"], owner["name"]
    return None


def job_name_of(run: Mapping[str, Any]) -> str:
    """Name the Job of a ScriptRun: as its status says, else as the one that is made for it."""
    return str((run.get("status") or {}).get("jobName") or job_name(run["metadata"]["name"]))


def select_pods(job: str) -> str:
    """Build the label selector of the pods of a Job by its name; the Job controller sets it (since Kubernetes 1.27).

    Check ``is_pod_of_job`` of what it selects: others may label their pods alike.
    """
    return f"batch.kubernetes.io/job-name={job}"


def is_pod_of_job(pod: Mapping[str, Any], name: str) -> bool:
    """Whether a pod is controlled by the Job of this name in its namespace."""
    return job_of_pod(pod).name == name != _NOBODY
