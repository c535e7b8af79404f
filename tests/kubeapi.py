"""The API server as a test speaks to it: paths, plain dicts, status codes, as whoever it wants to be."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from kubernetes import client, config

T = TypeVar("T")

REQUEST_SECONDS = 30


@dataclass(frozen=True)
class Answer:
    """What the API server said.

    Attributes:
        status: The HTTP status code.
        body: The object, or the Status with its message.
    """

    status: int
    body: dict[str, Any]

    @property
    def message(self) -> str:
        """The message of a refusal."""
        return str(self.body.get("message", ""))


class Api:
    """One caller of the API server."""

    def __init__(self, configuration: client.Configuration, headers: Mapping[str, str] | None = None) -> None:
        self._configuration = configuration
        self._client = client.ApiClient(configuration)
        self._headers = dict(headers or {})

    @classmethod
    def from_kubeconfig(cls, path: Path) -> "Api":
        """The caller that a kubeconfig's current context names."""
        configuration = client.Configuration()
        config.load_kube_config(str(path), client_configuration=configuration)
        token = configuration.get_api_key_with_prefix("BearerToken", alias="authorization")
        return cls(configuration, {"Authorization": token} if token else None)

    def with_token(self, token: str) -> "Api":
        """The holder of a bearer token, at the same server."""
        configuration = client.Configuration(host=self._configuration.host)
        configuration.ssl_ca_cert = self._configuration.ssl_ca_cert
        configuration.ca_cert_data = self._configuration.ca_cert_data
        return Api(configuration, {"Authorization": f"Bearer {token}"})

    def log_in(self, namespace: str, account: str, pod: str = "") -> "Api":
        """The holder of a fresh token of a ServiceAccount, bound to a pod where one is given."""
        bound = {"boundObjectRef": {"apiVersion": "v1", "kind": "Pod", "name": pod}} if pod else {}
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
        answer = self.post(path, {"spec": bound})
        assert answer.status == 201, answer
        return self.with_token(answer.body["status"]["token"])

    def impersonate(self, user: str, extra: Mapping[str, str] | None = None) -> "Api":
        """This caller, acting as another one."""
        headers = {f"Impersonate-Extra-{key.replace('/', '%2f')}": value for key, value in (extra or {}).items()}
        return Api(self._configuration, {**self._headers, "Impersonate-User": user, **headers})

    def request(self, method: str, path: str, body: object = None, content_type: str = "") -> Answer:
        """Ask, and return the answer whatever it is."""
        content_type = content_type or ("application/merge-patch+json" if method == "PATCH" else "application/json")
        headers = {"Accept": "application/json", "Content-Type": content_type, **self._headers}
        try:
            response = self._client.call_api(
                method, self._configuration.host + path, headers, body, _request_timeout=REQUEST_SECONDS
            )
        except client.ApiException as error:
            return Answer(error.status, _parse(error.body))
        return Answer(response.status, _parse(response.read()))

    def get(self, path: str) -> Answer:
        """GET."""
        return self.request("GET", path)

    def post(self, path: str, body: object) -> Answer:
        """POST."""
        return self.request("POST", path, body)

    def post_text(self, path: str, text: bytes) -> Answer:
        """POST a body as it is: JSON that Python would not write so, or not at all."""
        response = self._client.rest_client.pool_manager.request(
            "POST",
            self._configuration.host + path,
            body=text,
            headers={"Accept": "application/json", "Content-Type": "application/json", **self._headers},
            timeout=REQUEST_SECONDS,
        )
        return Answer(response.status, _parse(response.data))

    def put(self, path: str, body: object) -> Answer:
        """PUT."""
        return self.request("PUT", path, body)

    def patch(self, path: str, body: object) -> Answer:
        """PATCH as a JSON merge patch."""
        return self.request("PATCH", path, body)

    def apply(self, path: str, body: object) -> Answer:
        """PATCH by server-side apply, in the test's name and by force."""
        return self.request("PATCH", f"{path}?fieldManager=test&force=true", body, "application/apply-patch+yaml")

    def delete(self, path: str, body: object = None) -> Answer:
        """DELETE."""
        return self.request("DELETE", path, body)


def _parse(body: bytes | str | None) -> dict[str, Any]:
    text = body.decode(errors="replace") if isinstance(body, bytes) else body or "{}"
    try:
        value = json.loads(text or "{}")
    except ValueError:
        return {"message": text}
    return value if isinstance(value, dict) else {"message": str(value)}


def wait_for(what: str, look: Callable[[], T | None], seconds: float = 30) -> T:
    """Look until there is something to see.

    Raises:
        TimeoutError: naming what never came.
    """
    deadline = time.monotonic() + seconds
    while True:
        if seen := look():
            return seen
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:g} s for {what}")
        time.sleep(0.05)
