"""What a ResourceQuota says when it refuses an object: is there a time at which it would let it in?"""

import re
from collections.abc import Iterator
from decimal import Decimal

from scriptrun.models.facts import EventFacts

__all__ = ["advise_quota", "awaits_room", "has_room_later", "name_field"]

_EXCEEDED = re.compile(
    r"exceeded quota: (?P<quota>\S+), requested: (?P<requested>\S+), used: \S+, limited: (?P<limited>\S+)"
)
"""As apiserver's resourcequota controller writes it: resources and their quantities, sorted and joined by commas."""
_QUANTITY = re.compile(r"(\d{1,30}(?:\.\d{0,30})?)(?:([KMGTPE])i|([numkMGTPE])|[eE]([-+]?\d{1,2}))?")
_DECIMAL = {"n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = "KMGTPE"


def awaits_room(event: EventFacts | None) -> bool:
    """Whether a Job's pod is refused only until others have left room for it in a quota."""
    return event is not None and event.reason == "FailedCreate" and has_room_later(event.message)


def has_room_later(said: str) -> bool:
    """Whether a quota refuses an object only for now. One that asks for more than the quota has never passes.

    Args:
        said: the API server's words.
    """
    return "exceeded quota" in said and not any(_list_unfit(said))


def advise_quota(said: str) -> str:
    """Say what to do about an exceeded quota.

    Args:
        said: the API server's words, with "exceeded quota" in them.
    """
    unfit = list(_list_unfit(said))
    if not unfit:
        return "it is let in once there is room"
    quota, name, requested, limited = unfit[0]
    field = f"resources.{name_field(name)}"
    lower = (
        f"lower {field} in the Script to at most {limited}, or " if _is_of_container(name) and limited != "0" else ""
    )
    return f"more than the whole quota: {lower}raise {name} of ResourceQuota {quota} to {requested} or more"


def name_field(name: str) -> str:
    """Name the field of a container's ``resources`` that a quota's resource counts; a bare name counts requests."""
    return name if name.startswith(("limits.", "requests.")) else f"requests.{name}"


def _is_of_container(name: str) -> bool:
    return name in ("cpu", "memory", "ephemeral-storage") or name.startswith(("limits.", "requests."))


def _list_unfit(said: str) -> Iterator[tuple[str, str, str, str]]:
    """List quota, resource, what is asked for and what there is in all, where the former is more."""
    if (match := _EXCEEDED.search(said)) is None:
        return
    limits = dict(pair.partition("=")[::2] for pair in match["limited"].split(","))
    for name, _, requested in (pair.partition("=") for pair in match["requested"].split(",")):
        asked, limit = _parse_quantity(requested), _parse_quantity(limits.get(name, ""))
        if asked is not None and limit is not None and asked > limit:
            yield match["quota"], name, requested, limits[name]


def _parse_quantity(text: str) -> Decimal | None:
    """Parse a quantity as apimachinery writes it; None: it is something else."""
    if (match := _QUANTITY.fullmatch(text)) is None:
        return None
    number, binary, decimal, exponent = match.groups()
    if binary:
        return Decimal(number) * Decimal(1024 ** (_BINARY.index(binary) + 1))
    return Decimal(number).scaleb(_DECIMAL[decimal] if decimal else int(exponent or 0))
