"""Making API tokens."""

import json
import re
from datetime import UTC, datetime, timedelta

from scriptrun.api.auth.tokens import ApiToken, create_token, hash_token
from scriptrun.cli.output.printing import dump_yaml, emit, note
from scriptrun.errors import UsageError

__all__ = ["print_token"]

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


def print_token(name: str, namespace: str, scripts: list[str], days: int) -> None:
    """Make a token; print it on stdout and the Secret's entry on stderr."""
    for what, text in (("NAME", name), ("--namespace", namespace)):
        if not _LABEL.fullmatch(text):
            raise UsageError(f"{what} {text}: write lower-case letters, digits and '-', at most 63")
    token = create_token(name)
    expires = (datetime.now(UTC) + timedelta(days=days)).replace(microsecond=0)
    kept = ApiToken(sha256=hash_token(token), namespace=namespace, scripts=scripts, expires=expires)
    entry = json.dumps(kept.model_dump(mode="json"))
    note("# For the Secret that the chart's api.tokensSecret names. The token itself is kept nowhere.")
    note(dump_yaml({"stringData": {name: entry}}).rstrip())
    emit(token)
