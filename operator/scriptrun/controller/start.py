"""From a run without a Job to a run with one: gather, check, and make input and Job at the same time."""

import asyncio
from datetime import datetime
from typing import Any

from scriptrun.controller.cache import Cache
from scriptrun.controller.inputs import observe_inputs
from scriptrun.controller.namespaces import Namespaces
from scriptrun.controller.observe import observe_job
from scriptrun.desired.input import build_input, hash_input
from scriptrun.desired.job import build_job
from scriptrun.desired.names import input_name
from scriptrun.errors import AlreadyExists, QuotaExceeded
from scriptrun.kube.client import Client
from scriptrun.kube.resources import CONFIGMAPS, JOBS
from scriptrun.models.facts import JobFacts, RunFacts, ScriptFacts
from scriptrun.models.reasons import Reason
from scriptrun.policies.acceptance import (
    Missing,
    check_input_size,
    check_limits,
    check_variables,
    decide_missing_script,
    decide_missing_source,
)
from scriptrun.policies.admission import Place, decide_admission
from scriptrun.policies.verdict import Verdict, Wait
from scriptrun.settings import Settings

__all__ = ["Starter"]

_QUOTA_SECONDS = 5.0
_NAME_SECONDS = 0.5


class Starter:
    """Starts runs."""

    def __init__(self, client: Client, cache: Cache, settings: Settings) -> None:
        self._client = client
        self._cache = cache
        self._settings = settings
        self._namespaces = Namespaces(client)

    def forget_namespaces(self) -> None:
        """Prepare each namespace anew before its next run."""
        self._namespaces.forget()

    async def start(self, run: RunFacts, now: datetime) -> JobFacts | Verdict | Wait:
        """Start a run, or say why it can't be started (yet)."""
        script = self._cache.scripts.get((run.key[0], run.script))
        if run.cancel:
            return Verdict(Reason.CANCELED, "canceled by spec.cancel before it started")
        if script is None:
            return decide_missing_script(run, self._settings.script_grace_seconds, now)
        prepared = await self._prepare(run, script, now)
        if not isinstance(prepared, dict):
            return prepared
        if turn := self._decide_turn(run, script):
            self._cache.queued.add(run.key)
            return turn
        self._cache.queued.discard(run.key)
        return await self._create(run, script, prepared)

    async def _prepare(self, run: RunFacts, script: ScriptFacts, now: datetime) -> dict[str, Any] | Verdict | Wait:
        """Gather and check; the result is the input ConfigMap."""
        if wrong := check_limits(run, script.spec):
            return wrong
        inputs = await observe_inputs(self._client, run, script.spec)
        if isinstance(inputs, Missing):
            return decide_missing_source(run, inputs, script.spec.start_deadline_seconds, now)
        if isinstance(inputs, Verdict):
            return inputs
        if wrong := check_variables(inputs.variables, script.spec):
            return wrong
        config_map = build_input(run, script.spec, inputs.source, inputs.variables)
        return check_input_size(config_map) or config_map

    def _decide_turn(self, run: RunFacts, script: ScriptFacts) -> Wait | None:
        limit = script.spec.max_concurrent_runs
        if limit is None:
            return None
        places = [
            Place(other, self._cache.is_started(other.key))
            for other in self._cache.unfinished(*script.key)
            if self._cache.is_started(other.key) or other.key in self._cache.queued
        ]
        turn = decide_admission(run, places, limit)
        if turn is None:
            # Counts from this moment on, not from when its Job is seen: two workers must not give away one place.
            self._cache.starting.add(run.key)
        return turn

    async def _create(
        self, run: RunFacts, script: ScriptFacts, config_map: dict[str, Any]
    ) -> JobFacts | Verdict | Wait:
        await self._namespaces.prepare(run.key[0])
        wanted = hash_input(config_map)
        found, job = await asyncio.gather(
            self._create_input(run, config_map, wanted),
            self._create_job(run, build_job(run, script.spec, wanted, self._settings)),
            return_exceptions=True,
        )
        for made in (job, found):
            if isinstance(made, QuotaExceeded):
                return Wait("QuotaExceeded", str(made), _QUOTA_SECONDS)
            if isinstance(made, BaseException):
                raise made
            if isinstance(made, (Verdict, Wait)):
                return made
        assert isinstance(job, JobFacts)  # noqa: S101 - for the type checker
        if found != wanted == job.snapshot.input_sha256:
            # Left by an operator that died before the Job was made; the sources were edited since.
            await self._client.delete(CONFIGMAPS, run.key[0], input_name(run.key[1]))
            await self._client.create(CONFIGMAPS, run.key[0], config_map)
        return job

    async def _create_job(self, run: RunFacts, body: dict[str, Any]) -> JobFacts | Verdict | Wait:
        try:
            job = observe_job(await self._client.create(JOBS, run.key[0], body))
        except AlreadyExists:
            found = await self._client.get(JOBS, *run.key)
            job = observe_job(found)
            if job.owner_uid != run.uid:
                return _decide_taken(run, found)
        self._cache.put_job(job)
        return job

    async def _create_input(self, run: RunFacts, body: dict[str, Any], wanted: str) -> str | Verdict | Wait:
        """Make the input; return the hash of what is there."""
        namespace, name = run.key[0], input_name(run.key[1])
        try:
            await self._client.create(CONFIGMAPS, namespace, body)
        except AlreadyExists:
            found = await self._client.get(CONFIGMAPS, namespace, name)
            if any(owner["uid"] == run.uid for owner in found["metadata"].get("ownerReferences") or ()):
                return hash_input(found)
            return _decide_taken(run, found)
        return wanted


def _decide_taken(run: RunFacts, found: dict[str, Any]) -> Verdict | Wait:
    """Decide what to do when an object of the run's name is not the run's."""
    what = f'{found.get("kind", "object")} "{found["metadata"]["name"]}"'
    owners = found["metadata"].get("ownerReferences") or ()
    if any(owner["kind"] == "ScriptRun" and owner["name"] == run.key[1] for owner in owners):
        # Of a run of the same name that was deleted a moment ago; the garbage collector is at it.
        return Wait("NameTaken", f"waiting for {what} of an earlier run of this name to be gone", _NAME_SECONDS)
    return Verdict(
        Reason.SCRIPT_NOT_ALLOWED,
        f"{what} exists and belongs to somebody else: delete it, or name the run otherwise",
    )
