"""From a task that was handed out to its run: check, create, or adopt the run that it has already."""

import asyncio
from dataclasses import replace
from typing import Any

import structlog

from scriptrun.bridges.bridge_context import BridgeContext
from scriptrun.bridges.open_runs import OpenRun, observe_open_run
from scriptrun.bridges.task_validation import build_run_task, check_script, check_size, name_script
from scriptrun.desired.claim import build_claimed_run, build_readoption
from scriptrun.desired.names import claimed_run_name
from scriptrun.errors import AlreadyExists, Conflict, Gone, Invalid, KubeError, NotFound, Refused, Rejected, TryLater
from scriptrun.kube.resources import SCRIPTRUNS
from scriptrun.kube.script_names import ScriptFinder
from scriptrun.models.facts import Claim, Key
from scriptrun.models.reasons import Reason
from scriptrun.orchestrators.adapter import Outcome, Task, TaskFailure
from scriptrun.orchestrators.registry import require_orchestrator
from scriptrun.runtime.backoff import back_off

__all__ = ["Claimer"]

_log = structlog.get_logger(__name__)


class Claimer:
    """Makes runs of tasks."""

    def __init__(self, context: BridgeContext) -> None:
        self._context = context
        self._scripts = ScriptFinder(context.client, context.bridge[0])

    async def take(self, task: Task) -> OpenRun | None:
        """Take a task that was handed out.

        Returns:
            The open run that answers it; None when there is none: it was refused, or is not ours any more.
        """
        loop, tries = asyncio.get_running_loop(), 0
        ours_since = loop.time()
        while True:
            try:
                found = await self._settle(task)
                break
            except (KubeError, TryLater) as error:
                tries += 1
                delay = back_off(tries)
                self._log("run can't be made, will be tried again", task, error=str(error), again_seconds=delay)
                await asyncio.sleep(delay)
            held = loop.time() - ours_since
            if held < self._context.third_of_lease(task.lease_seconds):
                continue
            try:
                if not await self._is_ours(task):
                    return None
                ours_since = loop.time()
            except TryLater as error:
                if held > (task.lease_seconds or self._context.spec.lease_seconds):
                    self._log("task given up: its lease lapses and it is handed out again", task, error=str(error))
                    self._context.count_claim("gone")
                    return None
        if isinstance(found, TaskFailure):
            await self._refuse(task, found)
            return None
        return found

    async def _settle(self, task: Task) -> OpenRun | TaskFailure | None:
        """Find or make the run of a task, or say why there can't be one."""
        context, namespace = self._context, self._context.bridge[0]
        script = name_script(task, context.bridge[1], context.spec)
        generation = context.open_runs.first_free_generation(context.bridge, task.identity)
        # It had a run that was reported. Handed out before that, and heard of after it, it gets no other.
        if generation and not await self._is_ours(task):
            return None
        while True:
            key = (namespace, claimed_run_name(context.bridge[1], task.identity, generation))
            known = context.open_runs.get(key)
            if known is None:
                if isinstance(script, str):
                    script = check_script(script, await self._scripts.find(script), context.bridge, context.spec)
                if isinstance(script, TaskFailure):
                    return script
                if made := await self._create(task, generation, script):
                    return made
                known = await self._read(key)
            if known is None:
                continue  # it went in this moment: its name is free
            if known.bridge != context.bridge[1] or known.claim is None or known.claim.identity != task.identity:
                generation += 1  # somebody else's run has this name
            elif not known.settled:
                if adopted := await self._adopt(task, known, known.claim):
                    return adopted
            elif await self._is_ours(task):
                context.open_runs.use_up(context.bridge, task.identity, generation)
                generation += 1
            else:
                return None

    async def _create(self, task: Task, generation: int, script: str) -> OpenRun | TaskFailure | None:
        """Make a run; None when one of that name exists."""
        context = self._context
        claim = Claim(task.identity, generation, task.handle, lease_seconds=task.lease_seconds)
        described = build_run_task(task, require_orchestrator(context.spec).source)
        body = build_claimed_run(context.bridge, claim, script, task.variables, described)
        if wrong := await check_size(body):
            return wrong
        try:
            open_run = observe_open_run(await context.client.create(SCRIPTRUNS, context.bridge[0], body))
        except AlreadyExists:
            return None
        except KubeError as error:
            if wrong := _judge_refusal(error):
                return wrong
            raise
        context.open_runs.put(open_run)
        context.count_claim("created")
        _log.info(
            "task claimed",
            namespace=open_run.key[0],
            bridge=context.bridge[1],
            run=open_run.key[1],
            task=task.id,
            script=script,
        )
        return open_run

    async def _read(self, key: Key) -> OpenRun | None:
        try:
            open_run = observe_open_run(await self._context.client.get(SCRIPTRUNS, *key))
        except NotFound:
            return None
        self._context.open_runs.put(open_run)
        return open_run

    async def _adopt(self, task: Task, known: OpenRun, claim: Claim) -> OpenRun | None:
        """Work on a run by a new delivery of its task; None when the run has changed meanwhile, and was read anew."""
        context = self._context
        claim = replace(claim, handle=task.handle, delivery=claim.delivery + 1, lease_seconds=task.lease_seconds)
        try:
            answer = await context.client.patch(
                SCRIPTRUNS, known.key, build_readoption(context.bridge[1], claim, known.uid, known.version)
            )
        except Conflict:
            await self._read(known.key)
            return None
        except NotFound:
            context.open_runs.drop(known.key, known.uid, known.version)
            return None
        open_run = observe_open_run(answer)
        context.open_runs.put(open_run)
        context.count_claim("adopted")
        self._log("task handed out again, its run goes on", task, run=known.key[1])
        return open_run

    async def _is_ours(self, task: Task) -> bool:
        """Ask the orchestrator whether the claim still holds, and have it last another lease.

        Raises:
            TryLater: it did not say.
        """
        try:
            await self._context.connection.extend(task.handle)
        except Gone:
            self._context.count_extension("gone")
            self._context.count_claim("gone")
            return False
        except TryLater:
            self._context.count_extension("failed")
            raise
        self._context.count_extension("extended")
        return True

    async def _refuse(self, task: Task, failure: TaskFailure) -> None:
        """Report a task that gets no run. Given up when its lease is over: then it is handed out again."""
        context, loop = self._context, asyncio.get_running_loop()
        context.count_claim("refused")
        self._log("task refused", task, reason=failure.reason, message=failure.message)
        outcome = Outcome(status="FAILED", failure=failure, back_off_seconds=context.spec.retry_back_off_seconds)
        over, tries = loop.time() + context.spec.lease_seconds, 0
        while True:
            try:
                await context.connection.report(task.handle, outcome)
                context.count_report("failed")
                return
            except (Gone, Rejected) as error:
                context.count_report("dropped")
                self._log("refusal dropped", task, error=str(error))
                return
            except TryLater as error:
                tries += 1
                delay = back_off(tries, refused=isinstance(error, Refused), asked=error.after_seconds)
                self._log("refusal not reported yet", task, error=str(error), again_seconds=delay)
            if loop.time() + delay > over:
                return
            await asyncio.sleep(delay)

    def _log(self, event: str, task: Task, **facts: Any) -> None:
        _log.warning(event, namespace=self._context.bridge[0], bridge=self._context.bridge[1], task=task.id, **facts)


def _judge_refusal(error: KubeError) -> TaskFailure | None:
    """Judge why the API server takes no such run; None when it may take it later."""
    if error.status == 413 or "too large" in str(error):
        return TaskFailure(Reason.INPUT_TOO_LARGE, f"the task is larger than the cluster can keep: {error}")
    if isinstance(error, Invalid):
        return TaskFailure(Reason.INVALID_VARIABLES, f"no run can be made of the task: {error}")
    return None
