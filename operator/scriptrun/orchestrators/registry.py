"""The orchestrators that there are, by the field of a Bridge's spec that selects each."""

from collections.abc import Mapping

from scriptrun.errors import Refused
from scriptrun.models.bridge import BridgeSpec
from scriptrun.orchestrators.adapter import Adapter, Orchestrator
from scriptrun.orchestrators.conductor.adapter import CONDUCTOR
from scriptrun.orchestrators.zeebe.adapter import ZEEBE
from scriptrun.policies.address_policy import AddressPolicy

__all__ = ["ORCHESTRATORS", "build_adapter", "find_orchestrator", "require_orchestrator"]

ORCHESTRATORS = {orchestrator.source: orchestrator for orchestrator in (ZEEBE, CONDUCTOR)}


def find_orchestrator(spec: BridgeSpec) -> Orchestrator | None:
    """Find the orchestrator that a Bridge speaks to; None for a Bridge that is gone, of whose spec nothing is left.

    Args:
        spec: of the Bridge.
    """
    return next((found for source, found in ORCHESTRATORS.items() if getattr(spec, source, None) is not None), None)


def require_orchestrator(spec: BridgeSpec) -> Orchestrator:
    """Find the orchestrator that a Bridge speaks to.

    Args:
        spec: of the Bridge.

    Raises:
        Refused: it names none that this version knows (the CRDs of another version are installed).
    """
    if (found := find_orchestrator(spec)) is None:
        raise Refused(f"the Bridge names no orchestrator: set one of {', '.join(ORCHESTRATORS)} in its spec")
    return found


def build_adapter(
    spec: BridgeSpec, name: str, secret: Mapping[str, str], certificates: str, policy: AddressPolicy | None = None
) -> Adapter:
    """Build the adapter that a Bridge asks for; see ``BuildAdapter``.

    Raises:
        Refused: orchestrator, address, credentials or certificates can't be used.
    """
    return require_orchestrator(spec).build(spec, name, secret, certificates, policy)
