"""Kind ``ScriptRun``: one request to run one Script."""

from typing import Literal

from pydantic import Field, JsonValue

from scriptrun.models.base import AnyJson, Condition, JsonObject, Model, cel, object_name
from scriptrun.models.container import LocalObjectReference
from scriptrun.models.source import RunSource

__all__ = ["NAME_LIMIT", "ScriptRun", "ScriptRunSpec", "ScriptRunStatus", "Task"]

NAME_LIMIT = 55
"""Longest name of a run. Its pods are named ``<run>-0-<5 characters>`` within 63: so a pod's name tells its run."""

_DATE: dict[str, JsonValue] = {"format": "date-time"}
_INT64: dict[str, JsonValue] = {"format": "int64"}
_FIXED = [
    "scriptRef",
    "variables",
    "variablesFrom",
    "source",
    "secretEnv",
    "activeDeadlineSeconds",
    "backoffLimit",
    "task",
]


def _unchanged(field: str) -> str:
    return f"has(self.{field}) == has(oldSelf.{field}) && (!has(self.{field}) || self.{field} == oldSelf.{field})"


class ScriptReference(Model):
    """Which Script to run."""

    name: str = object_name("Name of a Script in the same namespace.")


class ConfigMapVariables(Model):
    """A ConfigMap to read variables from."""

    name: str = object_name("Name of the ConfigMap, in the run's namespace.")
    key: str | None = Field(
        default=None,
        max_length=253,
        description="A key that holds a JSON object. Default: every key becomes a variable, its value a string.",
    )


class VariablesSource(Model):
    """One source of variables."""

    config_map: ConfigMapVariables = Field(description="A ConfigMap.")


class Task(Model):
    """The identity of the task this run answers, as its orchestrator knows it."""

    source: str = Field(default="", max_length=63, description="Which orchestrator: zeebe, conductor, bullmq, api …")
    id: str = Field(default="", max_length=253, description="The task's id there.")
    type: str = Field(default="", max_length=253, description="The task's type there.")
    workflow_id: str = Field(default="", max_length=253, description="The workflow instance it belongs to.")
    domain: str = Field(default="", max_length=253, description="The domain it was polled from.")
    headers: JsonObject = Field(default_factory=dict, description="The task's headers.")
    payload: JsonObject = Field(
        default_factory=dict,
        description="The task document, for the stdio contract. `inputData` in it is replaced by the variables.",
    )


class ScriptRunSpec(Model):
    """What to run, with which variables. Immutable but for `cancel` and `ttlSecondsAfterFinished`."""

    model_config = Model.model_config | {
        "json_schema_extra": cel(
            {
                "rule": " && ".join(f"({_unchanged(field)})" for field in _FIXED),
                "message": "a run's spec is immutable but for cancel and ttlSecondsAfterFinished; create a new run",
            },
            {
                "rule": "!(has(oldSelf.cancel) && oldSelf.cancel) || (has(self.cancel) && self.cancel)",
                "message": "cancel can't be taken back; create a new run",
            },
        )
    }

    script_ref: ScriptReference = Field(description="Which Script to run.")
    variables: JsonObject = Field(
        default_factory=dict, description="Variables for the script: a JSON object. Default: none."
    )
    variables_from: list[VariablesSource] = Field(
        default_factory=list,
        max_length=16,
        description="ConfigMaps with more variables; a later one wins over an earlier one, `variables` wins over all.",
    )
    source: RunSource | None = Field(default=None, description="The run's own source; only with a `fromRun` Script.")
    secret_env: LocalObjectReference | None = Field(
        default=None,
        description="A Secret made for this run alone, as environment; it must be named `<run>.run-env`, and the "
        "Script must allow it (`allowSecretEnv`).",
    )
    active_deadline_seconds: int | None = Field(
        default=None,
        ge=1,
        le=604_800,
        description="Seconds the whole run may take; at most the Script's. Default: the Script's.",
    )
    backoff_limit: int | None = Field(
        default=None,
        ge=0,
        le=100,
        description="Retries after a failed attempt; at most the Script's. Default: the Script's.",
    )
    ttl_seconds_after_finished: int | None = Field(
        default=None,
        ge=0,
        le=31_536_000,
        description="Seconds after its end when the run is deleted. Default: the Script's.",
    )
    cancel: bool = Field(default=False, description="Set to true to end the run. Default: false.")
    task: Task | None = Field(default=None, description="The orchestrator's task that this run answers.")


