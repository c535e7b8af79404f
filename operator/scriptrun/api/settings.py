"""Settings of the REST API: environment variables with the prefix ``SCRIPTRUN_``."""

from pydantic import Field

from scriptrun.settings import WorkerSettings

__all__ = ["ApiSettings"]


class ApiSettings(WorkerSettings):
    """What an API process may be told."""

    http_port: int = Field(default=8080, ge=0, le=65535, description="Port of everything that this process serves.")
    tls_cert_file: str = Field(default="", description="Certificate chain to serve HTTPS with; empty: HTTP.")
    tls_key_file: str = Field(default="", description="Its key.")
    tokens_dir: str = Field(
        default="", description="Folder with one file an API token, as a Secret is mounted; empty: there are none."
    )
    auth_cache_seconds: float = Field(
        default=10.0,
        ge=0,
        le=60,
        description="Seconds to cache the results of TokenReview and SubjectAccessReview for a caller.",
    )
    body_limit_bytes: int = Field(default=1_048_576, ge=1024, description="Largest body of a request.")
    body_seconds: float = Field(default=30.0, gt=0, description="A request has to be complete after so long.")
    send_seconds: float = Field(
        default=60.0, gt=0, description="Who takes nothing of an answer for so long is hung up on."
    )
    header_seconds: float = Field(default=10.0, gt=0, description="So do the headers of a request.")
    rate_per_second: float = Field(default=100.0, gt=0, description="Requests a second that each caller may make.")
    rate_burst: int = Field(default=200, ge=1, description="Requests that a caller may make at once.")
    max_callers: int = Field(
        default=2000,
        ge=1,
        description="Maximum connections from callers; one caller may use a quarter.",
    )
    max_streams: int = Field(
        default=500, ge=1, description="Maximum logs followed at the same time; one caller may use a quarter."
    )
    max_wait_seconds: int = Field(default=300, ge=0, le=3600, description="Longest `?wait`.")
    heartbeat_seconds: float = Field(default=15.0, gt=0, description="A followed log is never silent for longer.")
    graceful_stop_seconds: int = Field(
        default=10, ge=1, description="Time for requests in progress to finish after SIGTERM."
    )
    leader_election: bool = Field(
        default=True, description="Of several replicas one stores runs in the history, by a Lease."
    )
    lease_name: str = Field(default="scriptrun-history", description="Name of that Lease.")
