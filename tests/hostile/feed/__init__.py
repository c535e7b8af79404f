"""Feeds cases to the processes that they are for, and says what they came to."""

from collections.abc import Callable
from typing import Any

from hostile.corpus.case import (
    AnswerCase,
    Case,
    OrderCase,
    RequestCase,
    SchemaCase,
    ScriptCase,
    TaskCase,
    VariablesCase,
)
from hostile.feed.api import feed_request
from hostile.feed.bridge import feed_answer
from hostile.feed.finding import Finding, judge
from hostile.feed.operator import feed_schema, feed_script, feed_variables
from hostile.feed.orders import feed_order
from hostile.feed.peers import feed_task
from hostile.lab import Lab

__all__ = ["Finding", "feed", "judge"]

_FEEDERS: dict[type[Case], Callable[[Lab, Any], Finding]] = {
    SchemaCase: feed_schema,
    VariablesCase: feed_variables,
    ScriptCase: feed_script,
    RequestCase: feed_request,
    OrderCase: feed_order,
    AnswerCase: feed_answer,
    TaskCase: feed_task,
}


def feed(lab: Lab, case: Case) -> Finding:
    """Feed a case, and wait for its end."""
    return _FEEDERS[type(case)](lab, case)
