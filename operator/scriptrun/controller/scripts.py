"""Reconciles Scripts: is the source there, is it the pinned one, are the schemas valid, which run ended last."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from scriptrun.controller.cache import Cache
from scriptrun.controller.observe import observe_script
from scriptrun.controller.runs.inputs import observe_source
from scriptrun.desired.input import decide_handler, name_file
from scriptrun.desired.interruptions import without_interruptions
from scriptrun.desired.status import build_script_status, format_instant
from scriptrun.errors import Conflict, NotFound
from scriptrun.kube.client import APPLY, Client
from scriptrun.kube.resources import SCRIPTS
from scriptrun.models.facts import Key, RunFacts, ScriptFacts
from scriptrun.models.reasons import Reason
from scriptrun.policies.attempts import parse_instant
from scriptrun.policies.dependencies import check_cache_claim, find_dependency_fault
from scriptrun.policies.interruptions import decide_unready
from scriptrun.policies.readiness import NotReady, decide_readiness
from scriptrun.policies.source import Missing, Source
from scriptrun.policies.verdict import Verdict
from scriptrun.runtime.checks import Checks
from scriptrun.settings import Settings

__all__ = ["ScriptReconciler"]

_CHANGED_SECONDS = 1.0
_LAST_RUN_EVERY = timedelta(minutes=1)


class ScriptReconciler:
    """Writes the status of Scripts."""

    def __init__(
        self, client: Client, cache: Cache, checks: Checks, settings: Settings, clock: Callable[[], datetime]
    ) -> None:
        self._client = client
        self._cache = cache
        self._checks = checks
        self._settings = settings
        self._clock = clock
        self._ended: dict[Key, tuple[RunFacts, str]] = {}

    def note_end(self, run: RunFacts, phase: str) -> None:
        """Remember the run of a Script that ended last."""
        self._ended[run.key[0], run.script] = (run, phase)

    async def reconcile(self, key: Key) -> float | None:
        """Check one Script and write what changed; returns after how many seconds to come again, if at all."""
        script = self._cache.scripts.get(key)
        if script is None:
            self._ended.pop(key, None)
            return None
        now = self._clock()
        last = self._ended.get(key)
        wait = self._wait_for_last_run(script.status, now) if last else 0.0
        ready_known = script.status.get("observedGeneration") == script.generation
        if last and wait > 0 and ready_known:
            return wait
        source = None
        wrong, sha256 = decide_unready(script), str(script.status.get("sha256") or "")
        if wrong is None:
            source = await observe_source(self._client, key[0], script.spec)
            faults = await self._checks.find_schema_faults(key[0], script.spec)
            wrong, sha256 = decide_readiness(script.spec, source, faults)
            wrong = wrong or self._check_dependencies(script, source)
            if wrong is None and (clash := self._cache.script_names.find_clash(key)):
                wrong = NotReady("AliasConflict", clash)
        last_run = script.status.get("lastRun")
        if last:
            run, phase = last
            last_run = {"name": run.key[1], "phase": phase, "finishedAt": format_instant(now)}
        body = build_script_status(script, wrong, sha256, last_run, now)
        if body["status"] != without_interruptions(script.status):
            try:
                answer = await self._client.patch(SCRIPTS, key, body, kind=APPLY, subresource="status")
                self._cache.scripts[key] = observe_script(answer)
            except NotFound:
                return None
            except Conflict:
                return _CHANGED_SECONDS  # or deleted and created anew; the news of it may be on their way
        if self._ended.get(key) is last:
            self._ended.pop(key, None)
        return _source_again(source)

    def _check_dependencies(self, script: ScriptFacts, source: Source | Missing | Verdict | None) -> NotReady | None:
        spec = script.spec
        if clash := check_cache_claim(spec, self._settings.dependency_cache_claim):
            return NotReady("InvalidConfig", clash)
        content = source.content if isinstance(source, Source) else None
        python = decide_handler(name_file(spec, script.key[1]), spec) == "python"
        wrong = find_dependency_fault(spec, content, self._settings.dependency_index_url, python=python)
        return NotReady(Reason.DEPENDENCY_ERROR, wrong) if wrong else None

    def _wait_for_last_run(self, status: dict[str, Any], now: datetime) -> float:
        written = parse_instant((status.get("lastRun") or {}).get("finishedAt"))
        return (written + _LAST_RUN_EVERY - now).total_seconds() if written else 0.0


def _source_again(source: Source | Missing | Verdict | None) -> float | None:
    """A source that is missing or wrong is asked for again soon: ConfigMaps at large are not watched."""
    return 5.0 if isinstance(source, Missing | Verdict) else None
