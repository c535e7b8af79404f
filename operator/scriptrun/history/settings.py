"""Settings of the history: environment variables with the prefix ``SCRIPTRUN_HISTORY_``."""

from pydantic import Field

from scriptrun.database.settings import DatabaseSettings

__all__ = ["HistorySettings"]


class HistorySettings(DatabaseSettings):
    """Where finished runs are kept, and for how long."""

    retention_days: int = Field(
        default=30, ge=1, le=3650, description="Days after its end when a run is deleted from the history."
    )
    prune_interval_seconds: int = Field(default=600, ge=1, description="How often what is too old is looked for.")
    prune_batch: int = Field(default=500, ge=1, le=10_000, description="How many runs are deleted in one transaction.")
    log_limit_bytes: int = Field(
        default=65_536, ge=0, le=1_048_576, description="How much of the end of a run's log is kept."
    )
    workers: int = Field(default=4, ge=1, le=64, description="Runs stored at the same time.")
