"""From an object as the API server shows it to the few facts of it that are kept."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import ValidationError

from scriptrun.desired.containers import find_blocker, is_alone, script_state
from scriptrun.desired.links import job_of_pod, run_of_job
from scriptrun.desired.names import REPORT_FINALIZER, SNAPSHOT_ANNOTATION, STOP_ANNOTATION, TOKEN_VOLUME
from scriptrun.desired.stored import is_stored
from scriptrun.models.facts import (
    EventFacts,
    JobFacts,
    Key,
    OutputFacts,
    PodFacts,
    ResultFacts,
    RunFacts,
    ScriptFacts,
    Snapshot,
)
from scriptrun.models.reasons import Reason
from scriptrun.models.script import ScriptSpec
from scriptrun.models.scriptrun import Attempt as AttemptStatus
from scriptrun.policies.attempts import parse_instant, parse_result
from scriptrun.policies.effort import is_at_most

__all__ = [
    "observe_event",
    "observe_job",
    "observe_pod",
    "observe_recorded_pods",
    "observe_result",
    "observe_run",
    "observe_script",
]

_BULK = ("variables", "task")
_KEPT_BYTES = 4096
_EPOCH = datetime.fromtimestamp(0, UTC)
_LARGEST = 2**31 - 1


def _head(body: dict[str, Any]) -> tuple[Key, str, int, datetime, bool]:
    meta = body["metadata"]
    return (
        (meta["namespace"], meta["name"]),
        meta["uid"],
        int(meta["resourceVersion"]),
        parse_instant(meta["creationTimestamp"]) or _EPOCH,
        "deletionTimestamp" in meta,
    )


def _parse_moment(text: object) -> datetime | None:
    """Parse an instant of a container's life; of one that could not be started the runtime says 1970."""
    moment = parse_instant(text)
    return None if moment == _EPOCH else moment


def observe_run(body: dict[str, Any], *, whole: bool = False) -> RunFacts:
    """Observe a ScriptRun; of a finished one hardly anything is kept.

    Args:
        body: the run.
        whole: keep its variables and task however large they are.
    """
    key, uid, version, created, deleting = _head(body)
    spec, status = body["spec"], body.get("status") or {}
    finished_at = parse_instant(status.get("finishedAt"))
    awaited = REPORT_FINALIZER in (body["metadata"].get("finalizers") or ())
    bulk = [spec[name] for name in _BULK if name in spec]
    slim = not whole and finished_at is None and not is_at_most(bulk, _KEPT_BYTES)
    if slim:
        spec = {name: value for name, value in spec.items() if name not in _BULK}
    return RunFacts(
        key=key,
        uid=uid,
        version=version,
        created=created,
        script=spec["scriptRef"]["name"],
        slim=slim,
        cancel=bool(spec.get("cancel")) or (deleting and awaited),
        deleting=deleting,
        awaited=awaited,
        stored=is_stored(body),
        ttl_seconds=spec.get("ttlSecondsAfterFinished"),
        finished_at=finished_at,
        reason=Reason(status["reason"]) if finished_at and status.get("reason") in set(Reason) else None,
        spec={} if finished_at else spec,
        status={} if finished_at else status,
    )


def observe_script(body: dict[str, Any]) -> ScriptFacts:
    """Observe a Script.

    Raises:
        pydantic.ValidationError: its spec is not what the CRD promises (an older CRD is installed).
    """
    key, _uid, version, _created, _deleting = _head(body)
    return ScriptFacts(
        key=key,
        version=version,
        generation=body["metadata"]["generation"],
        spec=ScriptSpec.model_validate(body["spec"]),
        status=body.get("status") or {},
    )


def _read_annotation(body: dict[str, Any], name: str) -> dict[str, Any]:
    """Read an annotation in which the operator keeps a JSON object; empty when it is none (any more)."""
    try:
        kept = json.loads((body["metadata"].get("annotations") or {}).get(name, "{}"))
    except (ValueError, RecursionError):
        return {}
    return kept if isinstance(kept, dict) else {}


def _observe_snapshot(body: dict[str, Any]) -> Snapshot:
    spec = body["spec"]
    rules = (spec.get("podFailurePolicy") or {}).get("rules") or [{}]
    kept = _read_annotation(body, SNAPSHOT_ANNOTATION)
    volumes = spec["template"]["spec"].get("volumes") or ()
    return Snapshot(
        backoff_limit=spec.get("backoffLimitPerIndex", spec.get("backoffLimit", 0)),
        active_deadline_seconds=spec.get("activeDeadlineSeconds", 0),
        start_deadline_seconds=kept.get("startDeadlineSeconds", 300),
        retry_disrupted=rules[0].get("action") == "Ignore",
        output_schema=kept.get("outputSchema") or {},
        input_sha256=kept.get("inputSha256", ""),
        output_in_config_map=any(volume["name"] == TOKEN_VOLUME for volume in volumes),
    )


def observe_job(body: dict[str, Any]) -> JobFacts:
    """Observe a Job."""
    key, uid, version, created, deleting = _head(body)
    owner = run_of_job(body)
    status = body.get("status") or {}
    conditions = {item["type"]: item for item in status.get("conditions") or () if item.get("status") == "True"}
    failed = conditions.get("Failed")
    failure = failed or conditions.get("FailureTarget") or {}
    stopped = _read_annotation(body, STOP_ANNOTATION)
    return JobFacts(
        key=key,
        uid=uid,
        version=version,
        run=(key[0], owner.name),
        owner_uid=owner.uid,
        created=created,
        complete="Complete" in conditions,
        failed=failed is not None,
        failing=bool(failure),
        started_at=parse_instant(status.get("startTime")),
        failure_reason=failure.get("reason", ""),
        failure_message=failure.get("message", ""),
        suspended=bool(body["spec"].get("suspend")),
        deleting=deleting,
        stopped_reason=str(stopped.get("reason", "")) if stopped.get("reason") in set(Reason) else "",
        stopped_message=str(stopped.get("message", "")),
        stopped_attempts=tuple(_read_attempts(stopped)),
        snapshot=_observe_snapshot(body),
    )


