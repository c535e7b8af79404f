"""A folder in the folder of scripts becomes one Script with all its files."""

import base64
from pathlib import Path
from typing import Any

import pytest

from scriptrun.cli.folder import read_folder
from scriptrun.cli.pitfalls import find_pitfalls, with_fixed_lines
from scriptrun.cli.render import Naming, build_manifests
from scriptrun.cli.sources import ScriptFile, ScriptFolder
from scriptrun.errors import UsageError
from scriptrun.models.source import FolderSource
from scriptrun.policies.source import Source, assemble_folder

FILES = {"main.py": b"import helper", "helper.py": b"pass", "lib/data.csv": b"1,2", "logo.png": b"\xff\x00"}


def write(root: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def render(root: Path, **naming: Any) -> tuple[list[dict[str, Any]], list[str]]:
    scripts, overrides, left_out = read_folder(root)
    return build_manifests(scripts, overrides, Naming(**naming)), left_out


def assemble(manifests: list[dict[str, Any]], script: dict[str, Any]) -> Source:
    """What the operator would read."""
    folder = FolderSource.model_validate(script["spec"]["source"]["folder"])
    [place] = folder.config_maps
    [held] = [item for item in manifests if item["metadata"]["name"] == place.name]
    content = {key: text.encode() for key, text in held.get("data", {}).items()}
    content |= {key: base64.b64decode(text) for key, text in held.get("binaryData", {}).items()}
    source = assemble_folder(folder, [(place, content)])
    assert isinstance(source, Source)
    assert source.sha256 == folder.sha256
    return source


def test_a_folder_is_a_script(tmp_path: Path) -> None:
    write(tmp_path, {**{f"Order_Import/{name}": content for name, content in FILES.items()}, "other.sh": b"true"})
    manifests, left_out = render(tmp_path)
    assert left_out == []
    assert [item["metadata"]["name"] for item in manifests] == [
        "scripts",
        "scripts-order-import",
        "order-import",
        "other.sh",
    ]
    script = manifests[2]
    assert script["spec"]["aliases"] == ["Order_Import", "Order_Import/main.py"]
    source = assemble(manifests, script)
    assert (source.entry_point, {**source.beside, source.entry_point: source.content}) == ("main.py", FILES)


@pytest.mark.parametrize("name", ["__main__.py", "main.py", "index.js", "main.sh"])
def test_what_is_started_by_its_name(tmp_path: Path, name: str) -> None:
    write(tmp_path, {f"job/{name}": b"1", "job/a.py": b"2"})
    [script], _, _ = read_folder(tmp_path)
    assert isinstance(script, ScriptFolder)
    assert script.entry_point == name


def test_what_is_started_as_scripts_yaml_says(tmp_path: Path) -> None:
    settings = b"job: {entryPoint: etl/load.py, backoffLimit: 2}"
    write(tmp_path, {"job/etl/load.py": b"1", "job/main.py": b"2", "scripts.yaml": settings})
    manifests, _ = render(tmp_path, hashed=True)
    spec = manifests[1]["spec"]
    assert (spec["backoffLimit"], spec["source"]["folder"]["entryPoint"]) == (2, "etl/load.py")
    assert "entryPoint" not in spec
    assert spec["aliases"] == ["job/etl/load.py"]
    assert assemble(manifests, manifests[1]).beside == {"main.py": b"2"}


def test_what_is_no_source_is_left_out(tmp_path: Path) -> None:
    write(tmp_path, {"job/main.py": b"1", "job/.env": b"x", "job/.git/config": b"x", "notes/a.txt": b"x"})
    write(tmp_path, {f"job/{folder}/x": b"x" for folder in ("__pycache__", "node_modules", "venv")})
    (tmp_path / "job" / "out").symlink_to("/etc/passwd")
    (tmp_path / "job" / "etc").symlink_to("/etc")
    (tmp_path / "job" / "same.py").symlink_to("main.py")
    (tmp_path / "job" / "gone").symlink_to("nowhere")
    (tmp_path / "job" / "loop").symlink_to("loop")
    scripts, _, left_out = read_folder(tmp_path)
    [job] = scripts
    assert isinstance(job, ScriptFolder)
    assert job.files == {"main.py": b"1", "same.py": b"1"}
    assert left_out == [
        "job/etc: a link to a folder",
        "job/gone: no file",
        "job/loop: no file",
        "job/out: a link that leads out of the folder",
        "notes: a folder without __main__.py, main.py, index.js, main.sh; name its entryPoint in scripts.yaml if it is "
        "a script",
    ]


@pytest.mark.parametrize(
    "entry_point", ["gone.py", "loop.py", "../a.py", "/etc/passwd", "lib", "", ".hidden", "out.py"]
)
def test_an_entry_point_that_is_no_file_in_it(tmp_path: Path, entry_point: str) -> None:
    write(tmp_path, {"job/lib/a.py": b"1", "job/.hidden": b"1", "a.py": b"1"})
    (tmp_path / "job" / "out.py").symlink_to("../a.py")
    (tmp_path / "job" / "loop.py").symlink_to("loop.py")
    (tmp_path / "scripts.yaml").write_text(f"job: {{entryPoint: {entry_point!r}}}")
    with pytest.raises(UsageError, match="job: entryPoint"):
        read_folder(tmp_path)


def test_an_entry_point_of_a_file(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": b"1", "scripts.yaml": b"a.py: {entryPoint: b.py}"})
    with pytest.raises(UsageError, match=r"a\.py: entryPoint is for folders"):
        render(tmp_path)


def test_too_large_names_the_largest_and_the_limit(tmp_path: Path) -> None:
    write(tmp_path, {"job/main.py": b"1", "job/a.bin": b"x" * 500_000, "job/b.bin": b"y" * 500_000})
    with pytest.raises(
        UsageError, match=r"job has 1,000,\d+ bytes, a ConfigMap takes 900,000 \(largest: a.bin 500,000"
    ):
        render(tmp_path)


def test_paths_that_would_be_one_key(tmp_path: Path) -> None:
    files = {
        "main.py": b"0",
        "a/b.py": b"1",
        "a-b.py": b"2",
        "ä/" + "x" * 250 + ".py": b"3",
        "ö/" + "x" * 250 + ".py": b"4",
    }
    write(tmp_path, {f"job/{name}": content for name, content in files.items()})
    manifests, _ = render(tmp_path)
    source = assemble(manifests, manifests[1])
    assert {**source.beside, "main.py": source.content} == files
    assert all(len(key) <= 253 for key in manifests[0]["data"])


def test_two_of_one_name(tmp_path: Path) -> None:
    write(tmp_path, {"job/main.py": b"1", "Job/main.py": b"1"})
    with pytest.raises(UsageError, match="would both be Script job"):
        render(tmp_path)


WINDOWS = b"#!/bin/sh\r\necho\r\n"


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("a.sh", b"echo\r\n", True),
        ("a.bash", b"echo\r\n", True),
        ("a", WINDOWS, True),
        ("a", b"#!/usr/bin/env bash\necho\r\n", True),
        ("a.py", b"#!/usr/bin/env python3\r\n1", True),
        ("a.py", b"#!/usr/bin/env python3\n1\r\n", False),
        ("a.py", b"print()\r\n", False),
        ("a.js", b"1\r\n", False),
        ("a.sh", b"echo\n", False),
    ],
)
def test_windows_line_endings_are_found_and_mended_where_they_do_harm(name: str, content: bytes, found: bool) -> None:
    file, folder = ScriptFile(name, content), ScriptFolder("job", {"main.py": b"1", name: content}, "main.py")
    for script in (file, folder):
        warnings = list(find_pitfalls(script))
        assert len(warnings) == found
        assert not found or f"{name} has Windows line endings" in warnings[0]
        assert list(find_pitfalls(with_fixed_lines(script))) == []
    assert with_fixed_lines(file).content == (content.replace(b"\r\n", b"\n") if found else content)


def test_modules_that_hide_pythons_own_are_told() -> None:
    files = {"etl/main.py": b"1", "etl/json.py": b"1", "email.py": b"1", "etl/csv.txt": b"1"}
    assert list(find_pitfalls(ScriptFolder("job", files, "etl/main.py"))) == [
        "job/etl/json.py: Python imports it instead of its own module of that name; rename it"
    ]
