"""From a run without a Job to a run with one: gather, check, and make input and Job at the same time."""

import asyncio
from datetime import datetime
from typing import Any

from scriptrun.controller.cache import Cache
from scriptrun.controller.observe import observe_job
from scriptrun.controller.runs.inputs import observe_inputs, observe_whole
from scriptrun.controller.runs.namespaces import Namespaces
from scriptrun.desired.input import build_input, decide_file_name, decide_handler, hash_input
from scriptrun.desired.job import build_job
from scriptrun.desired.links import is_owned_by, is_pod_of_job, select_pods
from scriptrun.desired.names import job_name
from scriptrun.errors import AlreadyExists, Forbidden, Invalid
from scriptrun.kube.client import Client
from scriptrun.kube.inputs import find_input
from scriptrun.kube.resources import CONFIGMAPS, JOBS, PODS
from scriptrun.models.facts import JobFacts, RunFacts, ScriptFacts
from scriptrun.models.reasons import Reason
from scriptrun.policies.acceptance import (
    check_config,
    check_input_size,
    check_limits,
    check_run_size,
    decide_missing_script,
    decide_missing_source,
)
from scriptrun.policies.admission import decide_admission
from scriptrun.policies.dependencies import check_cache_claim, check_dependencies
from scriptrun.policies.interruptions import check_script
from scriptrun.policies.obstacles import decide_refused
from scriptrun.policies.source import Missing
from scriptrun.policies.verdict import Verdict, Wait
from scriptrun.runtime.checks import Checks
from scriptrun.settings import Settings

__all__ = ["RunStarter"]

_NAME_SECONDS = 0.5


