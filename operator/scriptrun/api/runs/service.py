"""What callers can do with runs: the same as with kubectl, and to look at those that only the history knows."""

import asyncio
import hashlib
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import structlog

from scriptrun.api.auth.authorizer import Authorizer, Caller
from scriptrun.api.runs.found_run import Found
from scriptrun.api.runs.run_index import RunIndex
from scriptrun.api.runs.schemas import CreateRun, Rerun
from scriptrun.desired.request import Request, build_rerun, build_run
from scriptrun.desired.stored import is_stored
from scriptrun.errors import (
    AlreadyExists,
    HistoryUnavailable,
    IdempotencyKeyReused,
    InvalidRequest,
    NotFound,
    NotPermitted,
    RunFinished,
    RunForgotten,
    RunNameTaken,
    RunNotFound,
    RunRequestError,
    ScriptNotFound,
    SecretsMissing,
    UsageError,
    WorkTooLarge,
)
from scriptrun.history.recorder import Recorder
from scriptrun.history.records import Query, Summary
from scriptrun.history.snapshot import read_input, read_output
from scriptrun.history.store import Store
from scriptrun.kube.client import Client
from scriptrun.kube.resources import SCRIPTRUNS, SCRIPTS
from scriptrun.models.base import GROUP
from scriptrun.models.facts import RunFacts
from scriptrun.models.script import ScriptSpec
from scriptrun.policies.acceptance import check_config, check_limits
from scriptrun.policies.aliases import explain_ambiguous
from scriptrun.policies.masking import Secrets
from scriptrun.policies.schema import has_secrets
from scriptrun.runtime.checks import Checks
from scriptrun.runtime.hiding import Hiding
from scriptrun.runtime.worker_pool import WorkerPool

__all__ = ["REQUESTED_BY", "RunService"]

_log = structlog.get_logger(__name__)

REQUESTED_BY = f"{GROUP}/requested-by"
_FINGERPRINT = f"{GROUP}/request-sha256"
_SOURCE = "api"
_KEY_CHARACTERS = 32
_SPECS = 1000
_TRIES = 5
"""To create a run, while others of its name come and go."""
_NO_INSTANT = datetime.fromtimestamp(0, UTC)


