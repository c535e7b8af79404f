"""Feeds the operator: Scripts with hostile schemas, runs with hostile variables, runs of hostile scripts."""

from typing import Any

from clusterlab.space import Run, build_run, build_script
from hostile.corpus.case import ACCEPTED, BAD_VARIABLES, TOO_LARGE, SchemaCase, ScriptCase, VariablesCase
from hostile.corpus.make import dump
from hostile.feed.finding import Finding
from hostile.lab import NOWHERE, Lab

_HEAD = "import os, sys\nout = sys.argv[2] if len(sys.argv) > 2 else os.environ['SCRIPTRUN_OUTPUT']\n"
_SECONDS = 180.0
_BODY_ENDS = {400: BAD_VARIABLES, 413: TOO_LARGE}


def feed_schema(lab: Lab, case: SchemaCase) -> Finding:
    """Create a Script, and wait for its condition Ready."""
    body = build_script(case.name, "pass", handler="python", **{case.where: "SCHEMA"})
    answer = lab.space.api.post_text(lab.space.script_path(), _fill(lab, body, b'"SCHEMA"', case.schema()))
    if answer.status != 201:
        return Finding(f"API server {answer.status}", answer.message)
    return Finding(*_wait_ready(lab, case.name))


def _wait_ready(lab: Lab, name: str) -> tuple[str, str]:
    def look() -> tuple[str, str] | None:
        found = lab.space.watches.scripts.get((lab.space.name, name)) or {}
        conditions = (found.get("status") or {}).get("conditions") or ()
        return next(((item["reason"], item.get("message", "")) for item in conditions if item["type"] == "Ready"), None)

    return lab.space.watches.scripts.wait(f"Script {name} to be judged", look, _SECONDS)


def feed_variables(lab: Lab, case: VariablesCase) -> Finding:
    """Create a run as kubectl does, and the same by the REST API: both must have the same outcome."""
    lab.space.api.post_text(
        lab.space.script_path(),
        _fill(
            lab,
            build_script(case.name, "pass", handler="python", variablesSchema="SCHEMA", **NOWHERE),
            b'"SCHEMA"',
            case.schema(),
        ),
    )
    _wait_ready(lab, case.name)
    variables = case.variables()
    text = variables if isinstance(variables, bytes) else dump(variables)
    direct = _make_run(lab, case.name, text)
    asked = b'{"script": "%s", "variables": %s}' % (case.name.encode(), text)
    reply = lab.caller.post("runs", asked)
    if reply.status == 201:
        other = _finding_of(lab.space.end_of(reply.body["name"], _SECONDS))
    else:
        detail = reply.body.get("detail", "")
        other = Finding(_BODY_ENDS.get(reply.status) or detail.partition(":")[0], detail)
    if direct.end == other.end:
        return direct if len(direct.message) > len(other.message) else other
    return Finding(f"{direct.end} by kubectl, {other.end} by REST", f"{direct.message} | {other.message}")


def _make_run(lab: Lab, name: str, variables: bytes) -> Finding:
    text = dump(build_run(name, name, variables="VARIABLES")).replace(b'"VARIABLES"', variables)
    answer = lab.space.api.post_text(lab.space.run_path(), text)
    if answer.status != 201:
        return Finding(f"API server {answer.status}", answer.message)
    return _finding_of(lab.space.end_of(name, _SECONDS))


def _finding_of(run: Run) -> Finding:
    return Finding(ACCEPTED if run.reason == "Unschedulable" else run.reason, run.message)


def feed_script(lab: Lab, case: ScriptCase) -> Finding:
    """Run a script, then read its run, output and log by the REST API."""
    script = {"handler": "python", "activeDeadlineSeconds": 90, **case.script}
    lab.space.add_script(case.name, _HEAD + case.source, **script)
    lab.space.add_run(case.name, case.name, variables=case.variables())
    run = lab.space.end_of(case.name, _SECONDS)
    for path in ("", "/output", "/logs"):
        reply = lab.caller.get(f"runs/{case.name}{path}")
        if reply.status not in (200, 404):
            return Finding(f"{run.reason}, and {reply.status} for {path or 'the run'}", reply.text)
    return Finding(run.reason, run.message)


def _fill(lab: Lab, body: dict[str, Any], place: bytes, schema: Any) -> bytes:
    text = schema if isinstance(schema, bytes) else dump(schema)
    return dump(body).replace(place, text.replace(b"{server}", lab.server.host.encode()))
