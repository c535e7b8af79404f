"""The whole API against schemathesis: no failure of the server, and no answer that its document does not know."""

import subprocess
import sys
from pathlib import Path

import pytest

from clusterlab.apiprocess import Caller
from clusterlab.space import Space

pytestmark = pytest.mark.cluster
pytest_plugins = ["clusterlab.fixtures", "clusterlab.apifixtures"]

# A request may fit the schema and be refused for what it means (no such Script, a key used before); and what was
# deleted from the cluster is looked up in the history, which is the point of having one.
LEFT_OUT = "positive_data_acceptance,use_after_free"
# A run that was just made has neither output nor log yet.
SETTINGS = """
[parameters]
"path.namespace" = "{namespace}"

[[operations]]
include-path = [
  "/api/v1/namespaces/{{namespace}}/runs/{{name}}/output",
  "/api/v1/namespaces/{{namespace}}/runs/{{name}}/logs",
]
checks.ensure_resource_availability.enabled = false
"""


def test_no_request_brings_an_answer_outside_the_document(space: Space, caller: Caller, tmp_path: Path) -> None:
    settings = tmp_path / "schemathesis.toml"
    settings.write_text(SETTINGS.format(namespace=space.name))
    command = [
        sys.executable,
        "-m",
        "schemathesis.cli",
        "--config-file",
        str(settings),
        "run",
        f"{caller.url}/openapi.json",
    ]
    command += ["--header", f"Authorization: Bearer {caller.token}", "--max-examples", "25", "--no-color"]
    command += ["--include-path-regex", "^/(api/v1|$|healthz|readyz|metrics|docs)", "--exclude-checks", LEFT_OUT]
    command += ["--phases", "examples,coverage,fuzzing,stateful", "--max-failures", "5", "--request-timeout", "60"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert " passed" in done.stdout
