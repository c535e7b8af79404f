"""kopf as an informer: it lists and watches, fills the cache, and asks for keys to be reconciled. It writes nothing.

Index functions run before kopf lets any other handler run, and those wait until every kind is listed: that is the
"caches synced" barrier. ``on.event`` handlers are never retried by kopf, so they only ask for work.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import kopf
import structlog
from kopf._core.reactor.inventory import ResourceMemories, ResourceMemory
from pydantic import ValidationError

from scriptrun.controller.cache import Cache
from scriptrun.controller.observe import observe_job, observe_pod, observe_run, observe_script
from scriptrun.desired.names import RUN_LABEL, pod_of_output, run_of_pod
from scriptrun.models.base import GROUP, VERSION
from scriptrun.models.facts import Key

__all__ = ["ForgetfulMemories", "Informer", "WorkItem", "build_kopf_settings"]

_log = structlog.get_logger(__name__)

WorkItem = tuple[str, str, str]
"""``run`` or ``script``, namespace, name."""

_SCRIPTS = (GROUP, VERSION, "scripts")
_RUNS = (GROUP, VERSION, "scriptruns")
_JOBS = ("batch", "v1", "jobs")
_PODS = ("", "v1", "pods")
_PAGE = 500


class ForgetfulMemories(ResourceMemories):
    """kopf keeps about 2 KB for each object it ever saw, for handlers of kinds that are not used here. Keep nothing."""

    async def recall(self, raw_body: Any, **_: Any) -> ResourceMemory:
        """Give out a new memory each time."""
        return ResourceMemory()

    async def forget(self, raw_body: Any) -> None:
        """Have nothing to forget."""


class _NoDiffBase(kopf.DiffBaseStorage):
    """Computing and comparing "last handled" states is half the cost of an event; nothing here asks for diffs."""

    def build(self, **_: Any) -> Any:
        return None

    def fetch(self, **_: Any) -> Any:
        return None

    def store(self, **_: Any) -> None:
        return None


def build_kopf_settings() -> kopf.OperatorSettings:
    """Build the settings under which kopf only watches, and only what is ours."""
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.peering.standalone = True
    settings.scanning.disabled = True
    settings.persistence.diffbase_storage = _NoDiffBase()
    settings.persistence.finalizer = f"{GROUP}/unused"
    settings.watching.server_timeout = 300
    settings.watching.client_timeout = 310
    settings.watching.chunk_size = _PAGE
    settings.queueing.idle_timeout = 0.5
    # Its defaults grow to 21 s, for which a watch would stay blind after the API server is back.
    settings.networking.error_backoffs = (0.2, 0.5, 1, 1, 1, 1, 1, 1)
    # Without server-side selectors kopf would list every Job and pod of the cluster. What succeeded is left out too:
    # its output says all there is to say, and thousands of such are kept until their TTL.
    settings.watching.label_selectors["jobs.v1.batch"] = RUN_LABEL
    settings.watching.label_selectors["pods.v1"] = RUN_LABEL
    settings.watching.field_selectors["jobs.v1.batch"] = "status.successful!=1"
    settings.watching.field_selectors["pods.v1"] = "status.phase!=Succeeded"
    return settings


class Informer:
    """The handlers, in a kopf registry of their own. ``synced`` is set once every kind was listed."""

    def __init__(self, cache: Cache, enqueue: Callable[[WorkItem], None]) -> None:
        self._cache = cache
        self._enqueue = enqueue
        self.synced = asyncio.Event()
        self.registry = kopf.OperatorRegistry()
        for resource, index in (
            (_SCRIPTS, self._index_script),
            (_RUNS, self._index_run),
            (_JOBS, self._index_job),
            (_PODS, self._index_pod),
        ):
            kopf.index(*resource, id=f"index-{resource[2]}", registry=self.registry)(index)
        # Each handler that kopf calls costs as much as all that is done in it: Jobs and pods are only indexed, their
        # `on.event` is for what index functions are not told of.
        kopf.on.event(*_RUNS, id="on-scriptruns", registry=self.registry)(self._on_run)
        kopf.on.event(*_SCRIPTS, id="on-scripts", registry=self.registry)(self._on_script)
        for resource, event in ((_JOBS, self._drop_job), (_PODS, self._drop_pod)):
            kopf.on.event(*resource, id=f"drop-{resource[2]}", registry=self.registry, when=_is_deletion)(event)

    async def _index_script(self, body: kopf.Body, **_: Any) -> None:
        raw = dict(body)
        key = _key(raw)
        try:
            script = observe_script(raw)
        except ValidationError as error:
            _log.error("Script can't be read: are the CRDs of this version installed?", script=key, error=str(error))
            self._cache.scripts.pop(key, None)
            return
        known = self._cache.scripts.get(key)
        if known is not None and known.version > script.version:
            return
        self._cache.scripts[key] = script
        if known is None or known.generation != script.generation:
            self._enqueue(("script", *key))
            self._enqueue_waiting(key)

    async def _on_script(self, body: kopf.Body, type: str | None, **_: Any) -> None:  # noqa: A002 - kopf's name
        self.synced.set()
        if type == "DELETED":
            self.forget_script(*_key_and_version(body))

    def forget_script(self, key: Key, version: int) -> None:
        """Forget a Script that was gone at a resource version, unless it was made anew since."""
        known = self._cache.scripts.get(key)
        if known is not None and known.version <= version:
            del self._cache.scripts[key]
            self._enqueue_waiting(key)

    def _enqueue_waiting(self, script: Key) -> None:
        for run in self._cache.unfinished(*script):
            if run.key not in self._cache.jobs:
                self._enqueue(("run", *run.key))

    async def _index_run(self, body: kopf.Body, **_: Any) -> None:
        self._cache.put_run(observe_run(dict(body)))

    async def _on_run(self, body: kopf.Body, type: str | None, **_: Any) -> None:  # noqa: A002 - kopf's name
        self.synced.set()
        key, version = _key_and_version(body)
        if type == "DELETED":
            self.forget_run(key, version)
        self._enqueue(("run", *key))

    def forget_run(self, key: Key, version: int) -> None:
        """Forget a run that was gone at a resource version, and let those that waited for its place come forward.

        One of that name may have been made since: kopf gives each of the two a worker of its own, in no order.
        """
        if run := self._cache.drop_run(key, version):
            self._enqueue_waiting((key[0], run.script))

    async def _index_job(self, body: kopf.Body, **_: Any) -> None:
        job = observe_job(dict(body))
        self._cache.put_job(job)
        self._enqueue(("run", *job.key))

    async def _drop_job(self, body: kopf.Body, **_: Any) -> None:
        # Deleted, or only out of the selector because it succeeded: the reconcile asks the API server which.
        self._suspect(_key(dict(body)))

    async def _index_pod(self, body: kopf.Body, **_: Any) -> None:
        raw = dict(body)
        if run := _run_of(raw):
            self._cache.put_pod(run, observe_pod(raw))
            self._enqueue(("run", *run))

    async def _drop_pod(self, body: kopf.Body, **_: Any) -> None:
        if run := _run_of(dict(body)):
            self._suspect(run)

    def _suspect(self, run: Key) -> None:
        known = self._cache.runs.get(run)
        if known is not None and not known.finished:
            self._cache.suspect.add(run)
            self._enqueue(("run", *run))

    def on_output(self, event: str, metadata: dict[str, Any]) -> None:
        """Take an event of the outputs' reflector."""
        pod = pod_of_output(metadata["name"])
        run = (metadata["namespace"], run_of_pod(pod))
        if event != "DELETED" and run[1] and self._cache.announce_output(run, pod):
            self._enqueue(("run", *run))


def _is_deletion(type: str | None, **_: Any) -> bool:  # noqa: A002 - kopf's name
    return type == "DELETED"


def _key_and_version(body: kopf.Body) -> tuple[Key, int]:
    return _key(dict(body)), int(body["metadata"]["resourceVersion"])


def _key(raw: dict[str, Any]) -> Key:
    return raw["metadata"]["namespace"], raw["metadata"]["name"]


def _run_of(pod: dict[str, Any]) -> Key | None:
    name = run_of_pod(pod["metadata"]["name"])
    return (pod["metadata"]["namespace"], name) if name else None
