"""Kind ``Script``: one entry of the allow-list."""

from typing import Annotated, Literal

from pydantic import Field

from scriptrun.models.base import Condition, JsonObject, Model, cel
from scriptrun.models.container import (
    EnvFromSource,
    EnvVar,
    LocalObjectReference,
    ResourceRequirements,
    Toleration,
)
from scriptrun.models.dependencies import Dependencies
from scriptrun.models.podmetadata import PodMetadata
from scriptrun.models.scheduling import Affinity, PriorityClassName, RuntimeClassName, TopologySpreadConstraint
from scriptrun.models.source import ScriptSource
from scriptrun.models.volume import Volume, VolumeMount

__all__ = ["Contract", "Handler", "Output", "Script", "ScriptSpec", "ScriptStatus"]

Handler = Literal["python", "shell", "node", "exec"]
Contract = Literal["files", "stdio", "stream", "package"]


class Output(Model):
    """How the output comes back."""

    model_config = Model.model_config | {
        "json_schema_extra": cel(
            {
                "rule": "self.transport == 'ConfigMap' || self.limitBytes <= 4096 || self.limitBytes == 900000",
                "message": "limitBytes is at most 4096 with transport TerminationMessage",
            }
        )
    }

    transport: Literal["ConfigMap", "TerminationMessage"] = Field(
        default="ConfigMap",
        description="ConfigMap, or TerminationMessage (at most about 3 KiB; the pod then gets no API token at all). "
        "Default: ConfigMap.",
    )
    limit_bytes: int = Field(
        default=900_000,
        ge=1,
        le=900_000,
        description="A larger output ends the run with reason OutputTooLarge. Bytes; default 900000.",
    )


