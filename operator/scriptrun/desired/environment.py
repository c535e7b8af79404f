"""The environment of a run's container."""

import re
from collections.abc import Sequence
from typing import Any

from scriptrun.models.container import EnvVar
from scriptrun.models.facts import RunFacts
from scriptrun.models.script import ScriptSpec

__all__ = ["build_environment", "build_script_env"]

_FAILURES = "metadata.annotations['batch.kubernetes.io/job-index-failure-count']"
_IGNORED = "metadata.annotations['batch.kubernetes.io/job-index-ignored-failure-count']"
_SCRIPTS_OWN = "SCRIPTRUN_ENV_"  # the runner's _SCRIPTS_OWN
_REFERENCE = re.compile(r"\$\$|\$\(([-._a-zA-Z0-9]+)\)")


def _steers_launcher(name: str) -> bool:
    """Tell whether a variable would decide which interpreter and libraries start the runner itself."""
    return name == "PATH" or name.startswith(("LD_", "OPENSSL_"))


def build_script_env(variables: Sequence[EnvVar]) -> list[dict[str, Any]]:
    """Build the entries of a Script's `env`.

    What would steer the launcher gets another name, which the runner takes back for the script: so PATH may leave out
    the folder of the runner's interpreter. References to it from further entries follow.
    """
    renamed: set[str] = set()

    def follow(match: re.Match[str]) -> str:
        return f"$({_SCRIPTS_OWN}{match[1]})" if match[1] in renamed else match[0]

    entries = []
    for variable in variables:
        entry = variable.model_dump(by_alias=True, exclude_none=True)
        if renamed and "value" in entry:
            entry["value"] = _REFERENCE.sub(follow, entry["value"])
        if _steers_launcher(variable.name):
            entry["name"] = f"{_SCRIPTS_OWN}{variable.name}"
            renamed.add(variable.name)
        entries.append(entry)
    return entries


def _build_field(name: str, path: str) -> dict[str, Any]:
    return {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}


def build_environment(run: RunFacts, script: ScriptSpec, input_sha256: str) -> dict[str, Any]:
    """Build `env` and `envFrom` of the container.

    Args:
        run: the run.
        script: its Script's spec.
        input_sha256: of the input ConfigMap that the pod is made for.
    """
    env = [
        *build_script_env(script.env),
        _build_field("SCRIPTRUN_POD", "metadata.name"),
        _build_field("SCRIPTRUN_FAILED_ATTEMPTS", _FAILURES),
        _build_field("SCRIPTRUN_IGNORED_ATTEMPTS", _IGNORED),
        {"name": "SCRIPTRUN_INPUT_SHA256", "value": input_sha256},
    ]
    env_from = [source.model_dump(by_alias=True, exclude_none=True) for source in script.env_from]
    if secret := run.spec.get("secretEnv"):
        env_from.append({"secretRef": {"name": secret["name"]}})
    return {"env": env, **({"envFrom": env_from} if env_from else {})}
