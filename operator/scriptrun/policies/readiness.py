"""Is a Script fit to be run?"""

from collections.abc import Mapping
from dataclasses import dataclass

from scriptrun.models.reasons import Reason
from scriptrun.models.script import ScriptSpec
from scriptrun.policies.acceptance import check_digest, find_config_fault
from scriptrun.policies.schema import check_schema
from scriptrun.policies.source import Missing, Source
from scriptrun.policies.text import escape_controls
from scriptrun.policies.verdict import Verdict

__all__ = ["NotReady", "decide_readiness"]


@dataclass(frozen=True, slots=True)
class NotReady:
    """Why a Script is not ready.

    The reason is SourceMissing, InvalidSource, DigestMismatch, InvalidSchema, InvalidConfig or AliasConflict.
    """

    reason: str
    message: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "message", escape_controls(self.message))


def decide_readiness(
    script: ScriptSpec, source: Source | Missing | Verdict | None, schema_faults: Mapping[str, str] | None = None
) -> tuple[NotReady | None, str]:
    """Decide whether a Script is ready.

    Args:
        script: its spec.
        source: what was found of its source, or what is wrong with it; None where there is none to find.
        schema_faults: what is wrong with its ``variablesSchema`` and ``outputSchema``, by the field's name; None: that
            is found out here.

    Returns:
        What is wrong (None: it is ready), and the SHA-256 of the source in hex ("" without one).
    """
    if isinstance(source, Missing):
        return NotReady(Reason.SOURCE_MISSING, f"{source.what} is not there"), ""
    if isinstance(source, Verdict):
        return NotReady("InvalidSource", source.message), ""
    digest = source.sha256 if source is not None else ""
    if source is not None and (wrong := check_digest(source, script)):
        return NotReady(wrong.reason, wrong.message), digest
    for name, schema in (("variablesSchema", script.variables_schema), ("outputSchema", script.output_schema)):
        wrong_schema = check_schema(schema) if schema_faults is None else schema_faults.get(name)
        if wrong_schema:
            return NotReady("InvalidSchema", f"{name}: {wrong_schema}"), digest
    if wrong_config := find_config_fault(script):
        return NotReady("InvalidConfig", wrong_config), digest
    return None, digest