class Attempt(Model):
    """One pod of the run's Job."""

    number: int = Field(description="1, 2, … in the order the pods were made.")
    pod: str = Field(description="Name of the pod.")
    started_at: str | None = Field(default=None, description="When its container started.", json_schema_extra=_DATE)
    finished_at: str | None = Field(default=None, description="When it ended.", json_schema_extra=_DATE)
    exit_code: int | None = Field(default=None, description="The script's exit code; 128+N for signal N.")
    reason: str | None = Field(default=None, description="Why it ended; one of a run's reasons.")


class OutputReference(Model):
    """Where the whole output is."""

    config_map: str = Field(description="ConfigMap, in the run's namespace.")
    key: str = Field(description="Key within it.")
    bytes: int = Field(description="Its size.", json_schema_extra=_INT64)
    sha256: str = Field(description="SHA-256 of it in lower-case hex.")


class Report(Model):
    """How far the report to the orchestrator is; written by the bridge."""

    state: Literal["Pending", "Delivered", "Dropped"] | None = Field(default=None, description="Where it stands.")
    attempts: int | None = Field(default=None, description="Tries so far.")
    next_attempt_at: str | None = Field(default=None, description="When the next try is due.", json_schema_extra=_DATE)
    message: str | None = Field(default=None, description="What the orchestrator said.")


class ScriptRunStatus(Model):
    """Where a run stands."""

    phase: Literal["Pending", "Queued", "Running", "Succeeded", "Failed", "Canceled"] | None = Field(
        default=None, description="For people: Pending, Queued, Running, Succeeded, Failed or Canceled."
    )
    conditions: list[Condition] = Field(
        default_factory=list,
        description="Accepted, Succeeded (True or False at the end) and Reported.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
    )
    reason: str | None = Field(default=None, description="Why the run ended, or what it waits for: one word.")
    message: str | None = Field(
        default=None, description="Why the run ended, or what it waits for: for people, with the end of stderr."
    )
    job_name: str | None = Field(default=None, description="The run's Job.")
    attempts: list[Attempt] = Field(
        default_factory=list,
        description="One entry a pod.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["pod"]},
    )
    attempt_count: int | None = Field(default=None, description="How many attempts there were so far.")
    output: AnyJson | None = Field(
        default=None, description="The output, when it is at most 8 KiB and Kubernetes rounds no number in it."
    )
    output_ref: OutputReference | None = Field(default=None, description="Where the whole output is.")
    result_status: str | None = Field(
        default=None,
        description="What the script said of itself: COMPLETED, FAILED, FAILED_WITH_TERMINAL_ERROR or IN_PROGRESS.",
    )
    exit_code: int | None = Field(default=None, description="Exit code of the last attempt.")
    queued_at: str | None = Field(
        default=None, description="When the run began to wait for its turn.", json_schema_extra=_DATE
    )
    started_at: str | None = Field(
        default=None, description="When the first attempt's script started.", json_schema_extra=_DATE
    )
    finished_at: str | None = Field(default=None, description="When the run ended.", json_schema_extra=_DATE)
    duration_seconds: float | None = Field(default=None, description="Seconds from startedAt to finishedAt.")
    report: Report | None = Field(default=None, description="How far the report to the orchestrator is.")
    interruptions: int | None = Field(
        default=None,
        description="How many times in a row the operator's process died while it worked on this run. At 3 the run "
        "ends as OperatorCrashed.",
    )


class ScriptRun(Model):
    """One run of one Script: becomes one Job, and holds its outcome and output in the end."""

    model_config = Model.model_config | {
        "json_schema_extra": cel(
            {
                "rule": f"size(self.metadata.name) <= {NAME_LIMIT} && "
                "self.metadata.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",
                "message": f"metadata.name must be a DNS label of at most {NAME_LIMIT} characters "
                "(lower-case letters, digits and '-'), since its pods are named after it",
            },
            {
                "rule": "!has(self.spec.secretEnv) || self.spec.secretEnv.name == self.metadata.name + '.run-env'",
                "message": "spec.secretEnv.name must be the run's name followed by '.run-env': "
                "a run may only use the Secret made for it",
            },
        )
    }

    spec: ScriptRunSpec = Field(description="What to run, with which variables.")
    status: ScriptRunStatus | None = Field(default=None, description="Where the run stands.")
