"""Builds the adapter that a Bridge asks for."""

from collections.abc import Mapping

from scriptrun.models.bridge import BridgeSpec
from scriptrun.orchestrators.adapter import Adapter
from scriptrun.orchestrators.conductor.adapter import build_conductor
from scriptrun.orchestrators.zeebe.adapter import build_zeebe
from scriptrun.policies.address_policy import AddressPolicy

__all__ = ["build_adapter"]


def build_adapter(
    spec: BridgeSpec, name: str, secret: Mapping[str, str], certificates: str, policy: AddressPolicy | None = None
) -> Adapter:
    """Build an adapter.

    Args:
        spec: of the Bridge.
        name: of the Bridge.
        secret: data of its credentials Secret, decoded; empty for none.
        certificates: PEM to trust; "" for the system's.
        policy: which addresses may be connected to; None for any.

    Raises:
        Refused: address, credentials or certificates can't be used.
    """
    build = build_zeebe if spec.zeebe else build_conductor
    return build(spec, name, secret, certificates, policy)
