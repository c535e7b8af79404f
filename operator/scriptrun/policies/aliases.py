"""The names by which callers may ask for a Script: its own, and its aliases."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from heapq import nsmallest

from scriptrun.models.facts import Key

__all__ = ["ScriptNames", "explain_ambiguous", "suggest_name"]

_MOST_NAMED = 5
"""Of the Scripts that have one alias: a tenant may give it to thousands."""
_SUGGESTED_AMONG = 1000
_SUGGESTED_LENGTH = 64


class ScriptNames:
    """Which Scripts answer to a name, in each namespace.

    A Script's own name comes before anybody's alias, so that no alias takes over what another Script was called for.
    """

    def __init__(self) -> None:
        self._aliases: dict[Key, frozenset[str]] = {}
        self._holders: defaultdict[Key, set[str]] = defaultdict(set)

    def put(self, script: Key, aliases: Iterable[str]) -> set[Key]:
        """Take a Script as it is now; returns the other Scripts whose aliases may clash, or no longer clash, by it."""
        known, given = self._aliases.get(script), frozenset(aliases)
        if known == given:
            return set()
        namespace, name = script
        self._aliases[script] = given
        for alias in given:
            self._holders[namespace, alias].add(name)
        self._release(script, (known or frozenset()) - given)
        return self._list_holders(script, given ^ (known or frozenset()), named=known is None)

    def drop(self, script: Key) -> set[Key]:
        """Forget a Script; returns as ``put``."""
        known = self._aliases.pop(script, None)
        if known is None:
            return set()
        self._release(script, known)
        return self._list_holders(script, known, named=True)

    def _release(self, script: Key, aliases: Iterable[str]) -> None:
        for alias in aliases:
            holders = self._holders[script[0], alias]
            holders.discard(script[1])
            if not holders:
                del self._holders[script[0], alias]

    def _list_holders(self, script: Key, aliases: Iterable[str], *, named: bool) -> set[Key]:
        namespace, name = script
        wanted = [*aliases, name] if named else aliases
        # Where many clash already, one more or less is no news to all the others.
        clashing = [self._holders.get((namespace, alias), ()) for alias in wanted]
        found = {(namespace, holder) for names in clashing if len(names) <= _MOST_NAMED for holder in names}
        return found - {script}

    def find(self, namespace: str, name: str) -> list[str]:
        """Find the Scripts that a name stands for: none, one, or up to six of those that have it as an alias."""
        if (namespace, name) in self._aliases:
            return [name]
        return nsmallest(_MOST_NAMED + 1, self._holders.get((namespace, name), ()))

    def list_names(self, namespace: str) -> list[str]:
        """List all names that Scripts of a namespace answer to."""
        own = {name for place, name in self._aliases if place == namespace}
        return sorted(own | {alias for place, alias in self._holders if place == namespace})

    def find_clash(self, script: Key) -> str:
        """Say which of a Script's aliases another Script has as a name or alias; "" when none is."""
        namespace, name = script
        for alias in sorted(self._aliases.get(script, ())):
            if alias != name and (namespace, alias) in self._aliases:
                return f'alias "{alias}" is the name of another Script: choose another alias'
            if len(self._holders[namespace, alias]) > 1:
                return explain_ambiguous(alias, self.find(namespace, alias))
        return ""


def explain_ambiguous(alias: str, scripts: Sequence[str]) -> str:
    """Say that several Scripts have one alias."""
    names = ", ".join(scripts[:_MOST_NAMED]) + (" and others" if len(scripts) > _MOST_NAMED else "")
    return (
        f'"{alias}" is an alias of several Scripts: {names}: leave it in spec.aliases of one of them, '
        "or ask for a Script by its own name"
    )


def suggest_name(wanted: str, names: Sequence[str]) -> str:
    """Find the name that somebody may have meant; "" when none is near."""
    if len(wanted) > _SUGGESTED_LENGTH:
        return ""  # the search takes the product of all lengths
    near = [name for name in names[:_SUGGESTED_AMONG] if len(name) <= _SUGGESTED_LENGTH]
    return next(iter(get_close_matches(wanted, near, n=1)), "")
