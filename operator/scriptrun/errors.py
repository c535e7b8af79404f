"""Every error this project raises on purpose; each says what the user can do.

ScriptRunError
├── KubeError                 the API server refused or failed a request
│   ├── NotFound              404
│   ├── AlreadyExists         409 on create
│   ├── Conflict              409 on update
│   ├── Forbidden             403
│   │   └── QuotaExceeded     403 by a ResourceQuota
│   ├── Invalid               422 / 400
│   │   └── TooLarge          413, or more than etcd takes
│   └── Unavailable           no connection, 429, 5xx: try again
├── UndeclaredAccess          the code used a verb that access.py does not declare
├── TaskError                 an orchestrator did not do what was asked
│   ├── Gone                  the task is not ours any more
│   ├── Rejected              what was sent will never be accepted
│   └── TryLater              no answer, or one that says: later
│       ├── AnswerTooLarge    an answer that is more than is read
│       └── Refused           credentials, TLS or address are wrong
├── RunRequestError           what a caller asks of runs can't be had
│   ├── NotPermitted          they lack the right, or it was taken away
│   ├── InvalidRequest        some of it is not as it has to be
│   ├── ScriptNotFound        there is no such Script
│   ├── RunNotFound           neither the cluster nor the history knows the run
│   ├── RunNameTaken          there is another run of that name
│   ├── IdempotencyKeyReused  the key was used for another request
│   ├── RunFinished           the run is over
│   ├── RunForgotten          only the history knows the run
│   └── SecretsMissing        the run can't be repeated without its secrets
├── WorkTooLarge              a computation took more CPU or memory than it may
├── WorkersBusy               a computation can't be done now: try again
├── AddressNotAllowed         an address that others chose may not be connected to
├── HistoryUnavailable        the history's database is away: try again
├── ClusterUnsuitable         CRDs missing, rights missing, or older than 1.30
└── UsageError                the command line was used wrongly
"""

from collections.abc import Sequence

from scriptrun.policies.text import escape_controls

__all__ = [
    "AddressNotAllowed",
    "AlreadyExists",
    "AnswerTooLarge",
    "ClusterUnsuitable",
    "Conflict",
    "Forbidden",
    "Gone",
    "HistoryUnavailable",
    "IdempotencyKeyReused",
    "Invalid",
    "InvalidRequest",
    "KubeError",
    "NotFound",
    "NotPermitted",
    "QuotaExceeded",
    "Refused",
    "Rejected",
    "RunFinished",
    "RunForgotten",
    "RunNameTaken",
    "RunNotFound",
    "RunRequestError",
    "ScriptNotFound",
    "ScriptRunError",
    "SecretsMissing",
    "TaskError",
    "TooLarge",
    "TryLater",
    "Unavailable",
    "UndeclaredAccess",
    "UsageError",
    "WorkTooLarge",
    "WorkersBusy",
]


class ScriptRunError(Exception):
    """Root of the tree. Messages quote servers and users: they are made safe for terminals and logs here."""

    def __init__(self, message: str = "") -> None:
        super().__init__(escape_controls(message))


class KubeError(ScriptRunError):
    """The API server refused or failed a request.

    Attributes:
        status: HTTP status; 0 when there was no answer.
        reason: Kubernetes' machine-readable reason, such as ``AlreadyExists``.
    """

    def __init__(self, message: str, status: int = 0, reason: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason


class NotFound(KubeError):
    """No such object."""


class AlreadyExists(KubeError):
    """An object of that name exists."""


class Conflict(KubeError):
    """The object was changed by somebody else."""


class Forbidden(KubeError):
    """RBAC or an admission check refused it."""


class QuotaExceeded(Forbidden):
    """A ResourceQuota of the namespace is used up."""


class Invalid(KubeError):
    """The object is not valid."""


class TooLarge(Invalid):
    """The request, or the object as it would be stored, is larger than the cluster takes: the same again can't help."""


class Unavailable(KubeError):
    """No answer, or one that says: later."""


class UndeclaredAccess(ScriptRunError):
    """The code used a verb that ``kube/access.py`` does not declare: a defect."""


class TaskError(ScriptRunError):
    """The orchestrator did not do what was asked; the message says why in its own words, without secrets."""


class Gone(TaskError):
    """The task is not ours any more: completed, cancelled, timed out, or given to another."""


class Rejected(TaskError):
    """What was sent will never be accepted (too large, wrong state): the same again is of no use."""


class TryLater(TaskError):
    """No answer, or one that says: later. The request may have arrived.

    Attributes:
        after_seconds: how long the server asked to wait; None when it did not say.
    """

    def __init__(self, message: str, after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.after_seconds = after_seconds


class AnswerTooLarge(TryLater):
    """The answer is larger than is read, or has more values than are parsed: ask for less."""


class Refused(TryLater):
    """Credentials, TLS or address are wrong: only a person can mend it, so it is tried again slowly."""


class RunRequestError(ScriptRunError):
    """What a caller asks of runs can't be had.

    Attributes:
        wrong: each thing that is wrong with the request: where, as a JSON pointer into it, and what.
    """

    def __init__(self, message: str, wrong: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(message)
        self.wrong = tuple(wrong)


class NotPermitted(RunRequestError):
    """The caller lacks the right, or it was taken away."""


class InvalidRequest(RunRequestError):
    """Some of the request is not as it has to be."""


class ScriptNotFound(RunRequestError):
    """There is no such Script."""


class RunNotFound(RunRequestError):
    """Neither the cluster nor the history knows the run, or the caller may not know of it."""


class RunNameTaken(RunRequestError):
    """There is another run of that name."""


class IdempotencyKeyReused(RunRequestError):
    """The key was used for another request."""


class RunFinished(RunRequestError):
    """The run is over."""


class RunForgotten(RunRequestError):
    """Only the history knows the run."""


class SecretsMissing(RunRequestError):
    """The run can't be repeated without secrets that nobody kept."""


class WorkTooLarge(ScriptRunError):
    """A computation on what somebody wrote took more CPU or memory than it may, and always would.

    The message says which, as the end of a sentence: ``took more than 2 s of CPU``.
    """


class WorkersBusy(ScriptRunError):
    """The worker processes can't do a computation now; the message says why: try again later."""


class AddressNotAllowed(ScriptRunError):
    """An address that others chose may not be connected to; the message says which and why.

    Attributes:
        final: whether no setting can allow it.
    """

    def __init__(self, message: str, *, final: bool) -> None:
        super().__init__(message)
        self.final = final


class HistoryUnavailable(ScriptRunError):
    """The history's database did not answer or refused; the message says why in its own words, without secrets."""


class ClusterUnsuitable(ScriptRunError):
    """This cluster can't be worked with; the message says what is missing."""


class UsageError(ScriptRunError):
    """The command line was used wrongly."""
