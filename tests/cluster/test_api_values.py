"""What the API server makes of values in a custom resource: what it keeps, bends and refuses.

``policies/exactness.py`` and ``kube/client.py`` rely on it, and docs/scriptrun.md tells people.
"""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from clusterlab.space import Space, build_run
from scriptrun.kube.client import APPLY, Client
from scriptrun.kube.connection import open_connection
from scriptrun.kube.resources import SCRIPTRUNS

pytestmark = pytest.mark.cluster
pytest_plugins = ["clusterlab.fixtures"]

# case: (JSON that is sent, JSON that comes back)
KEPT = {
    "integers of 64 bits": (
        "[9223372036854775807, -9223372036854775808]",
        "[9223372036854775807,-9223372036854775808]",
    ),
    "doubles": ("[0.1, 5e-324, 1.7976931348623157e308, 6.022e23]", "[0.1,5e-324,1.7976931348623157e+308,6.022e+23]"),
    "doubles are written anew": ("[1.0, 1.50, 1e3, -0, -0.0, 1e20]", "[1,1.5,1000,0,0,100000000000000000000]"),
    "texts": (r'["", "<&>", "\u0000", "\u001b\u007f\u0085", "\u2028\ufffe", "\u202e", "\ud83d\ude00"]',) * 2,
    "keys": (r'{"": 1, "\u0000": 2, "$ref": "#", "__proto__": 3, "a.b/~c": 4, "<<": 5, "y": 6, "*x": 7}',) * 2,
    "a long key": (json.dumps({"k" * 5000: 1}),) * 2,
    "nothing": ('[null, {"a": null}, {}, []]',) * 2,
    "a deep document": ('{"a":' * 190 + "1" + "}" * 190,) * 2,
}
BENT = {
    "integers beyond 64 bits": (
        "[9223372036854775808, -9223372036854775809, 18446744073709551615, 123456789012345678901234567890]",
        "[9223372036854776000,-9223372036854776000,18446744073709552000,1.2345678901234568e+29]",
    ),
    "digits beyond a double": (
        "[0.12345678901234567890, 4611686018427387904.0]",
        "[0.12345678901234568,4611686018427388000]",
    ),
    "too small a number": ("[1e-400]", "[0]"),
    "the same key twice": ('{"a": 1, "a": 2}', '{"a":2}'),
    "half a surrogate pair": (r'"a\ud800"', '"a\ufffd"'),
}
TOO_LARGE = ["1e400", "1" * 400, "NaN"]
APPLIED = {
    "integers beyond 64 bits": ("[18446744073709551615]", "[18446744073709552000]"),
    "too large a number becomes a text": ("[1e400, -1e400]", '["1e400","-1e400"]'),
    "what YAML takes for a line end becomes a space": ('["a\x85b"]', '["a b"]'),
    "nothing": ('[null, {"a": null}, {}, []]',) * 2,
}
NOT_APPLIED = {
    "DEL": '["\x7f"]',
    "C1": '["\x9b"]',
    "a noncharacter": '["\uffff"]',
    "a surrogate pair as escapes": r'["\ud83d\ude00"]',
    "what YAML takes for a line end in a key": '{"a\u2028b": 1}',
    "a long key": json.dumps({"k" * 1023: 1}),
}


class Number(str):
    """A number as it is written."""

    __slots__ = ()


def read(text: str) -> Any:
    return json.loads(text, parse_int=Number, parse_float=Number)


class Raw:
    """Sends texts to the API server as they are, and reads numbers as they are written."""

    def __init__(self, place: Space, kubeconfig: Path) -> None:
        self.place = place
        self.kubeconfig = str(kubeconfig)

    def send(self, method: str, path: str, text: str = "", type_: str = "application/json") -> tuple[int, Any]:
        async def ask() -> tuple[int, Any]:
            async with open_connection(self.kubeconfig) as connection:
                headers = {"Content-Type": type_, "Accept": "application/json"}
                url, options = connection.server + path, connection.request_options
                answer = await connection.session.request(method, url, data=text.encode(), headers=headers, **options)
                return answer.status, read(await answer.text())

        return asyncio.run(ask())

    def create(self, value: str) -> tuple[int, Any]:
        body = build_run("", "absent", variables={"v": "HERE"}) | {"metadata": {"generateName": "raw-"}}
        return self.send("POST", self.place.run_path(), json.dumps(body).replace('"HERE"', value))

    def apply(self, value: str) -> tuple[int, Any]:
        path = f"{self.place.run_path('applied')}/status?fieldManager=test&force=true"
        return self.send("PATCH", path, json.dumps(build_status({"v": "HERE"})).replace('"HERE"', value), APPLY)


