"""API tokens, for callers outside Kubernetes: each good for one namespace, some Scripts, and until a day.

A token is ``srt_<name>_<secret>``. What is kept of it is one file in a Secret, named as the token, with its hash.
"""

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import structlog
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

__all__ = ["ApiToken", "TokenFolder", "create_token", "hash_token"]

_log = structlog.get_logger(__name__)
_TOKEN = re.compile(r"srt_(?P<name>[a-z0-9]([-a-z0-9]*[a-z0-9])?)_(?P<secret>[A-Za-z0-9]{40,})")
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_SECRET_LENGTH = 43  # 256 bits
_RELOAD_SECONDS = 5.0
_FILE_LIMIT_BYTES = 65_536


class ApiToken(BaseModel):
    """What is kept of a token."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sha256: str = Field(pattern="^[0-9a-f]{64}$", description="Of the whole token, in lower-case hex.")
    namespace: str = Field(min_length=1, max_length=63, description="The one namespace it is good for.")
    scripts: list[str] = Field(
        min_length=1, description="Names of the Scripts it is good for; `*` and `?` stand for any characters and one."
    )
    expires: AwareDatetime = Field(description="When it stops being good, with a time zone.")


def hash_token(token: str) -> str:
    """Hash a token for keeping. It is as random as the hash is long, so nothing slower is needed."""
    return hashlib.sha256(token.encode()).hexdigest()


def create_token(name: str) -> str:
    """Create a token that nobody can guess."""
    return f"srt_{name}_{''.join(secrets.choice(_ALPHABET) for _ in range(_SECRET_LENGTH))}"


class TokenFolder:
    """The tokens in a folder, read anew when something in it changed.

    Args:
        path: the folder; "" for none.
        clock: aware UTC.
    """

    def __init__(self, path: str, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._folder = Path(path) if path else None
        self._clock = clock
        self._tokens: dict[str, ApiToken] = {}
        self._read_at = float("-inf")

    def find(self, text: str) -> tuple[str, ApiToken] | None:
        """Find the token that a caller showed, by its name; None: it is none of these, or expired."""
        match = _TOKEN.fullmatch(text)
        if match is None:
            return None
        self._refresh()
        token = self._tokens.get(match["name"])
        # An unknown name costs as much time as a wrong secret.
        expected = token.sha256 if token else hash_token("")
        same = hmac.compare_digest(expected, hash_token(text))
        if token is None or not same or token.expires <= self._clock():
            return None
        return match["name"], token

    def _refresh(self) -> None:
        if self._folder is None or time.monotonic() - self._read_at < _RELOAD_SECONDS:
            return
        self._read_at = time.monotonic()
        try:
            # The kubelet keeps what it mounts under names with two dots and links to it.
            files = [path for path in self._folder.iterdir() if not path.name.startswith("..") and path.is_file()]
        except OSError as error:
            _log.error("API tokens can't be read", folder=str(self._folder), error=str(error))
            return
        self._tokens = {path.name: token for path in files if (token := _read(path))}


def _read(path: Path) -> ApiToken | None:
    try:
        with path.open("rb") as file:
            return ApiToken.model_validate_json(file.read(_FILE_LIMIT_BYTES))
    except (OSError, ValidationError) as error:
        wrong = error.errors(include_input=False)[0]["msg"] if isinstance(error, ValidationError) else error.strerror
        _log.error("API token can't be read; it is not good for anything", token=path.name, error=str(wrong))
        return None
