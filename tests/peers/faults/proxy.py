"""What stands between bridge and orchestrator: it swallows answers, and sees what the orchestrator accepts."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from peers.faults.relay import Exchange, Relay

Kind = Literal["claim", "extension", "report", "other"]
Loss = Literal["lost", "silent"]

_SILENT_SECONDS = 60.0
"""Longer than anybody waits."""


@dataclass(frozen=True)
class Seen:
    """What an exchange meant.

    Attributes:
        kind: of the request.
        done: whether the orchestrator did something: handed out tasks, extended, took a report.
        tasks: ids of the tasks concerned, each with the number of the suite's own task where that is told.
        says: what was reported, and why.
    """

    kind: Kind
    done: bool
    tasks: tuple[tuple[str, int], ...] = ()
    says: str = ""


class Proxy(Relay):
    """Stands before one orchestrator.

    Args:
        server: base URL of the orchestrator.
        read: says what an exchange meant.

    Attributes:
        seen: everything that the orchestrator did, as far as its answers tell, in order.
    """

    def __init__(self, server: str, read: Callable[[Exchange], Seen]) -> None:
        super().__init__(server)
        self.seen: list[Seen] = []
        self._read = read
        self._armed: list[tuple[Kind, Loss]] = []

    def lose(self, kind: Kind, how: Loss = "lost") -> None:
        """Swallow the answer to the next request of a kind with which the orchestrator did something.

        Args:
            kind: of the request.
            how: lost: the connection breaks; silent: nothing comes, until the caller gives up.
        """
        self._armed.append((kind, how))

    def mend(self) -> None:
        """Take back what was to be lost and has not been, too."""
        super().mend()
        self._armed.clear()

    def is_done(self, kind: Kind) -> Callable[[Exchange], bool]:
        """Make a test of exchanges for a moment: the orchestrator did something of this kind."""

        def look(exchange: Exchange) -> bool:
            seen = self._read(exchange)
            return seen.kind == kind and (seen.done or not exchange.status)

        return look

    def tasks_of(self, number: int) -> set[str]:
        """Ids of the orchestrator's tasks that were handed out for one of the suite's own."""
        return {task for seen in list(self.seen) if seen.kind == "claim" for task, own in seen.tasks if own == number}

    def claims_of(self, number: int) -> int:
        """How often a task was handed out."""
        return sum(own == number for seen in list(self.seen) if seen.kind == "claim" for _task, own in seen.tasks)

    def extensions_of(self, number: int) -> int:
        """How often a task's lease was extended."""
        ids = self.tasks_of(number)
        return sum(seen.kind == "extension" and seen.tasks[0][0] in ids for seen in list(self.seen))

    def reports_of(self, number: int) -> list[str]:
        """What was reported of a task, and taken."""
        ids = self.tasks_of(number)
        return [seen.says for seen in list(self.seen) if seen.kind == "report" and seen.tasks[0][0] in ids]

    async def take(self, exchange: Exchange) -> bool:
        """Keep what it meant, and lose its answer where that is due."""
        seen = self._read(exchange)
        if not seen.done:
            return True
        self.seen.append(seen)
        loss = next((armed for armed in self._armed if armed[0] == seen.kind), None)
        if loss is None:
            return True
        self._armed.remove(loss)
        if loss[1] == "silent":
            self.faults[f"{seen.kind} unanswered"] += 1
            await asyncio.sleep(_SILENT_SECONDS)
        else:
            self.faults[f"{seen.kind} answer lost"] += 1
        return False


def read_json(text: bytes) -> Any:
    """Parse a body; None where it is empty or no JSON."""
    try:
        return json.loads(text)
    except ValueError:
        return None
