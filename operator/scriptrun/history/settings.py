"""Settings of the history: environment variables with the prefix ``SCRIPTRUN_HISTORY_``."""

from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

__all__ = ["HistorySettings"]


class HistorySettings(BaseSettings):
    """Where finished runs are kept, and for how long."""

    model_config = SettingsConfigDict(env_prefix="SCRIPTRUN_HISTORY_", frozen=True, extra="ignore")

    url: SecretStr = Field(
        default=SecretStr(""),
        description="`sqlite:///PATH`, `postgresql://USER:PASSWORD@HOST/NAME` or `mariadb://USER:PASSWORD@HOST/NAME`; "
        "empty: no history is kept.",
    )
    tls: Literal["off", "require", "verify"] = Field(
        default="off",
        description="`require` encrypts the connection to PostgreSQL or MariaDB, `verify` also checks the certificate.",
    )
    tls_ca_file: str = Field(default="", description="Certificates to check with; empty: those of the system.")
    retention_days: int = Field(
        default=30, ge=1, le=3650, description="Days after its end when a run is deleted from the history."
    )
    prune_interval_seconds: int = Field(default=600, ge=1, description="How often what is too old is looked for.")
    prune_batch: int = Field(default=500, ge=1, le=10_000, description="How many runs are deleted in one transaction.")
    log_limit_bytes: int = Field(
        default=65_536, ge=0, le=1_048_576, description="How much of the end of a run's log is kept."
    )
    workers: int = Field(default=4, ge=1, le=64, description="Runs stored at the same time.")
    pool_size: int = Field(default=10, ge=1, le=200, description="Connections to the database.")
    timeout_seconds: float = Field(
        default=30.0, gt=0, description="A statement that takes longer is given up, and tried again where that is safe."
    )
