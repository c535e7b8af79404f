"""Texts with expressions in them: ``order {{ input.id }} of {{ input.customer }}``."""

from dataclasses import dataclass

from scriptrun.policies.expressions.faults import ExpressionError
from scriptrun.policies.expressions.tokens import Token, read_tokens

__all__ = ["EXPRESSION_LIMIT", "Expression", "Template", "parse_template"]

EXPRESSION_LIMIT = 4096
"""Characters of one expression. A longer one belongs into a script."""
_NEAR = 40


@dataclass(frozen=True, slots=True)
class Expression:
    """One expression.

    Attributes:
        source: what stands between the braces, without the space around it.
        tokens: of the source.
    """

    source: str
    tokens: tuple[Token, ...]


@dataclass(frozen=True, slots=True)
class Template:
    """A text, parsed.

    Attributes:
        parts: texts and expressions in their order.
    """

    parts: tuple[str | Expression, ...]

    @property
    def is_whole(self) -> bool:
        """Whether the text is one expression, which keeps its type."""
        return len(self.parts) == 1 and isinstance(self.parts[0], Expression)

    @property
    def expressions(self) -> tuple[Expression, ...]:
        """The expressions in it."""
        return tuple(part for part in self.parts if isinstance(part, Expression))


def parse_template(text: str) -> Template:
    """Parse a text. Space around one that is a single expression does not count.

    Raises:
        ExpressionError: an expression has no end, is empty or too long.
    """
    stripped = text.strip()
    if stripped.startswith("{{"):
        whole, end = _parse_expression(stripped, 2)
        if end == len(stripped):
            return Template((whole,))
    parts: list[str | Expression] = []
    place = 0
    while (begin := text.find("{{", place)) >= 0:
        if begin > place:
            parts.append(text[place:begin])
        expression, place = _parse_expression(text, begin + 2)
        parts.append(expression)
    if place < len(text) or not parts:
        parts.append(text[place:])
    return Template(tuple(parts))


def _parse_expression(text: str, start: int) -> tuple[Expression, int]:
    """Parse the expression that begins at a place; returns it and where the text goes on."""
    # Never more than the limit is read: whatever follows, each expression costs little.
    window = text[start : start + EXPRESSION_LIMIT + 2]
    try:
        if found := _find_end(window):
            tokens, end = found
            return _build(window[:end], tokens), start + end + 2
    except ExpressionError:
        if len(window) <= EXPRESSION_LIMIT:
            raise
    if len(window) > EXPRESSION_LIMIT:
        raise ExpressionError(
            f"near {_quote(text, start)}: an expression may have {EXPRESSION_LIMIT} characters; this one has more, "
            "or no }} at its end"
        )
    raise ExpressionError(
        f"near {_quote(text, start)}: {{{{ without }}}} (write {{{{ '{{{{' }}}} for two plain braces)"
    )


def _find_end(window: str) -> tuple[list[Token], int] | None:
    """Find the ``}}`` that ends an expression; returns its tokens and that place."""
    tokens: list[Token] = []
    depth = 0
    for token in read_tokens(window):
        if token.text == "}" and depth == 0:
            if not window.startswith("}}", token.start):
                raise ExpressionError(f"near {_quote(window, token.start)}: a single }} where }}}} should be")
            return tokens, token.start
        depth += (token.text == "{") - (token.text == "}")
        tokens.append(token)
    return None


def _build(source: str, tokens: list[Token]) -> Expression:
    if not tokens:
        raise ExpressionError("an expression is empty: write what it should be between {{ and }}")
    first, last = tokens[0].start, tokens[-1].end
    moved = (Token(token.kind, token.text, token.start - first, token.end - first) for token in tokens)
    return Expression(source[first:last], tuple(moved))


def _quote(text: str, start: int) -> str:
    return repr(text[max(start - 2, 0) : start + _NEAR])
