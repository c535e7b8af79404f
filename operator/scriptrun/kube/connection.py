"""How to reach the API server: by the library's kubeconfig and in-cluster rules, its TLS and its authentication."""

import math
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.config import ConfigException, load_incluster_config, load_kube_config
from kubernetes.aio.config.kube_config import KUBE_CONFIG_DEFAULT_LOCATION
from yaml import YAMLError

from scriptrun.errors import ClusterUnsuitable
from scriptrun.kube.decoding import Response

__all__ = ["Connection", "open_connection"]

_TOKEN_SECONDS = 1.0
_NAMESPACE_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


@dataclass(frozen=True, slots=True)
class Connection:
    """An open connection: the client and the leader election share its one session.

    ``open_session`` makes further ones, authenticated alike, for those that want one to close (kopf does).
    """

    session: aiohttp.ClientSession
    server: str
    namespace: str
    api: ApiClient
    open_session: Callable[[], aiohttp.ClientSession]
    request_options: dict[str, Any] = field(default_factory=dict)


def _kubeconfig_exists(path: str) -> bool:
    return any(Path(part).expanduser().is_file() for part in path.split(os.pathsep) if part)


def _read_own_namespace() -> str:
    return _NAMESPACE_FILE.read_text().strip() if _NAMESPACE_FILE.is_file() else "default"


async def _load(configuration: Configuration, kubeconfig: str, context: str) -> str:
    """Fill in the configuration; return the namespace that goes with it."""
    location = kubeconfig or KUBE_CONFIG_DEFAULT_LOCATION
    if kubeconfig and not _kubeconfig_exists(kubeconfig):
        raise ConfigException(f"there is no file {kubeconfig}")
    if kubeconfig or context or _kubeconfig_exists(location):
        loader = await load_kube_config(location, context or None, configuration, persist_config=False)
        chosen = loader.current_context["context"] if loader.current_context else {}
        return str(chosen["namespace"]) if "namespace" in chosen else "default"
    load_incluster_config(configuration)
    return _read_own_namespace()


def _find_proxy(host: str) -> str | None:
    """Find the proxy that the environment names.

    Once: aiohttp would look at each request, and read ~/.netrc besides, in a thread.
    """
    parts = urlsplit(host)
    if proxy_bypass(parts.netloc):
        return None
    return getproxies().get(parts.scheme)


@asynccontextmanager
async def open_connection(
    kubeconfig: str = "", context: str = "", max_connections: int = 64
) -> AsyncIterator[Connection]:
    """Open a connection by kubectl's rules: the file given, else ``KUBECONFIG``, ``~/.kube/config``, or the pod's own.

    Args:
        kubeconfig: path; empty for the usual places.
        context: name of a context in it; empty for the current one.
        max_connections: sockets to the API server at one time.

    Raises:
        ClusterUnsuitable: no configuration is to be found, or it is broken.
    """
    configuration = Configuration()
    try:
        namespace = await _load(configuration, kubeconfig, context)
    except (ConfigException, OSError, YAMLError) as error:
        raise ClusterUnsuitable(
            f"no cluster to talk to: {str(error).rstrip('.')}. "
            "Set KUBECONFIG or --kubeconfig, or run in a pod with a ServiceAccount"
        ) from error
    except (TypeError, KeyError, AttributeError) as error:  # the library takes any YAML for a kubeconfig
        raise ClusterUnsuitable(f"no cluster to talk to: {kubeconfig or 'KUBECONFIG'} is no kubeconfig") from error

    header, asked_at = None, -math.inf

    async def authenticate(
        request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        # Asked anew again and again: tokens of pods and of exec plugins change under a long-lived session. Not for each
        # request: the library takes a thread for it.
        nonlocal header, asked_at
        if time.monotonic() - asked_at > _TOKEN_SECONDS:
            header = await configuration.get_api_key_with_prefix("BearerToken", alias="authorization")
            asked_at = time.monotonic()
        if header:
            request.headers["Authorization"] = header
        return await handler(request)

    configuration.connection_pool_maxsize = max_connections
    configuration.client_session_kwargs = {
        "middlewares": (authenticate,),
        "response_class": Response,
        "trust_env": False,
        "proxy": configuration.proxy or _find_proxy(configuration.host),
    }
    async with ApiClient(configuration) as api:
        rest = api.rest_client
        open_session: Callable[[], aiohttp.ClientSession] = rest._create_pool_manager
        rest.pool_manager = open_session()  # the library makes it at its first request only
        options = {"server_hostname": configuration.tls_server_name} if configuration.tls_server_name else {}
        yield Connection(rest.pool_manager, configuration.host, namespace, api, open_session, options)
