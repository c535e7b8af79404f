"""What the suite has done: tasks of mixed fate, and the one script that they all run."""

import random
from dataclasses import dataclass
from typing import Any, Literal

from peers.faults.orchestrators import LEASE_SECONDS, SCRIPT, State

Fate = Literal["good", "large", "flaky", "long", "held", "refused", "canceled"]

LARGE_CHARACTERS = 100_000
"""More than a status keeps: the output stays in its ConfigMap."""

SHARES: dict[Fate, int] = {"good": 10, "large": 2, "flaky": 4, "long": 2, "refused": 1, "canceled": 2}
STATES: dict[Fate, State] = {
    "good": "completed",
    "large": "completed",
    "flaky": "completed",
    "long": "completed",
    "held": "completed",
    "refused": "failed",
    "canceled": "canceled",
}

SOURCE = f"""
import json, os, socket, sys, time

task = json.load(open(sys.argv[1]))["task"]
run, attempt, number = os.environ["SCRIPTRUN_NAME"], os.environ["SCRIPTRUN_ATTEMPT"], task["number"]

def ask(method, path):
    with socket.create_connection((task["journal"], 8080), 10) as peer:
        peer.sendall(f"{{method}} {{path}} HTTP/1.0\\r\\nContent-Length: 0\\r\\n\\r\\n".encode())
        with peer.makefile("rb") as answer:
            return answer.read().decode()

def note(word):
    ask("POST", f"/{{run}}/{{attempt}}/{{number}}.{{word}}")

note("start")
time.sleep(task["seconds"])
while task["fate"] == "held" and f"/{{number}}.go\\"" not in ask("GET", "/"):
    time.sleep(0.3)
if task["fate"] == "flaky" and f"/{{number}}.fail\\"" not in ask("GET", "/"):
    note("fail")
    sys.exit("as it was told to")
output = {{"number": number, "run": run}}
if task["fate"] == "large":
    output["pad"] = "x" * {LARGE_CHARACTERS}
json.dump(output, open(sys.argv[2], "w"))
note("end")
"""


@dataclass(frozen=True)
class Task:
    """One task.

    Attributes:
        number: its own.
        fate: what becomes of it.
        seconds: how long its script takes.
    """

    number: int
    fate: Fate
    seconds: float

    @property
    def ends(self) -> int:
        """How often its script comes to its end."""
        return int(STATES[self.fate] == "completed")

    @property
    def script(self) -> str:
        """The Script that it names; empty for none."""
        return "" if self.fate == "refused" else SCRIPT

    def tell(self, journal: str) -> dict[str, Any]:
        """What its script is told.

        Args:
            journal: address of the journal.
        """
        return {"number": self.number, "fate": self.fate, "seconds": self.seconds, "journal": journal}


def deal_tasks(count: int, dice: random.Random) -> list[Task]:
    """Deal tasks of every fate, in shares, in any order."""
    fates = [fate for fate, share in SHARES.items() for _ in range(share)]
    dealt = [fates[number % len(fates)] for number in range(count)]
    dice.shuffle(dealt)
    return [Task(number, fate, _draw_seconds(fate, dice)) for number, fate in enumerate(dealt)]


def _draw_seconds(fate: Fate, dice: random.Random) -> float:
    if fate == "canceled":
        return 600.0
    if fate == "long":
        return round(LEASE_SECONDS * dice.uniform(1.2, 1.8), 1)
    return round(dice.uniform(0.1, 2.0), 1)
