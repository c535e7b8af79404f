"""Builds Dockerfiles without a Docker engine, with Debian's buildah.

Build steps run under chroot isolation, which needs no more rights than the cluster itself. What this machine
needs to reach its package registries (certificate authorities, pip's settings) is mounted into build steps and so
never part of an image.
"""

import configparser
import io
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from .debootstrap import ensure_base
from .packages import IMAGE_PACKAGES, ensure_packages
from .settings import MODULE, Settings
from .shell import read_output, run_logged, succeeds

BASE_IMAGE = "localhost/scriptrun-base"
CA_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
PIP_CONF = Path("/etc/pip.conf")
PIP_SETTINGS = ("INDEX_URL", "EXTRA_INDEX_URL", "TRUSTED_HOST", "PROXY", "DEFAULT_TIMEOUT")
# What buildah knows of this boot's mounts; it must not outlive a boot.
RUN_ROOT = Path("/run/scriptrun-buildah")
# Layers kept for reuse; past that many the storage starts afresh.
MAX_LAYERS = 300


class Buildah:
    """One storage of images and layers, in the cache folder."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._storage = settings.cache / "buildah"
        self._program = ("buildah", "--root", str(self._storage), "--runroot", str(RUN_ROOT))

    def prepare(self) -> None:
        """Makes sure that buildah and the base image are there."""
        ensure_packages(self._settings, IMAGE_PACKAGES)
        self._drop_old_layers()
        base = ensure_base(self._settings)
        name = f"{BASE_IMAGE}:{base.name}"
        if self._has(name):
            return
        self._run("base", "bud", "--file", str(MODULE / "base" / "Dockerfile"), "--tag", name, str(base))
        self._run("base", "tag", name, BASE_IMAGE)

    def build(self, name: str, dockerfile: Path, context: Path, build_args: Mapping[str, str]) -> None:
        """Builds one Dockerfile.

        Args:
            name: Name with tag of the image.
            dockerfile: What to build.
            context: Folder the Dockerfile copies from; its ``.dockerignore`` holds.
            build_args: Values of the Dockerfile's ARGs.

        Raises:
            CommandFailedError: With the end of the build's log.
        """
        arguments = [f"--build-arg={key}={value}" for key, value in build_args.items()]
        pip_conf = self._settings.cache / "pip.conf"
        pip_conf.write_text(render_pip_conf(os.environ, PIP_CONF.read_text() if PIP_CONF.exists() else ""))
        volumes = [f"--volume={pip_conf}:{PIP_CONF}:ro"]
        if CA_BUNDLE.exists():
            volumes.append(f"--volume={CA_BUNDLE}:{CA_BUNDLE}:ro")
        self._run(
            log_name(name),
            *("bud", "--isolation=chroot", "--pull-never", "--layers", *volumes, *arguments),
            *("--file", str(dockerfile), "--tag", name, str(context)),
        )

    def save(self, name: str, archive: Path) -> None:
        """Writes an image to a Docker archive (uncompressed, so quicker both ways than an OCI one)."""
        archive.unlink(missing_ok=True)
        self._run(f"{log_name(name)}-save", "push", "--quiet", name, f"docker-archive:{archive}:{name}")

    def forget(self) -> None:
        """Removes what is outside the cache folder."""
        shutil.rmtree(RUN_ROOT, ignore_errors=True)

    def _has(self, name: str) -> bool:
        return succeeds(*self._program, "inspect", "--type=image", name)

    def _run(self, log: str, *arguments: str) -> None:
        advice = "Check that this machine reaches a Debian mirror and PyPI, then try again."
        run_logged([*self._program, *arguments], self._settings.cache / "log" / f"image-{log}.log", advice=advice)

    def _drop_old_layers(self) -> None:
        layers = self._storage / "overlay"
        if layers.is_dir() and len(list(layers.iterdir())) > MAX_LAYERS:
            read_output(*self._program, "rmi", "--all", "--force")
            shutil.rmtree(self._storage, ignore_errors=True)


def log_name(image: str) -> str:
    """Makes a file name of an image name."""
    return image.rpartition("/")[2].replace(":", "-")


def render_pip_conf(environ: Mapping[str, str], present: str) -> str:
    """Renders the pip settings of build steps: this machine's file, its PIP_ variables, and its authorities."""
    parser = configparser.RawConfigParser()
    parser.read_string(present)
    if not parser.has_section("global"):
        parser.add_section("global")
    for setting in PIP_SETTINGS:
        if value := environ.get(f"PIP_{setting}"):
            parser.set("global", setting.lower().replace("_", "-").replace("default-timeout", "timeout"), value)
    parser.set("global", "cert", str(CA_BUNDLE))
    out = io.StringIO()
    parser.write(out)
    return out.getvalue()