def build_status(output: Any) -> dict[str, Any]:
    return {**build_run("applied", ""), "spec": None, "status": {"output": output}}


def apply_by_client(raw: Raw, *outputs: Any) -> list[Any]:
    """What comes back of outputs that this project's own client applies."""

    async def apply() -> list[Any]:
        async with open_connection(raw.kubeconfig) as connection:
            client, key = Client(connection, manager="test"), (raw.place.name, "applied")
            bodies = map(build_status, outputs)
            answers = [await client.patch(SCRIPTRUNS, key, body, kind=APPLY, subresource="status") for body in bodies]
        return [answer["status"]["output"] for answer in answers]

    return asyncio.run(apply())


@pytest.fixture(scope="module")
def raw(make_space: Callable[[], Space], kubeconfig: Path) -> Raw:
    """A namespace with a run in it whose status may be applied."""
    space = make_space()
    space.add_run("applied", "absent")
    return Raw(space, kubeconfig)


@pytest.mark.parametrize("case", [*KEPT, *BENT])
def test_what_becomes_of_a_value_that_is_created(raw: Raw, case: str) -> None:
    sent, kept = (KEPT | BENT)[case]
    status, run = raw.create(sent)
    assert (status, run["spec"]["variables"]) == (201, {"v": read(kept)})
    assert raw.send("GET", raw.place.run_path(run["metadata"]["name"]))[1]["spec"] == run["spec"]


@pytest.mark.parametrize("number", TOO_LARGE)
def test_a_number_that_no_double_can_hold_is_refused(raw: Raw, number: str) -> None:
    assert raw.create(f"[{number}]")[0] == 400


def test_a_merge_patch_takes_nulls_for_what_is_to_go(raw: Raw) -> None:
    """So nothing that a stranger wrote is ever merged."""
    raw.place.add_run("merged", "absent")
    path = f"{raw.place.run_path('merged')}/status"
    status, run = raw.send("PATCH", path, '{"status":{"output":{"a":null,"b":[null]}}}', "application/merge-patch+json")
    assert (status, run["status"]["output"]) == (200, {"b": [None]})


@pytest.mark.parametrize("case", APPLIED)
def test_what_becomes_of_a_value_that_is_applied(raw: Raw, case: str) -> None:
    sent, kept = APPLIED[case]
    status, run = raw.apply(sent)
    assert (status, run["status"]["output"]) == (200, {"v": read(kept)})


@pytest.mark.parametrize("case", NOT_APPLIED)
def test_what_is_json_and_can_not_be_applied(raw: Raw, case: str) -> None:
    json.loads(NOT_APPLIED[case])
    status, answer = raw.apply(NOT_APPLIED[case])
    assert (status, "error decoding YAML" in answer["message"]) == (400, True)


@pytest.mark.parametrize("case", ["doubles", "doubles are written anew", "texts", "keys", "nothing", "a deep document"])
def test_what_this_client_applies_comes_back(raw: Raw, case: str) -> None:
    output = json.loads(KEPT[case][0])
    assert apply_by_client(raw, output) == [output]


def test_every_character_that_this_client_applies_comes_back(raw: Raw) -> None:
    codes = [*range(0xD800), *range(0xE000, 0x10000), 0x10000, 0x1F600, 0x1FFFF, 0x10FFFF]
    outputs = [{f"a{chr(code)}b": f"a{chr(code)} b" for code in codes[start::16]} for start in range(16)]
    assert apply_by_client(raw, *outputs) == outputs


def test_kubectl_rounds_before_it_sends(raw: Raw, kubectl: Callable[..., str], tmp_path: Path) -> None:
    """Its YAML knows integers up to 2^64 - 1; the API server rounds those. So neither way is exact."""
    manifest = tmp_path / "run.yaml"
    manifest.write_text(
        "{apiVersion: scriptrun.dev/v1alpha1, kind: ScriptRun, metadata: {name: rounded}, spec: {scriptRef: {name: x}, "
        "variables: {v: [9223372036854775807, 18446744073709551615, 123456789012345678901234567890]}}}"
    )
    kubectl("--namespace", raw.place.name, "create", "-f", str(manifest))
    _, run = raw.send("GET", raw.place.run_path("rounded"))
    assert run["spec"]["variables"]["v"] == read("[9223372036854775807,18446744073709552000,1.2345678901234568e+29]")
