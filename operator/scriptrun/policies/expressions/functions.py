"""The functions that expressions have beside CEL's own. They know neither clock nor chance."""

import base64
import hashlib
import hmac
import json
import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

from cel_expr_python import cel

from scriptrun.policies.expressions.values import from_cel

__all__ = ["FUNCTIONS", "RESULT_LIMIT_BYTES", "Moment", "declare_functions", "set_moment"]

RESULT_LIMIT_BYTES = 900_000
"""Of one evaluation: what a run may be given altogether."""

_NAMESPACE = uuid.UUID("5c1f2f5e-6a0e-5a44-9d1f-0e5b8a3f7f0a")
_DIRECTIVES = frozenset("aAbBdfHIjmMpSuVGyYzZ%")
_FORMAT_LIMIT = 200
_PERCENT = re.compile(r"%(.?)", re.DOTALL)


@dataclass(slots=True)
class Moment:
    """What an evaluation may know of the world, so that a repeated one gives the same.

    Attributes:
        seed: names the run, the step and the place of the expression.
        now: when the run started.
        count: how many UUIDs there were.
    """

    seed: str
    now: datetime
    count: int = 0


_moment: ContextVar[Moment] = ContextVar("moment")


@contextmanager
def set_moment(moment: Moment) -> Iterator[None]:
    """Evaluate with a moment."""
    token = _moment.set(moment)
    try:
        yield
    finally:
        _moment.reset(token)


def _limited(text: str) -> str:
    if len(text) > RESULT_LIMIT_BYTES:
        raise ValueError(f"a text of {len(text)} characters, at most {RESULT_LIMIT_BYTES} are possible")
    return text


def _to_bytes(value: object) -> bytes:
    return value.encode() if isinstance(value, str) else bytes(value)  # type: ignore[call-overload]


def _to_text(value: object) -> str:
    plain = from_cel(value)
    return plain if isinstance(plain, str) else json.dumps(plain)


def _json(value: object) -> str:
    return _limited(json.dumps(from_cel(value), ensure_ascii=False, separators=(",", ":")))


def _base64(value: object) -> str:
    return _limited(base64.b64encode(_to_bytes(value)).decode())


def _urlencode(value: object) -> str:
    if isinstance(value, dict):
        pairs = ((_to_text(key), _to_text(item)) for key, item in value.items())
        return _limited(urlencode(sorted(pairs), quote_via=quote))
    return _limited(quote(_to_text(value), safe=""))


def _sha256(value: object) -> str:
    return hashlib.sha256(_to_bytes(value)).hexdigest()


def _hmac(key: object, message: object) -> str:
    return hmac.new(_to_bytes(key), _to_bytes(message), hashlib.sha256).hexdigest()


def _uuid(name: str | None = None) -> str:
    moment = _moment.get()
    if name is not None:
        return str(uuid.uuid5(_NAMESPACE, f"{moment.seed}={name}"))
    moment.count += 1
    return str(uuid.uuid5(_NAMESPACE, f"{moment.seed}#{moment.count}"))


def _date(*arguments: Any) -> str:
    *times, pattern = arguments
    time = times[0] if times else _moment.get().now
    if isinstance(time, str):
        try:
            time = datetime.fromisoformat(time)
        except ValueError:
            raise ValueError("date: no time in RFC 3339, such as 2026-01-31T08:00:00Z") from None
    if len(pattern) > _FORMAT_LIMIT:
        raise ValueError(f"date: the format has more than {_FORMAT_LIMIT} characters")
    for directive in _PERCENT.findall(pattern):
        if directive not in _DIRECTIVES or not directive:
            raise ValueError(f"date: %{directive} is no directive; there are {' '.join(sorted(_DIRECTIVES))}")
    zoned = time if time.tzinfo else time.replace(tzinfo=UTC)
    return str(zoned.astimezone(UTC).strftime(pattern))


_TYPES = cel.Type
_BINARY = (_TYPES.STRING, _TYPES.BYTES)
_SCALARS = (_TYPES.STRING, _TYPES.INT, _TYPES.UINT, _TYPES.DOUBLE, _TYPES.BOOL)
_ANY = (
    *_SCALARS,
    _TYPES.BYTES,
    _TYPES.NULL,
    _TYPES.TIMESTAMP,
    _TYPES.DURATION,
    _TYPES.List(_TYPES.DYN),
    _TYPES.Map(_TYPES.DYN, _TYPES.DYN),
)
_SIGNATURES: dict[str, tuple[Callable[..., str], list[tuple[Any, ...]]]] = {
    "json": (_json, [(kind,) for kind in _ANY]),
    "base64": (_base64, [(kind,) for kind in _BINARY]),
    "urlencode": (_urlencode, [(kind,) for kind in (*_SCALARS, _ANY[-1])]),
    "sha256": (_sha256, [(kind,) for kind in _BINARY]),
    "hmac": (_hmac, [(key, message) for key in _BINARY for message in _BINARY]),
    "uuid": (_uuid, [(), (_TYPES.STRING,)]),
    "date": (_date, [(_TYPES.STRING,), (_TYPES.STRING, _TYPES.STRING), (_TYPES.TIMESTAMP, _TYPES.STRING)]),
}
FUNCTIONS = ("default", *_SIGNATURES)
"""Their names."""


def declare_functions() -> list[Any]:
    """Declare them to CEL: for each type an overload, since it picks one by the type of the argument."""
    return [
        cel.FunctionDecl(
            name,
            [
                cel.Overload(f"scriptrun_{name}_{number}", _TYPES.STRING, list(kinds), False, function)
                for number, kinds in enumerate(signatures)
            ],
        )
        for name, (function, signatures) in _SIGNATURES.items()
    ]
