"""What requests and answers hold. Names and units are those of the kinds ``Script`` and ``ScriptRun``."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BeforeValidator, ConfigDict, Field, JsonValue

from scriptrun.history.records import Group, Position, Summary
from scriptrun.models.base import Model
from scriptrun.models.scriptrun import NAME_LIMIT

__all__ = [
    "CURSOR",
    "RUN_NAME",
    "Attempt",
    "CreateRun",
    "Index",
    "Rerun",
    "Run",
    "RunList",
    "RunSummary",
    "Script",
    "ScriptList",
    "Statistics",
    "StatisticsGroup",
    "dump_cursor",
    "parse_cursor",
]

RUN_NAME = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
CURSOR = r"^[0-9]{1,13}\.[-0-9A-Za-z]{1,36}$"
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}")
_WEEK_SECONDS = 604_800
_YEAR_SECONDS = 31_536_000
_EXAMPLE: dict[str, JsonValue] = {
    "namespace": "team-a",
    "name": "hello-py-x7k2p",
    "uid": "0d2f3c1e-6a52-4a6e-9d0b-6c8f0f6b1d11",
    "script": "hello.py",
    "phase": "Succeeded",
    "reason": "Completed",
    "source": "api",
    "createdAt": "2026-01-31T12:00:00Z",
    "startedAt": "2026-01-31T12:00:00.512Z",
    "finishedAt": "2026-01-31T12:00:01.201Z",
    "durationSeconds": 0.689,
    "exitCode": 0,
    "attemptCount": 1,
    "inCluster": True,
}


def _take_whole(value: Any) -> Any:
    """Take whole numbers alone: pydantic would also take true for 1, and "1"."""
    if isinstance(value, bool | str):
        raise ValueError("a whole number is wanted")
    return value


def _take_time(value: Any) -> Any:
    """Take RFC 3339 alone: pydantic would also take a number of seconds."""
    if isinstance(value, str) and not _TIME.match(value):
        raise ValueError("a time with its zone is wanted, such as 2026-01-31T12:00:00Z")
    return value


Whole = Annotated[int, BeforeValidator(_take_whole)]
Time = Annotated[AwareDatetime, BeforeValidator(_take_time)]
"""A time in a request."""


class CreateRun(Model):
    """Which Script to run, with which variables."""

    model_config = Model.model_config | ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"script": "hello.py", "variables": {"name": "Ada"}}]}
    )

    script: str = Field(min_length=1, max_length=253, description="Name or alias of a Script in the namespace.")
    variables: dict[str, Any] = Field(default_factory=dict, description="Variables for the script. Default: none.")
    name: Annotated[str, Field(max_length=NAME_LIMIT, pattern=RUN_NAME)] | None = Field(
        default=None,
        description=f"Name of the run: a DNS label of at most {NAME_LIMIT} characters. Default: one is made up.",
    )
    active_deadline_seconds: Annotated[Whole, Field(ge=1, le=_WEEK_SECONDS)] | None = Field(
        default=None, description="Seconds the whole run may take; at most the Script's. Default: the Script's."
    )
    backoff_limit: Annotated[Whole, Field(ge=0, le=100)] | None = Field(
        default=None, description="Retries after a failed attempt; at most the Script's. Default: the Script's."
    )
    ttl_seconds_after_finished: Annotated[Whole, Field(ge=0, le=_YEAR_SECONDS)] | None = Field(
        default=None, description="Seconds after its end when the run leaves the cluster. Default: the Script's."
    )


class Rerun(Model):
    """What is to be different in the new run."""

    model_config = Model.model_config | ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{}, {"variables": {"password": "…"}}]}
    )

    name: Annotated[str, Field(max_length=NAME_LIMIT, pattern=RUN_NAME)] | None = Field(
        default=None, description="Name of the new run. Default: one is made up."
    )
    variables: dict[str, Any] = Field(
        default_factory=dict, description="Variables that take the place of those of the same name. Default: none."
    )


class RunSummary(Model):
    """A run in brief."""

    model_config = Model.model_config | ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    namespace: str = Field(description="Its namespace.")
    name: str = Field(description="Its name.")
    uid: str = Field(description="No other run ever has it, not even one of the same name.")
    script: str = Field(description="The Script it is a run of.")
    phase: str = Field(description="Pending, Queued, Running, Succeeded, Failed or Canceled.")
    reason: str = Field(description="Why it ended, or what it waits for; empty where there is nothing to say.")
    source: str = Field(description="Who asked for it: `api`, an orchestrator, or empty for kubectl and the like.")
    created_at: datetime = Field(description="When it was asked for.")
    started_at: datetime | None = Field(default=None, description="When its script first started.")
    finished_at: datetime | None = Field(default=None, description="When it ended.")
    duration_seconds: float | None = Field(default=None, description="Seconds from startedAt to finishedAt.")
    exit_code: int | None = Field(default=None, description="Exit code of the last attempt.")
    attempt_count: int = Field(description="How many attempts there were so far.")
    in_cluster: bool = Field(description="Whether it is in the cluster still; else only the history knows it.")

    @classmethod
    def of(cls, summary: Summary, *, in_cluster: bool) -> "RunSummary":
        """Show a run in brief."""
        return cls(**summary_fields(summary), in_cluster=in_cluster)


_SHARED = tuple(name for name in RunSummary.model_fields if name not in ("attempt_count", "in_cluster"))


def summary_fields(summary: Summary) -> dict[str, Any]:
    """The fields of a run that all its forms share."""
    return {**{name: getattr(summary, name) for name in _SHARED}, "attempt_count": summary.attempts}


class Attempt(Model):
    """One attempt of a run: one pod."""

    number: int = Field(description="1, 2, …")
    pod: str = Field(description="Name of the pod.")
    started_at: datetime | None = Field(default=None, description="When its script started.")
    finished_at: datetime | None = Field(default=None, description="When it ended.")
    exit_code: int | None = Field(default=None, description="The script's exit code; 128+N for signal N.")
    reason: str | None = Field(default=None, description="Why it ended.")


class Run(RunSummary):
    """A run."""

    model_config = Model.model_config | ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    **_EXAMPLE,
                    "variables": {"name": "Ada"},
                    "masked": [],
                    "attempts": [{"number": 1, "pod": "hello-py-x7k2p-0-9xk2d", "exitCode": 0, "reason": "Completed"}],
                    "output": {"greeting": "Hello Ada"},
                    "outputBytes": 24,
                    "requestedBy": "system:serviceaccount:team-a:ci",
                }
            ]
        }
    )

    message: str = Field(default="", description="Why it ended or what it waits for, with the end of stderr.")
    variables: dict[str, Any] = Field(description="Its variables; what its Script marks writeOnly is masked.")
    masked: list[str] = Field(description="JSON pointers to what is masked in `variables`.")
    active_deadline_seconds: int | None = Field(default=None, description="As it was asked for.")
    backoff_limit: int | None = Field(default=None, description="As it was asked for.")
    cancel: bool = Field(default=False, description="Whether its cancellation was requested.")
    queued_at: datetime | None = Field(default=None, description="When it began to wait for its turn.")
    attempts: list[Attempt] = Field(default_factory=list, description="Its attempts.")
    script_sha256: str = Field(default="", description="SHA-256 of the source it ran; only the history tells.")
    output: Any = Field(
        default=None,
        description="Its output, when that is at most 8 KiB and no number in it has more digits than a double; "
        "else see `…/output`.",
    )
    output_bytes: int | None = Field(default=None, description="Size of its output; null where it has none.")
    result_status: str | None = Field(
        default=None, description="COMPLETED, FAILED, FAILED_WITH_TERMINAL_ERROR or IN_PROGRESS, by the script."
    )
    task: dict[str, Any] = Field(default_factory=dict, description="The orchestrator's task that it answers.")
    requested_by: str = Field(default="", description="Who asked for it through this API.")


class RunList(Model):
    """A page of runs, the newest first."""

    items: list[RunSummary] = Field(description="The runs.")
    next_cursor: str | None = Field(default=None, description="Give it as `cursor` for what follows; null at the end.")


class Script(Model):
    """An entry of the allow-list."""

    namespace: str = Field(description="Its namespace.")
    name: str = Field(description="Its name.")
    description: str = Field(description="What it does.")
    ready: bool = Field(description="Whether runs of it can start.")
    message: str = Field(default="", description="Why not.")
    sha256: str = Field(default="", description="SHA-256 of its source.")
    variables_schema: dict[str, Any] = Field(description="JSON Schema of its variables; empty: anything goes.")
    output_schema: dict[str, Any] = Field(description="JSON Schema of its output; empty: anything goes.")
    active_deadline_seconds: int = Field(description="The longest that a run of it may take.")
    backoff_limit: int = Field(description="The most retries that a run of it may have.")
    max_concurrent_runs: int | None = Field(default=None, description="Further runs wait; null: no limit.")


class ScriptList(Model):
    """The allow-list of a namespace."""

    items: list[Script] = Field(description="The Scripts, by name.")


class StatisticsGroup(Model):
    """Figures of some runs."""

    key: str = Field(description="The Script, the UTC day or the source.")
    count: int = Field(description="How many runs ended.")
    by_reason: dict[str, int] = Field(description="How many for which reason.")
    success_rate: float = Field(description="Share of those that succeeded; canceled ones don't count.")
    p50_seconds: float | None = Field(default=None, description="Half of them took at most so long.")
    p95_seconds: float | None = Field(default=None, description="95 % of them did.")

    @classmethod
    def of(cls, group: Group) -> "StatisticsGroup":
        """Show the figures of a group."""
        return cls(
            key=group.key,
            count=group.count,
            by_reason=group.by_reason,
            success_rate=round(group.success_rate, 6),
            p50_seconds=group.p50_seconds,
            p95_seconds=group.p95_seconds,
        )


class Index(Model):
    """What this server is, and the paths to start from."""

    name: str = Field(description="Always `scriptrun`.")
    version: str = Field(description="Its version, which the OpenAPI document has too.")
    docs: str = Field(default="/docs", description="This reference, for people.")
    openapi: str = Field(default="/openapi.json", description="The OpenAPI document.")
    api: str = Field(default="/api/v1", description="What the paths that need a token begin with.")
    health: str = Field(default="/healthz", description="Whether the server works.")


class Statistics(Model):
    """Figures of finished runs."""

    by: Literal["script", "day", "source"] = Field(description="What the runs of a group have in common.")
    since: AwareDatetime = Field(description="Only runs created at or after.")
    until: AwareDatetime | None = Field(default=None, description="Only runs created before.")
    groups: list[StatisticsGroup] = Field(description="The groups: the newest day first, else by key.")


def dump_cursor(position: Position) -> str:
    """Write a place in a list as a text that callers need not understand."""
    return f"{int(position.created_at.timestamp() * 1000 + 0.5)}.{position.uid}"


def parse_cursor(text: str) -> Position:
    """Read what ``dump_cursor`` wrote; whatever else fits ``CURSOR`` is a place in the list as well."""
    milliseconds, _, uid = text.partition(".")
    return Position(datetime.fromtimestamp(int(milliseconds) / 1000, UTC), uid)


def show_script(script: Mapping[str, Any]) -> Script:
    """Show an entry of the allow-list, without its source and without what its pods get."""
    metadata, spec, status = script["metadata"], script["spec"], script.get("status") or {}
    ready: dict[str, Any] = next((item for item in status.get("conditions") or () if item["type"] == "Ready"), {})
    return Script(
        namespace=metadata["namespace"],
        name=metadata["name"],
        description=spec.get("description", ""),
        ready=ready.get("status") == "True",
        message=ready.get("message", ""),
        sha256=status.get("sha256", ""),
        variables_schema=spec.get("variablesSchema") or {},
        output_schema=spec.get("outputSchema") or {},
        active_deadline_seconds=spec.get("activeDeadlineSeconds", 900),
        backoff_limit=spec.get("backoffLimit", 0),
        max_concurrent_runs=spec.get("maxConcurrentRuns"),
    )
