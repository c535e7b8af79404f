"""Kind ``Workflow``: steps that run one after the other."""

from typing import Annotated, Literal

from pydantic import Field, JsonValue

from scriptrun.models.base import Condition, JsonObject, Model, cel, object_name

__all__ = ["MOST_STEPS", "STEP_NAME", "Retry", "Step", "Workflow", "WorkflowSpec", "WorkflowStatus"]

MOST_STEPS = 200
STEP_NAME = "^[A-Za-z]([-A-Za-z0-9_]*[A-Za-z0-9])?$"
NAME_LIMIT = 63
"""Longest name of a Workflow: its runs carry it as a label."""


class Retry(Model):
    """How often a step that failed runs again."""

    limit: int = Field(default=0, ge=0, le=10, description="Retries after a failed attempt. Default 0.")
    delay_seconds: int = Field(
        default=1, ge=0, le=3600, description="Seconds before the first retry; each further wait is doubled. Default 1."
    )
    max_delay_seconds: int = Field(default=60, ge=0, le=86_400, description="Longest wait in seconds. Default 60.")


class Step(Model):
    """One step."""

    name: str = Field(
        min_length=1,
        max_length=40,
        description="Name of the step: letters, digits, `_` and `-`. Expressions read its output as "
        '`steps.NAME.output`, or as `steps["NAME"].output` where the name contains `-`.',
        json_schema_extra={"pattern": STEP_NAME},
    )
    script: str = object_name("Name of the Script, in the Workflow's namespace, that this step runs.")
    variables: JsonObject = Field(
        default_factory=dict,
        description="Variables for the script: a JSON object that may contain expressions. Default: none.",
    )
    when: str = Field(
        default="",
        max_length=4200,
        description="An expression, such as `{{ steps.count.output.total > 0 }}`. The step is skipped where it is "
        "false. Default: the step always runs.",
    )
    on_failure: Literal["Fail", "Continue"] = Field(
        default="Fail",
        description="Whether the run fails when this step fails (Fail), or continues with the next step (Continue). "
        "Default: Fail.",
    )
    retry: Retry = Field(default=Retry(), description="How often the step runs again after a failure.")
    active_deadline_seconds: int | None = Field(
        default=None,
        ge=1,
        le=604_800,
        description="Seconds the step may take, retries included. Default: no limit of its own.",
    )


_STEPS: dict[str, JsonValue] = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}


class WorkflowSpec(Model):
    """The steps, and how runs of them are handled."""

    description: str = Field(default="", max_length=1024, description="One line for people. Default: empty.")
    project: str = Field(default="", max_length=253, description="The project it belongs to. Default: none.")
    tags: list[Annotated[str, Field(min_length=1, max_length=63)]] = Field(
        default=[],
        max_length=32,
        description="Words to find it by. Default: none.",
        json_schema_extra={"x-kubernetes-list-type": "set"},
    )
    active: bool = Field(default=True, description="Whether it can be run; false refuses every new run. Default: true.")
    parameters_schema: JsonObject = Field(
        default_factory=dict,
        description="JSON Schema (draft 4 to 2020-12) that the input of a run must match. Default: none.",
    )
    config: JsonObject = Field(
        default_factory=dict, description="Key/value pairs that expressions read as `config`. Default: none."
    )
    steps: list[Step] = Field(
        min_length=1,
        max_length=MOST_STEPS,
        description="The steps, in the order in which they run.",
        json_schema_extra=_STEPS,
    )
    finally_: list[Step] = Field(
        default=[],
        alias="finally",
        max_length=20,
        description="Steps that run at the end, one after the other, whatever happened before. Default: none.",
        json_schema_extra=_STEPS,
    )
    output: JsonObject | None = Field(
        default=None,
        description="The output of a run: a JSON object that may contain expressions. Default: the output of the "
        "last step that succeeded.",
    )
    concurrency_policy: Literal["Allow", "Forbid", "Replace"] = Field(
        default="Allow",
        description="What happens to a new run while another one is active: Allow runs both, Forbid fails the new one, "
        "Replace cancels the other one. Default: Allow.",
    )
    max_concurrent_runs: int | None = Field(
        default=None,
        ge=1,
        description="Runs of this Workflow at the same time; further ones wait as Queued, oldest first. "
        "Default: no limit.",
    )
    active_deadline_seconds: int = Field(
        default=3600,
        ge=1,
        le=2_592_000,
        description="Seconds a run may take, without `finally`. Default 3600.",
    )
    ttl_seconds_after_finished: int = Field(
        default=86_400,
        ge=0,
        le=31_536_000,
        description="Seconds after its end when a run and everything it owns is deleted. Runs may set their own; "
        "saved runs stay. Default 86400.",
    )


class WorkflowStatus(Model):
    """Whether it can be run."""

    conditions: list[Condition] = Field(
        default_factory=list,
        description="Ready: True, or False with reason InvalidWorkflow and the places of what is wrong.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
    )
    observed_generation: int | None = Field(
        default=None, description="The metadata.generation this was said of.", json_schema_extra={"format": "int64"}
    )


class Workflow(Model):
    """Steps that run one after the other, each of them a Script."""

    model_config = Model.model_config | {
        "json_schema_extra": cel(
            {
                "rule": f"size(self.metadata.name) <= {NAME_LIMIT}",
                "message": f"metadata.name must be at most {NAME_LIMIT} characters: runs carry it as a label",
            }
        )
    }

    spec: WorkflowSpec = Field(description="The steps, and how runs of them are handled.")
    status: WorkflowStatus | None = Field(default=None, description="Whether it can be run.")
