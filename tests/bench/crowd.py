"""``python -m bench.crowd KUBECONFIG NAMESPACE COUNT``: make runs at once, from a process of its own.

It has the lowest priority: where people work, whoever makes runs does not share the cores of the control plane.
"""

import asyncio
import os
import sys

from bench.load import make_all
from bench.site import build_run
from scriptrun.kube.client import Client
from scriptrun.kube.connection import open_connection
from scriptrun.kube.resources import SCRIPTRUNS

_LOWEST_PRIORITY = 19
_AT_ONCE = 16


async def make_crowd(kubeconfig: str, namespace: str, count: int) -> None:
    """Make runs ``crowd-0`` and so on."""
    async with open_connection(kubeconfig) as connection:
        client = Client(connection)

        async def make(name: str) -> None:
            await client.create(SCRIPTRUNS, namespace, build_run(name))

        await make_all((f"crowd-{number}" for number in range(count)), make, _AT_ONCE)


if __name__ == "__main__":
    os.nice(_LOWEST_PRIORITY)
    asyncio.run(make_crowd(sys.argv[1], sys.argv[2], int(sys.argv[3])))
