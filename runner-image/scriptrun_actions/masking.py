"""Hides values that came from a Secret in texts that others see."""

import base64
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

__all__ = ["HIDDEN", "Mask"]

HIDDEN = "[hidden]"
_SHORTEST = 4  # what is shorter would hide half of every text, and is no secret


class Mask:
    """Hides secrets, also as URLs and Basic authentication write them."""

    def __init__(self, secrets: Iterable[str]) -> None:
        found: set[str] = set()
        for secret in secrets:
            if len(secret) >= _SHORTEST:
                encoded = base64.b64encode(secret.encode()).decode()
                found |= {secret, quote(secret, safe=""), quote_plus(secret), encoded, encoded.rstrip("=")}
        # The longest first: one may contain another.
        self._secrets = sorted(found, key=len, reverse=True)

    def hide(self, text: str) -> str:
        """Hide them in a text."""
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        return text
