"""The storm: processes are killed and the line is disturbed, at moments that dice choose."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping

from peers.faults.deployment import Deployment
from peers.faults.orchestrators import Orchestrator
from peers.faults.proxy import Proxy

_LULL_SHARE = 0.15
"""Of the pauses between kills: long enough for a leader to be found and to get something done."""

_AWAY_SECONDS = 5.0, 60.0
"""How long the orchestrator is away; at most a third of the storm."""


class Storm:
    """Kills and disturbs for so long, in threads of its own.

    Args:
        deployments: of operator and bridge: their replicas are killed, and started again at once.
        orchestrator: killed once, in the middle, and away for a while.
        proxy: cuts, loses and delays.
        dice: decide everything but what the machine's own pace decides.

    Attributes:
        kills: by what was killed.
        seconds: how long it has lasted.
    """

    def __init__(
        self,
        deployments: Mapping[str, Deployment],
        orchestrator: Orchestrator,
        proxy: Proxy,
        dice: random.Random,
    ) -> None:
        self.kills: Counter[str] = Counter()
        self.seconds = 0.0
        self._deployments = deployments
        self._orchestrator = orchestrator
        self._proxy = proxy
        # Of their own each, so that the threads' turns don't change what is drawn.
        self._killing, self._disturbing = random.Random(dice.random()), random.Random(dice.random())
        self._away_share = dice.random()
        self._over = threading.Event()
        self._failures: list[BaseException] = []
        self._lock = threading.Lock()

    def rage(self, seconds: float) -> None:
        """Have it for so long; afterwards everything runs and the line is good."""
        began = time.monotonic()
        away_seconds = _AWAY_SECONDS[0] + self._away_share * (min(_AWAY_SECONDS[1], seconds / 3) - _AWAY_SECONDS[0])
        work = (self._kill_on, self._disturb_on, lambda: self._strike_orchestrator(seconds / 2, away_seconds))
        threads = [threading.Thread(target=self._guard, args=(act,), name="storm") for act in work]
        for thread in threads:
            thread.start()
        self._over.wait(seconds)
        self._over.set()
        for thread in threads:
            thread.join()
        self.seconds = time.monotonic() - began
        self._proxy.mend()
        if self._failures:
            raise self._failures[0]

    def _guard(self, act: Callable[[], None]) -> None:
        try:
            act()
        except BaseException as error:
            self._failures.append(error)
            self._over.set()

    def _kill_on(self) -> None:
        """On average once a second: most soon after another, some after a lull."""
        dice, due = self._killing, time.monotonic()
        while True:
            due += _draw_pause(dice)  # from kill to kill, whatever a kill itself takes
            if self._over.wait(max(0.0, due - time.monotonic())):
                return
            kind = dice.choice(sorted(self._deployments))
            deployment = self._deployments[kind]
            if deployment.kill(dice.randrange(len(deployment.replicas))):
                with self._lock:
                    self.kills[kind] += 1

    def _strike_orchestrator(self, after_seconds: float, away_seconds: float) -> None:
        if self._over.wait(after_seconds):
            return
        server = self._orchestrator.server
        server.kill()
        with self._lock:
            self.kills["orchestrator"] += 1
        self._over.wait(away_seconds)
        server.start()

    def _disturb_on(self) -> None:
        dice, proxy = self._disturbing, self._proxy
        while not self._over.wait(dice.expovariate(1 / 1.5)):
            what = dice.choice(("cut", "slow", "claim", "claim", "report", "report", "extension", "silence"))
            if what == "cut":
                proxy.cut(dice.uniform(0.2, 2.0))
            elif what == "slow":
                proxy.slow_down(dice.uniform(0.1, 1.5), dice.uniform(1.0, 4.0))
            elif what == "silence":
                proxy.lose("report", "silent")
            else:
                proxy.lose(what)


def _draw_pause(dice: random.Random) -> float:
    """Seconds to the next kill: one on average."""
    return dice.uniform(3.0, 5.0) if dice.random() < _LULL_SHARE else dice.expovariate(1 / 0.47)
