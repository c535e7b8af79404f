"""What a member of the corpus is: an input, the attack it stands for, and the end that is right for it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Make = Callable[[], Any]
"""Makes an input when it is needed, since most are large: a JSON value, or bytes that are its text already."""

READY = "Ready"
BAD_SCHEMA = "InvalidSchema"
"""Ends of a schema: the reason of its Script's condition Ready."""

ACCEPTED = "accepted"
BAD_VARIABLES = "InvalidVariables"
TOO_LARGE = "InputTooLarge"
NO_SCRIPT = "ScriptNotAllowed"
"""Ends of variables and of tasks: a Job is created for them, or the run or the task fails for this reason. The last one
also if the Script's schema is refused."""

REFUSED, UNREACHABLE, CONNECTED = "Refused", "Unreachable", "Connected"
"""Ends of an orchestrator's answer that hands out no task: the reason of the Bridge's condition Connected."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One input.

    Attributes:
        name: Its own.
        why: What attack it stands for.
        ends: What it may come to: the first is expected, the others are right as well.
        says: Part of the message that goes with it.
    """

    name: str
    why: str
    ends: tuple[str, ...]
    says: str = ""


@dataclass(frozen=True, kw_only=True)
class SchemaCase(Case):
    """A JSON Schema that somebody who may write Scripts put into one.

    Attributes:
        schema: Makes it.
        where: The field of the Script's spec that it stands in.
    """

    schema: Make
    where: Literal["variablesSchema", "outputSchema"] = "variablesSchema"


@dataclass(frozen=True, kw_only=True)
class VariablesCase(Case):
    """Variables that somebody who may create runs gives to a Script with some schema.

    Attributes:
        variables: Makes them.
        schema: Makes the schema.
        product: Whether checking takes the product of both sizes, so that only the limit of a worker process bounds it.
    """

    variables: Make
    schema: Make = dict
    product: bool = False


@dataclass(frozen=True, kw_only=True)
class ScriptCase(Case):
    """What a script does: it writes an output, a log, a message.

    Attributes:
        source: Python; ``out`` is the path of its output file, and ``os`` and ``sys`` are imported.
        script: More of its Script's spec.
        variables: Makes its run's variables.
    """

    source: str
    script: Mapping[str, Any] = field(default_factory=dict)
    variables: Make = dict

    @property
    def asks_for_libraries(self) -> bool:
        """Whether it is about the libraries that the script asks for, and not about what it writes."""
        return self.source.startswith("# /// script") or "dependencies" in self.script


Framing = Literal["length", "chunked", "endless", "slow", "short", "raw"]
"""How a body is sent: as promised by its length, in chunks, in chunks without end, a byte at a time, less than was
promised; or, raw, it is the whole request."""


@dataclass(frozen=True, kw_only=True)
class RequestCase(Case):
    """A request to the REST API. Its end is the answer's status with the kind of problem.

    Attributes:
        method: HTTP method.
        path: Below the namespace, unless it begins with ``/``; sent as it is.
        headers: Beside those that every request has; None takes one away.
        body: Makes it; None for none.
        framing: How it is sent.
        token_scripts: Patterns of an API token to send it with; none for a token of the cluster.
    """

    method: str = "POST"
    path: str = "runs"
    headers: Mapping[str, str | None] = field(default_factory=dict)
    body: Make | None = None
    framing: Framing = "length"
    token_scripts: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What a hostile server answers.

    Attributes:
        status: HTTP status.
        headers: Of the answer.
        body: Makes it.
        framing: How it is sent; ``raw`` is the whole answer.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Make = bytes
    framing: Framing = "length"


@dataclass(frozen=True, kw_only=True)
class OrderCase(Case):
    """A request to the script pipeline's scheduler. Its end is what the caller is told.

    Attributes:
        order: Makes fields of the request that differ from a good one; bytes are the whole body.
        reply: Of the server with the script; None: it is not asked.
        found: Of the server that is asked where the script is; None: the order says it.
    """

    order: Make = dict
    reply: Reply | None = None
    found: Reply | None = None


@dataclass(frozen=True, kw_only=True)
class AnswerCase(Case):
    """What an orchestrator answers to a Bridge that polls it.

    Its end is the reason of the Bridge's condition Connected, or what a task it hands out is reported to have come to.

    Attributes:
        orchestrator: Which it claims to be.
        reply: To each poll.
        bridge: More of the Bridge's spec.
    """

    orchestrator: Literal["zeebe", "conductor"] = "zeebe"
    reply: Reply
    bridge: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class TaskCase(Case):
    """What a workflow in a real orchestrator hands out: its end is that of the run, or of the task that got none.

    Attributes:
        orchestrator: Which.
        script: What the task names as its Script.
        headers: Further task headers; Conductor has none.
        variables: Makes what the workflow is started with.
    """

    orchestrator: Literal["zeebe", "conductor"]
    script: str
    headers: Make = dict
    variables: Make = dict
