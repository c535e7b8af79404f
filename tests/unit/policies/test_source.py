"""A folder is put together from ConfigMaps as it is described, or it is said why not."""

import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scriptrun.models.source import FolderSource
from scriptrun.policies.source import FolderError, Missing, Source, assemble_folder, find_file_as_folder, hash_files

PARTS = st.text(alphabet="ab.-/", min_size=1, max_size=8)


def folder(*config_maps: dict[str, Any], entry_point: str = "main.py") -> FolderSource:
    return FolderSource.model_validate({"configMaps": list(config_maps), "entryPoint": entry_point})


def assemble(described: FolderSource, *held: dict[str, bytes]) -> Source | Missing:
    return assemble_folder(described, zip(described.config_maps, held, strict=True))


def test_keys_are_files_unless_they_have_a_path() -> None:
    described = folder({"name": "code"}, {"name": "lib", "items": [{"key": "a", "path": "lib/a.py"}]})
    source = assemble(described, {"main.py": b"1", "data.csv": b"2"}, {"a": b"3", "unused": b"4"})
    assert source == Source(b"1", {"data.csv": b"2", "lib/a.py": b"3"}, "main.py")


def test_what_is_missing_is_named() -> None:
    assert assemble(folder({"name": "code"}), {"a.py": b""}) == Missing(
        'source.folder.entryPoint "main.py" in ConfigMaps "code"'
    )
    described = folder({"name": "code", "items": [{"key": "b", "path": "main.py"}]})
    assert assemble(described, {"a": b""}) == Missing('key "b" in ConfigMap "code"')


def test_two_files_of_one_path() -> None:
    with pytest.raises(FolderError, match=r"two files 'main\.py'"):
        assemble(folder({"name": "a"}, {"name": "b"}), {"main.py": b"1"}, {"main.py": b"2"})


def test_a_file_where_another_wants_a_folder() -> None:
    described = folder({"name": "a", "items": [{"key": "x", "path": "lib"}, {"key": "y", "path": "lib/a.py"}]})
    with pytest.raises(FolderError, match=r"'lib' is a file, and 'lib/a\.py' wants it as a folder"):
        assemble(described, {"x": b"1", "y": b"2"})


@given(st.sets(PARTS, max_size=12))
def test_a_file_as_folder_is_found_whatever_else_is_there(paths: set[str]) -> None:
    wanted = any(other.startswith(f"{path}/") for path in paths for other in paths)
    assert bool(find_file_as_folder(paths)) == wanted


def test_the_digest_is_of_all_files_and_their_paths() -> None:
    one = Source(b"1", {"b.py": b"2"}, "a.py")
    assert (
        one.sha256
        == hash_files({"b.py": b"2", "a.py": b"1"})
        == hashlib.sha256(b"a.py\x001\x001b.py\x001\x002").hexdigest()
    )
    others = [
        Source(b"1", {"b.py": b"3"}, "a.py"),
        Source(b"1", {"c.py": b"2"}, "a.py"),
        Source(b"1", {}, "a.py"),
        Source(b"1b.py\x001\x002", {}, "a.py"),
    ]
    assert len({source.sha256 for source in (one, *others)}) == 5
    assert Source(b"x").sha256 == hashlib.sha256(b"x").hexdigest()


@pytest.mark.parametrize(
    "path", ["", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/.", "./a", "a\x00b", "a\nb", "x" * 513]
)
def test_paths_that_lead_elsewhere_are_refused(path: str) -> None:
    with pytest.raises(ValueError, match="entryPoint"):
        folder({"name": "a"}, entry_point=path)
    with pytest.raises(ValueError, match="path"):
        folder({"name": "a", "items": [{"key": "a", "path": path}]})


@pytest.mark.parametrize("path", ["a", ".env", "..a", "...", "a.b/c-d/e f", "…/ü.py", "a/..b/.c"])
def test_other_paths_pass(path: str) -> None:
    assert folder({"name": "a"}, entry_point=path).entry_point == path
