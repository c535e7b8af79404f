"""What is wrong with an expression, or went wrong when it was evaluated."""

from dataclasses import dataclass

from scriptrun.policies.text import escape_controls, shorten

__all__ = ["ExpressionError", "Fault"]

_MESSAGE_LIMIT = 600
_QUOTE_LIMIT = 120


class ExpressionError(ValueError):
    """An expression can't be parsed or evaluated; the message is for the Workflow's author."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, and where.

    Attributes:
        place: path of the field that holds the expression, such as ``steps[2].input.orderId``.
        message: for people.
        expression: the source of the expression; "" when the text as a whole is wrong.
    """

    place: str
    message: str
    expression: str = ""

    def describe(self) -> str:
        """Describe it in one line: place, expression, what is wrong."""
        quoted = " ".join(self.expression.split())
        shown = f" {{{{ {shorten(quoted, _QUOTE_LIMIT)} }}}}" if quoted else ""
        return escape_controls(shorten(f"{self.place}:{shown} {self.message}", _MESSAGE_LIMIT))
