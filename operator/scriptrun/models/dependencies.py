"""The libraries of a Python script: what it asks for, and the lock that they are installed from."""

from typing import Annotated

from pydantic import Field

from scriptrun.models.base import Model

__all__ = ["LOCK_LIMIT_BYTES", "Dependencies"]

LOCK_LIMIT_BYTES = 200_000


class Dependencies(Model):
    """Libraries that are installed before the script starts, exactly those of the lock."""

    requirements: list[Annotated[str, Field(min_length=1, max_length=512)]] = Field(
        default=[],
        max_length=128,
        description="What the script asks for, as in `requirements.txt`, such as `requests>=2.32`. Those in the "
        "script's own PEP 723 block need not be repeated. Default: none.",
    )
    lock: str = Field(
        default="",
        max_length=LOCK_LIMIT_BYTES,
        description="One `name==version --hash=sha256:…` per library, those that others need included. "
        "`scriptrun scripts render` writes it. Default: none; then a run that asks for libraries is rejected.",
    )
    python_version: str = Field(
        default="",
        max_length=8,
        pattern=r"^(3[.][0-9]{1,2})?$",
        description="Python version of the Script's own `image`, such as `3.12`. Default: the runner image's.",
    )
