"""Kind ``Bridge``: claims the tasks of one orchestrator and makes runs of them."""

from typing import Annotated

from pydantic import Field

from scriptrun.models.base import Condition, Model, cel, object_name
from scriptrun.models.container import LocalObjectReference

__all__ = ["Bridge", "BridgeSpec", "BridgeStatus", "ConductorSpec", "OAuth2", "ZeebeSpec"]

NAME_LIMIT = 63
"""Longest name of a Bridge: its runs carry it as a label."""

_ADDRESS = Field(
    min_length=1,
    max_length=2048,
    pattern=r"^https?://[^\s]+$",
    description="Base URL of its REST API, such as `http://zeebe:8080`.",
)


class ZeebeSpec(Model):
    """A Zeebe or Camunda 8 cluster, by its REST API (v2)."""

    address: str = _ADDRESS
    task_type: str = Field(
        default="script-python", min_length=1, max_length=253, description="Type of the jobs to claim."
    )
    tenant_ids: list[Annotated[str, Field(min_length=1, max_length=253)]] = Field(
        default=[], max_length=64, description="Tenants to claim jobs of. Default: the cluster's default tenant."
    )
    fetch_variables: list[Annotated[str, Field(min_length=1, max_length=253)]] = Field(
        default=[], max_length=256, description="Variables to fetch. Default: all that the job can see."
    )


class ConductorSpec(Model):
    """A Conductor server, by its REST API."""

    address: str = _ADDRESS
    task_type: str = Field(min_length=1, max_length=253, description="Type of the tasks to claim.")
    domain: str = Field(default="", max_length=253, description="Domain to poll. Default: none.")


class OAuth2(Model):
    """Where to get access tokens by the client credentials grant (RFC 6749, 4.4)."""

    token_url: str = Field(
        min_length=1, max_length=2048, pattern=r"^https?://[^\s]+$", description="The token endpoint."
    )
    audience: str = Field(default="", max_length=1024, description="Audience to ask for. Default: none.")
    scope: str = Field(default="", max_length=1024, description="Scope to ask for. Default: none.")


class CertificateAuthority(Model):
    """A key of a ConfigMap that holds PEM certificates."""

    name: str = object_name("Name of the ConfigMap, in the Bridge's namespace.")
    key: str = Field(default="ca.crt", min_length=1, max_length=253, description="Key in its `data`.")


class BridgeSpec(Model):
    """Which tasks to claim, how many at once, and which Scripts they may run."""

    model_config = Model.model_config | {
        "json_schema_extra": cel(
            {
                "rule": "[has(self.zeebe), has(self.conductor)].exists_one(x, x)",
                "message": "set exactly one of zeebe or conductor",
            },
            {
                "rule": "!has(self.oauth2) || has(self.credentialsSecret)",
                "message": "oauth2 needs credentialsSecret, which holds clientId and clientSecret",
            },
        )
    }

    zeebe: ZeebeSpec | None = Field(default=None, description="Claim jobs of Zeebe or Camunda 8.")
    conductor: ConductorSpec | None = Field(default=None, description="Claim tasks of Conductor.")
    scripts: list[Annotated[str, Field(min_length=1, max_length=253)]] = Field(
        default=[],
        max_length=256,
        description="Names of Scripts that tasks may run; `*` stands for any characters, `?` for one. "
        "Default: every Script in the namespace.",
    )
    script: str = Field(
        default="", max_length=253, description="Script for tasks that name none. Default: such tasks fail."
    )
    script_header: str = Field(
        default="script",
        min_length=1,
        max_length=253,
        description="Where a task names its Script: a task header of Zeebe, an input parameter of Conductor. "
        "Default: script.",
    )
    max_concurrent_runs: int = Field(
        default=16, ge=1, le=1000, description="Unfinished runs at a time; no more is claimed. Default: 16."
    )
    long_poll_seconds: float = Field(
        default=20,
        ge=0.1,
        le=300,
        description="How long one poll waits for tasks; at most 5 with Conductor, which allows no more, and at most "
        "two thirds of the bridge's gracefulStopSeconds. Default: 20.",
    )
    lease_seconds: int = Field(
        default=60,
        ge=10,
        le=3600,
        description="How long a claim lasts. It is extended every third of that while the run is in progress. "
        "Default: 60.",
    )
    retry_back_off_seconds: int = Field(
        default=10,
        ge=0,
        le=86_400,
        description="How long the orchestrator is asked to wait before it hands out a failed task again. Default: 10.",
    )
    worker_id: str = Field(
        default="", max_length=253, description="Name of this worker at the orchestrator. Default: scriptrun/<Bridge>."
    )
    suspend: bool = Field(
        default=False, description="Stop claiming tasks; runs in progress continue and are reported. Default: false."
    )
    credentials_secret: LocalObjectReference | None = Field(
        default=None,
        description="A Secret with `username` and `password` (basic), `token` (bearer), `clientId` and `clientSecret` "
        "(OAuth2, see oauth2), or `keyId` and `keySecret` (Conductor). Default: no credentials.",
    )
    oauth2: OAuth2 | None = Field(default=None, description="Where to get OAuth2 access tokens.")
    ca_config_map: CertificateAuthority | None = Field(
        default=None, description="Certificates to trust instead of the system's."
    )


class BridgeStatus(Model):
    """What the bridge says of itself."""

    conditions: list[Condition] = Field(
        default_factory=list,
        description="Connected: whether the orchestrator answers, and why not.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
    )
    observed_generation: int | None = Field(
        default=None, description="The generation this was said of.", json_schema_extra={"format": "int64"}
    )
    active_runs: int | None = Field(default=None, description="Runs that have not been reported yet.")
    claimed: int | None = Field(
        default=None, description="Tasks claimed since the Bridge was made.", json_schema_extra={"format": "int64"}
    )
    completed: int | None = Field(
        default=None, description="Tasks reported as completed.", json_schema_extra={"format": "int64"}
    )
    failed: int | None = Field(
        default=None, description="Tasks reported as failed.", json_schema_extra={"format": "int64"}
    )
    last_poll_at: str | None = Field(
        default=None, description="When it last polled.", json_schema_extra={"format": "date-time"}
    )


class Bridge(Model):
    """Claims the tasks of one orchestrator, makes one run of each, and reports how it ended."""

    model_config = Model.model_config | {
        "json_schema_extra": cel(
            {
                "rule": f"size(self.metadata.name) <= {NAME_LIMIT}",
                "message": f"metadata.name must be at most {NAME_LIMIT} characters: runs carry it as a label",
            }
        )
    }

    spec: BridgeSpec = Field(description="Which tasks to claim, and how.")
    status: BridgeStatus | None = Field(default=None, description="What the bridge says of itself.")
