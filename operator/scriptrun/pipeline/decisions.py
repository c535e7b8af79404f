"""What is to be done with an order, by what is known of it and of its run. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from scriptrun.models.reasons import Reason
from scriptrun.pipeline.orders import Order, OrderOutcome, Stage
from scriptrun.policies.attempts import parse_instant

__all__ = [
    "OUTPUT_CHARACTERS",
    "TOO_LONG",
    "Advance",
    "Decision",
    "Nothing",
    "ReportToScheduler",
    "SettleOrder",
    "Supply",
    "decide_order",
    "decide_order_outcome",
]

TOO_LONG = "The script's running time exceeded the limit and the execution was aborted."
OUTPUT_CHARACTERS = 1_000_000
_OUT_OF_MEMORY = "out-of-memory(OOM) error!\n"
_OUT_OF_MEMORY_CODE = 137
_ANSWER_SECONDS = 60.0
_NEW_RUN_SECONDS = 10.0
_REPORT_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True)
class Nothing:
    """There is nothing to do, until something happens."""


@dataclass(frozen=True, slots=True)
class Supply:
    """Download the script, and give it to the run."""


@dataclass(frozen=True, slots=True)
class Advance:
    """Write that it has come further."""

    stage: Stage
    started_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SettleOrder:
    """Write its end. ``outcome`` None: that of its run. ``stop``: its run is to end."""

    outcome: OrderOutcome | None = None
    stop: bool = False


@dataclass(frozen=True, slots=True)
class ReportToScheduler:
    """Tell the scheduler that asked."""


Decision = Nothing | Supply | Advance | SettleOrder | ReportToScheduler


def decide_order(order: Order, run: Mapping[str, Any] | None, now: datetime, limit_seconds: float) -> Decision:
    """Decide what is to be done next.

    Args:
        order: as its row has it.
        run: its ScriptRun, in the cluster or in the history; None: neither knows it.
        now: aware UTC.
        limit_seconds: how long a script may take.
    """
    age = (now - order.request.created_at).total_seconds()
    if order.ended:
        return _decide_report(order, now)
    status = (run or {}).get("status") or {}
    if status.get("finishedAt"):
        return SettleOrder()
    started_at = order.started_at or parse_instant(status.get("startedAt"))
    if now - (started_at or order.request.created_at) > timedelta(seconds=limit_seconds):
        return SettleOrder(
            OrderOutcome(False, -1, TOO_LONG, limit_seconds if started_at else None), stop=run is not None
        )
    if order.stage is Stage.NEW:
        # Its caller never learned its id: the process that took it died, or could not make the run.
        interrupted = OrderOutcome(
            False, None, "The script was not started: the scheduler was interrupted; start it again."
        )
        return SettleOrder(interrupted, stop=run is not None) if age > _ANSWER_SECONDS else Nothing()
    if order.stage is Stage.HANDED_OVER:
        return Nothing()
    if run is None:
        return (
            SettleOrder(OrderOutcome(False, None, "The script's run was deleted."))
            if age > _NEW_RUN_SECONDS
            else Nothing()
        )
    if order.stage is Stage.PENDING:
        return Supply()
    if order.stage is Stage.SUPPLIED and started_at is not None:
        return Advance(Stage.RUNNING, started_at)
    return Nothing()


def _decide_report(order: Order, now: datetime) -> Decision:
    if order.stage is not Stage.REPORTING:
        return Nothing()
    since = (now - (order.finished_at or now)).total_seconds()
    return ReportToScheduler() if since <= _REPORT_SECONDS else Advance(Stage.FINISHED)


def decide_order_outcome(run: Mapping[str, Any], output: str | None, limit_seconds: float) -> OrderOutcome:
    """Decide what a finished run comes to, in the pipeline's words.

    Args:
        run: the ScriptRun.
        output: its output as JSON text; None: it has none.
        limit_seconds: how long a script may take.
    """
    status = run["status"]
    reason, code, seconds = status.get("reason"), status.get("exitCode"), status.get("durationSeconds")
    text = _read_text(output)
    if reason == Reason.TIMEOUT:
        return OrderOutcome(False, -1, TOO_LONG, limit_seconds if seconds is None else seconds)
    if reason == Reason.COMPLETED:
        return OrderOutcome(True, code or 0, text or "", seconds or 0.0)
    if reason == Reason.OUT_OF_MEMORY:
        return OrderOutcome(False, _OUT_OF_MEMORY_CODE, _OUT_OF_MEMORY + (text or ""), seconds)
    if text is None:
        text = str(status.get("message") or reason or "")
    return OrderOutcome(False, code, text, seconds)


def _read_text(output: str | None) -> str | None:
    """Read what a script printed; one that wrote an output of its own is shown that."""
    if output is None:
        return None
    try:
        document = json.loads(output)
    except ValueError:
        return output[:OUTPUT_CHARACTERS]
    if isinstance(document, dict) and document.keys() == {"output"} and isinstance(document["output"], str):
        return document["output"][:OUTPUT_CHARACTERS]
    return output[:OUTPUT_CHARACTERS]
