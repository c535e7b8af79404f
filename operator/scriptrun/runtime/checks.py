"""Checks of what tenants, callers and scripts write: at once where that is quick, else in a worker process."""

import hashlib
import json
from collections import OrderedDict
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any, ParamSpec, TypeVar

from scriptrun.desired.input import dump_json
from scriptrun.errors import WorkTooLarge
from scriptrun.models.reasons import Reason
from scriptrun.models.script import ScriptSpec
from scriptrun.policies.acceptance import check_depth, check_exact, decide_broken_schema, list_given
from scriptrun.policies.documents import DEEPEST
from scriptrun.policies.effort import is_quick_check, is_quick_schema
from scriptrun.policies.exactness import may_be_inexact
from scriptrun.policies.faults import find_inexact_fault, find_output_fault, find_schema_fault, find_variables_fault
from scriptrun.policies.schema import check_against_schema
from scriptrun.policies.verdict import Verdict
from scriptrun.runtime.worker_pool import WorkerPool

__all__ = ["COMPUTED", "Checks"]

P = ParamSpec("P")
R = TypeVar("R")

COMPUTED = (find_inexact_fault, find_output_fault, find_schema_fault, find_variables_fault)
"""What worker processes are asked for."""

_KNOWN_SCHEMAS = 1024


class Checks:
    """Checks documents. Every check may raise ``WorkersBusy``: try again later.

    Args:
        pool: where what may take long is computed.
        aside: entered while that is waited for: who waits need not hold up others.
    """

    def __init__(
        self, pool: WorkerPool, aside: Callable[[], AbstractAsyncContextManager[None]] = lambda: nullcontext()
    ) -> None:
        self._pool = pool
        self._aside = aside
        self._known: OrderedDict[bytes, str] = OrderedDict()

    async def find_schema_faults(self, namespace: str, script: ScriptSpec) -> dict[str, str]:
        """Find what is wrong with the schemas of a Script, by the field's name; empty when nothing is."""
        schemas = {"variablesSchema": script.variables_schema, "outputSchema": script.output_schema}
        found = {name: await self._find_schema_fault(namespace, schema) for name, schema in schemas.items()}
        return {name: fault for name, fault in found.items() if fault}

    async def check_variables(
        self, namespace: str, variables: dict[str, Any], script: ScriptSpec, text: str | None = None
    ) -> Verdict | None:
        """Check variables against a Script's schema.

        Args:
            namespace: of the run.
            variables: all it is given.
            script: its Script's spec.
            text: the variables as JSON, where that is there already.
        """
        for name, fault in (await self.find_schema_faults(namespace, script)).items():
            return decide_broken_schema(name, fault)
        schema = script.variables_schema
        if not schema:
            return None
        text = dump_json(variables) if text is None else text
        if is_quick_check(schema, text):
            wrong = check_against_schema(variables, schema, "variables")
        else:
            try:
                wrong = await self._compute(namespace, find_variables_fault, text, schema)
            except WorkTooLarge as error:
                wrong = f"checking the variables against variablesSchema {error}: simplify the schema, or pass less"
        return Verdict(Reason.INVALID_VARIABLES, wrong) if wrong else None

    async def check_given(self, namespace: str, spec: dict[str, Any]) -> Verdict | None:
        """Check that nothing in a run's own spec is nested too deeply, and that Kubernetes rounds no number of it.

        Args:
            namespace: of the run.
            spec: of a ScriptRun that is to be created, or that the API server has.
        """
        text = dump_json(list_given(spec))
        if text.count("[") + text.count("{") > DEEPEST and (too_deep := check_depth(spec)):
            return too_deep
        if not may_be_inexact(text):
            return None
        if is_quick_check({}, text):
            return check_exact(spec)
        try:
            wrong = await self._compute(namespace, find_inexact_fault, text)
        except WorkTooLarge as error:
            wrong = f"checking the numbers in variables and task {error}: pass less"
        return Verdict(Reason.INVALID_VARIABLES, wrong) if wrong else None

    async def check_output(
        self, namespace: str, raw: bytes, schema: dict[str, Any], *, inline: bool = False
    ) -> Verdict | None:
        """Check an output: that it is JSON, and matches the schema its Script asked for when the run started.

        Args:
            namespace: of the run.
            raw: the output.
            schema: the Script's outputSchema.
            inline: the status is the only place it can be in, so that has to keep it as it is.
        """
        text = raw.decode(errors="surrogatepass")
        if is_quick_check(schema, text):
            wrong = find_output_fault(raw, schema, inline)
        else:
            try:
                wrong = await self._compute(namespace, find_output_fault, text, schema, inline)
            except WorkTooLarge as error:
                wrong = f"checking the output against outputSchema {error}: simplify the schema, or write less"
        return Verdict(Reason.INVALID_OUTPUT, wrong) if wrong else None

    async def _find_schema_fault(self, namespace: str, schema: dict[str, Any]) -> str:
        """Find what is wrong with a schema; "" when nothing is. Each schema is looked at once."""
        if not schema:
            return ""
        text = json.dumps(schema)
        digest = hashlib.sha256(text.encode()).digest()
        if (fault := self._known.get(digest)) is not None:
            self._known.move_to_end(digest)
            return fault
        if is_quick_schema(text):
            fault = find_schema_fault(text)
        else:
            try:
                fault = await self._compute(namespace, find_schema_fault, text)
            except WorkTooLarge as error:
                fault = f"checking whether it is a schema {error}: simplify it"
        self._known[digest] = fault
        if len(self._known) > _KNOWN_SCHEMAS:
            self._known.popitem(last=False)
        return fault

    async def _compute(self, namespace: str, function: Callable[P, R], *arguments: P.args, **none: P.kwargs) -> R:
        async with self._aside():
            return await self._pool.run(namespace, function, *arguments, **none)
