"""What an API process holds, and how an operation comes by it."""

from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Path, Request

from scriptrun.api.auth.authorizer import Authorizer, Caller
from scriptrun.api.middleware.shares import Shares
from scriptrun.api.runs.run_index import RunIndex
from scriptrun.api.runs.service import RunService
from scriptrun.api.settings import ApiSettings
from scriptrun.history.store import Store
from scriptrun.kube.client import Client
from scriptrun.runtime.hiding import Hiding

__all__ = ["CallerOf", "Context", "ContextOf", "Namespace"]

_WHOLE_LOGS = 16


@dataclass(slots=True)
class Context:
    """What an API process holds.

    Attributes:
        hiding: hides what is secret of runs.
        store: the history; None where none is kept.
        streams: logs that are being followed.
        whole_logs: logs that are read at once; each takes a few times its size.
    """

    client: Client
    authorizer: Authorizer
    run_index: RunIndex
    runs: RunService
    settings: ApiSettings
    hiding: Hiding
    store: Store | None = None
    streams: Shares = field(init=False)
    whole_logs: Shares = field(init=False)

    def __post_init__(self) -> None:
        self.streams = Shares(self.settings.max_streams)
        self.whole_logs = Shares(_WHOLE_LOGS)


async def get_context(request: Request) -> Context:
    """Give an operation what the process holds. Not a plain function: FastAPI would send each call to a thread."""
    context: Context = request.app.state.context
    return context


async def get_caller(request: Request) -> Caller:
    """Give an operation the caller, whom the gate in front of it has identified."""
    caller: Caller = request.state.caller
    return caller


ContextOf = Annotated[Context, Depends(get_context)]
CallerOf = Annotated[Caller, Depends(get_caller)]
Namespace = Annotated[
    str,
    Path(pattern="^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=63, description="The namespace.", examples=["team-a"]),
]
