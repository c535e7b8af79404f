"""A page of the largest objects that anybody may write fits into the memory of the process that lists them."""

import gc
import json
import sys
from pathlib import Path

import pytest
import yaml

from scriptrun.controller.informer import build_kopf_settings
from scriptrun.kube import reflector
from scriptrun.kube.decoding import decode

OBJECT_BYTES = 1_572_864  # what etcd takes
VALUES = yaml.safe_load((Path(__file__).parents[3] / "charts/scriptrun/values.yaml").read_text())
EMPTY = sys.getsizeof([]) + 8  # of an array, and its place in another


def _memory(component: str) -> int:
    text: str = VALUES[component]["resources"]["limits"]["memory"]
    return int(text[:-2]) * {"Mi": 2**20, "Gi": 2**30}[text[-2:]]


@pytest.mark.parametrize("component", ["operator", "api", "bridge"])
def test_a_page_of_empty_arrays_fits_into_memory(component: str) -> None:
    page = build_kopf_settings().watching.chunk_size if component == "operator" else int(reflector._PAGE)
    assert page is not None
    workers = VALUES[component]["settings"].get("workerProcesses", 0) * VALUES[component]["settings"].get(
        "workerMemoryMib", 0
    )
    assert page * OBJECT_BYTES // len("[],") * EMPTY < _memory(component) - workers * 2**20


@pytest.mark.parametrize("text", ["[[], []]", "[" * 5000 + "]" * 5000, "no JSON"])
def test_the_collector_is_at_work_again_afterwards(text: str) -> None:
    assert gc.isenabled()
    try:
        decode(text.encode())
    except json.JSONDecodeError:
        assert text == "no JSON"
    assert gc.isenabled()