def _read_attempts(stopped: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Read the attempts noted on a stopped Job. Who may edit Jobs may have changed them, so every field is checked."""
    noted = stopped.get("attempts")
    for entry in noted if isinstance(noted, list) else ():
        try:
            attempt = AttemptStatus.model_validate(entry)
        except ValidationError:
            continue
        if 1 <= attempt.number <= _LARGEST and 0 <= (attempt.exit_code or 0) <= _LARGEST:
            yield attempt.model_dump(by_alias=True, exclude_none=True)


def _parse_count(body: dict[str, Any], name: str) -> int | None:
    """Read one of the Job controller's annotations on a pod."""
    text = (body["metadata"].get("annotations") or {}).get(f"batch.kubernetes.io/{name}", "")
    return int(text) if text.isdigit() else None


def observe_recorded_pods(run: RunFacts, job: JobFacts) -> list[PodFacts]:
    """Observe the pods that the run's own status or its stopped Job tells of.

    Some may have gone since, while nobody looked.
    """
    entries = (*(run.status.get("attempts") or ()), *job.stopped_attempts)
    return [
        PodFacts(
            key=(run.key[0], entry["pod"]),
            uid="",
            version=0,
            job_uid=job.uid,
            job_name=job.key[1],
            created=parse_instant(entry.get("startedAt")) or job.created,
            started_at=parse_instant(entry.get("startedAt")),
            finished_at=parse_instant(entry.get("finishedAt")),
            exit_code=entry.get("exitCode"),
            failed_before=entry["number"] - 1,
            recorded_reason=entry["reason"] if entry.get("reason") in set(Reason) else "",
        )
        for entry in {entry["pod"]: entry for entry in entries}.values()
    ]


def _parse_deletion(body: dict[str, Any]) -> datetime | None:
    """Read when a pod's deletion was asked for: its deletionTimestamp is when the grace period will be over."""
    meta = body["metadata"]
    over = parse_instant(meta.get("deletionTimestamp"))
    return over - timedelta(seconds=meta.get("deletionGracePeriodSeconds") or 0) if over else None


def observe_pod(body: dict[str, Any]) -> PodFacts:
    """Observe a pod of a run's Job."""
    key, uid, version, created, _deleting = _head(body)
    status = body.get("status") or {}
    job = job_of_pod(body)
    conditions = {item["type"]: item for item in status.get("conditions") or ()}
    scheduled = conditions.get("PodScheduled", {})
    disrupted = conditions.get("DisruptionTarget", {})
    disrupted = disrupted if disrupted.get("status") == "True" else {}
    state = script_state(body)
    ended, running = state.get("terminated") or {}, state.get("running") or {}
    node_lost = status.get("reason") in ("NodeLost", "Shutdown", "Terminated", "NodeShutdown")
    return PodFacts(
        key=key,
        uid=uid,
        version=version,
        job_uid=job.uid,
        job_name=job.name,
        created=created,
        phase=status.get("phase", "Pending"),
        alone=is_alone(body),
        deleted_at=_parse_deletion(body),
        scheduling_message=scheduled.get("message", "") if scheduled.get("status") == "False" else "",
        blocker=find_blocker(body),
        started_at=_parse_moment(running.get("startedAt") or ended.get("startedAt")),
        finished_at=_parse_moment(ended.get("finishedAt")),
        exit_code=ended.get("exitCode"),
        termination_reason=ended.get("reason", "") or ("Unknown" if ended else ""),
        termination_message=ended.get("message", ""),
        failed_before=_parse_count(body, "job-index-failure-count"),
        ignored_before=_parse_count(body, "job-index-ignored-failure-count"),
        disruption_reason=disrupted.get("reason", "") or ("NodeLost" if node_lost else ""),
        disruption_message=disrupted.get("message", "") or (status.get("message", "") if node_lost else ""),
        status_reason=status.get("reason", ""),
        status_message=status.get("message", ""),
    )


def observe_event(body: dict[str, Any]) -> EventFacts:
    """Observe an Event. Which of its times are there depends on the API by which it was written."""
    series = (body.get("series") or {}).get("lastObservedTime")
    created = body["metadata"].get("creationTimestamp")
    first = parse_instant(body.get("firstTimestamp")) or parse_instant(body.get("eventTime")) or parse_instant(created)
    last = parse_instant(series) or parse_instant(body.get("lastTimestamp")) or first
    return EventFacts(
        reason=str(body.get("reason") or ""),
        message=str(body.get("message") or ""),
        first_seen=first or _EPOCH,
        last_seen=last or _EPOCH,
    )


def observe_result(config_map: Mapping[str, Any]) -> ResultFacts | None:
    """Observe the result in an output ConfigMap; None when the runner did not write it so."""
    data = config_map.get("data") or {}
    output = None
    if "output.json" in data:
        output = OutputFacts(data["output.json"].encode(), config_map["metadata"]["name"])
    try:
        return parse_result(json.loads(data.get("result.json", "")), output)
    except (ValueError, RecursionError):
        return None
