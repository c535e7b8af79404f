"""OCI images without a registry."""

import hashlib
import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

from .api import wait_until
from .errors import LocalClusterError
from .node import PAUSE_IMAGE
from .settings import Settings
from .shell import run_logged, succeeds

NAMESPACE = "k8s.io"
RUNTIME_SECONDS = 30.0


def import_pause_image(settings: Settings, pause: Path, alive: Callable[[], bool]) -> None:
    """Gives the runtime the image of the sandbox container, as soon as it answers."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as archive:
        entry = tarfile.TarInfo("pause")
        entry.size = pause.stat().st_size
        entry.mode = 0o755
        with pause.open("rb") as binary:
            archive.addfile(entry, binary)
    image = settings.state / "pause.tar"
    image.write_bytes(build_oci_archive(PAUSE_IMAGE, layer.getvalue(), {"Entrypoint": ["/pause"], "User": "65535:65535"}))
    wait_until("containerd to answer", lambda: succeeds(*_ctr(settings), "version"), alive, RUNTIME_SECONDS)
    import_archive(settings, image)


def import_archive(settings: Settings, archive: Path) -> None:
    """Imports an OCI or Docker archive into the cluster's runtime."""
    run_logged([*_ctr(settings), "images", "import", archive], settings.logs / "import.log")


def build_oci_archive(name: str, layer: bytes, config: dict[str, object], architecture: str = "amd64") -> bytes:
    """Builds an OCI image layout tar with one layer.

    Args:
        name: Full image name with tag.
        layer: An uncompressed tar.
        config: The image's ``config``: Entrypoint, User and so on.
        architecture: As Go names it.
    """
    diff_id = f"sha256:{hashlib.sha256(layer).hexdigest()}"
    image = {
        "architecture": architecture,
        "os": "linux",
        "config": config,
        "rootfs": {"type": "layers", "diff_ids": [diff_id]},
    }
    blobs: list[bytes] = []

    def describe(media_type: str, blob: bytes) -> dict[str, object]:
        blobs.append(blob)
        return {"mediaType": media_type, "digest": f"sha256:{hashlib.sha256(blob).hexdigest()}", "size": len(blob)}

    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": describe("application/vnd.oci.image.config.v1+json", json.dumps(image).encode()),
        "layers": [describe("application/vnd.oci.image.layer.v1.tar", layer)],
    }
    entry = describe("application/vnd.oci.image.manifest.v1+json", json.dumps(manifest).encode())
    entry["annotations"] = {"io.containerd.image.name": name, "org.opencontainers.image.ref.name": name}
    index = json.dumps({"schemaVersion": 2, "manifests": [entry]}).encode()

    files = {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}', "index.json": index}
    files |= {f"blobs/sha256/{hashlib.sha256(blob).hexdigest()}": blob for blob in blobs}
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for path, data in files.items():
            member = tarfile.TarInfo(path)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return out.getvalue()


def _ctr(settings: Settings) -> tuple[str, ...]:
    return ("ctr", "--address", str(settings.containerd_socket), "--namespace", NAMESPACE)


def require_runtime(settings: Settings) -> None:
    """Raises unless the cluster's runtime answers.

    Raises:
        LocalClusterError: Says how to start it.
    """
    if not succeeds(*_ctr(settings), "version"):
        raise LocalClusterError("The local cluster is not up: run `make up` first.")
