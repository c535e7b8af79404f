"""Which Script does somebody mean who types a name?"""

from scriptrun.cli.session import Session
from scriptrun.errors import KubeError, UsageError
from scriptrun.kube.script_names import ScriptFinder
from scriptrun.policies.aliases import explain_ambiguous, suggest_name

__all__ = ["choose_script"]

_FORBIDDEN = 403


async def choose_script(session: Session, typed: str) -> str:
    """Find the Script that a name or alias stands for.

    Raises:
        UsageError: there is none, or there are several; the message says what to type.
        KubeError: the API server can't be asked.
    """
    finder = ScriptFinder(session.client, session.namespace)
    try:
        found = await finder.find(typed)
        names = [] if found else (await finder.list()).list_names(session.namespace)
    except KubeError as error:
        if error.status == _FORBIDDEN:
            return typed  # who may create runs need not see Scripts: the operator finds out
        raise
    if len(found) > 1:
        raise UsageError(explain_ambiguous(typed, found))
    if found:
        return found[0]
    nearest = suggest_name(typed, names)
    hint = f'did you mean "{nearest}"?' if nearest else '"scriptrun scripts list" shows all'
    raise UsageError(f'there is no Script "{typed}" in namespace {session.namespace}, by name or alias: {hint}')
