"""What a bridge process knows of the runs that are open: claimed, and not reported yet. Filled by a watch."""

import json
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from scriptrun.desired.names import BRIDGE_LABEL, CLAIM_ANNOTATION, DROPPED_ANNOTATION, REPORT_FINALIZER
from scriptrun.models.facts import Claim, Key
from scriptrun.policies.attempts import parse_instant

__all__ = ["OpenRun", "OpenRuns", "observe_open_run"]

_REMEMBERED = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenRun:
    """A run that a bridge made.

    Attributes:
        key: namespace and name of the run.
        uid: of the run.
        version: resourceVersion.
        bridge: name of the Bridge.
        task: id of the task at the orchestrator.
        created: when it was made; whole seconds, which is all that Kubernetes keeps.
        claim: None when it can't be read (any more).
        script: name of its Script.
        canceled: whether its end was asked for.
        dropped: why nobody waits for it any more; empty when somebody does.
        deleting: whether somebody deleted it.
        finalizers: all that it has.
        finished_at: when it ended.
        reported: whether its report is done, one way or the other.
        status: as it is, of one that has ended and is not reported yet.
    """

    key: Key
    uid: str
    version: int
    bridge: str
    task: str = ""
    created: datetime | None = None
    claim: Claim | None
    script: str = ""
    canceled: bool = False
    dropped: str = ""
    deleting: bool = False
    finalizers: tuple[str, ...] = ()
    finished_at: datetime | None = None
    reported: bool = False
    status: dict[str, Any] = field(default_factory=dict)

    @property
    def held(self) -> bool:
        """Whether it may not go yet."""
        return REPORT_FINALIZER in self.finalizers

    @property
    def settled(self) -> bool:
        """Whether nothing more will be reported for it: the same attempt, handed out again, takes another run."""
        return self.reported or bool(self.dropped) or not self.held

    @property
    def bridge_key(self) -> Key:
        """Namespace and name of the Bridge."""
        return self.key[0], self.bridge


def _read_claim(annotations: dict[str, Any]) -> Claim | None:
    try:
        kept = json.loads(annotations.get(CLAIM_ANNOTATION, ""))
        handle = kept["handle"]
        if not isinstance(handle, dict):
            return None
        lease = kept.get("lease_seconds")
        return Claim(
            identity=str(kept["identity"]),
            generation=int(kept["generation"]),
            handle=handle,
            delivery=int(kept.get("delivery", 1)),
            lease_seconds=None if lease is None else float(lease),
        )
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def observe_open_run(body: dict[str, Any]) -> OpenRun:
    """Observe a run as the API server shows it."""
    meta, spec, status = body["metadata"], body["spec"], body.get("status") or {}
    annotations = meta.get("annotations") or {}
    conditions = {item["type"]: item.get("status") for item in status.get("conditions") or ()}
    reported = conditions.get("Reported") == "True"
    finished_at = parse_instant(status.get("finishedAt"))
    return OpenRun(
        key=(meta["namespace"], meta["name"]),
        uid=meta["uid"],
        version=int(meta["resourceVersion"]),
        bridge=(meta.get("labels") or {}).get(BRIDGE_LABEL, ""),
        task=str((spec.get("task") or {}).get("id", "")),
        created=parse_instant(meta.get("creationTimestamp")),
        claim=_read_claim(annotations),
        script=spec["scriptRef"]["name"],
        canceled=bool(spec.get("cancel")),
        dropped=str(annotations.get(DROPPED_ANNOTATION, "")),
        deleting="deletionTimestamp" in meta,
        finalizers=tuple(meta.get("finalizers") or ()),
        finished_at=finished_at,
        reported=reported,
        status=status if finished_at and not reported else {},
    )


class OpenRuns:
    """The open runs, by Bridge and by the attempt they answer."""

    def __init__(self) -> None:
        self._runs: dict[Key, OpenRun] = {}
        self._of_bridge: dict[Key, set[Key]] = {}
        self._gone: OrderedDict[str, int] = OrderedDict()
        self._generations: OrderedDict[tuple[Key, str], int] = OrderedDict()

    def __len__(self) -> int:
        return len(self._runs)

    def get(self, key: Key) -> OpenRun | None:
        """A run, by its namespace and name."""
        return self._runs.get(key)

    def put(self, open_run: OpenRun) -> bool:
        """Keep a run unless a newer one is known; says whether it was kept."""
        if self._gone.get(open_run.uid, 0) >= open_run.version:
            return False
        known = self._runs.get(open_run.key)
        if known is not None and known.version > open_run.version:
            return False
        if not open_run.held:
            self.drop(open_run.key, open_run.uid, open_run.version)
            return False
        self._runs[open_run.key] = open_run
        if known is not None and known.bridge != open_run.bridge:
            self._of_bridge[known.bridge_key].discard(open_run.key)
        self._of_bridge.setdefault(open_run.bridge_key, set()).add(open_run.key)
        if open_run.claim is not None:
            self.use_up(open_run.bridge_key, open_run.claim.identity, open_run.claim.generation - 1)
        return True

    def drop(self, key: Key, uid: str, version: int) -> OpenRun | None:
        """Forget a run that was released or gone at a version; older news of it are not taken any more."""
        self._gone[uid] = version
        if len(self._gone) > _REMEMBERED:
            self._gone.popitem(last=False)
        known = self._runs.get(key)
        if known is None or known.uid != uid:
            return None
        del self._runs[key]
        self._of_bridge[known.bridge_key].discard(key)
        return known

    def of_bridge(self, bridge: Key) -> Iterator[OpenRun]:
        """Yield the open runs of a Bridge."""
        for key in list(self._of_bridge.get(bridge, ())):
            yield self._runs[key]

    def handed_out_again(self, open_run: OpenRun) -> bool:
        """Whether the task of a finished run was redelivered since, so that a newer run owns it."""
        if not open_run.task or open_run.finished_at is None:
            return False
        ended = open_run.finished_at.replace(microsecond=0)
        return any(
            other.task == open_run.task
            and other.uid != open_run.uid
            and other.created is not None
            and other.created >= ended
            for other in self.of_bridge(open_run.bridge_key)
        )

    def bridges(self) -> set[Key]:
        """The Bridges that have open runs."""
        return {bridge for bridge, runs in self._of_bridge.items() if runs}

    def keys(self) -> set[Key]:
        """Every open run."""
        return set(self._runs)

    def first_free_generation(self, bridge: Key, identity: str) -> int:
        """The first generation of an attempt that is not known to be used up. Only a hint: the API server decides."""
        return self._generations.get((bridge, identity), 0)

    def use_up(self, bridge: Key, identity: str, generation: int) -> None:
        """Note that a generation of an attempt, and those before it, are used up."""
        before = self._generations.pop((bridge, identity), 0)
        self._generations[bridge, identity] = max(before, generation + 1)
        if len(self._generations) > _REMEMBERED:
            self._generations.popitem(last=False)
