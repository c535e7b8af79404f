"""Settings of the script pipeline's scheduler: environment variables with the prefix ``SCRIPTRUN_SCHEDULER_``."""

from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from yarl import URL

__all__ = ["PipelineSettings"]

_SHORTEST_TOKEN = 16


def _split(text: str) -> tuple[str, ...]:
    return tuple(part for part in (piece.strip() for piece in text.split(",")) if part)


class PipelineSettings(BaseSettings):
    """What the scheduler may be told. It is there once it has a shared secret."""

    model_config = SettingsConfigDict(env_prefix="SCRIPTRUN_SCHEDULER_", frozen=True, extra="ignore")

    token: SecretStr = Field(
        default=SecretStr(""),
        description="The secret that is shared with the server, 16 characters or more; empty: there is no scheduler.",
    )
    namespace: str = Field(default="", max_length=63, description="Namespace that scripts run in.")
    script: str = Field(
        default="script-pipeline",
        min_length=1,
        max_length=63,
        description="The Script in it that they are runs of: `source.fromRun`, contract `stream`.",
    )
    server_url: str = Field(
        default="",
        description="The server: scripts find it as `dtable_web_url`, and it is asked where a script is.",
    )
    allowed_hosts: str = Field(
        default="",
        description="Comma-separated hosts that scripts are downloaded from, as `host`, `host:port` or `*.domain`; "
        "empty: the server's alone.",
    )
    allowed_networks: str = Field(
        default="",
        description="Comma-separated networks that are not public and may be connected to all the same, as "
        "`10.96.0.0/12`.",
    )
    file_server_root: str = Field(
        default="", description="Takes the place of scheme and host in each script's address; empty: as they are."
    )
    script_limit_bytes: int = Field(default=500_000, ge=1, le=500_000, description="Largest script.")
    download_seconds: float = Field(default=30.0, gt=0, le=300, description="A download that takes longer is given up.")
    time_limit_seconds: int = Field(
        default=900, ge=1, le=604_800, description="How long a script may take; at most what its Script allows."
    )
    sweep_seconds: float = Field(default=10.0, gt=0, description="Every so often every open order is looked at.")
    retention_days: int = Field(default=30, ge=1, le=3650, description="Days after which an order is deleted.")
    usage_retention_days: int = Field(default=90, ge=31, le=3650, description="Days after which figures are deleted.")
    starter_url: str = Field(
        default="", description="Another starter that scripts are handed over to; empty: they run here."
    )
    report_url: str = Field(
        default="",
        description="The scheduler that is told what became of orders to the starter; empty: there is no starter.",
    )
    starter_auth: bool = Field(
        default=True,
        description="Ask for the secret at `/function/run-python`, `/script-running-callback/` and `/script-result/`, "
        "too, where the original does not send it.",
    )
    rate_per_second: float = Field(default=1000.0, gt=0, description="Requests a second that each caller may make.")
    rate_burst: int = Field(default=2000, ge=1, description="Requests that a caller may make at once.")
    body_limit_bytes: int = Field(default=16_777_216, ge=1024, description="Largest body of a request.")
    workers: int = Field(
        default=8, ge=1, le=64, description="Orders processed, and scripts downloaded, at the same time."
    )

    @field_validator("token")
    @classmethod
    def _check_token(cls, token: SecretStr) -> SecretStr:
        text = token.get_secret_value()
        if text and (len(text) < _SHORTEST_TOKEN or not text.isascii() or not text.isprintable() or " " in text):
            raise ValueError(f"at least {_SHORTEST_TOKEN} ASCII characters, without spaces and line ends, are needed")
        return token

    @field_validator("server_url", "file_server_root", "starter_url", "report_url")
    @classmethod
    def _check_url(cls, text: str) -> str:
        try:
            url = URL(text)
            good = not text or (url.scheme in ("http", "https") and bool(url.host) and not url.user)
        except ValueError:
            good = False
        if not good:
            raise ValueError("it must be http://HOST[:PORT][/PATH] or https://…, without user or password")
        return text.rstrip("/")

    @field_validator("allowed_networks")
    @classmethod
    def _check_networks(cls, text: str) -> str:
        for part in _split(text):
            ip_network(part)
        return text

    @model_validator(mode="after")
    def _check_namespace(self) -> Self:
        if self.enabled and not self.namespace:
            raise ValueError("SCRIPTRUN_SCHEDULER_NAMESPACE is needed: the namespace that scripts run in")
        return self

    @property
    def enabled(self) -> bool:
        """Whether there is a scheduler."""
        return bool(self.token.get_secret_value())

    @property
    def hosts(self) -> tuple[str, ...]:
        """Hosts that scripts are downloaded from."""
        given = _split(self.allowed_hosts)
        if given or not self.server_url:
            return given
        server = URL(self.server_url)
        return (f"{server.host_subcomponent}:{server.port}",)

    @property
    def networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """Networks that are not public and may be connected to all the same."""
        return tuple(ip_network(part) for part in _split(self.allowed_networks))