class RunService:
    """Everything callers can do with runs.

    Args:
        client: to the API server.
        authorizer: says what callers may do.
        run_index: what is in the cluster.
        store: the history; None where none is kept.
        recorder: what stores runs in it.
        pool: where what may take long is computed.
    """

    def __init__(
        self,
        client: Client,
        authorizer: Authorizer,
        run_index: RunIndex,
        store: Store | None,
        recorder: Recorder | None,
        pool: WorkerPool,
    ) -> None:
        self._client = client
        self._checks = Checks(pool)
        self._hiding = Hiding(pool)
        self._authorizer = authorizer
        self._run_index = run_index
        self._store = store
        self._recorder = recorder
        self._specs: dict[str, tuple[int, ScriptSpec]] = {}
        self.stopping = asyncio.Event()

    async def allow(self, caller: Caller, verb: str, namespace: str, resource: str = "scriptruns") -> None:
        """Make sure that a caller may do something here.

        Raises:
            NotPermitted: they may not.
        """
        await self._authorizer.require(caller, verb, namespace, resource)
        if not self._run_index.serves(namespace):
            raise NotPermitted(f"this server does not work in namespace {namespace}: see watchNamespaces")

    async def create(
        self, caller: Caller, namespace: str, asked: CreateRun, key: str | None
    ) -> tuple[dict[str, Any], bool]:
        """Create a run; returns it, and whether it is a new one.

        Raises:
            RunRequestError: what was asked for can't be had.
        """
        request = Request(
            self._choose_script(caller, namespace, asked.script),
            asked.name or "",
            asked.variables,
            timeout_seconds=asked.active_deadline_seconds,
            retries=asked.backoff_limit,
            ttl_seconds=asked.ttl_seconds_after_finished,
        )
        manifest = build_run(request, namespace)
        return await self._submit(caller, manifest, key, lambda: asked.model_dump(mode="json"))

    def find_scripts(self, caller: Caller, namespace: str, name: str) -> list[str]:
        """Find those Scripts that a name stands for and a caller may use: several have it as an alias."""
        return [script for script in self._run_index.find_scripts(namespace, name) if caller.may_use(script)]

    def _choose_script(self, caller: Caller, namespace: str, asked: str) -> str:
        """Decide which Script is asked for; whether there is one is found out later.

        Raises:
            NotPermitted: the caller may not use it.
            InvalidRequest: several have this alias.
        """
        found = self._run_index.find_scripts(namespace, asked)
        allowed = [script for script in found or [asked] if caller.may_use(script)]
        if not allowed:
            raise NotPermitted(f'this API token is not good for Script "{asked}"')
        if len(found) > 1:
            detail = explain_ambiguous(asked, allowed)
            raise InvalidRequest(detail, [("/script", detail)])
        return allowed[0]

    async def rerun(self, caller: Caller, found: Found, asked: Rerun, key: str | None) -> tuple[dict[str, Any], bool]:
        """Run again what another run ran; returns the new run, and whether it is new.

        Raises:
            RunRequestError: that can't be done.
        """
        try:
            manifest = build_rerun(found.run, asked.name or "")
        except UsageError as error:
            raise SecretsMissing(str(error)) from error
        lost = {str(path[0]) for path in found.run.get("masked") or () if path} - asked.variables.keys()
        if lost:
            raise SecretsMissing(
                f"the history does not keep secrets: give the variables {', '.join(sorted(lost))} anew",
                [(f"/variables/{name}", "is needed") for name in sorted(lost)],
            )
        if asked.variables:
            manifest["spec"]["variables"] = manifest["spec"].get("variables", {}) | asked.variables
        uid = found.run["metadata"]["uid"]
        return await self._submit(caller, manifest, key, lambda: {"rerun": uid, **asked.model_dump(mode="json")})

    async def _submit(
        self, caller: Caller, manifest: dict[str, Any], key: str | None, describe: Callable[[], dict[str, Any]]
    ) -> tuple[dict[str, Any], bool]:
        metadata, spec = manifest["metadata"], manifest["spec"]
        namespace = metadata["namespace"]
        spec["task"] = {"source": _SOURCE}
        metadata["annotations"] = {REQUESTED_BY: caller.name}
        if key is None:
            return await self._create(manifest), True
        # Who sent the key goes in as well: two callers' keys are two.
        identity = [namespace, caller.name, key]
        asked = describe()
        await asyncio.sleep(0)  # each of these takes its time with large variables: others come in between
        fingerprint = hashlib.sha256(json.dumps([identity, asked], sort_keys=True).encode()).hexdigest()
        await asyncio.sleep(0)
        metadata["annotations"][_FINGERPRINT] = fingerprint
        if named := "name" in metadata:
            detail = f"there is a run {metadata['name']}, which another request asked for: choose another name"
            other: RunRequestError = RunNameTaken(detail)
        else:
            del metadata["generateName"]
            metadata["name"] = f"run-{hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:_KEY_CHARACTERS]}"
            other = IdempotencyKeyReused("this Idempotency-Key was used for another request: use a new key")
        for _ in range(_TRIES):
            seen = await self._find_seen(namespace, metadata["name"])
            if seen is not None and _is_of(seen, fingerprint):
                return seen, False  # whatever has become of its Script since
            if seen is not None and not named:
                raise other
            try:
                return await self._create(manifest), True
            except RunNameTaken:
                pass
            with suppress(NotFound):  # deleted since: the name may be free now
                seen = await self._client.get(SCRIPTRUNS, namespace, metadata["name"])
                if not _is_of(seen, fingerprint):
                    raise other
                return seen, False
        raise other

    async def _create(self, manifest: dict[str, Any]) -> dict[str, Any]:
        metadata = manifest["metadata"]
        await self._check(metadata["namespace"], manifest["spec"])
        try:
            run = await self._client.create(SCRIPTRUNS, metadata["namespace"], manifest)
        except AlreadyExists as error:
            detail = f"there is a run {metadata['name']} in namespace {metadata['namespace']}: choose another name"
            raise RunNameTaken(detail) from error
        self._run_index.put(run)
        return run

    async def _check(self, namespace: str, spec: dict[str, Any]) -> None:
        """Check what the operator would check, so that the caller learns of it at once.

        Raises:
            InvalidRequest: it would refuse the run.
            ScriptNotFound: there is none to run.
        """
        name = spec["scriptRef"]["name"]
        script = self._run_index.script(namespace, name)
        if script is None:
            try:
                script = await self._client.get(SCRIPTS, namespace, name)
            except NotFound as error:
                detail = f'there is no Script "{name}" in namespace {namespace}'
                raise ScriptNotFound(detail, [("/script", detail)]) from error
        # Only what these checks look at.
        facts = RunFacts((namespace, ""), "", 0, _NO_INSTANT, name, spec=spec)
        limits = self._read_spec(script)
        verdict = check_limits(facts, limits) or check_config(limits) or await self._checks.check_given(namespace, spec)
        if verdict is None and not spec.get("variablesFrom"):
            verdict = await self._checks.check_variables(namespace, spec.get("variables") or {}, limits)
        if verdict is not None:
            raise InvalidRequest(f"{verdict.reason}: {verdict.message}")

    def _read_spec(self, script: dict[str, Any]) -> ScriptSpec:
        """Read a Script's spec, each generation once: it takes as long as all else that a request needs."""
        uid, generation = script["metadata"]["uid"], script["metadata"]["generation"]
        known = self._specs.get(uid)
        if known is None or known[0] != generation:
            if len(self._specs) >= _SPECS:
                self._specs.clear()
            known = self._specs[uid] = (generation, ScriptSpec.model_validate(script["spec"]))
        return known[1]

    async def _find_seen(self, namespace: str, name: str) -> dict[str, Any] | None:
        """Find the run of a name, which may have left the cluster already."""
        if self._run_index.has(namespace, name):
            try:
                return await self._client.get(SCRIPTRUNS, namespace, name)
            except NotFound:
                pass  # gone this moment: the history knows more
        if self._store is None:
            return None
        try:
            record = await self._store.get(namespace, name)
        except HistoryUnavailable as error:
            # Runs go on without the history. What is not stored does not leave the cluster meanwhile.
            _log.warning("the history can't be asked for an Idempotency-Key", error=str(error))
            return None
        return record.contents.document if record else None

    async def wait(self, run: dict[str, Any], seconds: float) -> dict[str, Any]:
        """Wait for a run's end, at most so long; returns it as it then is."""
        metadata = run["metadata"]
        if seconds <= 0 or (run.get("status") or {}).get("finishedAt") or "resourceVersion" not in metadata:
            return run
        end, stop = asyncio.create_task(self._run_index.wait_end(run)), asyncio.create_task(self.stopping.wait())
        try:
            await asyncio.wait((end, stop), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            seen = end.result() if end.done() else None
        finally:
            end.cancel()
            stop.cancel()
        try:
            return await self._client.get(SCRIPTRUNS, metadata["namespace"], metadata["name"])
        except NotFound:
            record = await self._store.get(metadata["namespace"], metadata["name"]) if self._store else None
            if record is not None and record.summary.uid == metadata["uid"]:
                return record.contents.document
            # With ttlSecondsAfterFinished 0 a run is deleted in the moment of its end. Its input went with it: secrets
            # out of ConfigMaps could not be hidden any more.
            if seen is not None and not self._has_distant_secrets(seen):
                return seen
            raise

    def _has_distant_secrets(self, run: dict[str, Any]) -> bool:
        """Whether values that have to be hidden may have come from elsewhere than from the run itself."""
        script = self._run_index.script(run["metadata"]["namespace"], run["spec"]["scriptRef"]["name"])
        schema = (script["spec"].get("variablesSchema") or {}) if script else None
        return bool(run["spec"].get("variablesFrom")) and (schema is None or has_secrets(schema))

    async def find(self, caller: Caller, namespace: str, name: str) -> Found:
        """Find a run, in the cluster or in the history.

        Raises:
            RunNotFound: there is none that they may know of.
        """
        found = await self._find(namespace, name)
        if found is None or not caller.may_use(found.run["spec"]["scriptRef"]["name"]):
            raise RunNotFound(f"there is no run {name} in namespace {namespace}, nor was there one lately")
        return found

    async def _find(self, namespace: str, name: str) -> Found | None:
        try:
            return await self.examine(await self._client.get(SCRIPTRUNS, namespace, name))
        except NotFound:
            record = await self._store.get(namespace, name) if self._store else None
            return Found(record.contents.document, False, sha256=record.summary.script_sha256) if record else None

    async def examine(self, run: dict[str, Any]) -> Found:
        """Find out what must not be shown of a run."""
        if "resourceVersion" not in run["metadata"]:
            return Found(run, False)
        script = self._run_index.script(run["metadata"]["namespace"], run["spec"]["scriptRef"]["name"])
        spec = script["spec"] if script else None
        variables = run["spec"].get("variables") or {}
        if self._has_distant_secrets(run):
            variables = (await read_input(self._client, run))[0] or variables
        try:
            secrets = await self._hiding.find_secrets(run["metadata"]["namespace"], variables, spec)
        except WorkTooLarge as error:
            secrets = Secrets.withhold(variables, str(error))
        return Found(run, True, secrets)

    async def read_output(self, found: Found) -> str | None:
        """Read a run's output as JSON text; None: it has none."""
        if found.in_cluster:
            text = await read_output(self._client, found.run)
            text = await self._hiding.hide_output(found.key[0], found.secrets, text)
            if text is not None or not found.finished:
                return text
        return await self._store.read_output(found.run["metadata"]["uid"]) if self._store else None

    async def list(self, query: Query) -> Sequence[tuple[Summary, bool]]:
        """List runs in the cluster and in the history as one, each with whether it is in the cluster.

        Raises:
            HistoryUnavailable: rather than that a part of the list is missing without a word.
        """
        # Either side gives as many as are asked for, so what both give together can't lack one in between.
        merged = {summary.uid: (summary, True) for summary in self._run_index.newest(query)}
        if self._store is not None:
            for summary in await self._store.list(query):
                merged.setdefault(summary.uid, (summary, False))
        newest = sorted(merged.values(), key=lambda item: item[0].position, reverse=True)
        return newest[: query.limit]

    async def cancel(self, found: Found) -> dict[str, Any]:
        """Ask for a run's end.

        Raises:
            RunFinished: it is over already.
        """
        if found.finished or not found.in_cluster:
            raise RunFinished(f"{found.key[1]} is over already: {found.run['status'].get('phase')}")
        body = {"metadata": {"uid": found.run["metadata"]["uid"]}, "spec": {"cancel": True}}
        return await self._client.patch(SCRIPTRUNS, found.key, body)

    async def delete(self, found: Found) -> None:
        """Delete a run from the cluster; one that is over goes into the history first.

        Raises:
            RunForgotten: only the history knows it.
        """
        if not found.in_cluster:
            raise RunForgotten(f"{found.key[1]} has left the cluster; the history keeps it for its retention time")
        if found.finished and self._recorder is not None and not is_stored(found.run):
            await self._recorder.store(found.run)
        options = {"preconditions": {"uid": found.run["metadata"]["uid"]}, "propagationPolicy": "Background"}
        await self._client.delete(SCRIPTRUNS, *found.key, options)


def _is_of(run: dict[str, Any], fingerprint: str) -> bool:
    """Whether a run was made by a request with this fingerprint."""
    return (run["metadata"].get("annotations") or {}).get(_FINGERPRINT) == fingerprint
