"""Binaries and images are built again when, and only when, something that goes into them changed."""

from collections.abc import Callable
from pathlib import Path

import pytest

from localcluster.driver.gobuild import KUBE, Program, compute_key, compute_program_key, parse_go_version
from localcluster.driver.images import IMAGES, Image, compute_image_key, parse_copied

DOCKERFILE = """\
ARG BASE=debian:bookworm-slim
FROM ${BASE} AS build
COPY pyproject.toml \\
    source ./
FROM ${BASE}
COPY --from=build /built /built
"""


def test_boundaries_between_parts_count() -> None:
    assert compute_key([b"ab", b"c"]) != compute_key([b"a", b"bc"])


@pytest.fixture
def module(tmp_path: Path) -> Path:
    for name in ("go.mod", "go.sum", "main.go"):
        (tmp_path / name).write_text(name)
    return tmp_path


@pytest.mark.parametrize("name", ["go.mod", "go.sum", "main.go"])
def test_a_program_is_keyed_by_its_files(module: Path, name: str) -> None:
    program = Program("x", module, ".", sources=(module / "main.go",))
    before = compute_program_key(program)
    (module / name).write_text("changed")
    assert compute_program_key(program) != before


def test_a_program_is_keyed_by_its_flags(module: Path) -> None:
    assert compute_program_key(Program("x", module, ".", ldflags="-s")) != compute_program_key(
        Program("x", module, ".")
    )


def test_the_kubernetes_binary_says_its_version() -> None:
    assert "gitVersion=v1.35." in KUBE.ldflags
    assert "gitMinor=35" in KUBE.ldflags


@pytest.mark.parametrize(
    ("text", "version"), [("go1.25.3\n", (1, 25)), ("go1.9", (1, 9)), ("devel", (0, 0)), ("", (0, 0))]
)
def test_go_versions_compare_as_numbers(text: str, version: tuple[int, int]) -> None:
    assert parse_go_version(text) == version


def test_copied_are_the_sources_of_the_context_alone() -> None:
    assert parse_copied(DOCKERFILE) == ["pyproject.toml", "source"]


@pytest.fixture
def context(tmp_path: Path) -> Path:
    (tmp_path / "Dockerfile").write_text(DOCKERFILE)
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "1.2.3"\n')
    (tmp_path / "source" / "__pycache__").mkdir(parents=True)
    (tmp_path / "source" / "a.py").write_text("a")
    return tmp_path


def change_content(context: Path) -> None:
    (context / "source" / "a.py").write_text("b")


def change_name(context: Path) -> None:
    (context / "source" / "a.py").rename(context / "source" / "b.py")


def change_mode(context: Path) -> None:
    (context / "source" / "a.py").chmod(0o755)


def change_dockerfile(context: Path) -> None:
    (context / "Dockerfile").write_text(DOCKERFILE + "USER 1\n")


@pytest.mark.parametrize("change", [change_content, change_name, change_mode, change_dockerfile])
def test_an_image_is_keyed_by_what_it_copies(context: Path, change: Callable[[Path], None]) -> None:
    before = compute_image_key(context / "Dockerfile", context)
    change(context)
    assert compute_image_key(context / "Dockerfile", context) != before


def test_an_image_is_not_keyed_by_what_it_leaves_out(context: Path) -> None:
    before = compute_image_key(context / "Dockerfile", context)
    (context / "source" / "__pycache__" / "a.pyc").write_text("x")
    (context / "elsewhere.txt").write_text("x")
    assert compute_image_key(context / "Dockerfile", context) == before


def test_an_image_is_named_after_version_and_content(context: Path) -> None:
    image = Image("operator", context / "Dockerfile", context)
    assert image.plain_name == "scriptrun.dev/operator:1.2.3"
    assert image.name == f"scriptrun.dev/operator:1.2.3-{image.key}"


@pytest.mark.parametrize("image", IMAGES.values(), ids=IMAGES)
def test_every_copied_path_exists_and_passes_dockerignore(image: Image) -> None:
    allowed = {line[1:] for line in (image.root / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = parse_copied(image.dockerfile.read_text())
    assert copied
    for source in copied:
        assert (image.root / source).exists(), source
        assert any(source == path or source.startswith(f"{path}/") for path in allowed), source
