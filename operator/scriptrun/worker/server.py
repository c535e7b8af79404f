"""Which server a worker works for, and as whom: by options, else by the variables that each server's own tools read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pydantic import ValidationError

from scriptrun.errors import UsageError
from scriptrun.models.bridge import BridgeSpec
from scriptrun.orchestrators.adapter import Adapter
from scriptrun.orchestrators.conductor.adapter import Conductor, Poll, cut_address
from scriptrun.orchestrators.credentials import build_credentials
from scriptrun.orchestrators.http_client import Http
from scriptrun.orchestrators.zeebe.adapter import build_zeebe
from scriptrun.worker.program import Contract

__all__ = ["SERVERS", "Server", "ServerKind", "open_conductor", "open_zeebe"]

_LOCAL = "http://localhost:8080"


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A server, and what to ask it for.

    Attributes:
        url: "" for what the environment says.
        key: id of the credentials; "" for what the environment says.
        secret: of the credentials; "" for what the environment says.
        task_type: of the tasks.
        domain: to poll.
        worker_id: shown with each task.
        poll_seconds: how long one poll waits.
        back_off_seconds: before a task is handed out again.
    """

    url: str
    key: str
    secret: str
    task_type: str
    domain: str
    worker_id: str
    poll_seconds: float
    back_off_seconds: float


def open_conductor(server: Server, environ: Mapping[str, str]) -> Adapter:
    """Connect to Conductor.

    Raises:
        Refused: the address can't be used.
        UsageError: a key without its secret, or the other way round.
    """
    address = cut_address(server.url or environ.get("CONDUCTOR_SERVER_URL") or _LOCAL)
    key = server.key or environ.get("CONDUCTOR_AUTH_KEY", "")
    secret = server.secret or environ.get("CONDUCTOR_AUTH_SECRET", "")
    _check_pair(key, secret, "CONDUCTOR_AUTH_KEY", "CONDUCTOR_AUTH_SECRET")
    credentials = build_credentials({"keyId": key, "keySecret": secret}, address=address) if key else None
    poll = Poll(
        task_type=server.task_type,
        domain=server.domain,
        worker_id=server.worker_id,
        poll_seconds=server.poll_seconds,
        callback_seconds=server.back_off_seconds,
    )
    return Conductor(Http(address, credentials=credentials, secrets=[secret]), poll)


def open_zeebe(server: Server, environ: Mapping[str, str]) -> Adapter:
    """Connect to Zeebe.

    Raises:
        Refused: the address can't be used.
        UsageError: a client id without its secret or token endpoint, or the other way round; or a domain.
    """
    if server.domain:
        raise UsageError("--domain is Conductor's: Zeebe has none")
    client = server.key or environ.get("ZEEBE_CLIENT_ID", "")
    secret = server.secret or environ.get("ZEEBE_CLIENT_SECRET", "")
    _check_pair(client, secret, "ZEEBE_CLIENT_ID", "ZEEBE_CLIENT_SECRET")
    oauth2 = {
        "tokenUrl": environ.get("ZEEBE_AUTHORIZATION_SERVER_URL", ""),
        "audience": environ.get("ZEEBE_TOKEN_AUDIENCE", ""),
        "scope": environ.get("ZEEBE_TOKEN_SCOPE", ""),
    }
    if client and not oauth2["tokenUrl"]:
        raise UsageError("ZEEBE_AUTHORIZATION_SERVER_URL is not set: it is where the client gets its tokens")
    document = {
        "zeebe": {"address": server.url or environ.get("ZEEBE_REST_ADDRESS") or _LOCAL, "taskType": server.task_type},
        "workerId": server.worker_id,
        "longPollSeconds": max(server.poll_seconds, 0.1),
        **({"oauth2": oauth2, "credentialsSecret": {"name": "given"}} if client else {}),
    }
    try:
        spec = BridgeSpec.model_validate(document)
    except ValidationError as error:
        wrong = error.errors()[0]
        raise UsageError(f"{'.'.join(map(str, wrong['loc']))}={str(wrong['input'])[:100]}: {wrong['msg']}") from error
    return build_zeebe(spec, "worker", {"clientId": client, "clientSecret": secret} if client else {}, "")


@dataclass(frozen=True, slots=True)
class ServerKind:
    """An orchestrator that a worker can work for.

    Attributes:
        open: opens the connection, as ``open_conductor`` does.
        contract: how its tasks get to the program, unless an option says otherwise.
    """

    open: Callable[[Server, Mapping[str, str]], Adapter]
    contract: Contract


SERVERS: Mapping[str, ServerKind] = {
    "conductor": ServerKind(open_conductor, "stdio"),
    "zeebe": ServerKind(open_zeebe, "files"),
}


def _check_pair(key: str, secret: str, *names: str) -> None:
    if bool(key) != bool(secret):
        given, missing = names if key else names[::-1]
        raise UsageError(f"{given} is given, but {missing} is not: set both, or none")
