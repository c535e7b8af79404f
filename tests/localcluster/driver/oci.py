"""OCI images in and out of the local cluster's runtime, without a registry."""

import hashlib
import io
import json
import platform
import tarfile
from collections.abc import Callable
from pathlib import Path

from .api import wait_until
from .errors import LocalClusterError
from .node import PAUSE_IMAGE
from .settings import Settings
from .shell import read_output, run_logged, succeeds

RUNTIME_NAMESPACE = "k8s.io"
RUNTIME_SECONDS = 30.0
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


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
    image.write_bytes(build_archive(PAUSE_IMAGE, layer.getvalue(), {"Entrypoint": ["/pause"], "User": "65535:65535"}))
    wait_until("containerd to answer", lambda: succeeds(*_ctr(settings), "version"), alive, RUNTIME_SECONDS)
    import_archive(settings, image)


def import_archive(settings: Settings, archive: Path) -> None:
    """Imports an OCI or Docker archive under the names it carries."""
    run_logged([*_ctr(settings), "images", "import", archive], settings.logs / "import.log")


def tag_image(settings: Settings, name: str, alias: str) -> None:
    """Gives an image in the runtime a second name, or moves that name to it."""
    run_logged([*_ctr(settings), "images", "tag", "--force", name, alias], settings.logs / "import.log")


def has_image(settings: Settings, name: str) -> bool:
    """Tells whether the runtime has an image of this name.

    Raises:
        LocalClusterError: When the cluster is not up.
    """
    if not succeeds(*_ctr(settings), "version"):
        raise LocalClusterError("The local cluster is not up: run `make up` first.")
    return name in read_output(*_ctr(settings), "images", "list", "--quiet").split()


def build_archive(name: str, layer: bytes, config: dict[str, object]) -> bytes:
    """Builds an OCI image layout tar with one layer, for this machine's architecture.

    Args:
        name: Full image name with tag.
        layer: An uncompressed tar.
        config: The image's ``config``: Entrypoint, User and so on.
    """
    blobs: list[bytes] = []

    def describe(kind: str, blob: bytes) -> dict[str, object]:
        blobs.append(blob)
        return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": _digest(blob), "size": len(blob)}

    image = {
        "architecture": ARCHITECTURES.get(platform.machine(), platform.machine()),
        "os": "linux",
        "config": config,
        "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": describe("config.v1+json", json.dumps(image).encode()),
        "layers": [describe("layer.v1.tar", layer)],
    }
    entry = describe("manifest.v1+json", json.dumps(manifest).encode())
    entry["annotations"] = {"io.containerd.image.name": name, "org.opencontainers.image.ref.name": name}
    index = {"schemaVersion": 2, "manifests": [entry]}
    files = {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}', "index.json": json.dumps(index).encode()}
    files |= {f"blobs/{_digest(blob).replace(':', '/')}": blob for blob in blobs}
    return _pack(files)


def _pack(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for path, data in files.items():
            member = tarfile.TarInfo(path)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return out.getvalue()


def _digest(blob: bytes) -> str:
    return f"sha256:{hashlib.sha256(blob).hexdigest()}"


def _ctr(settings: Settings) -> tuple[str, ...]:
    return ("ctr", "--address", str(settings.containerd_socket), "--namespace", RUNTIME_NAMESPACE)
