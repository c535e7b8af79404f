"""What a run costs the API server: every write in its namespace and who made it, from the audit log."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from bench.audit import read_audit
from bench.figures import Figure, Report
from bench.follow import Follower, states_of_job, states_of_run
from bench.site import Site, build_run, expect_output
from clusterlab.chart import OPERATOR
from scriptrun.kube.client import Client
from scriptrun.kube.resources import JOBS, SCRIPTRUNS

_COUNT, _QUICK_COUNT = 20, 4
_OPERATOR = f"system:serviceaccount:{OPERATOR[0]}:{OPERATOR[1]}"
_LEFT_OUT = {"events", "leases"}
_LAST_WORDS_SECONDS = 4.0
"""After a Job is complete, controllers and kubelet still write once or twice; the log itself comes in batches."""

Write = tuple[str, str]
"""User; verb and resource."""


async def measure(site: Site, quick: bool) -> Report:
    """Run one after the other, then count."""
    audit = site.kubeconfig.parent / "log" / "audit.log"
    if not audit.is_file():
        raise SystemExit(
            f"error: no audit log beside {site.kubeconfig}: `writes` needs the local cluster. "
            "Unset SCRIPTRUN_KUBECONFIG, or choose other benchmarks (ONLY=latency)"
        )
    count = _QUICK_COUNT if quick else _COUNT
    async with site.open() as (client, namespace):
        await _run(client, namespace, ["first"])  # which also makes the namespace's account
        since = datetime.now(UTC)
        await _run(client, namespace, [f"run-{number}" for number in range(count)])
        until = datetime.now(UTC)
    writes = list(_find_writes(audit, namespace, since, until))
    return _report(writes, count)


async def _run(client: Client, namespace: str, names: list[str]) -> None:
    async with (
        Follower(client, SCRIPTRUNS, namespace, states_of_run(expect_output)) as runs,
        Follower(client, JOBS, namespace, states_of_job) as jobs,
    ):
        for name in names:
            await client.create(SCRIPTRUNS, namespace, build_run(name))
            await runs.wait(name, "right")
            await jobs.wait(name, "complete")
        await asyncio.sleep(_LAST_WORDS_SECONDS)


def _find_writes(audit: Path, namespace: str, since: datetime, until: datetime) -> Iterator[Write]:
    for event in read_audit(audit, contains=namespace):
        about = event.get("objectRef") or {}
        if about.get("namespace") != namespace or about["resource"] in _LEFT_OUT:
            continue
        if since <= datetime.fromisoformat(event["stageTimestamp"]) <= until:
            kind = "/".join(part for part in (about["resource"], about.get("subresource")) if part)
            yield event["user"]["username"], f"{event['verb']} {kind}"


def _report(writes: list[Write], count: int) -> Report:
    counted = Counter(writes)
    by_operator = sum(number for (user, _what), number in counted.items() if user == _OPERATOR)
    return Report(
        "writes",
        [
            Figure(
                "operator_per_run", by_operator / count, "API writes by the operator, for a run that succeeds", limit=4
            ),
            Figure(
                "total_per_run",
                len(writes) / count,
                "API writes by everybody (no events, no leases), for such a run",
                limit=16,
            ),
        ],
        {
            "runs": count,
            "perRun": [
                {"user": user, "write": what, "count": round(number / count, 2)}
                for (user, what), number in sorted(counted.items())
            ],
        },
    )
