"""The project's images: which there are, what they are made of, what they are called."""

import re
import stat
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from .gobuild import compute_key
from .settings import ROOT

REPOSITORY = "scriptrun.dev"
LEFT_OUT = ("__pycache__",)


@dataclass(frozen=True)
class Image:
    """One image and what it is built from.

    Attributes:
        short_name: ``operator`` or ``runner``.
        dockerfile: Its Dockerfile.
        root: The build context.
    """

    short_name: str
    dockerfile: Path
    root: Path = ROOT

    @property
    def key(self) -> str:
        """Changes with every file that goes into the image."""
        return compute_image_key(self.dockerfile, self.root)

    @property
    def plain_name(self) -> str:
        """The name people and the chart's defaults use."""
        return f"{REPOSITORY}/{self.short_name}:{read_version(self.root)}"

    @property
    def name(self) -> str:
        """The exact name: changes with the content, so that a Deployment that names it rolls over."""
        return f"{self.plain_name}-{self.key}"


OPERATOR = Image("operator", ROOT / "operator" / "Dockerfile")
RUNNER = Image("runner", ROOT / "runner-image" / "Dockerfile")
IMAGES = {image.short_name: image for image in (RUNNER, OPERATOR)}


def read_version(root: Path) -> str:
    """Returns the project's version."""
    version: str = tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"]
    return version


def compute_image_key(dockerfile: Path, context: Path) -> str:
    """Keys an image by its Dockerfile and by path, mode and content of every file it copies."""
    text = dockerfile.read_text()
    sources = [context / source for source in parse_copied(text)]
    return compute_key([text.encode(), *(part for path in _walk(sources) for part in _describe(path, context))])


def compute_folder_key(folder: Path) -> str:
    """Keys a folder by path, mode and content of every file in it."""
    return compute_key(part for path in _walk([folder]) for part in _describe(path, folder))


def parse_copied(dockerfile: str) -> list[str]:
    """Returns what a Dockerfile copies from its context, in order. COPYs from other stages don't count."""
    lines = re.sub(r"\\\n", " ", dockerfile).splitlines()
    copies = [line.split()[1:] for line in lines if line.startswith("COPY ")]
    return [source for words in copies if not words[0].startswith("--from") for source in words[:-1]]


def _walk(sources: Iterable[Path]) -> Iterator[Path]:
    for source in sources:
        if source.is_dir():
            inside = sorted(path for path in source.rglob("*") if path.is_file())
            yield from (path for path in inside if not set(path.relative_to(source).parts) & set(LEFT_OUT))
        else:
            yield source


def _describe(path: Path, root: Path) -> tuple[bytes, bytes, bytes]:
    executable = bool(path.stat().st_mode & stat.S_IXUSR)
    return str(path.relative_to(root)).encode(), str(executable).encode(), path.read_bytes()
