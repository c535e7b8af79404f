"""The runner executes the very input that the operator made the pod for, and no other."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scriptrun.desired.input import hash_input
from scriptrun_runner.snapshot import hash_snapshot
from unit.runner.harness import MakePod

_WRITE = "import sys; open(sys.argv[2], 'w').write('{}')"


def test_the_right_input_runs(make_pod: MakePod) -> None:
    pod = make_pod(_WRITE, handler="python", outputTransport="TerminationMessage")
    pod.environ["SCRIPTRUN_INPUT_SHA256"] = hash_snapshot(str(pod.input.folder))
    ended = pod.run()
    assert ended.returncode == 0, ended.stderr
    assert pod.result()["status"] == "COMPLETED"


def test_a_replaced_input_is_not_executed(make_pod: MakePod) -> None:
    pod = make_pod("print('executed')", handler="python", outputTransport="TerminationMessage")
    expected = hash_snapshot(str(pod.input.folder))
    (pod.input.folder / "script").write_text("print('executed something else')")
    pod.environ["SCRIPTRUN_INPUT_SHA256"] = expected
    ended = pod.run()
    assert b"executed something else" not in ended.stdout
    assert ended.returncode != 0
    assert pod.result()["reason"] == "DigestMismatch"
    assert expected in pod.result()["message"]


def test_the_hash_is_kept_from_the_script(make_pod: MakePod) -> None:
    pod = make_pod(
        "import json, os, sys; json.dump(dict(os.environ), open(sys.argv[2], 'w'))",
        handler="python",
        outputTransport="TerminationMessage",
    )
    pod.environ["SCRIPTRUN_INPUT_SHA256"] = hash_snapshot(str(pod.input.folder))
    pod.run()
    assert "SCRIPTRUN_INPUT_SHA256" not in pod.result()["output"]


_NAMES = st.text(alphabet="abcxyz.-_", min_size=1, max_size=8).filter(lambda name: not name.startswith("."))


@given(
    texts=st.dictionaries(_NAMES, st.text(st.characters(exclude_categories=["Cs"])), max_size=4),
    blobs=st.dictionaries(_NAMES.map(lambda name: f"b{name}"), st.binary(), max_size=2),
)
def test_operator_and_runner_agree(
    tmp_path_factory: pytest.TempPathFactory, texts: dict[str, str], blobs: dict[str, bytes]
) -> None:
    folder = tmp_path_factory.mktemp("input")
    texts = {name: text for name, text in texts.items() if name not in blobs}
    for name, content in {**{name: text.encode() for name, text in texts.items()}, **blobs}.items():
        Path(folder, name).write_bytes(content)
    Path(folder, "..data").mkdir()
    config_map = {"data": texts, "binaryData": {name: base64.b64encode(blob).decode() for name, blob in blobs.items()}}
    assert hash_snapshot(str(folder)) == hash_input(config_map)
