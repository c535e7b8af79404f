"""The local cluster as one of the clusters: Kubernetes from Go modules, images by buildah."""

import os
from collections.abc import Mapping
from pathlib import Path

from . import lifecycle, oci
from .buildah import BASE_IMAGE, Buildah, log_name
from .gobuild import link_kubectl
from .progress import step
from .settings import NODE_IP, Settings
from .storage import ensure_storage_class


class LocalCluster:
    """A whole Kubernetes on this machine, without Docker and without a registry."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._buildah = Buildah(settings)

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self._settings.kubeconfig

    def up(self) -> None:
        """Starts the cluster unless it runs, and gives it a StorageClass unless it has that."""
        lifecycle.up(self._settings)
        ensure_storage_class(self._settings, self.ensure_image)

    def down(self) -> None:
        """Stops the cluster and removes its traces."""
        lifecycle.down(self._settings)
        self._buildah.forget()

    def is_up(self) -> bool:
        """Looks at processes, API server and node."""
        return lifecycle.observe(self._settings).up

    def ensure_image(self, name: str, dockerfile: Path, context: Path, build_args: Mapping[str, str]) -> None:
        """Builds with buildah, unless this name was built before; imports, unless the runtime has it."""
        if oci.has_image(self._settings, name):
            return
        archive = self._settings.cache / "images" / f"{log_name(name)}.tar"
        if not archive.exists():
            self._build(name, archive, dockerfile, context, {"BASE": BASE_IMAGE, **build_args})
        self.load_archive(archive)

    def load_archive(self, archive: Path) -> None:
        """Imports into containerd."""
        with step(f"Loading image {archive.stem}"):
            oci.import_archive(self._settings, archive)

    def tag(self, name: str, alias: str) -> None:
        """Tags in containerd."""
        oci.tag_image(self._settings, name, alias)

    def kubectl(self) -> Path:
        """The kubectl inside the Kubernetes binary."""
        return link_kubectl(self._settings)

    def host_address(self) -> str:
        """The node's: it is this machine's, on a network that only pods are on."""
        return NODE_IP

    def _build(self, name: str, archive: Path, dockerfile: Path, context: Path, build_args: Mapping[str, str]) -> None:
        self._buildah.prepare()
        unfinished = archive.with_name(f"{archive.name}.{os.getpid()}")
        archive.parent.mkdir(parents=True, exist_ok=True)
        with step(f"Building image {name}"):
            self._buildah.build(name, dockerfile, context, build_args)
            try:
                self._buildah.save(name, unfinished)
                _drop_older(archive)
                unfinished.rename(archive)
            finally:
                unfinished.unlink(missing_ok=True)


def _drop_older(archive: Path) -> None:
    """Removes archives of the same image with another content key."""
    family = archive.stem.rpartition("-")[0]
    for old in archive.parent.glob(f"{family}-*.tar"):
        if old.stem.rpartition("-")[0] == family:
            old.unlink()
