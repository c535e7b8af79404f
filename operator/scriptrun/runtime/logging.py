"""Structured logs: JSON for machines, readable ones on a terminal; the libraries' loggers go the same way."""

import json
import logging
import sys
from collections.abc import MutableMapping
from contextlib import suppress
from typing import Any

import structlog

from scriptrun.policies.text import escape_controls, escape_json

__all__ = ["configure_logs"]


def configure_logs(level: str, form: str) -> None:
    """Set up structlog and the standard library's logging.

    Args:
        level: debug, info, warning or error.
        form: json, console, or auto (console on a terminal).
    """
    pretty = form == "console" or (form == "auto" and sys.stderr.isatty())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        *((_escape_values,) if pretty else ()),
    ]
    renderer: Any = (
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if pretty
        else structlog.processors.JSONRenderer(_dump_json, ensure_ascii=False)
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    number = logging.getLevelNamesMapping()[level.upper()]
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(number)
    # kopf logs every handler it calls at info and debug; what it has to say to an operator's owner are its warnings.
    logging.getLogger("kopf").setLevel(logging.WARNING)
    # Not by way of the standard library's logging, which takes three times as long for a line.
    structlog.configure(
        processors=[*shared, renderer],
        logger_factory=_NamedLogger,
        wrapper_class=structlog.make_filtering_bound_logger(number),
        cache_logger_on_first_use=True,
    )


def _dump_json(event: Any, **options: Any) -> str:
    """Write a line of JSON; what it quotes stays what it was, but is no command to a terminal (`kubectl logs`)."""
    return escape_json(json.dumps(event, **options))


def _escape_values(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Make what a line quotes safe for a terminal; other values than texts are shown by their ``repr``, which is."""
    for key, value in event.items():
        if isinstance(value, str):
            event[key] = escape_controls(value)
    return event


class _NamedLogger:
    """Writes to stderr, under a name. That nobody reads there any more ends nothing."""

    def __init__(self, name: str = "") -> None:
        self.name = name

    def msg(self, line: str) -> None:
        """Write a line, in one piece."""
        with suppress(OSError, ValueError):
            sys.stderr.write(line + "\n")
            sys.stderr.flush()

    debug = info = warning = error = critical = msg
