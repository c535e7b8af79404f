"""Kind ``WorkflowRun``: goes through the steps of one Workflow once."""

from typing import Literal

from pydantic import Field, JsonValue

from scriptrun.models.base import AnyJson, Condition, JsonObject, Model, cel, object_name
from scriptrun.models.workflow import STEP_NAME

__all__ = ["Phase", "StepPhase", "WorkflowRun", "WorkflowRunSpec", "WorkflowRunStatus"]

NAME_LIMIT = 63
"""Longest name of a run: its ScriptRuns carry it as a label."""

Phase = Literal["Queued", "Running", "Succeeded", "Failed", "Canceled"]
StepPhase = Literal["Running", "Succeeded", "Failed", "Skipped", "Canceled"]

_DATE: dict[str, JsonValue] = {"format": "date-time"}
_FIXED = ("workflowRef", "input", "trigger", "resume")


def _unchanged(field: str) -> str:
    return f"has(self.{field}) == has(oldSelf.{field}) && (!has(self.{field}) || self.{field} == oldSelf.{field})"


class WorkflowReference(Model):
    """Which Workflow to run."""

    name: str = object_name("Name of a Workflow in the same namespace.")


class Trigger(Model):
    """What made the run."""

    kind: Literal["Manual"] = Field(default="Manual", description="Manual: someone created it. Default: Manual.")
    id: str = Field(default="", max_length=253, description="Identity of what made it, as it is known there.")
    time: str | None = Field(default=None, description="When it was due.", json_schema_extra=_DATE)


class Resume(Model):
    """An earlier run whose steps are not to be repeated."""

    run: str = object_name("Name of an earlier run of the same Workflow, in the same namespace, that has ended.")
    step: str = Field(
        min_length=1,
        max_length=40,
        description="The step to resume with. The steps before it must have succeeded or been skipped there.",
        json_schema_extra={"pattern": STEP_NAME},
    )


class Saved(Model):
    """Why a run is kept."""

    name: str = Field(min_length=1, max_length=253, description="Name for people.")
    description: str = Field(default="", max_length=1024, description="Description for people. Default: empty.")


class WorkflowRunSpec(Model):
    """Which Workflow to run, with which input. Immutable but for `cancel`, `saved` and `ttlSecondsAfterFinished`."""

    model_config = Model.model_config | {
        "json_schema_extra": cel(
            {
                "rule": " && ".join(f"({_unchanged(field)})" for field in _FIXED),
                "message": "a run's spec is immutable but for cancel, saved and ttlSecondsAfterFinished; "
                "create a new run",
            },
            {
                "rule": "!(has(oldSelf.cancel) && oldSelf.cancel) || (has(self.cancel) && self.cancel)",
                "message": "cancel can't be taken back; create a new run",
            },
        )
    }

    workflow_ref: WorkflowReference = Field(description="Which Workflow to run.")
    input: JsonObject = Field(
        default_factory=dict, description="What expressions read as `input`: a JSON object. Default: none."
    )
    trigger: Trigger = Field(default=Trigger(), description="What made the run.")
    resume: Resume | None = Field(
        default=None, description="Go on from a step of an earlier run. Default: start with the first step."
    )
    cancel: bool = Field(default=False, description="Set to true to end the run. Default: false.")
    saved: Saved | None = Field(default=None, description="Keeps the run beyond its TTL, under a name.")
    ttl_seconds_after_finished: int | None = Field(
        default=None,
        ge=0,
        le=31_536_000,
        description="Seconds after its end when the run is deleted. Default: the value in the Workflow.",
    )


class OutputReference(Model):
    """Where an output is that is too large for the status."""

    config_map: str = Field(description="ConfigMap, in the run's namespace.")
    key: str = Field(description="Key within it.")
    bytes: int = Field(description="Its size.", json_schema_extra={"format": "int64"})
    sha256: str = Field(description="SHA-256 of it in lower-case hex.")


class SnapshotReference(Model):
    """Where the Workflow is, as it was when the run started."""

    config_map: str = Field(description="ConfigMap, in the run's namespace.")
    sha256: str = Field(description="SHA-256 of it in lower-case hex.")


class StepStatus(Model):
    """Where a step stands."""

    name: str = Field(description="Name of the step.")
    phase: StepPhase = Field(description="Running, Succeeded, Failed, Skipped or Canceled.")
    reason: str | None = Field(default=None, description="Why: one word.")
    message: str | None = Field(default=None, description="Why: for people.")
    run: str | None = Field(default=None, description="The ScriptRun of its last attempt.")
    attempts: int | None = Field(default=None, description="How many attempts there were so far.")
    started_at: str | None = Field(default=None, description="When it started.", json_schema_extra=_DATE)
    finished_at: str | None = Field(default=None, description="When it ended.", json_schema_extra=_DATE)
    output: AnyJson | None = Field(default=None, description="Its output, when that is at most 2 KiB.")
    output_ref: OutputReference | None = Field(default=None, description="Where its output is otherwise.")


class WorkflowRunStatus(Model):
    """Where a run stands."""

    phase: Phase | None = Field(default=None, description="For people: Queued, Running, Succeeded, Failed or Canceled.")
    conditions: list[Condition] = Field(
        default_factory=list,
        description="Succeeded: True or False at the end.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
    )
    reason: str | None = Field(default=None, description="Why the run ended, or what it waits for: one word.")
    message: str | None = Field(default=None, description="Why the run ended, or what it waits for: for people.")
    snapshot: SnapshotReference | None = Field(default=None, description="The Workflow that the run goes through.")
    steps: list[StepStatus] = Field(
        default_factory=list,
        description="The steps that have started, ended or been skipped.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
    )
    current_step: str | None = Field(default=None, description="The step that runs now.")
    progress: str | None = Field(default=None, description="How many of the steps have ended, such as `2/5`.")
    output: AnyJson | None = Field(default=None, description="The output, when it is at most 8 KiB.")
    output_ref: OutputReference | None = Field(default=None, description="Where the output is otherwise.")
    started_at: str | None = Field(default=None, description="When the run started.", json_schema_extra=_DATE)
    finished_at: str | None = Field(default=None, description="When the run ended.", json_schema_extra=_DATE)
    duration_seconds: float | None = Field(default=None, description="Seconds from startedAt to finishedAt.")


class WorkflowRun(Model):
    """One run of one Workflow: its steps, one ScriptRun each, and its output in the end."""

    model_config = Model.model_config | {
        "json_schema_extra": cel(
            {
                "rule": f"size(self.metadata.name) <= {NAME_LIMIT} && "
                "self.metadata.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",
                "message": f"metadata.name must be a DNS label of at most {NAME_LIMIT} characters "
                "(lower-case letters, digits and '-'), since the runs of its steps are named after it",
            },
        )
    }

    spec: WorkflowRunSpec = Field(description="Which Workflow to run, with which input.")
    status: WorkflowRunStatus | None = Field(default=None, description="Where the run stands.")
