"""May this run be run as it is? The checks between a ScriptRun and its Job."""

import base64
import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from scriptrun.models.facts import RunFacts
from scriptrun.models.reasons import Reason
from scriptrun.models.script import ScriptSpec
from scriptrun.policies.documents import find_too_deep
from scriptrun.policies.exactness import find_inexact
from scriptrun.policies.schema import check_against_schema, check_schema
from scriptrun.policies.source import Missing, Source
from scriptrun.policies.verdict import Verdict, Wait

__all__ = [
    "INPUT_LIMIT_BYTES",
    "RUN_LIMIT_BYTES",
    "Inputs",
    "check_config",
    "check_depth",
    "check_digest",
    "check_exact",
    "check_input_size",
    "check_limits",
    "check_run_size",
    "check_variables",
    "decide_broken_schema",
    "decide_missing_script",
    "decide_missing_source",
    "find_config_fault",
    "list_given",
    "measure_stored",
    "merge_variables",
]

INPUT_LIMIT_BYTES = 900_000
RUN_LIMIT_BYTES = 1_441_792
"""Of a ScriptRun as it is stored: etcd takes 1.5 MiB, and 128 KiB are left for what its status may come to."""
_ESCAPED_BYTES = {"<": 5, ">": 5, "&": 5, "\u2028": 3, "\u2029": 3}
"""What the API server's JSON (Go's) has more of these than they have in UTF-8."""

_POLL_SECONDS = 0.1, 1.0
"""Between two looks for what a run refers to: at first what is made together with the run is on its way."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a run executes: the script's source (None: a program in its image), and its variables."""

    source: Source | None
    variables: dict[str, Any] = field(default_factory=dict)


def decide_missing_script(run: RunFacts, grace_seconds: float, now: datetime) -> Verdict | Wait:
    """Wait a little for a Script that does not exist, so that manifests may be applied in any order."""
    left = grace_seconds - (now - run.created).total_seconds()
    what = f'Script "{run.script}" in namespace {run.key[0]}'
    if left > 0:
        return Wait("ScriptMissing", f"waiting for {what}", left)
    return Verdict(
        Reason.SCRIPT_NOT_ALLOWED,
        f'there is no {what}; runs may only use Scripts that exist: see "kubectl get scripts -n {run.key[0]}"',
    )


def decide_missing_source(run: RunFacts, missing: Missing, deadline_seconds: float, now: datetime) -> Verdict | Wait:
    """Wait for a ConfigMap or key until the start deadline."""
    age = (now - run.created).total_seconds()
    if (left := deadline_seconds - age) > 0:
        soonest, latest = _POLL_SECONDS
        return Wait(Reason.SOURCE_MISSING, f"waiting for {missing.what}", min(left, latest, max(soonest, age / 4)))
    return Verdict(
        Reason.SOURCE_MISSING, f"{missing.what} did not appear within startDeadlineSeconds ({deadline_seconds:g} s)"
    )


def check_limits(run: RunFacts, script: ScriptSpec) -> Verdict | None:
    """Check that a run asks for no more than its Script allows."""
    from_run = script.source is not None and script.source.from_run is not None
    if run.spec.get("source") and not from_run:
        return Verdict(
            Reason.SCRIPT_NOT_ALLOWED,
            f'spec.source: Script "{run.script}" does not let runs bring their own source (its source is not fromRun)',
        )
    if from_run and not run.spec.get("source"):
        return Verdict(
            Reason.SOURCE_MISSING, f'spec.source is missing: Script "{run.script}" has its source from the run'
        )
    if run.spec.get("secretEnv") and not (from_run or script.allow_secret_env):
        return Verdict(
            Reason.SCRIPT_NOT_ALLOWED,
            f'spec.secretEnv: Script "{run.script}" does not let runs bring a Secret (allowSecretEnv is not set)',
        )
    for name, cap in (
        ("activeDeadlineSeconds", script.active_deadline_seconds),
        ("backoffLimit", script.backoff_limit),
    ):
        asked = run.spec.get(name)
        if asked is not None and asked > cap:
            return Verdict(
                Reason.SCRIPT_NOT_ALLOWED,
                f'spec.{name} is {asked}, Script "{run.script}" allows at most {cap}',
            )
    return None


def check_digest(source: Source, script: ScriptSpec) -> Verdict | None:
    """Check a source against its Script's pin."""
    place = script.source and (script.source.config_map or script.source.folder)
    pin = place.sha256 if place else None
    if pin is None or (digest := source.sha256) == pin:
        return None
    return Verdict(
        Reason.DIGEST_MISMATCH,
        f"the source has sha256 {digest}, the Script pins {pin}: review the source and pin it anew, or restore it",
    )


