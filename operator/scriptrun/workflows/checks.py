"""Checks of Workflows and of the input of their runs: at once where that is quick, else in a worker process."""

import json
from typing import Any

from scriptrun.desired.input import dump_json
from scriptrun.errors import WorkTooLarge
from scriptrun.models import WorkflowSpec
from scriptrun.policies.effort import is_quick_check, is_quick_schema
from scriptrun.policies.faults import find_schema_fault, find_variables_fault
from scriptrun.policies.schema import check_against_schema
from scriptrun.policies.workflows.validation import (
    describe_faults,
    find_workflow_faults,
    is_quick_workflow,
    list_scripts,
)
from scriptrun.runtime.worker_pool import WorkerPool
from scriptrun.workflows.cache import Body, Cache

__all__ = ["CHECKED_BY", "WorkflowChecks"]

CHECKED_BY = (find_schema_fault, find_variables_fault, find_workflow_faults)
"""What worker processes are asked for."""


class WorkflowChecks:
    """Checks Workflows and inputs. May raise ``WorkersBusy``: try again later.

    Args:
        cache: what is seen of Scripts.
        pool: where what may take long is computed.
    """

    def __init__(self, cache: Cache, pool: WorkerPool) -> None:
        self._cache = cache
        self._pool = pool

    async def find_faults(self, body: Body) -> str:
        """Find what is wrong with a Workflow, for people; "" for nothing."""
        namespace = body["metadata"]["namespace"]
        spec, text = WorkflowSpec.model_validate(body["spec"]), dump_json(body["spec"])
        there = [name for name in sorted(list_scripts(spec)) if (namespace, name) in self._cache.scripts]
        try:
            if wrong := await self._find_schema_fault(namespace, spec.parameters_schema):
                return f"parametersSchema: {wrong}"
            if is_quick_workflow(text):
                return describe_faults(find_workflow_faults(text, there))
            return describe_faults(await self._pool.run(namespace, find_workflow_faults, text, there))
        except WorkTooLarge as error:
            return f"checking it {error}: use fewer or shorter expressions"

    async def _find_schema_fault(self, namespace: str, schema: dict[str, Any]) -> str:
        if not schema:
            return ""
        text = json.dumps(schema)
        return (
            find_schema_fault(text)
            if is_quick_schema(text)
            else await self._pool.run(namespace, find_schema_fault, text)
        )

    async def find_input_fault(self, namespace: str, given: dict[str, Any], schema: dict[str, Any]) -> str:
        """Find what is wrong with the input of a run; "" for nothing."""
        if not schema:
            return ""
        text = dump_json(given)
        if is_quick_check(schema, text):
            return check_against_schema(given, schema, "input")
        try:
            wrong = await self._pool.run(namespace, find_variables_fault, text, schema)
            return wrong.replace("variables", "input", 1)
        except WorkTooLarge as error:
            return f"checking the input against parametersSchema {error}: simplify the schema, or pass less"