class RunStarter:
    """Starts runs: creates their input and Job."""

    def __init__(self, client: Client, cache: Cache, checks: Checks, settings: Settings) -> None:
        self._client = client
        self._cache = cache
        self._checks = checks
        self._settings = settings
        self._namespaces = Namespaces(client)

    def forget_namespaces(self) -> None:
        """Prepare each namespace anew before its next run."""
        self._namespaces.forget()

    async def start(self, run: RunFacts, now: datetime) -> JobFacts | Verdict | Wait:
        """Start a run, or say why it can't be started (yet)."""
        if run.cancel:
            return Verdict(Reason.CANCELED, f"{run.cancel_message}, before it started")
        known = self._cache.scripts.get((run.key[0], run.script))
        if known and self._cache.slots.is_waiting(run) and (turn := self._decide_turn(run, known)):
            return turn  # it was found fit to run when it joined the queue, and is checked again when its turn comes
        try:
            prepared = await self._prepare(run, now)
        except (Forbidden, Invalid) as error:
            prepared = self._decide_refused(run, error, now)
        if not isinstance(prepared, tuple):
            self._cache.slots.leave_queue(run)  # who can't start holds nobody up
            return prepared
        script, config_map = prepared
        if turn := self._decide_turn(run, script):
            self._cache.slots.queue(run)
            return turn
        self._cache.slots.begin(run)
        try:
            return await self._create(run, script, config_map)
        except (Forbidden, Invalid) as error:
            return self._decide_refused(run, error, now)

    async def ensure_input(self, run: RunFacts, job: JobFacts, now: datetime) -> Verdict | Wait | None:
        """Make sure that a Job's pods find the input that the Job was made for; None when they do.

        Both are made at the same time, so a Job may be there without: the input was refused, or the operator died.
        """
        state = self._cache.state_of(run)
        if state.input_exists:
            return None
        try:
            found = await self._read_input(run)
            if isinstance(found, (Verdict, Wait)):
                return found
            if found is not None and hash_input(found) == job.snapshot.input_sha256:
                state.confirm_input()
                return None
            prepared = await self._prepare(run, now)
            if not isinstance(prepared, tuple):
                return prepared
            _script, config_map = prepared
            if hash_input(config_map) != job.snapshot.input_sha256:
                said = "script or variables were edited while the run was being started: create a new run"
                return Verdict(Reason.DIGEST_MISMATCH, said)
            await self._replace_input(run, found, config_map)
        except (Forbidden, Invalid) as error:
            return self._decide_refused(run, error, now)
        state.confirm_input()
        return None

    async def _prepare(self, run: RunFacts, now: datetime) -> tuple[ScriptFacts, dict[str, Any]] | Verdict | Wait:
        """Gather and check; the result is the Script and the input ConfigMap made with it."""
        script = self._cache.scripts.get((run.key[0], run.script))
        if script is None:
            return decide_missing_script(run, self._settings.script_grace_seconds, now)
        if wrong := check_script(script) or check_limits(run, script.spec) or check_config(script.spec):
            return wrong
        if clash := check_cache_claim(script.spec, self._settings.dependency_cache_claim):
            return Verdict(Reason.SCRIPT_NOT_ALLOWED, f"the Script's {clash}")
        whole = await observe_whole(self._client, run)
        if whole is None:
            return Wait("", "", _NAME_SECONDS)  # the news of its end are on their way
        if wrong := check_run_size(whole.stored_bytes) or await self._checks.check_given(run.key[0], whole.spec):
            return wrong
        inputs = await observe_inputs(self._client, whole, script.spec)
        if isinstance(inputs, Missing):
            return decide_missing_source(run, inputs, script.spec.start_deadline_seconds, now)
        if isinstance(inputs, Verdict):
            return inputs
        python = decide_handler(decide_file_name(run, script.spec), script.spec) == "python"
        index = self._settings.dependency_index_url
        content = inputs.source.content if inputs.source else None
        if wrong := check_dependencies(script.spec, content, index, python=python):
            return wrong
        config_map = build_input(whole, script.spec, inputs)
        text = config_map["data"]["variables.json"]
        if wrong := await self._checks.check_variables(run.key[0], inputs.variables, script.spec, text):
            return wrong
        return check_input_size(config_map) or (script, config_map)

    def _decide_turn(self, run: RunFacts, script: ScriptFacts) -> Wait | None:
        if self._cache.slots.is_starting(run):
            return None
        return decide_admission(*self._cache.slots.count_turn(run), script.spec.max_concurrent_runs)

    async def _create(
        self, run: RunFacts, script: ScriptFacts, config_map: dict[str, Any]
    ) -> JobFacts | Verdict | Wait:
        """Make Job and input at the same time. What is wrong with the input alone is for ``ensure_input`` to mend."""
        await self._namespaces.prepare(run.key[0])
        state = self._cache.state_of(run)
        if self._cache.had_namesake(run) or state.job_may_exist:
            if remains := await self._find_remains(run):
                return remains
        wanted = hash_input(config_map)
        state.expect_job()  # until an answer says otherwise
        supplied, made = await asyncio.gather(
            self._client.create(CONFIGMAPS, run.key[0], config_map),
            self._create_job(run, build_job(run, script.spec, wanted, self._settings)),
            return_exceptions=True,
        )
        job: JobFacts | Verdict | Wait | BaseException = made
        if isinstance(job, BaseException):
            raise job
        if isinstance(job, JobFacts) and isinstance(supplied, dict) and job.snapshot.input_sha256 == wanted:
            state.confirm_input()
        return job

    async def _find_remains(self, run: RunFacts) -> Verdict | Wait | None:
        """Find what is left of an earlier run of this name.

        Its input would be taken for this run's: by name, and out of the kubelet's cache as long as a pod has it.
        """
        found = await self._read_input(run)
        if isinstance(found, (Verdict, Wait)):
            return found
        job = job_name(run.key[1])
        listed = await self._client.list(PODS, run.key[0], labelSelector=select_pods(job))
        for pod in listed.get("items") or ():
            if is_pod_of_job(pod, job):
                return _wait_for_remains(f'pod "{pod["metadata"]["name"]}"')
        return None

    async def _create_job(self, run: RunFacts, body: dict[str, Any]) -> JobFacts | Verdict | Wait:
        try:
            job = observe_job(await self._client.create(JOBS, run.key[0], body))
        except AlreadyExists:
            found = await self._client.get(JOBS, run.key[0], body["metadata"]["name"])
            job = observe_job(found)
            if job.owner_uid != run.uid:
                return _decide_taken(run, found)
        self._cache.put_job(job)
        return job

    async def _read_input(self, run: RunFacts) -> dict[str, Any] | Verdict | Wait | None:
        found = await find_input(self._client, run.key)
        return found if found is None or is_owned_by(found, run.uid) else _decide_taken(run, found)

    async def _replace_input(self, run: RunFacts, old: dict[str, Any] | None, new: dict[str, Any]) -> None:
        """Put an input in the place of none, or of one left by an operator that died before the Job was made."""
        if old is not None:
            options = {"preconditions": {"uid": old["metadata"]["uid"]}}
            await self._client.delete(CONFIGMAPS, run.key[0], old["metadata"]["name"], options)
        await self._client.create(CONFIGMAPS, run.key[0], new)

    def _decide_refused(self, run: RunFacts, error: Forbidden | Invalid, now: datetime) -> Verdict | Wait:
        """Decide what to do when the API server refuses to make an object for a run."""
        if isinstance(error, Invalid):
            said = f'what Script "{run.script}" asks for is refused by the API server: {error}'
            return Verdict(Reason.SCRIPT_NOT_ALLOWED, said)
        script = self._cache.scripts.get((run.key[0], run.script))
        deadline = script.spec.start_deadline_seconds if script else 0
        since = self._cache.state_of(run).refuse(now)
        return decide_refused(type(error).__name__, str(error), since, deadline, now)


def _wait_for_remains(what: str) -> Wait:
    """Wait for what belonged to a run of the same name that was deleted: the garbage collector is at it."""
    return Wait("NameTaken", f"waiting for {what} of an earlier run of this name to be gone", _NAME_SECONDS)


def _decide_taken(run: RunFacts, found: dict[str, Any]) -> Verdict | Wait:
    """Decide what to do when an object of the run's name is not the run's."""
    what = f'{found.get("kind", "object")} "{found["metadata"]["name"]}"'
    owners = found["metadata"].get("ownerReferences") or ()
    if any(owner["kind"] == "ScriptRun" and owner["name"] == run.key[1] for owner in owners):
        return _wait_for_remains(what)
    return Verdict(
        Reason.SCRIPT_NOT_ALLOWED,
        f"{what} exists and belongs to somebody else: delete it, or name the run otherwise",
    )
