"""Feeds the script pipeline's scheduler."""

import json
from typing import Any

from clusterlab.pipeline import Pipeline
from hostile.corpus.case import OrderCase
from hostile.corpus.orders import NOT_FOUND, RAN, TIMED_OUT
from hostile.feed.finding import Finding
from hostile.lab import Lab

_NOT_DOWNLOADED = "Fail to get script"
_TIMED_OUT = "The script's running time exceeded the limit"


def feed_order(lab: Lab, case: OrderCase) -> Finding:
    """Ask for a script to be run, and wait for its outcome."""
    caller = Pipeline(lab.api.url)
    order: Any = case.order()
    if reply := case.reply or case.found:
        lab.server.replies[case.name] = reply
    if isinstance(order, bytes):
        answer = caller.ask("POST", "/run-script/", order)
    else:
        filled = json.loads(json.dumps(order).replace("{server}", lab.server.host))
        fields = {"script_url": f"{lab.server.url}/{case.name}/script.py", "name": case.name, **filled}
        answer = caller.run(fields.pop("script_url"), fields.pop("name"), **fields)
    if answer.status != 200:
        return Finding(f"{answer.status} {answer.text}")
    base = order.get("dtable_uuid", caller.base)
    script = Pipeline(lab.api.url, base=base).wait(int(answer.body["script_id"]), case.name)
    output = str(script["output"])
    if output.startswith(_NOT_DOWNLOADED):
        return Finding(NOT_FOUND, output)
    # What a script printed is given as it is.
    return Finding(TIMED_OUT if output.startswith(_TIMED_OUT) else RAN, ascii(output))
