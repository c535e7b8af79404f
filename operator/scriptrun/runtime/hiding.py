"""Hiding of what is secret of runs: at once where that is quick, else in a worker process."""

import json
from collections.abc import Mapping
from typing import Any

from scriptrun.desired.input import dump_json
from scriptrun.errors import WorkTooLarge
from scriptrun.policies.effort import is_quick_hiding, is_quick_search
from scriptrun.policies.hiding import (
    find_run_secrets,
    hide_in_document,
    hide_in_output,
    hide_in_text,
    load_secrets,
    marks_nothing,
    mask_variables,
)
from scriptrun.policies.masking import MASK, Secrets
from scriptrun.runtime.worker_pool import WorkerPool

__all__ = ["HIDDEN_BY", "Hiding"]

HIDDEN_BY = (find_run_secrets, hide_in_document, hide_in_output, hide_in_text, mask_variables)
"""What worker processes are asked for."""


class Hiding:
    """Hides what is secret.

    Every method may raise ``WorkersBusy``: try again later. Where it takes more than it may, a text is withheld with a
    word why; every other method raises ``WorkTooLarge``. Nothing is ever given back as it was.

    Args:
        pool: where what may take long is computed.
    """

    def __init__(self, pool: WorkerPool) -> None:
        self._pool = pool

    async def find_secrets(
        self, namespace: str, variables: dict[str, Any], script: Mapping[str, Any] | None
    ) -> Secrets:
        """Find a run's secrets.

        Args:
            namespace: of the run.
            variables: all it was given.
            script: its Script's spec; None: that is gone, and nobody can say any more what is secret.
        """
        schemas = None
        if script is not None:
            schemas = {name: script.get(name) or {} for name in ("variablesSchema", "outputSchema")}
            if marks_nothing(schemas["variablesSchema"]):
                return Secrets(output_schema=schemas["outputSchema"] or None)
        text = dump_json(variables)
        if is_quick_search((schemas or {}).get("variablesSchema", {}), text):
            return Secrets.of(variables, schemas)
        found = await self._pool.run(namespace, find_run_secrets, text, schemas)
        return load_secrets(found, schemas)

    async def mask(self, namespace: str, secrets: Secrets, variables: dict[str, Any]) -> dict[str, Any]:
        """Mask a run's variables."""
        if secrets.withheld:
            return dict.fromkeys(variables, MASK)
        if not secrets.paths:
            return variables
        text = dump_json(variables)
        if is_quick_hiding(len(text), len(secrets.paths)):
            return secrets.mask(variables)
        masked: dict[str, Any] = json.loads(await self._pool.run(namespace, mask_variables, text, secrets.paths))
        return masked

    async def hide_output(self, namespace: str, secrets: Secrets, text: str | None) -> str | None:
        """Hide what is secret in an output, given as JSON; one without any stays as the script wrote it."""
        _refuse_withheld(secrets)
        if text is None or not (secrets.values or secrets.output_schema):
            return text
        quick = is_quick_hiding(len(text), len(secrets.values))
        if quick and is_quick_search(secrets.output_schema or {}, text):
            return secrets.hide_output(text)
        return await self._pool.run(namespace, hide_in_output, text, secrets.values, secrets.output_schema)

    async def hide_document(self, namespace: str, secrets: Secrets, document: Any) -> Any:
        """Hide secret values in any JSON document."""
        _refuse_withheld(secrets)
        if not secrets.values:
            return document
        text = dump_json(document)
        if is_quick_hiding(len(text), len(secrets.values)):
            return secrets.hide(document)
        return json.loads(await self._pool.run(namespace, hide_in_document, text, secrets.values))

    async def hide_text(self, namespace: str, secrets: Secrets, text: str) -> str:
        """Hide secret values in a text; where that takes too much, the whole text gives way to a word why."""
        if secrets.withheld:
            return _withhold(text, secrets.withheld)
        if not secrets.values:
            return text
        if is_quick_hiding(len(text), len(secrets.values)):
            return secrets.hide_text(text)
        try:
            return await self._pool.run(namespace, hide_in_text, text, secrets.values)
        except WorkTooLarge as error:
            return _withhold(text, str(error))


def _refuse_withheld(secrets: Secrets) -> None:
    if secrets.withheld:
        raise WorkTooLarge(secrets.withheld)


def _withhold(text: str, why: str) -> str:
    word = f"[withheld: to hide what is secret of it {why}]"
    return f"{word}\n" if text.endswith("\n") else word if text else ""
