"""kopf as an informer: it lists and watches, fills the cache, and asks for keys to be reconciled. It writes nothing.

There are ``on.event`` handlers alone, which kopf never retries, so they only take note and ask for work. kopf's indices
would fill the cache before any handler runs, but hold back each object's task until the last one is indexed: with ten
thousand runs that takes minutes. So work begins once ``CacheSync`` has listed what is there.
"""

from collections.abc import Callable, Iterable
from typing import Any

import kopf
import structlog
from kopf._core.reactor.inventory import ResourceMemories, ResourceMemory
from pydantic import ValidationError

from scriptrun.controller.cache import Cache
from scriptrun.controller.observe import observe_job, observe_pod, observe_run, observe_script
from scriptrun.desired.links import find_run_of_output, find_run_of_pod
from scriptrun.desired.names import OUTPUT_LABEL, RUN_LABEL, pod_of_output
from scriptrun.kube.reflector import Selection
from scriptrun.models.base import GROUP, VERSION
from scriptrun.models.facts import Key

__all__ = [
    "JOBS_OF_RUNS",
    "OUTPUTS_OF_RUNS",
    "PODS_OF_RUNS",
    "ForgetfulMemories",
    "Informer",
    "WorkItem",
    "build_kopf_settings",
]

_log = structlog.get_logger(__name__)

WorkItem = tuple[str, str, str]
"""``run`` or ``script``, namespace, name."""

_SCRIPTS = (GROUP, VERSION, "scripts")
_RUNS = (GROUP, VERSION, "scriptruns")
_PAGE = 10  # is parsed in one go, and a run of 1.5 MB may become 30 MiB of empty arrays

# What succeeded is left out: its output says all there is to say, and thousands of such are kept until their TTL.
JOBS_OF_RUNS = Selection(RUN_LABEL, "status.successful!=1")
PODS_OF_RUNS = Selection(RUN_LABEL, "status.phase!=Succeeded")
OUTPUTS_OF_RUNS = Selection(OUTPUT_LABEL, metadata_only=True)


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
    return settings


class Informer:
    """The handlers, in a kopf registry of their own."""

    def __init__(self, cache: Cache, enqueue: Callable[[WorkItem], None]) -> None:
        self._cache = cache
        self._enqueue = enqueue
        self.registry = kopf.OperatorRegistry()
        kopf.on.event(*_RUNS, id="on-scriptruns", registry=self.registry)(self._on_run)
        kopf.on.event(*_SCRIPTS, id="on-scripts", registry=self.registry)(self._on_script)

    async def _on_script(self, body: kopf.Body, type: str | None, **_: Any) -> None:  # noqa: A002 - kopf's name
        raw = dict(body)
        if type == "DELETED":
            self.forget_script(_key(raw), _version(raw))
        else:
            self.take_script(raw)

    def take_script(self, body: dict[str, Any]) -> None:
        """Take note of a Script as it is, unless a newer state of it is known."""
        key = _key(body)
        try:
            script = observe_script(body)
        except ValidationError as error:
            _log.error("Script can't be read: are the CRDs of this version installed?", script=key, error=str(error))
            self._cache.scripts.pop(key, None)
            self._enqueue_scripts(self._cache.script_names.drop(key))
            return
        known = self._cache.scripts.get(key)
        if known is not None and known.version >= script.version:
            return
        self._cache.scripts[key] = script
        if known is None or known.generation != script.generation:
            self._enqueue(("script", *key))
            self._enqueue_scripts(self._cache.script_names.put(key, script.spec.aliases))
            self._enqueue_waiting(key)
        if known is None or known.spec.ttl_seconds_after_finished != script.spec.ttl_seconds_after_finished:
            self._enqueue_finished(key)

    def forget_script(self, key: Key, version: int) -> None:
        """Forget a Script that was gone at a resource version, unless it was made anew since."""
        known = self._cache.scripts.get(key)
        if known is not None and known.version <= version:
            del self._cache.scripts[key]
            self._enqueue_scripts(self._cache.script_names.drop(key))
            self._enqueue_waiting(key)

    def _enqueue_scripts(self, scripts: Iterable[Key]) -> None:
        """Have those looked at whose aliases clash, or no longer clash, with another Script's."""
        for script in scripts:
            self._enqueue(("script", *script))

    def _enqueue_waiting(self, script: Key) -> None:
        for run in self._cache.unfinished(script):
            if self._cache.state_of(run).job is None:
                self._enqueue(("run", *run.key))

    def _enqueue_finished(self, script: Key) -> None:
        """Have it decided anew how long they stay."""
        for run in self._cache.runs.values():
            if run.finished and (run.key[0], run.script) == script:
                self._enqueue(("run", *run.key))

    async def _on_run(self, body: kopf.Body, type: str | None, **_: Any) -> None:  # noqa: A002 - kopf's name
        raw = dict(body)
        if type == "DELETED":
            self.forget_run(_key(raw), _version(raw))
            self._enqueue(("run", *_key(raw)))
        else:
            self.take_run(raw)

    def take_run(self, body: dict[str, Any]) -> None:
        """Take note of a run as it is, unless that state of it or a newer one is known."""
        run = observe_run(body)
        known = self._cache.runs.get(run.key)
        if known is not None and known.version >= run.version:
            return
        if self._cache.put_run(run):
            self._enqueue(("run", *run.key))

    def forget_run(self, key: Key, version: int) -> None:
        """Forget a run that was gone at a resource version, and let those that waited for its place come forward.

        One of that name may have been made since: kopf gives each of the two a worker of its own, in no order.
        """
        if run := self._cache.drop_run(key, version):
            for waiting in self._cache.list_next((key[0], run.script)):
                self._enqueue(("run", *waiting))

    def on_job(self, event: str, body: dict[str, Any]) -> None:
        """Take an event of the Jobs' reflector."""
        job = observe_job(body)
        if not job.owner_uid:
            return
        if event == "DELETED":
            # Deleted, or only out of the selection because it succeeded: the reconcile asks the API server which.
            self._cache.lose_job(job)
            self._enqueue_unfinished(job.run)
            return
        self._cache.put_job(job)
        self._enqueue(("run", *job.run))

    def on_pod(self, event: str, body: dict[str, Any]) -> None:
        """Take an event of the pods' reflector."""
        pod = observe_pod(body)
        run = self._cache.find_run_of_job(pod.job_uid) or find_run_of_pod(body)
        if run is None:
            return
        if event == "DELETED":
            self._cache.lose_pod(run, pod.name)
            self._enqueue_unfinished(run)
            return
        self._cache.put_pod(run, pod)
        self._enqueue(("run", *run))

    def _enqueue_unfinished(self, key: Key) -> None:
        run = self._cache.runs.get(key)
        if run is not None and not run.finished:
            self._enqueue(("run", *key))

    def on_output(self, event: str, body: dict[str, Any]) -> None:
        """Take an event of the outputs' reflector."""
        run, pod = find_run_of_output(body), pod_of_output(body["metadata"]["name"])
        if event != "DELETED" and run and pod and self._cache.announce_output(run, pod):
            self._enqueue(("run", *run))


def _version(raw: dict[str, Any]) -> int:
    return int(raw["metadata"]["resourceVersion"])


def _key(raw: dict[str, Any]) -> Key:
    return raw["metadata"]["namespace"], raw["metadata"]["name"]
