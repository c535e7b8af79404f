"""Renders documents with expressions: at once where that is quick, else in a worker process."""

import json
from typing import Any

from scriptrun.errors import WorkTooLarge
from scriptrun.policies.expressions.faults import Fault
from scriptrun.policies.expressions.render import Scope, prepare, render, render_in_worker
from scriptrun.runtime.worker_pool import WorkerPool

__all__ = ["RENDERED_BY", "Expressions"]

RENDERED_BY = (render_in_worker,)
"""What worker processes are asked for."""


class Expressions:
    """Renders documents.

    Args:
        pool: where what may take long is computed.
    """

    def __init__(self, pool: WorkerPool) -> None:
        self._pool = pool

    async def render(self, namespace: str, document: Any, place: str, scope: Scope) -> Any | Fault:
        """Render a document.

        Args:
            namespace: of the run.
            document: any JSON value.
            place: its path in the Workflow.
            scope: what its expressions may read.

        Returns:
            The same with the expressions evaluated; or what went wrong.

        Raises:
            WorkersBusy: try again later.
        """
        prepared = prepare(document, place, scope)
        if isinstance(prepared, Fault):
            return prepared
        needed, quick = prepared
        if quick:
            return render(document, place, needed)
        given = {"variables": needed.variables, "seed": needed.seed, "now": needed.now.isoformat()}
        try:
            answer = await self._pool.run(namespace, render_in_worker, json.dumps(document), place, given)
        except WorkTooLarge as error:
            return Fault(place, f"evaluating its expressions {error}: read less, or use a script")
        return Fault(*answer["fault"]) if "fault" in answer else answer["value"]
