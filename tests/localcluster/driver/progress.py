"""Says what takes long and shows that it moves."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

QUIET_INTERVAL_SECONDS = 15.0
LIVE_INTERVAL_SECONDS = 0.2
SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"


CLEAR_LINE = "\r\033[K"


def say(message: str) -> None:
    """Prints one line to the terminal. Standard output is left to what a command returns."""
    print(message, file=sys.stderr, flush=True)


def announce(message: str) -> None:
    """Prints one line of a command's result, also while a step's live line stands on the terminal."""
    if sys.stderr.isatty():
        sys.stderr.write(CLEAR_LINE)
        sys.stderr.flush()
    print(message, flush=True)


def format_elapsed(seconds: float) -> str:
    """Renders a duration: ``4.2 s`` below a minute, ``3 min 05 s`` above."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60:02d} s"


@contextmanager
def step(title: str, *, note: str = "") -> Iterator[None]:
    """Shows one step with its time while it runs.

    On a terminal the line redraws itself; elsewhere a line appears every 15 s, so that a log shows the step alive.

    Args:
        title: What happens, as a present participle.
        note: What to expect, shown up front (for instance how long the first time takes).
    """
    live = sys.stderr.isatty()
    started = time.monotonic()
    if not live or note:
        say(f"{title} … {note}".rstrip())
    finished = threading.Event()
    ticker = threading.Thread(target=_tick, args=(title, started, finished, live), daemon=True)
    ticker.start()
    try:
        yield
    except BaseException:
        _end(ticker, finished, live)
        say(f"{title}: failed after {format_elapsed(time.monotonic() - started)}")
        raise
    _end(ticker, finished, live)
    say(f"{title}: done in {format_elapsed(time.monotonic() - started)}")


def _end(ticker: threading.Thread, finished: threading.Event, live: bool) -> None:
    finished.set()
    ticker.join()
    if live:
        sys.stderr.write(CLEAR_LINE)


def _tick(title: str, started: float, finished: threading.Event, live: bool) -> None:
    interval = LIVE_INTERVAL_SECONDS if live else QUIET_INTERVAL_SECONDS
    turn = 0
    while not finished.wait(interval):
        elapsed = format_elapsed(time.monotonic() - started)
        if live:
            sys.stderr.write(f"{CLEAR_LINE}{SPINNER[turn % len(SPINNER)]} {title} {elapsed}")
            sys.stderr.flush()
        else:
            say(f"{title}: still going, {elapsed}")
        turn += 1