class ScriptSpec(Model):
    """What runs of this script may do, and how they are run."""

    model_config = Model.model_config | {
        "json_schema_extra": cel(
            {
                "rule": "has(self.source) || "
                "(size(self.command) > 0 && !self.command.exists(word, word.contains('{script}')))",
                "message": "source is missing; only a Script with a command that does not use {script} "
                "(a program in its image) may leave it out",
            },
            {
                "rule": "size(self.command) == 0 || !has(self.handler) || self.handler == 'exec'",
                "message": "command belongs to handler exec",
            },
            {
                "rule": "self.serviceAccountName == '' || self.output.transport == 'TerminationMessage'",
                "message": "serviceAccountName needs output.transport TerminationMessage: "
                "only the runner's own account may write output ConfigMaps",
            },
            {
                "rule": "self.volumeMounts.all(mount, self.volumes.exists(volume, volume.name == mount.name))",
                "message": "each of volumeMounts names one of volumes",
            },
        )
    }

    description: str = Field(default="", max_length=1024, description="One line for people. Default: empty.")
    aliases: list[Annotated[str, Field(min_length=1, max_length=253)]] = Field(
        default=[],
        max_length=16,
        description="Further names by which the REST API, bridges and the command line may ask for it, such as its "
        "file's: exact strings, also such as are no names in Kubernetes. An alias that another Script of the namespace "
        "has, too, is refused, and both are not ready (AliasConflict). A ScriptRun itself names the Script by its own "
        "name. Default: none.",
        json_schema_extra={"x-kubernetes-list-type": "set"},
    )
    source: ScriptSource | None = Field(
        default=None, description="Where the source lives. Left out only for a `command` that is in the image."
    )
    handler: Handler | None = Field(
        default=None,
        description="What executes the source: python, shell, node or exec. Default: by the ending of the key "
        "(or, without one, of the Script's name): .py python, .sh shell, .js .mjs .cjs node, else exec.",
    )
    command: list[Annotated[str, Field(max_length=4096)]] = Field(
        default=[],
        max_length=64,
        description="Handler exec only: the argument vector, `{script}` stands for the script's path. "
        "Default: the script itself, by its #! line or as a binary.",
    )
    contract: Contract = Field(
        default="files",
        description="How the script gets its variables and gives back its output: files, stdio, stream or package. "
        "Default: files.",
    )
    dependencies: Dependencies | None = Field(
        default=None,
        description="Python libraries that are installed before the script starts, from the operator's package index. "
        "Default: none.",
    )
    image: str = Field(
        default="",
        max_length=512,
        description="Container image; it must hold the runner (build it FROM the runner image). "
        "Default: the operator's runner image.",
    )
    active_deadline_seconds: int = Field(
        default=900,
        ge=1,
        le=604_800,
        description="As in a Job: seconds the whole run may take, pending pods and retries included. Runs may lower "
        "it. Default 900.",
    )
    attempt_deadline_seconds: int | None = Field(
        default=None,
        ge=1,
        le=604_800,
        description="Seconds one attempt may take; the runner then ends the script. Default: no limit of its own.",
    )
    backoff_limit: int = Field(
        default=0,
        ge=0,
        le=100,
        description="As in a Job: retries after a failed attempt. Runs may lower it. Default 0.",
    )
    on_disruption: Literal["Retry", "Fail"] = Field(
        default="Retry",
        description="When a node is drained or lost: Retry (does not use up backoffLimit) or Fail. Default: Retry.",
    )
    max_concurrent_runs: int | None = Field(
        default=None,
        ge=1,
        description="Runs of this Script at the same time; others wait as Queued, oldest first. Default: no limit.",
    )
    variables_schema: JsonObject = Field(
        default_factory=dict,
        description="JSON Schema (draft 4 to 2020-12) that a run's variables must match. Default: none.",
    )
    output_schema: JsonObject = Field(
        default_factory=dict, description="JSON Schema (draft 4 to 2020-12) that the output must match. Default: none."
    )
    output: Output = Field(default=Output(), description="How the output comes back.")
    env: list[EnvVar] = Field(
        default_factory=list, max_length=256, description="Environment of the script; secrets live here. Default: none."
    )
    env_from: list[EnvFromSource] = Field(
        default_factory=list, max_length=64, description="ConfigMaps and Secrets as environment. Default: none."
    )
    allow_secret_env: bool = Field(
        default=False,
        description="Let runs bring a Secret of their own as environment (`spec.secretEnv`). Environment variables "
        "steer interpreters (`BASH_ENV`, `PYTHONPATH`): whoever brings them can run any code with what this Script "
        "has. A `fromRun` Script lets its runs do so anyway. Default: false.",
    )
    config: JsonObject = Field(
        default_factory=dict, description="Key/value pairs for the package contract (its config.json). Default: none."
    )
    resources: ResourceRequirements = Field(
        default_factory=ResourceRequirements,
        description="CPU and memory of the pod. Default: the operator's `runner.resources`.",
    )
    volumes: list[Volume] = Field(
        default=[],
        max_length=32,
        description="Volumes of the pod, as in a Pod: files, caches, room in memory. Default: none.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
    )
    volume_mounts: list[VolumeMount] = Field(
        default=[],
        max_length=32,
        description="Where the volumes are mounted in the script's container. Default: nowhere.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["mountPath"]},
    )
    pod_metadata: PodMetadata = Field(
        default_factory=PodMetadata,
        description="Labels and annotations of the pods, and of nothing else. They win over the operator's "
        "`runner.podLabels` and `runner.podAnnotations`. Default: none.",
    )
    node_selector: dict[str, str] = Field(
        default_factory=dict,
        description="As in a Pod. Each key overrides that of the operator's `runner.nodeSelector`. Default: none.",
    )
    tolerations: list[Toleration] = Field(
        default_factory=list,
        max_length=64,
        description="As in a Pod, in addition to the operator's `runner.tolerations`. Default: none.",
    )
    affinity: Affinity = Field(
        default_factory=Affinity,
        description="As in a Pod: `nodeAffinity`, `podAffinity`, `podAntiAffinity`. Each of them replaces that of the "
        "operator's `runner.affinity`. Default: none.",
    )
    topology_spread_constraints: list[TopologySpreadConstraint] = Field(
        default_factory=list,
        max_length=16,
        description="As in a Pod. Any here replace the operator's `runner.topologySpreadConstraints`. Default: none.",
    )
    priority_class_name: PriorityClassName = Field(
        default="",
        description="As in a Pod. A class that is not there, or that the cluster does not let the namespace use, ends "
        "the run as Unschedulable. Default: the operator's `runner.priorityClassName`, or the cluster's default.",
        json_schema_extra=cel(
            {
                "rule": "!self.startsWith('system-')",
                "message": "classes that start with system- are for the cluster's own pods; choose another",
            }
        ),
    )
    runtime_class_name: RuntimeClassName = Field(
        default="",
        description="As in a Pod, such as a sandboxed runtime. Default: the operator's `runner.runtimeClassName`, or "
        "the node's default.",
    )
    service_account_name: str = Field(
        default="",
        max_length=253,
        description="ServiceAccount of the pod, for image pulls and workload identity; its token is not mounted. "
        "Needs output.transport TerminationMessage, since only the runner's own account may write outputs. "
        "Default: scriptrun-runner.",
    )
    image_pull_secrets: list[LocalObjectReference] = Field(
        default_factory=list,
        max_length=16,
        description="As in a Pod, in addition to the operator's `runner.imagePullSecrets`. Default: none.",
    )
    start_deadline_seconds: int = Field(
        default=300,
        ge=1,
        le=604_800,
        description="A run whose script can't start fails after so many seconds: its pod is not let in, fits no node, "
        "or waits for an image, a volume, a ConfigMap, a Secret or a container that others added. Room that others "
        "use in a quota is waited for longer. Default 300.",
    )
    ttl_seconds_after_finished: int = Field(
        default=86_400,
        ge=0,
        le=31_536_000,
        description="Seconds after its end when a run and everything it owns is deleted. Runs may set their own. "
        "Default 86400.",
    )


