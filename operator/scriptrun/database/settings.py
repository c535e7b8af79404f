"""Settings of the database: environment variables with the prefix ``SCRIPTRUN_HISTORY_``, for whom it was built."""

from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

__all__ = ["DatabaseSettings"]


class DatabaseSettings(BaseSettings):
    """Where the database is, and how it is reached."""

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
    pool_size: int = Field(default=10, ge=1, le=200, description="Connections to the database.")
    timeout_seconds: float = Field(
        default=30.0, gt=0, description="A statement that takes longer is given up, and tried again where that is safe."
    )
