"""Settings of the processes that work in a cluster: frozen trees, read once from the environment and passed down.

Every field is an environment variable with the prefix ``SCRIPTRUN_``; the Helm chart's ``values.yaml`` sets them.
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from scriptrun import __version__
from scriptrun.models.container import LocalObjectReference, ResourceRequirements, Toleration
from scriptrun.models.podmetadata import check_defaults
from scriptrun.models.scheduling import Affinity, PriorityClassName, RuntimeClassName, TopologySpreadConstraint
from scriptrun.policies.address_policy import AddressPolicy, Kind, split_allowed

__all__ = ["BridgeSettings", "ProcessSettings", "Settings", "WorkerSettings", "WorkflowSettings"]


def _split(text: str) -> tuple[str, ...]:
    return tuple(part for part in (piece.strip() for piece in text.split(",")) if part)


class ProcessSettings(BaseSettings):
    """What every process may be told, with its bounds and units."""

    model_config = SettingsConfigDict(env_prefix="SCRIPTRUN_", frozen=True, extra="ignore")

    watch_namespaces: str = Field(default="", description="Comma-separated namespaces to watch; empty means all.")
    resync_seconds: int = Field(
        default=300, ge=10, description="Interval at which every unfinished run is reconciled without an event."
    )
    lease_namespace: str = Field(
        default="", description="Namespace of the Lease; empty means the process's own (or `default` outside a pod)."
    )
    lease_duration_seconds: int = Field(
        default=15, ge=3, description="Time after which a leader that has not renewed its Lease is replaced."
    )
    graceful_stop_seconds: int = Field(default=20, ge=1, description="Time to finish current work after SIGTERM.")
    http_port: int = Field(default=8080, ge=0, le=65535, description="Port of /metrics, /healthz and /readyz.")
    http_host: str = Field(default="", description="Address to bind to; empty means all IPv4 and IPv6 addresses.")
    max_connections: int = Field(default=64, ge=4, description="Parallel requests to the API server.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="Minimum log level.")
    log_format: Literal["auto", "json", "console"] = Field(
        default="auto", description="`auto` writes readable text on a terminal and JSON elsewhere."
    )

    @property
    def namespaces(self) -> tuple[str, ...]:
        """The namespaces to work in; empty means all of them."""
        return _split(self.watch_namespaces)

    def count_connections(self, watched_kinds: int) -> int:
        """Count the connections to the API server: one for each request at a time, and one for each watch.

        A watch keeps its connection for as long as it lives, and there is one for each kind in each namespace. Counted
        among the requests, those of a few dozen namespaces would leave none to make a request with.
        """
        return self.max_connections + watched_kinds * max(1, len(self.namespaces))


class WorkerSettings(ProcessSettings):
    """What a process with worker processes may be told of them."""

    worker_processes: int = Field(
        default=2, ge=1, le=32, description="Processes for computations that would block the event loop."
    )
    worker_cpu_seconds: float = Field(
        default=2.0,
        ge=0.1,
        le=60,
        description="CPU time limit of one computation, such as validating a document.",
    )
    worker_memory_mib: int = Field(
        default=256, ge=128, le=65536, description="Memory limit of each worker process, in MiB."
    )


class BridgeSettings(ProcessSettings):
    """What a bridge process may be told."""

    graceful_stop_seconds: int = Field(
        default=30,
        ge=1,
        description="Time after SIGTERM to finish polls and create the runs of claimed tasks. A poll takes at most two "
        "thirds of it.",
    )
    allowed_addresses: str = Field(
        default="",
        description="Comma-separated hosts (`host`, `host:port`, `*.domain`) and networks (`10.96.0.0/12`) that "
        "Bridges may connect to; empty: any but loopback. Cloud metadata addresses are never allowed.",
    )

    @field_validator("allowed_addresses")
    @classmethod
    def _check_addresses(cls, text: str) -> str:
        split_allowed(_split(text))
        return text

    @property
    def address_policy(self) -> AddressPolicy:
        """Which addresses Bridges may connect to."""
        hosts, networks = split_allowed(_split(self.allowed_addresses))
        kinds: frozenset[Kind] = frozenset() if hosts or networks else frozenset({"public", "private"})
        return AddressPolicy(kinds, networks, hosts)

    @property
    def longest_poll_seconds(self) -> float:
        """How long a poll may wait.

        A poll under way can't be ended early without losing track of what it may bring: those tasks would be handed out
        again only when their lease has run out. So it has to end within the time for stopping, and leave some of that
        for making runs of what it brought.
        """
        return self.graceful_stop_seconds * 2 / 3


class WorkflowSettings(WorkerSettings):
    """What a process that runs workflows may be told."""

    workers: int = Field(
        default=4,
        ge=1,
        le=256,
        description="Workflow runs reconciled at the same time in one namespace; at most eight times as many in all.",
    )
    lease_name: str = Field(default="scriptrun-workflows", description="Name of the Lease.")


class Settings(WorkerSettings):
    """What an operator process may be told."""

    runner_image: str = Field(
        default=f"scriptrun.dev/runner:{__version__}", description="Image of pods whose Script names none."
    )
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] = Field(
        default="IfNotPresent", description="`imagePullPolicy` of run pods."
    )
    pod_labels: Annotated[dict[str, str], AfterValidator(check_defaults(labels=True))] = Field(
        default={"sidecar.istio.io/inject": "false", "kuma.io/sidecar-injection": "disabled"},
        description="Labels of every run pod, as a JSON object; a Script's `podMetadata` overrides them.",
    )
    pod_annotations: Annotated[dict[str, str], AfterValidator(check_defaults(labels=False))] = Field(
        default={"linkerd.io/inject": "disabled", "consul.hashicorp.com/connect-inject": "false"},
        description="Annotations of every run pod, as a JSON object; a Script's `podMetadata` overrides them.",
    )
    run_as_user: int | None = Field(
        default=65532,
        ge=1,
        le=2_147_483_647,
        description="User and group of run pods; empty: not set, so the cluster or the image decides.",
    )
    image_pull_secrets: list[LocalObjectReference] = Field(
        default=[],
        max_length=16,
        description="`imagePullSecrets` of every run pod, as JSON; a Script's come first. The Secrets are those of the "
        "run's namespace.",
    )
    node_selector: dict[str, str] = Field(
        default={},
        description="`nodeSelector` of every run pod, as JSON; the keys of a Script's `nodeSelector` override it.",
    )
    tolerations: list[Toleration] = Field(
        default=[], description="`tolerations` of every run pod, as JSON, in addition to a Script's own."
    )
    affinity: Affinity = Field(
        default=Affinity(),
        description="`affinity` of run pods, as JSON; a Script's `nodeAffinity`, `podAffinity` and `podAntiAffinity` "
        "override its own.",
    )
    topology_spread_constraints: list[TopologySpreadConstraint] = Field(
        default=[], description="`topologySpreadConstraints` of pods whose Script has none, as JSON."
    )
    priority_class_name: PriorityClassName = Field(
        default="", description="`priorityClassName` of pods whose Script names none."
    )
    runtime_class_name: RuntimeClassName = Field(
        default="", description="`runtimeClassName` of pods whose Script names none."
    )
    resources: ResourceRequirements = Field(
        default=ResourceRequirements(),
        description="`resources` of pods whose Script sets none, as JSON, such as for namespaces with a quota.",
    )
    dependency_index_url: str = Field(
        default="",
        pattern=r"^(https?://[^\s@]+)?$",
        description="Package index (PEP 503 or 691) for the libraries of scripts; empty: none.",
    )
    dependency_ca_bundle: str = Field(
        default="",
        max_length=65_536,
        description="Certificate authorities of the index in PEM, in addition to the runner image's own.",
    )
    dependency_credentials_secret: str = Field(
        default="",
        max_length=253,
        description="Secret with the keys `username` and `password` for the index, in each namespace with such runs.",
    )
    dependency_cache_claim: str = Field(
        default="",
        max_length=253,
        description="PersistentVolumeClaim that installed libraries are kept in, in each namespace with such runs; "
        "empty: each pod installs its own.",
    )
    dependency_timeout_seconds: int = Field(
        default=300, ge=1, le=86_400, description="Time limit for installing the libraries of one pod."
    )
    dependency_resources: ResourceRequirements = Field(
        default=ResourceRequirements(requests={"cpu": "50m", "memory": "64Mi"}, limits={"memory": "512Mi"}),
        description="`resources` of the container that installs libraries, as JSON.",
    )
    workers: int = Field(
        default=4,
        ge=1,
        le=256,
        description="Runs reconciled at the same time in one namespace; at most eight times as many in all namespaces.",
    )
    script_grace_seconds: int = Field(
        default=5, ge=0, description="How long a run waits for a Script that does not exist before it fails."
    )
    progress_delay_seconds: float = Field(
        default=1.5, ge=0, description="Time after which a run that has not ended gets its first status write."
    )
    sidecar_grace_seconds: float = Field(
        default=5,
        ge=1,
        le=3600,
        description="How long containers that were injected into a run's pod may continue after the script has ended.",
    )
    keep_until_stored: bool = Field(
        default=False,
        description="Delete a finished run only once the history (`scriptrun api`) has stored it.",
    )
    state_dir: str = Field(
        default="",
        description="Folder of this process alone that outlives it: there it notes what it works on, to know after a "
        "crash; empty: it does not.",
    )
    leader_election: bool = Field(default=True, description="Take part in leader election by Lease.")
    lease_name: str = Field(default="scriptrun-operator", description="Name of the Lease.")

    @field_validator("run_as_user", mode="before")
    @classmethod
    def _read_user(cls, value: object) -> object:
        return None if value == "" else value
