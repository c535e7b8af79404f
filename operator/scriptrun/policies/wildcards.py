"""Names by patterns in which ``*`` stands for any characters and ``?`` for one: the same for Bridges and API tokens."""

import re
from functools import lru_cache

__all__ = ["matches_wildcards"]


def matches_wildcards(pattern: str, name: str) -> bool:
    """Whether a pattern stands for a name.

    Takes at most as many steps as the product of both lengths, whatever the pattern.

    Args:
        pattern: with ``*`` for any characters, none included, and ``?`` for one.
        name: the whole of it has to match.
    """
    return _compile(pattern).fullmatch(name) is not None


@lru_cache(maxsize=1024)
def _compile(pattern: str) -> re.Pattern[str]:
    """Compile a pattern that never goes back: what stands between two stars is best found where it first occurs."""
    first, *others = (re.escape(part) for part in pattern.split("*"))
    between = "".join(f"(?>.*?{part})" for part in others[:-1] if part)
    text = f"{first}{between}.*{others[-1]}" if others else first
    return re.compile(text.replace(r"\?", "."), re.DOTALL)
