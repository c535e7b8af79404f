"""Maven artifacts, fetched by Maven itself: its settings (mirrors, proxies) are the machine's own."""

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from localcluster.driver.errors import LocalClusterError
from localcluster.driver.locks import locked
from localcluster.driver.packages import ensure_packages
from localcluster.driver.progress import step
from localcluster.driver.settings import Settings
from localcluster.driver.shell import run_logged

PACKAGES = {"maven": "mvn"}
_PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy"

Unpack = Callable[[Path, Path], None]
"""Makes what is kept, in a folder (second), of the file as it was fetched (first)."""


@dataclass(frozen=True)
class Artifact:
    """One file of a Maven repository.

    Attributes:
        coordinates: ``group:artifact:version:packaging[:classifier]``, as ``dependency:copy`` takes them.
        sha256: What it must be; anything else is refused.
        megabytes: Its size, to tell who waits for it.
    """

    coordinates: str
    sha256: str
    megabytes: int

    @property
    def title(self) -> str:
        """Artifact and version, for people and for folders."""
        return "-".join(self.coordinates.split(":")[1:3])


def ensure_artifact(settings: Settings, artifact: Artifact, unpack: Unpack) -> Path:
    """Returns the folder with what ``unpack`` made of the artifact, fetched when it is not there yet.

    Raises:
        LocalClusterError: when it can't be fetched, or is not what its checksum says.
    """
    folder = settings.cache / "peers" / f"{artifact.title}-{artifact.sha256[:16]}"
    if folder.exists():
        return folder
    with locked(settings.cache / "peers.lock"):
        if not folder.exists():
            _fetch(settings, artifact, unpack, folder)
    return folder


def _fetch(settings: Settings, artifact: Artifact, unpack: Unpack, folder: Path) -> None:
    ensure_packages(settings, PACKAGES)
    unfinished = folder.with_name(f"{folder.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        fetched = unfinished / "fetched"
        with step(f"Fetching {artifact.title} with Maven", note=f"(the first time only: {artifact.megabytes} MB)"):
            _copy(settings, artifact, fetched)
        (archive,) = fetched.iterdir()
        _check(archive, artifact)
        kept = unfinished / "kept"
        kept.mkdir()
        with step(f"Unpacking {artifact.title}"):
            unpack(archive, kept)
        kept.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _copy(settings: Settings, artifact: Artifact, target: Path) -> None:
    command: list[str | Path] = [
        *("mvn", "--batch-mode", _PLUGIN, f"-Dartifact={artifact.coordinates}", f"-DoutputDirectory={target}"),
        # A repository of its own, thrown away: else hundreds of megabytes stay behind in the user's.
        f"-Dmaven.repo.local={target.parent / 'repository'}",
    ]
    log = settings.cache / "log" / f"fetch-{artifact.title}.log"
    run_logged(
        command, log, cwd=settings.cache, advice="Check that this machine reaches Maven Central, then try again."
    )


def _check(archive: Path, artifact: Artifact) -> None:
    with archive.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != artifact.sha256:
        raise LocalClusterError(
            f"{artifact.coordinates} is not the file these tests were written with: its SHA-256 is {found}, "
            f"not {artifact.sha256}. It was thrown away."
        )
