"""The orchestrators that there are, by the field of a Bridge's spec that selects each."""

from collections.abc import Mapping

from scriptrun.errors import Refused
from scriptrun.models.bridge import BridgeSpec
from scriptrun.orchestrators.adapter import Adapter, Orchestrator
from scriptrun.orchestrators.conductor.adapter import CONDUCTOR
from scriptrun.orchestrators.zeebe.adapter import ZEEBE
from scriptrun.policies.address_policy import AddressPolicy

__all__ = ["ORCHESTRATORS", "build_adapter", "find_orchestrator"]

ORCHESTRATORS = {orchestrator.source: orchestrator for orchestrator in (ZEEBE, CONDUCTOR)}


def find_orchestrator(spec: BridgeSpec) -> Orchestrator:
    """Find the orchestrator that a Bridge speaks to.

    Args:
        spec: of the Bridge.

    Raises:
        Refused: it names none that this version knows (an older CRD, or a newer one, is installed).
    """
    for source, orchestrator in ORCHESTRATORS.items():
        if getattr(spec, source, None) is not None:
            return orchestrator
    raise Refused(f"the Bridge names no orchestrator: set one of {', '.join(ORCHESTRATORS)} in its spec")


def build_adapter(
    spec: BridgeSpec, name: str, secret: Mapping[str, str], certificates: str, policy: AddressPolicy | None = None
) -> Adapter:
    """Build the adapter that a Bridge asks for; see ``BuildAdapter``.

    Raises:
        Refused: orchestrator, address, credentials or certificates can't be used.
    """
    return find_orchestrator(spec).build(spec, name, secret, certificates, policy)
