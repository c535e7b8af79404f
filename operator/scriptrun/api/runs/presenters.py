"""From a ScriptRun to what callers see of it."""

import json
from typing import Any

from scriptrun.api.runs.found_run import Found
from scriptrun.api.runs.schemas import Attempt, Run, summary_fields
from scriptrun.api.runs.service import REQUESTED_BY
from scriptrun.desired.status import INLINE_LIMIT_BYTES
from scriptrun.errors import WorkTooLarge
from scriptrun.history.snapshot import summarize
from scriptrun.policies.attempts import parse_instant
from scriptrun.policies.documents import parse_document
from scriptrun.policies.exactness import is_rounded
from scriptrun.policies.masking import MASK, Path
from scriptrun.runtime.hiding import Hiding

__all__ = ["needs_output", "show_run"]

_TASK_FIELDS = ("source", "id", "type", "workflowId", "domain")


def needs_output(found: Found) -> bool:
    """Whether an answer has to look for the output elsewhere: the ScriptRun has none that it could have."""
    status = found.run.get("status") or {}
    size = (status.get("outputRef") or {}).get("bytes", INLINE_LIMIT_BYTES + 1)
    return not found.in_cluster or ("output" not in status and size <= INLINE_LIMIT_BYTES)


async def show_run(found: Found, hiding: Hiding, output: str | None = None) -> Run:
    """Show a run.

    Args:
        found: the run.
        hiding: hides what is secret of it.
        output: its output as JSON text, where the ScriptRun itself does not have it.
    """
    run = found.run
    spec, status = run["spec"], run.get("status") or {}
    variables = spec.get("variables") or {}
    paths = found.secrets.paths if found.in_cluster else tuple(tuple(path) for path in run.get("masked") or ())
    task = spec.get("task") or {}
    shown, paths = await _mask(found, hiding, variables, paths)
    value, size = await _read_output(found, hiding, status, output)
    namespace, secrets = found.key[0], found.secrets
    return Run(
        **summary_fields(summarize(run)),
        in_cluster=found.in_cluster,
        message=await hiding.hide_text(namespace, secrets, str(status.get("message") or "")),
        variables=shown,
        masked=["/" + "/".join(_escape(part) for part in path) for path in paths if _has(variables, path)],
        active_deadline_seconds=spec.get("activeDeadlineSeconds"),
        backoff_limit=spec.get("backoffLimit"),
        cancel=bool(spec.get("cancel")),
        queued_at=parse_instant(status.get("queuedAt")),
        attempts=[Attempt.model_validate(item) for item in status.get("attempts") or ()],
        script_sha256=found.sha256,
        output=value,
        output_bytes=size,
        result_status=status.get("resultStatus"),
        task={key: task[key] for key in _TASK_FIELDS if task.get(key)},
        requested_by=(run["metadata"].get("annotations") or {}).get(REQUESTED_BY, ""),
    )


async def _mask(
    found: Found, hiding: Hiding, variables: dict[str, Any], paths: tuple[Path, ...]
) -> tuple[dict[str, Any], tuple[Path, ...]]:
    """Mask variables, all of them where it takes too much to mask some; returns which as well."""
    try:
        return await hiding.mask(found.key[0], found.secrets, variables), paths
    except WorkTooLarge:
        return dict.fromkeys(variables, MASK), tuple((name,) for name in variables)


async def _read_output(
    found: Found, hiding: Hiding, status: dict[str, Any], output: str | None
) -> tuple[Any, int | None]:
    if output is not None:
        length = len(output.encode())
        return (_parse_exactly(output) if length <= INLINE_LIMIT_BYTES else None), length
    size = (status.get("outputRef") or {}).get("bytes")
    if "output" not in status:
        return None, size
    try:
        shown = await hiding.hide_output(found.key[0], found.secrets, _dump(status["output"]))
    except WorkTooLarge:
        return None, size
    return parse_document(shown or "null"), size if size is not None else len(_dump(status["output"]).encode())


def _parse_exactly(output: str) -> Any:
    """Parse an output that nobody may have checked; None for one that the answer could not show as it is."""
    try:
        document = parse_document(output)
    except ValueError:
        return None
    return None if is_rounded(output) else document


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _escape(part: str | int) -> str:
    return str(part).replace("~", "~0").replace("/", "~1")


def _has(document: Any, path: tuple[str | int, ...]) -> bool:
    for part in path:
        if isinstance(document, dict) and part in document:
            document = document[part]
        elif isinstance(document, list) and isinstance(part, int) and part < len(document):
            document = document[part]
        else:
            return False
    return True
