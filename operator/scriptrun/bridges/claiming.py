"""From a task that was handed out to its run: check, create, or adopt the run that it has already."""

import asyncio
from dataclasses import replace
from typing import Any

import structlog

from scriptrun.bridges.adapter import Outcome, Task, TaskFailure
from scriptrun.bridges.backoff import back_off
from scriptrun.bridges.checks import build_task, check_script, check_size, name_script
from scriptrun.bridges.post import Post
from scriptrun.bridges.records import Record, observe_record
from scriptrun.desired.claim import build_claimed_run, build_readoption
from scriptrun.desired.names import claimed_run_name
from scriptrun.errors import AlreadyExists, Conflict, Gone, Invalid, KubeError, NotFound, Refused, Rejected, TryLater
from scriptrun.kube.resources import SCRIPTRUNS
from scriptrun.kube.script_names import ScriptFinder
from scriptrun.models.facts import Claim, Key
from scriptrun.models.reasons import Reason

__all__ = ["Claimer"]

_log = structlog.get_logger(__name__)


class Claimer:
    """Makes runs of tasks."""

    def __init__(self, post: Post) -> None:
        self._post = post
        self._scripts = ScriptFinder(post.client, post.bridge[0])

    async def take(self, task: Task) -> Record | None:
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
            if held < self._post.third_of_lease(task.lease_seconds):
                continue
            try:
                if not await self._is_ours(task):
                    return None
                ours_since = loop.time()
            except TryLater as error:
                if held > (task.lease_seconds or self._post.spec.lease_seconds):
                    self._log("task given up: its lease lapses and it is handed out again", task, error=str(error))
                    self._post.count_claim("gone")
                    return None
        if isinstance(found, TaskFailure):
            await self._refuse(task, found)
            return None
        return found

    async def _settle(self, task: Task) -> Record | TaskFailure | None:
        """Find or make the run of a task, or say why there can't be one."""
        post, namespace = self._post, self._post.bridge[0]
        script = name_script(task, post.bridge[1], post.spec)
        generation = post.records.first_free_generation(post.bridge, task.identity)
        # It had a run that was reported. Handed out before that, and heard of after it, it gets no other.
        if generation and not await self._is_ours(task):
            return None
        while True:
            key = (namespace, claimed_run_name(post.bridge[1], task.identity, generation))
            known = post.records.get(key)
            if known is None:
                if isinstance(script, str):
                    script = check_script(script, await self._scripts.find(script), post.bridge, post.spec)
                if isinstance(script, TaskFailure):
                    return script
                if made := await self._create(task, generation, script):
                    return made
                known = await self._read(key)
            if known is None:
                continue  # it went in this moment: its name is free
            if known.bridge != post.bridge[1] or known.claim is None or known.claim.identity != task.identity:
                generation += 1  # somebody else's run has this name
            elif not known.settled:
                if adopted := await self._adopt(task, known, known.claim):
                    return adopted
            elif await self._is_ours(task):
                post.records.use_up(post.bridge, task.identity, generation)
                generation += 1
            else:
                return None

    async def _create(self, task: Task, generation: int, script: str) -> Record | TaskFailure | None:
        """Make a run; None when one of that name exists."""
        post = self._post
        claim = Claim(task.identity, generation, task.handle, lease_seconds=task.lease_seconds)
        body = build_claimed_run(post.bridge, claim, script, task.variables, build_task(task, post.spec))
        if wrong := await check_size(body):
            return wrong
        try:
            record = observe_record(await post.client.create(SCRIPTRUNS, post.bridge[0], body))
        except AlreadyExists:
            return None
        except KubeError as error:
            if wrong := _judge_refusal(error):
                return wrong
            raise
        post.records.put(record)
        post.count_claim("created")
        _log.info(
            "task claimed",
            namespace=record.key[0],
            bridge=post.bridge[1],
            run=record.key[1],
            task=task.id,
            script=script,
        )
        return record

    async def _read(self, key: Key) -> Record | None:
        try:
            record = observe_record(await self._post.client.get(SCRIPTRUNS, *key))
        except NotFound:
            return None
        self._post.records.put(record)
        return record

    async def _adopt(self, task: Task, known: Record, claim: Claim) -> Record | None:
        """Work on a run by a new delivery of its task; None when the run has changed meanwhile, and was read anew."""
        post = self._post
        claim = replace(claim, handle=task.handle, delivery=claim.delivery + 1, lease_seconds=task.lease_seconds)
        try:
            answer = await post.client.patch(
                SCRIPTRUNS, known.key, build_readoption(post.bridge[1], claim, known.uid, known.version)
            )
        except Conflict:
            await self._read(known.key)
            return None
        except NotFound:
            post.records.drop(known.key, known.uid, known.version)
            return None
        record = observe_record(answer)
        post.records.put(record)
        post.count_claim("adopted")
        self._log("task handed out again, its run goes on", task, run=known.key[1])
        return record

    async def _is_ours(self, task: Task) -> bool:
        """Ask the orchestrator whether the claim still holds, and have it last another lease.

        Raises:
            TryLater: it did not say.
        """
        try:
            await self._post.line.extend(task.handle)
        except Gone:
            self._post.count_extension("gone")
            self._post.count_claim("gone")
            return False
        except TryLater:
            self._post.count_extension("failed")
            raise
        self._post.count_extension("extended")
        return True

    async def _refuse(self, task: Task, failure: TaskFailure) -> None:
        """Report a task that gets no run. Given up when its lease is over: then it is handed out again."""
        post, loop = self._post, asyncio.get_running_loop()
        post.count_claim("refused")
        self._log("task refused", task, reason=failure.reason, message=failure.message)
        outcome = Outcome(status="FAILED", failure=failure, back_off_seconds=post.spec.retry_back_off_seconds)
        over, tries = loop.time() + post.spec.lease_seconds, 0
        while True:
            try:
                await post.line.report(task.handle, outcome)
                post.count_report("failed")
                return
            except (Gone, Rejected) as error:
                post.count_report("dropped")
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
        _log.warning(event, namespace=self._post.bridge[0], bridge=self._post.bridge[1], task=task.id, **facts)


def _judge_refusal(error: KubeError) -> TaskFailure | None:
    """Judge why the API server takes no such run; None when it may take it later."""
    if error.status == 413 or "too large" in str(error):
        return TaskFailure(Reason.INPUT_TOO_LARGE, f"the task is larger than the cluster can keep: {error}")
    if isinstance(error, Invalid):
        return TaskFailure(Reason.INVALID_VARIABLES, f"no run can be made of the task: {error}")
    return None
