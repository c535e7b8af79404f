"""Which certificates a server's is checked against."""

import ssl

from scriptrun.errors import Refused

__all__ = ["build_tls"]


def build_tls(certificates: str, field: str = "caConfigMap") -> ssl.SSLContext | bool:
    """Build what to trust: PEM certificates, or the system's for "".

    Args:
        certificates: as PEM; "" for the system's.
        field: where they come from, for the message.

    Raises:
        Refused: it is no PEM.
    """
    if not certificates:
        return True
    try:
        return ssl.create_default_context(cadata=certificates)
    except ssl.SSLError as error:
        raise Refused(
            f"the certificates to trust ({field}) are no PEM: they begin with -----BEGIN CERTIFICATE-----"
        ) from error