def merge_variables(parts: list[dict[str, Any]], own: dict[str, Any]) -> dict[str, Any]:
    """Merge variables: a later source wins, the run's own win over all."""
    merged: dict[str, Any] = {}
    for part in parts:
        merged.update(part)
    return merged | own


def list_given(spec: dict[str, Any]) -> dict[str, Any]:
    """List what a run's own spec brings along, by what it is called in messages; what is in ConfigMaps is not in it."""
    task = spec.get("task") or {}
    given = {"variables": spec.get("variables"), **{f"task.{key}": task.get(key) for key in ("headers", "payload")}}
    return {name: document for name, document in given.items() if document}


def check_exact(spec: dict[str, Any]) -> Verdict | None:
    """Check that Kubernetes rounds no number of a run's own spec. Those from ConfigMaps may have any size.

    Args:
        spec: of a ScriptRun that is to be created, or that the API server has.
    """
    for name, document in list_given(spec).items():
        if wrong := find_inexact(document, name):
            return Verdict(Reason.INVALID_VARIABLES, wrong)
    return None


def check_depth(spec: dict[str, Any]) -> Verdict | None:
    """Check that nothing in a run's own spec is nested too deeply: what is far deeper was cut when it was read.

    Args:
        spec: of a ScriptRun that is to be created, or that the API server has.
    """
    for name, document in list_given(spec).items():
        if wrong := find_too_deep(document, name):
            return Verdict(Reason.INVALID_VARIABLES, wrong)
    return None


def find_config_fault(script: ScriptSpec) -> str:
    """Find what of a Script's config can't be kept: levels beyond the limit, numbers that Kubernetes rounds."""
    return find_too_deep(script.config, "config") or find_inexact(script.config, "config")


def check_config(script: ScriptSpec) -> Verdict | None:
    """Check that a Script's config is not nested too deeply, and that Kubernetes rounds no number of it."""
    wrong = find_config_fault(script)
    return Verdict(Reason.SCRIPT_NOT_ALLOWED, f"the Script's {wrong}") if wrong else None


def check_variables(variables: dict[str, Any], script: ScriptSpec) -> Verdict | None:
    """Check variables against the Script's schema."""
    for name, schema in (("variablesSchema", script.variables_schema), ("outputSchema", script.output_schema)):
        if wrong := check_schema(schema):
            return decide_broken_schema(name, wrong)
    if wrong := check_against_schema(variables, script.variables_schema, "variables"):
        return Verdict(Reason.INVALID_VARIABLES, wrong)
    return None


def decide_broken_schema(name: str, wrong: str) -> Verdict:
    """Decide what a run comes to whose Script has a schema that is none.

    Args:
        name: of the field.
        wrong: what is wrong with it.
    """
    return Verdict(Reason.SCRIPT_NOT_ALLOWED, f"the Script's {name} is no JSON Schema: {wrong}")


def check_input_size(config_map: dict[str, Any]) -> Verdict | None:
    """Check that the snapshot fits a ConfigMap."""
    size = sum(len(key) + len(value.encode()) for key, value in config_map.get("data", {}).items())
    size += sum(len(key) + len(base64.b64decode(value)) for key, value in config_map.get("binaryData", {}).items())
    if size <= INPUT_LIMIT_BYTES:
        return None
    return Verdict(
        Reason.INPUT_TOO_LARGE,
        f"script, the files beside it and variables together are {size} bytes, at most {INPUT_LIMIT_BYTES} are "
        "allowed; pass large data by reference",
    )


def measure_stored(body: dict[str, Any]) -> int:
    """Measure an object as the API server stores it, in bytes.

    Args:
        body: the whole of it, managedFields included, and nested no deeper than can be written.
    """
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    escaped = sum(more * text.count(character) for character, more in _ESCAPED_BYTES.items())
    return len(text.encode(errors="surrogatepass")) + escaped


def check_run_size(stored_bytes: int) -> Verdict | None:
    """Check that a run leaves room for its own status: one that can't be written would never end.

    Args:
        stored_bytes: of the ScriptRun as it was created.
    """
    if stored_bytes <= RUN_LIMIT_BYTES:
        return None
    return Verdict(
        Reason.INPUT_TOO_LARGE,
        f"the ScriptRun has {stored_bytes} bytes with its variables and task, at most {RUN_LIMIT_BYTES} are allowed, "
        "since its status is kept with it; pass large data by reference",
    )
