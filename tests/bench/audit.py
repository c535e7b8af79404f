"""When things happened, by the API server's own clock: its audit log has microseconds."""

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

Event = dict[str, Any]
_NOTHING: Event = {"stage": ""}


def read_audit(path: Path, contains: str = "") -> Iterator[Event]:
    """Read the requests that were answered well, oldest file first; of those only the lines that contain a text."""
    for part in (*sorted(path.parent.glob(f"{path.stem}-*{path.suffix}")), path):
        with part.open(errors="replace") as file:
            for line in file:
                event: Event = json.loads(line) if contains in line else _NOTHING
                if event["stage"] == "ResponseComplete" and event["responseStatus"]["code"] < 300:
                    yield event


def find_instants(events: Iterable[Event], verb: str, resource: str, subresource: str = "") -> dict[str, float]:
    """Find when each object was last written so: seconds since the epoch, by name."""
    instants: dict[str, float] = {}
    for event in events:
        about = event.get("objectRef") or {}
        asked = (event["verb"], about.get("resource"), about.get("subresource") or "")
        if asked == (verb, resource, subresource) and about.get("name"):
            instants[about["name"]] = datetime.fromisoformat(event["stageTimestamp"]).timestamp()
    return instants
