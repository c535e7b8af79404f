"""A default StorageClass for the local cluster: Rancher's local-path-provisioner, as kind and k3s have it.

It is applied to a cluster that runs, and is no part of what the cluster is started with.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

from .gobuild import PROVISIONER, compute_key, compute_program_key, ensure_program, link_kubectl
from .progress import step
from .settings import MODULE, Settings
from .shell import read_output, run_logged

FOLDER = MODULE / "storage"
STORAGE_CLASS = "local-path"
IMAGE = "scriptrun.dev/local-path-provisioner"
_KEY = r"jsonpath={.metadata.annotations.scriptrun\.dev/key}"

EnsureImage = Callable[[str, Path, Path, Mapping[str, str]], None]


def ensure_storage_class(settings: Settings, ensure_image: EnsureImage) -> None:
    """Makes sure the local cluster makes a volume for each claim. Does nothing when it does already.

    Args:
        settings: Where cluster and cache are.
        ensure_image: Makes sure pods can run an image, given its name, Dockerfile, context and build arguments.
    """
    kubectl = (link_kubectl(settings), "--kubeconfig", settings.kubeconfig)
    key = compute_storage_key(settings)
    if read_output(*kubectl, "get", "storageclass", STORAGE_CLASS, "--output", _KEY).strip() == key:
        return
    binary = ensure_program(settings, PROVISIONER)
    image = f"{IMAGE}:{key}"
    ensure_image(image, FOLDER / "Dockerfile", binary.parent, {})
    path = settings.state / "storage.yaml"
    path.write_text(render_manifests(image, settings.state / "volumes", key))
    with step("Giving the cluster a StorageClass"):
        apply = ("apply", "--server-side", "--force-conflicts", "--filename", path)
        run_logged([*kubectl, *apply], settings.cache / "log" / "storage.log")


def compute_storage_key(settings: Settings) -> str:
    """Names exactly what would be applied: program, image, manifests and the folder of the volumes."""
    files = (FOLDER / "Dockerfile", FOLDER / "manifests.yaml")
    parts = [compute_program_key(PROVISIONER).encode(), *(path.read_bytes() for path in files)]
    return compute_key([*parts, str(settings.state).encode()])


def render_manifests(image: str, folder: Path, key: str) -> str:
    """Renders what is applied.

    Args:
        image: Name of the provisioner's image.
        folder: Of the node, for the volumes.
        key: Of all this, by which the next one knows that it is there.
    """
    text = (FOLDER / "manifests.yaml").read_text()
    for name, value in (("$IMAGE", image), ("$FOLDER", str(folder)), ("$KEY", key)):
        text = text.replace(name, value)
    return text