class LastRun(Model):
    """The run of this Script that ended last (written at most once a minute)."""

    name: str = Field(description="Name of the run.")
    phase: str = Field(description="Its phase.")
    finished_at: str = Field(description="When it ended.", json_schema_extra={"format": "date-time"})


class ScriptStatus(Model):
    """What the operator says of a Script."""

    conditions: list[Condition] = Field(
        default_factory=list,
        description="Ready: True, or False with reason SourceMissing, InvalidSource, DigestMismatch, "
        "DependencyError, InvalidSchema, InvalidConfig, AliasConflict or OperatorCrashed.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
    )
    observed_generation: int | None = Field(
        default=None, description="The metadata.generation this was said of.", json_schema_extra={"format": "int64"}
    )
    handler: Handler | None = Field(
        default=None,
        description="What executes the source: the Script's own handler, else by the ending of its name. Not there "
        "where that depends on the source a run brings (fromRun).",
    )
    sha256: str | None = Field(default=None, description="SHA-256 of the source as last read.")
    last_run: LastRun | None = Field(default=None, description="The run that ended last.")
    interruptions: int | None = Field(
        default=None,
        description="How many times in a row the operator's process died while it checked this Script. At 3 it is not "
        "ready until its spec changes.",
    )


class Script(Model):
    """An entry of the allow-list: where a script's source lives, how it runs, and what its runs may ask for."""

    model_config = Model.model_config | {
        "json_schema_extra": cel(
            {
                "rule": "size(self.metadata.name) <= 63",
                "message": "metadata.name must be at most 63 characters: runs carry it as a label",
            }
        )
    }

    spec: ScriptSpec = Field(description="What runs of this script may do, and how they are run.")
    status: ScriptStatus | None = Field(default=None, description="What the operator says of it.")
