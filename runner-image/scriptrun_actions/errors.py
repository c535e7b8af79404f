"""How a call can fail."""

from typing import Literal

__all__ = ["ActionError", "Reason"]

Reason = Literal[
    "InvalidInput",  # of the call; nothing was sent
    "InvalidAction",  # its description is wrong; nothing was sent
    "AddressNotAllowed",
    "ConnectFailed",
    "Timeout",
    "ConnectionBroken",
    "OutcomeUnknown",  # sent, and no answer says whether it was carried out
    "HttpError",  # a status that is no success
    "Unauthorized",
    "InvalidResponse",
    "ResponseTooLarge",
    "TooManyRedirects",
    "TooManyPages",
]


class ActionError(Exception):
    """A call failed.

    Attributes:
        reason: one word.
        message: for people; secrets are hidden.
        status: of the answer; None where there is none.
        attempts: how often it was tried.
    """

    def __init__(self, reason: Reason, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.reason: Reason = reason
        self.message = message
        self.status = status
        self.attempts = 0
