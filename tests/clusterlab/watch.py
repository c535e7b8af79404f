"""What the cluster looks like now, followed by watches, so that a test awaits what it wants to see and never sleeps."""

import json
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import urllib3
from kubernetes import client, config

T = TypeVar("T")
Key = tuple[str, str]
Manifest = dict[str, Any]

WAIT_SECONDS = 90.0
_WATCH_SECONDS = 600
_AGAIN_SECONDS = 0.3
# The API server takes 10,000 levels, and some tests make use of them: the others' watches have to read on.
sys.setrecursionlimit(50_000)


class Watch:
    """Every object of one kind in the cluster, kept up to date by a thread.

    Attributes:
        objects: The latest of each, by namespace and name; what was deleted is not in it.
    """

    def __init__(self, kubeconfig: Path, path: str) -> None:
        self.objects: dict[Key, Manifest] = {}
        self._path = path
        self._history: dict[Key, list[Manifest]] = {}
        self._changed = threading.Condition()
        self._closed = False
        self._stream: urllib3.BaseHTTPResponse | None = None
        configuration = client.Configuration()
        config.load_kube_config(str(kubeconfig), client_configuration=configuration)
        self._host = configuration.host
        token = configuration.get_api_key_with_prefix("BearerToken", alias="authorization")
        self._headers = {"Authorization": token} if token else {}
        self._client = client.ApiClient(configuration)
        self._thread = threading.Thread(target=self._follow, name=f"watch {path}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the watch."""
        self._closed = True
        if self._stream is not None:
            with suppress(Exception):
                self._stream.shutdown()
        self._thread.join(10)
        self._client.close()

    def get(self, key: Key) -> Manifest | None:
        """The object as last seen; None when it is not there."""
        with self._changed:
            return self.objects.get(key)

    def history(self, key: Key) -> list[Manifest]:
        """Every version of an object that was seen, oldest first; also of one that is gone."""
        with self._changed:
            return list(self._history.get(key, ()))

    def names_seen(self, namespace: str, prefix: str) -> set[str]:
        """Names, of that beginning, of every object that was ever seen in a namespace."""
        with self._changed:
            return {name for place, name in self._history if place == namespace and name.startswith(prefix)}

    def select(self, namespace: str, label: str = "") -> list[Manifest]:
        """The objects of a namespace, and of a label ``key=value`` where one is given."""
        with self._changed:
            return [
                body
                for (place, _name), body in self.objects.items()
                if place == namespace and (not label or _has_label(body, label))
            ]

    def wait(self, what: str, look: Callable[[], T | None], seconds: float = WAIT_SECONDS) -> T:
        """Wait until looking finds something; it is asked at each change of any object of this kind.

        Raises:
            TimeoutError: naming what never came.
        """
        deadline = time.monotonic() + seconds
        with self._changed:
            while not (seen := look()):
                left = deadline - time.monotonic()
                if left <= 0:
                    raise TimeoutError(f"waited {seconds:g} s for {what}")
                self._changed.wait(left)
            return seen

    def _follow(self) -> None:
        while not self._closed:
            try:
                self._watch(self._list())
            except (urllib3.exceptions.HTTPError, client.ApiException, OSError, ValueError, LookupError):
                if not self._closed:
                    time.sleep(_AGAIN_SECONDS)

    def _request(self, query: str) -> urllib3.BaseHTTPResponse:
        url = f"{self._host}{self._path}?{query}"
        timeout = urllib3.Timeout(connect=5, read=_WATCH_SECONDS)
        pool: urllib3.PoolManager = self._client.rest_client.pool_manager
        return pool.request("GET", url, headers=self._headers, preload_content=False, timeout=timeout)

    def _list(self) -> str:
        answer = self._request("")
        body = json.loads(answer.read())
        answer.release_conn()
        found = {_key(item): item for item in body["items"]}
        with self._changed:
            for key in self.objects.keys() - found.keys():
                del self.objects[key]
            for key, item in found.items():
                self._keep(key, item)
            self._changed.notify_all()
        return str(body["metadata"]["resourceVersion"])

    def _watch(self, version: str) -> None:
        self._stream = self._request(f"watch=true&resourceVersion={version}&timeoutSeconds={_WATCH_SECONDS}")
        try:
            for line in self._read_lines(self._stream):
                event = json.loads(line)
                if event["type"] == "ERROR":
                    return
                key = _key(event["object"])
                with self._changed:
                    if event["type"] == "DELETED":
                        self.objects.pop(key, None)
                    else:
                        self._keep(key, event["object"])
                    self._changed.notify_all()
        finally:
            self._stream.close()

    def _read_lines(self, stream: urllib3.BaseHTTPResponse) -> Any:
        rest = b""
        while chunk := stream.read1(1 << 16):
            *lines, rest = (rest + chunk).split(b"\n")
            yield from lines

    def _keep(self, key: Key, body: Manifest) -> None:
        body["metadata"].pop("managedFields", None)
        known = self.objects.get(key)
        if known is None or known["metadata"]["resourceVersion"] != body["metadata"]["resourceVersion"]:
            self._history.setdefault(key, []).append(body)
        self.objects[key] = body


def _key(body: Manifest) -> Key:
    return body["metadata"].get("namespace", ""), body["metadata"]["name"]


def _has_label(body: Manifest, label: str) -> bool:
    name, _, value = label.partition("=")
    return bool((body["metadata"].get("labels") or {}).get(name) == value)
